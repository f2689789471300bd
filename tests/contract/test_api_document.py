"""``docs/api.md`` says what the code does: roles, routes, an example of each answer and of each frame."""

import re
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import msgspec
import pytest

from granslos.api import openapi, system
from granslos.api.app import operations
from granslos.api.feed import RESYNC, FeedHub
from granslos.api.frames import ChangeData, Heartbeat, SnapshotData, sse
from granslos.api.handover_form import read_handover
from granslos.api.permissions import TABLE, VERBS
from granslos.application.ports import Confirmation
from support.api_node import ROLES
from support.verify_feed import parse

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
ROUTES = operations(FeedHub(cast(Any, None), cast(Any, None)), system.ConsoleConfig(site=""))
SCHEMA = msgspec.json.decode(openapi.document(ROUTES, "0.1.0"))
EXAMPLES = re.findall(r"<!-- (\w+) (\S+) (\d+) -->\n```json\n(.*?)\n```", TEXT, re.DOTALL)
FRAMES = [
    frame for block in re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL) for frame in block.split("\n\n") if frame.strip()
]


def table(heading: str) -> list[list[str]]:
    """The rows below a heading, without the head."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if set(line[0].strip()) != {"-"}]


def test_the_table_of_roles_is_the_codes() -> None:
    head, *rows = table("Who may do what")
    assert head == ["verb", *ROLES]
    assert rows == [[f"`{verb}`", *(TABLE[role].get(verb, "") for role in ROLES)] for verb in VERBS]


def test_the_table_of_routes_is_the_codes() -> None:
    _, *rows = table("Routes")
    expected = [
        [f"`{o.method} {o.path}`", f"`{o.verb}`" if o.verb else "anybody", o.summary.replace("|", "\\|")] for o in ROUTES
    ]
    assert rows == expected


@pytest.mark.parametrize(("method", "path", "status", "example"), EXAMPLES)
def test_an_answer_is_as_the_schema_says(method: str, path: str, status: str, example: str) -> None:
    content = SCHEMA["paths"][path][method.lower()]["responses"][status]["content"]
    [media] = content.values()
    jsonschema_rs.validate(media["schema"] | {"components": SCHEMA["components"]}, msgspec.json.decode(example))


def test_there_is_an_example_of_each_kind_of_answer() -> None:
    assert {status for _, _, status, _ in EXAMPLES} == {"200", "201", "422", "503"}
    assert len(EXAMPLES) >= 6


def test_there_is_an_example_of_each_frame_with_the_fields_it_has() -> None:
    fields = {
        "snapshot": set(SnapshotData.__struct_fields__),
        "change": set(ChangeData.__struct_fields__),
        "confirmed": set(Confirmation.__struct_fields__),
        "heartbeat": set(Heartbeat.__struct_fields__),
        "positions": {"positions"},
        "centres": {"centres"},
        "resync": set(),
    }
    seen = set()
    for block in FRAMES:
        frame = parse(block)
        assert frame is not None
        seen.add(frame.event)
        assert set(frame.data) == fields[frame.event], frame.event
        assert sse(frame.event, msgspec.json.encode(frame.data), frame.id).decode() == block + "\n\n"
        assert frame.id in (None, frame.data.get("position"))
    assert seen == set(fields)
    assert RESYNC.decode().strip() in TEXT


def test_every_defect_that_a_handover_can_have_is_listed() -> None:
    listed = {code for row in table("A handover is never refused for its data")[1:] for code in re.findall(r"`(\w+)`", row[0])}
    source = Path(read_handover.__code__.co_filename).read_text()
    made = set(re.findall(r'(?:defect\(|code=|else |code = |self\.keep\(.*, )"([a-z_]+)"', source))
    assert made - {"invalid_field"} == listed - {"invalid_field"}
