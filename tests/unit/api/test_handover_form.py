"""The own form of a handover: whatever its data, a call is taken, and nothing of it is lost in silence."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos.api.handover_form import read_handover
from granslos.api.problems import ProblemError
from granslos.contract.commands import AnyCommand, ReceiveHandover
from granslos.contract.envelope import encode
from granslos.contract.person import decode_hook
from granslos.runtime import limits

NEEDED = {"source": "sos", "source_id": "case-1"}
JSON = "application/json"


def read(body: Any, media_type: str | None = JSON) -> ReceiveHandover:
    """Reads a body, JSON unless it is bytes."""
    return read_handover(body if isinstance(body, bytes) else json.dumps(body).encode(), media_type)


def found(body: dict[str, Any]) -> tuple[ReceiveHandover, set[tuple[str, str]]]:
    """The command, and (code, where) of its defects."""
    command = read(NEEDED | body)
    return command, {(defect.code, defect.where) for defect in command.defects}


@pytest.mark.parametrize(
    ("body", "defect", "kept"),
    [
        ({"sent_at": "2026-11-21T02:13:05"}, ("naive_time", "sent_at"), {"sent_at": "2026-11-21T02:13:05"}),
        ({"sent_at": "igår"}, ("invalid_field", "sent_at"), {"sent_at": "igår"}),
        ({"sent_at": 12}, ("invalid_field", "sent_at"), {"sent_at": 12}),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, ("implausible_time", "sent_at"), None),
        ({"description": ["a"]}, ("invalid_field", "description"), {"description": ["a"]}),
        ({"description": True}, ("invalid_field", "description"), {"description": True}),
        ({"priority": "mycket bråttom"}, ("invalid_field", "priority"), {"priority": "mycket bråttom"}),
        ({"priority": {"code": 1}}, ("invalid_field", "priority"), {"priority": {"code": 1}}),
        ({"caller": "+4670"}, ("invalid_field", "caller"), {"caller": "+4670"}),
        ({"caller": {"name": ["a"]}}, ("invalid_field", "caller.name"), {"caller.name": ["a"]}),
        ({"location": "Storgatan 1"}, ("invalid_field", "location"), {"location": "Storgatan 1"}),
        ({"location": [59.6, 16.5]}, ("invalid_field", "location"), {"location": [59.6, 16.5]}),
        (
            {"location": {"latitude": "norr", "longitude": 16.5}},
            ("not_a_number", "location.latitude"),
            {"location.latitude": "norr", "location.coordinates": [None, 16.5]},
        ),
        ({"location": {"radius_m": -1}}, ("invalid_field", "location.radius_m"), {"location.radius_m": -1}),
        ({"location": {"observed_at": "nu"}}, ("invalid_field", "location.observed_at"), None),
        ({"alternative_locations": {"a": 1}}, ("invalid_field", "alternative_locations"), None),
        ({"alternative_locations": [1]}, ("invalid_field", "alternative_locations[0]"), None),
        ({"call_ids": [{"a": 1}]}, ("invalid_field", "call_ids[0]"), None),
        ({"test": "ja"}, ("invalid_field", "test"), {"test": "ja"}),
        ({"extra": [1]}, ("invalid_field", "extra"), {"extra": [1]}),
    ],
)
def test_a_field_that_cannot_be_used_is_kept_beside_with_a_defect(
    body: dict[str, Any], defect: tuple[str, str], kept: dict[str, Any] | None
) -> None:
    command, defects = found(body)
    assert defect in defects
    assert kept is None or command.extra == kept
    assert command.raw == json.dumps(NEEDED | body).encode()


@pytest.mark.parametrize(
    ("body", "defect", "check"),
    [
        ({"description": 112}, ("number_for_text", "description"), lambda c: c.description == "112"),
        ({"priority": 1}, None, lambda c: c.priority == "1"),
        ({"priority": " 1a "}, None, lambda c: c.priority == "1A"),
        ({"description": "a\x00b\x7f"}, ("control_characters_replaced", ""), lambda c: c.description == "a\ufffdb\ufffd"),
        ({"description": "rad 1\r\n\trad 2"}, None, lambda c: c.description == "rad 1\r\n\trad 2"),
        (
            {"description": "x" * 70_000},
            ("too_long", "description"),
            lambda c: c.description is not None and len(c.description) == 64_000,
        ),
        (
            {"location": {"address": "x" * 600}},
            ("too_long", "location.address"),
            lambda c: len(c.location.address.reveal()) == 500,
        ),
        (
            {"location": {"latitude": "59,61", "longitude": "16.54"}},
            ("text_for_number", "location.latitude"),
            lambda c: (c.location.latitude, c.location.longitude) == (59.61, 16.54),
        ),
        ({"call_ids": "abc@sos"}, None, lambda c: c.call_ids == ("abc@sos",)),
        ({"call_ids": ["a"] * 60}, ("too_many", "call_ids"), lambda c: len(c.call_ids) == 50),
        (
            {"alternative_locations": [{"latitude": 59, "longitude": 16}] * 60},
            ("too_many", "alternative_locations"),
            lambda c: len(c.alternative_locations) == 50,
        ),
        ({"extra": {"a": 1}, "b": 2}, None, lambda c: c.extra == {"a": 1, "b": 2}),
        (
            {"caller": {"number": "112", "age": 7}, "location": {"floor": 3}},
            None,
            lambda c: c.extra == {"caller": {"age": 7}, "location": {"floor": 3}},
        ),
    ],
)
def test_what_can_be_understood_is(body: dict[str, Any], defect: tuple[str, str] | None, check: Any) -> None:
    command, defects = found(body)
    assert check(command), command
    assert defects == ({defect} if defect else set()) or defect in defects


@pytest.mark.parametrize(
    ("place", "code", "usable", "has_coordinates"),
    [
        ({"latitude": 59.61, "longitude": 16.54}, None, True, True),
        ({"latitude": 16.54, "longitude": 59.61}, "coordinates_look_swapped", False, True),
        ({"latitude": 0, "longitude": 0}, "null_island", False, True),
        ({"latitude": 59.61}, "half_a_position", True, False),
        ({"latitude": 95, "longitude": 16}, "invalid_field", True, False),
        ({"latitude": 48.2, "longitude": 16.37}, None, True, True),
        ({"latitude": 59.61, "longitude": 16.54, "usable": False}, None, False, True),
        ({"address": "Storgatan 1"}, None, True, False),
    ],
)
def test_a_position_is_used_only_where_it_can_be_one(
    place: dict[str, Any], code: str | None, usable: bool, has_coordinates: bool
) -> None:
    command, defects = found({"location": place})
    assert command.location is not None
    assert command.location.usable is usable
    assert (command.location.latitude is not None) is has_coordinates
    assert (code in {c for c, _ in defects}) if code else not defects


@pytest.mark.parametrize(
    ("body", "media_type", "description"),
    [
        (b'{"source":"sos","source_id":"1","description":"a\\ud800b"}', JSON, "a\ufffdb"),
        (b'{"source":"sos","source_id":"1","description":"a\nb"}', JSON, "a\nb"),
        (b'\xef\xbb\xbf{"source":"sos","source_id":"1","description":"a"}', JSON, "a"),
        ('{"source":"sos","source_id":"1","description":"å"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", "å"),
        ('{"source":"sos","source_id":"1","description":"å"}'.encode("utf-16"), 'text/json; charset="utf-16"', "å"),
        (b'{"source":"sos","source_id":"1","description":"a","source_id":"2"}', None, "a"),
        (b'{"source":"sos","source_id":"1","description":"a","n":1e999,"m":NaN}', JSON, "a"),
        (b'{"source":"sos","source_id":"1","description":"a","n":123456789012345678901234567890}', JSON, "a"),
    ],
)
def test_bodies_that_are_nearly_json_are_read(body: bytes, media_type: str | None, description: str) -> None:
    command = read(body, media_type)
    assert command.description == description
    again = msgspec.json.decode(encode(command), type=AnyCommand, dec_hook=decode_hook)
    assert again.description == description


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"source":"sos","source_id":"\xe5"}', JSON),
        (b'{"source":"sos"', JSON),
        (b"", JSON),
        (b"{}", "application/json; charset=klingon"),
        (b"\xff", "application/json; charset=utf-16"),
        (b"[" * 200_000, JSON),
    ],
)
def test_bodies_that_nobody_can_read_are_refused(body: bytes, media_type: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(body, media_type)
    assert caught.value.status == 400


def test_what_is_nested_too_deeply_is_cut_and_the_call_taken() -> None:
    deep: Any = 1
    for _ in range(limits.JSON_DEPTH_LEVELS_MAX + 5):
        deep = {"a": deep}
    command, defects = found({"description": "andnöd", "deep": deep})
    assert command.description == "andnöd"
    assert ("too_deep", "deep") in defects
    assert "deep" not in command.extra


def test_defects_are_bounded_and_say_that_there_were_more() -> None:
    command = read(NEEDED | {"alternative_locations": [{"latitude": "x", "longitude": "y"}] * 50})
    assert len(command.defects) == limits.HANDOVER_DEFECTS_MAX
    assert (command.defects[-1].code, command.defects[-1].text) == ("more_defects", "51")


def test_the_largest_handover_fits_a_message_of_the_bus() -> None:
    everything = {
        "description": "😀" * 64_000,
        "category": "😀" * 200,
        "caller": {"name": "😀" * 500, "number": "😀" * 500},
        "alternative_locations": [{"address": "😀" * 500, "source": "😀" * 200, "method": "😀" * 200}] * 50,
        "call_ids": ["😀" * 256] * 50,
        "kept": "😀" * 15_000,
        "more": ["x"] * 20_000,
    }
    command = read(NEEDED | everything)
    assert len(encode(command)) < limits.COMMAND_BODY_BYTES_MAX - 65_536


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2026-11-21T02:00:00Z", "59,6"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "sent_at answered_112_at caller location alternative_locations description priority category language call_ids test "
    "extra raw defects raw_media_type name incident_id"
).split()
PLACES = st.dictionaries(
    st.sampled_from(["latitude", "longitude", "radius_m", "address", "source", "usable", "observed_at", "x"]), VALUES
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=10), VALUES | PLACES | st.lists(PLACES, max_size=3)))
def test_no_data_refuses_a_call(fields: dict[str, Any]) -> None:
    body = json.dumps(fields | NEEDED).encode("utf-8", "surrogatepass")
    command = read(body)
    assert (command.source, command.source_id) == ("sos", "case-1")
    again = msgspec.json.decode(encode(command), type=AnyCommand, dec_hook=decode_hook)
    assert isinstance(again, ReceiveHandover)
    assert b"\\u0000" not in msgspec.json.encode(again.extra)
    assert again.raw == body


def test_ten_thousand_mutations_escape_as_nothing_but_a_refusal() -> None:
    chance = random.Random(1)
    whole = json.dumps(
        NEEDED
        | {
            "sent_at": "2026-11-21T02:13:05Z",
            "caller": {"number": "+46701234567", "name": "Åsa"},
            "location": {"latitude": 59.61, "longitude": 16.54, "address": "Storgatan 1"},
            "description": "Bröstsmärta",
            "priority": "1A",
            "call_ids": ["a@b"],
        }
    ).encode()
    taken, refusals = 0, set()
    for _ in range(10_000):
        body = bytearray(whole[: chance.randrange(1, len(whole) + 1)] if chance.random() < 0.3 else whole)
        for _ in range(chance.randint(0, 3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            command = read(bytes(body))
        except ProblemError as error:
            refusals.add(error.status)
            continue
        taken += 1
        assert command.raw == bytes(body)
        encode(command)
    assert taken > 1_000
    assert refusals == {400, 422}
