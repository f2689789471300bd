"""From a body's plain fields to a command, with refusals that name the field."""

import re
from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from granslos.api.problems import ProblemError, invalid
from granslos.contract.commands import CrewStatus
from granslos.contract.person import decode_hook
from granslos.contract.places import Caller, Location

Struct = TypeVar("Struct", bound=msgspec.Struct)
Fields = dict[str, Any]

ALIASES: Mapping[str, Mapping[str, str]] = {
    "AssessIncident": {
        "chosen_priority": "priority",
        "recommended": "recommended_priority",
        "override_reason": "reason",
    },
    "RegisterUnit": {"id": "unit_id"},
}
"""Command → other names that a body may use for a field."""

SWAPPED_LATITUDES = (3.0, 33.0)
SWAPPED_LONGITUDES = (54.0, 72.0)
"""Sweden lies at 55–70° N, 10–25° E: a position in this box is one of ours with its numbers exchanged."""

YEARS = range(1900, 2200)
IMPLAUSIBLE = "The instant is not of our time"

_WHERE = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
_CREW_STATUSES = frozenset(get_args(CrewStatus))


def command_from(kind: type[Struct], fields: Fields, given: Fields | None = None) -> Struct:
    """Build a command from a body's ``fields`` and what the address and the token have ``given``.

    Raises:
        ProblemError: 422, with the field's name.
    """
    made = _renamed(kind.__name__, fields)
    for name, value in (given or {}).items():
        if name in made and made[name] != value:
            raise invalid(name, "The body contradicts the address")
        made[name] = value
    _refuse_unknown_inside(kind, made)
    try:
        command = msgspec.convert(made, kind, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise from_validation(error) from None
    strange = strange_instant(command)
    if strange is not None:
        raise invalid(strange, IMPLAUSIBLE)
    return command


def _renamed(name: str, fields: Fields) -> Fields:
    aliases = ALIASES.get(name, {})
    made = {aliases.get(key, key): value for key, value in fields.items()}
    if len(made) != len(fields):
        twice = next(key for key in fields if key in aliases and aliases[key] in fields)
        raise invalid(twice, f"{twice} and {aliases[twice]} are the same field")
    return made


def from_validation(error: msgspec.ValidationError) -> ProblemError:
    """Translate msgspec's refusal."""
    text = str(error)
    found = _WHERE.search(text)
    path = found["path"] if found else ""
    detail = text[: found.start()] if found else text
    for pattern, code in ((_UNKNOWN, "unknown_field"), (_MISSING, "missing_field")):
        named = pattern.match(detail)
        if named:
            return invalid(".".join(filter(None, (path, named["name"]))), detail, code)
    if "matching regex" in detail:
        detail = "The text has a character that is not allowed here, or not this field's form"
    elif "timezone component" in detail:
        detail = "The instant has no offset from UTC: write it as RFC 3339, for example 2026-11-21T02:13:05Z"
    return invalid(path or "$", detail)


def strange_instant(struct: msgspec.Struct, where: str = "") -> str | None:
    """Return the name of a field with an instant that no calendar arithmetic should meet, or None."""
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, datetime) and value.year not in YEARS:
            return f"{where}{name}"
        if isinstance(value, Location) and (found := strange_instant(value, f"{where}{name}.")) is not None:
            return found
    return None


def _nested(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct inside an annotation such as ``Location | None`` or ``tuple[Location, ...]``."""
    if kind in (Caller, Location):
        return kind  # type: ignore[no-any-return]  # the two named above
    if get_origin(kind) in (Union, UnionType, tuple):
        return next((inner for inner in map(_nested, get_args(kind)) if inner is not None), None)
    return None


_NESTED: dict[type, dict[str, type[msgspec.Struct]]] = {}


def nested_structs(kind: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """Return the fields of a command that hold a caller or a location."""
    if kind not in _NESTED:
        hints = get_type_hints(kind)
        _NESTED[kind] = {name: inner for name, hint in hints.items() if (inner := _nested(hint)) is not None}
    return _NESTED[kind]


def _refuse_unknown_inside(kind: type[msgspec.Struct], fields: Fields) -> None:
    """Refuse unknown fields inside callers and locations, which handovers keep and other commands would drop."""
    for name, struct in nested_structs(kind).items():
        values = fields.get(name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                unknown = next((key for key in value if key not in struct.__struct_fields__), None)
                if unknown is not None:
                    raise invalid(f"{name}.{unknown}", "Object contains unknown field", "unknown_field")


def looks_swapped(latitude: float | None, longitude: float | None) -> bool:
    """Tell whether latitude and longitude look exchanged, for a place in Sweden."""
    if latitude is None or longitude is None:
        return False
    in_latitudes = SWAPPED_LATITUDES[0] <= latitude <= SWAPPED_LATITUDES[1]
    return in_latitudes and SWAPPED_LONGITUDES[0] <= longitude <= SWAPPED_LONGITUDES[1]


def refuse_swapped(field: str, place: Any) -> None:
    """Refuse a place (anything with ``latitude`` and ``longitude``) whose coordinates look exchanged.

    Raises:
        ProblemError: 422.
    """
    if place is not None and looks_swapped(place.latitude, place.longitude):
        name = f"{field}.latitude" if field else "latitude"
        raise invalid(
            name,
            "latitude and longitude look exchanged: Sweden lies at 55 to 70 degrees north, 10 to 25 east",
            "coordinates_look_swapped",
        )


def crew_status(value: Any) -> Any:
    """Return a crew status's name as the contract writes it: ``En route`` and ``en-route`` are ``en_route``."""
    if not isinstance(value, str):
        return value
    name = re.sub(r"[\s\-]+", "_", value.strip().lower())
    return name if name in _CREW_STATUSES else value
