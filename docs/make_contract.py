"""Writes ``docs/contract.md`` from the contract's types, so that the document cannot be out of date.

Run by ``make docs``; a test compares what is written with what would be.
"""

import inspect
import types as python_types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from granslos.contract import answers, commands, envelope, events, person, places, presence, subjects, types, views

TARGET = Path(__file__).with_name("contract.md")

_SCALARS: dict[Any, str] = {}
for _name, _value in vars(types).items():
    if get_origin(_value) is Annotated:
        # Two names may stand for the same type: the first one is shown.
        _SCALARS.setdefault(_value, _name)
_PERSONAL = {kind for kind in vars(person).values() if isinstance(kind, type) and issubclass(kind, person.Personal)}
_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    bytes: "base64",
    Any: "anything",
    type(None): "null",
    msgspec.Raw: "JSON, kept as bytes",
}

_HEAD = """\
# The contract: what travels between processes

Written by `make docs` from `platform/granslos/contract/`; do not edit.

JSON, UTF-8, instants in UTC (RFC 3339). New fields have defaults, a type never changes, a removed field stays reserved.
Whoever reads an event of a type it does not know parks it and counts it; it never guesses. Fields of the types
{personal} hold personal data: they may
stand in bodies, never in subjects, ids, URLs, logs or metrics.
"""


def render() -> str:
    """Return the whole document."""
    personal = ", ".join(f"`{kind.__name__}`" for kind in sorted(_PERSONAL - {person.Personal}, key=lambda k: k.__name__))
    parts = [
        _HEAD.format(personal=personal),
        *_subjects(),
        "## Commands\n\nImperative, in a `CommandRequest`; the same command id twice is the same command.\n",
        *map(_struct, (commands.CommandRequest, *get_args(commands.AnyCommand))),
        "## Answers\n",
        *map(_struct, (answers.Answer, answers.Problem)),
        "## Events\n\nPast tense. A decision belongs to one desk; a fact may be written by any site.\n",
        _struct(envelope.Envelope),
        *(_struct(kind, _owner(kind.__name__)) for kind in get_args(events.AnyEvent)),
        "## Shared parts\n",
        *map(_struct, _structs_of(places)),
        "## Views\n\nWhat the lists, the resources and the feed of a node return.\n",
        *map(_struct, _structs_of(views)),
        "## Presence\n",
        *map(_struct, _structs_of(presence)),
        "## Scalars\n",
        *_scalar_rows(),
    ]
    return "\n".join(parts)


def _owner(event_type: str) -> str:
    desk = events.desk_of(event_type)
    if desk is None:
        return "Fact." if event_type != "DeskMoved" else "Marker: in the LOG, in no journal."
    return f"Decision of the {'call' if desk == 'calls' else 'dispatch'} desk."


def _structs_of(module: python_types.ModuleType) -> Iterator[type[msgspec.Struct]]:
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
            yield kind


def _struct(kind: type[msgspec.Struct], remark: str = "") -> str:
    hints = get_type_hints(kind, include_extras=True)
    lines = [f"### {kind.__name__}\n", f"{remark} {inspect.getdoc(kind) or ''}".strip() + "\n"]
    rows = [
        f"| `{field.encode_name}` | {_describe(hints[field.name])} | {_default(field)} |"
        for field in msgspec.structs.fields(kind)
    ]
    if rows:
        lines += ["| field | type | default |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default).decode()}`"
    assert field.default_factory is not msgspec.NODEFAULT
    return f"`{msgspec.json.encode(field.default_factory()).decode()}`"


def _describe(kind: Any) -> str:
    if kind in _SCALARS:
        return f"`{_SCALARS[kind]}`"
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _describe(arguments[0]) + _bounds(kind.__metadata__)
    if origin is Literal:
        return " · ".join(f"`{value}`" for value in arguments)
    if origin in (Union, python_types.UnionType):
        return _described_union(arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {_describe(arguments[0])}"
    if origin is dict:
        return f"object of {_describe(arguments[1])} by {_describe(arguments[0])}"
    return _WORDS.get(kind) or f"`{kind.__name__}`"


def _described_union(members: tuple[Any, ...]) -> str:
    if members == get_args(commands.AnyCommand):
        return "one of the commands below, named by `name`"
    return " or ".join(_describe(member) for member in members)


def _bounds(metadata: tuple[Any, ...]) -> str:
    names = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}
    shown = [
        f"{sign} {getattr(meta, name)}"
        for meta in metadata
        if isinstance(meta, msgspec.Meta)
        for name, sign in names.items()
        if getattr(meta, name) is not None
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _scalar_rows() -> Iterator[str]:
    yield "| type | is | pattern | meaning |\n| --- | --- | --- | --- |"
    for kind, name in _SCALARS.items():
        base, *metadata = get_args(kind)
        metas = [meta for meta in metadata if isinstance(meta, msgspec.Meta)]
        pattern = next((meta.pattern for meta in metas if meta.pattern), "")
        meaning = next((meta.description for meta in metas if meta.description), "")
        shown = f"`` {pattern.replace('|', chr(92) + '|')} ``" if pattern else ""
        is_instant = base.__name__ == "datetime"
        described = "instant" if is_instant else _describe(base) + _bounds(tuple(metas))
        yield f"| `{name}` | {described} | {shown} | {meaning} |"
    yield ""


def _subjects() -> Iterator[str]:
    yield "## Subjects\n\n| subject | carries |\n| --- | --- |"
    for name, function in vars(subjects).items():
        if inspect.isfunction(function) and name.endswith(("_subject", "_filter")):
            carries = (inspect.getdoc(function) or "").splitlines()[0]
            yield f"| `{_subject(function)}` | {carries.removeprefix('Return the ')} |"
    yield ""


def _subject(function: Callable[..., str]) -> str:
    names = list(inspect.signature(function).parameters)
    made = function(*names)
    return ".".join(f"<{part}>" if part in names else part for part in made.split("."))


def main() -> None:
    """Write the document."""
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
