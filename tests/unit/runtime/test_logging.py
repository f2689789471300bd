"""Logs: what they say, and above all what they never say."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from granslos.contract.person import NationalId, PersonName, PhoneNumber
from granslos.runtime import limits, metrics
from granslos.runtime.logging import command_line, configure
from granslos.runtime.masks import MASK, mask_credentials, mask_personal


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("vas", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class Report(msgspec.Struct):
    """A struct with a plain string in it."""

    said: str


def test_a_line_is_one_json_object_with_the_site(stream: io.StringIO) -> None:
    structlog.get_logger().info("node_ready", port=26100)
    (line,) = lines(stream)
    assert line["event"] == "node_ready"
    assert (line["site"], line["port"], line["level"]) == ("vas", 26100, "info")
    assert line["timestamp"].endswith("Z")


def test_a_terminal_gets_key_and_value() -> None:
    stream = io.StringIO()
    configure("vas", stream=stream, terminal=True)
    structlog.get_logger().warning("peer_lost", peer="esk")
    structlog.reset_defaults()
    assert "warning peer_lost" in stream.getvalue()
    assert "peer=esk" in stream.getvalue()
    assert "site=vas" in stream.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        PersonName("Eva Lind"),
        PhoneNumber("+46701740605"),
        NationalId("811218-9876"),
        {"caller": {"deep": PersonName("Eva Lind")}},
        [PersonName("Eva Lind")],
        {"name_of": PersonName("Eva Lind")},
        Report(said="Eva Lind, 811218-9876"),
        "personnummer 811218-9876",
        "198112189876",
        8112189876,
        "samordningsnummer 701063-2391",
        "ring +46 70 174 06 05 nu",
        "ring 0701740605",
        ("tuple", "811218-9876"),
        {"a": {"b": {"c": {"d": {"e": "Eva Lind 811218-9876"}}}}},
    ],
)
def test_nothing_about_a_person_is_written(stream: io.StringIO, value: object) -> None:
    structlog.get_logger().info("anything", value=value)
    written = stream.getvalue()
    assert "anything" in written
    for part in ("Eva", "811218", "8112189876", "701063", "1740605", "174 06 05"):
        assert part not in written


@pytest.mark.parametrize("key", ["caller", "phone", "personnummer", "description", "token", "authorization", "body"])
def test_keys_that_hold_persons_or_secrets_are_never_written(stream: io.StringIO, key: str) -> None:
    structlog.get_logger().info("anything", **{key: "verbatim"}, nested={key: "verbatim"})
    assert "verbatim" not in stream.getvalue()


def test_a_masked_value_is_counted(stream: io.StringIO) -> None:
    before = metrics.MASKED_VALUES._value.get()
    structlog.get_logger().info("anything", value=PersonName("Eva"))
    assert metrics.MASKED_VALUES._value.get() == before + 1


@pytest.mark.parametrize(
    "text",
    [
        "20261121-vas-000123",
        "319-3310",
        "1732500000",
        "01a210dc-26f4-7256-ae6f-9e14d32ab910",
        "811218-9875",
        "811318-9876",
        "position 123456789",
        "127.0.0.1:26100",
        "2026-11-25T04:15:14.442156Z",
        "59.61,16.54",
    ],
)
def test_what_is_no_person_stays_readable(stream: io.StringIO, text: str) -> None:
    structlog.get_logger().info("anything", value=text)
    assert lines(stream)[0]["value"] == text


def test_a_traceback_shows_no_variables_and_no_persons(stream: io.StringIO) -> None:
    def fail(name: str) -> None:
        raise ValueError("no such person 811218-9876")

    name = "".join(["Eva", " ", "Lind"])
    try:
        fail(name)
    except ValueError:
        structlog.get_logger().exception("bug")
    (line,) = lines(stream)
    assert "ValueError: no such person •••" in line["exception"]
    assert "Eva Lind" not in stream.getvalue()


def test_libraries_logs_come_out_the_same_way(stream: io.StringIO) -> None:
    logging.getLogger("nats.aio").warning("lost %s", "nats://vas:secret@127.0.0.1:4222")
    logging.getLogger("nats.aio").info("chatter")
    (line,) = lines(stream)
    assert line["event"] == f"lost nats://vas:{MASK}@127.0.0.1:4222"
    assert (line["site"], line["logger"], line["level"]) == ("vas", "nats.aio", "warning")


def test_a_long_text_is_cut(stream: io.StringIO) -> None:
    structlog.get_logger().info("anything", value="x" * (limits.LOG_TEXT_CHARACTERS_MAX + 1))
    assert lines(stream)[0]["value"] == "x" * limits.LOG_TEXT_CHARACTERS_MAX + "…"


def test_a_deep_value_is_shown_by_type(stream: io.StringIO) -> None:
    value: object = "bottom"
    for _ in range(limits.LOG_DEPTH_LEVELS_MAX + 1):
        value = [value]
    structlog.get_logger().info("anything", value=value)
    assert "bottom" not in stream.getvalue()
    assert "<list>" in stream.getvalue()


def test_one_canonical_line_per_command(stream: io.StringIO) -> None:
    with command_line("OpenIncident", "c-1") as line:
        structlog.get_logger().info("within")
        line.update(outcome="applied", incident_id="20261121-vas-000123")
    structlog.get_logger().info("after")
    within, canonical, after = lines(stream)
    assert within["command_id"] == canonical["command_id"] == "c-1"
    assert (canonical["command"], canonical["outcome"]) == ("OpenIncident", "applied")
    assert canonical["seconds"] >= 0
    assert "command_id" not in after


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError()])
def test_the_canonical_line_is_written_however_the_command_ends(stream: io.StringIO, error: BaseException) -> None:
    with pytest.raises(type(error)), command_line("OpenIncident", "c-1"):
        raise error
    assert lines(stream)[0]["outcome"] == type(error).__name__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p@h/d", f"postgresql://u:{MASK}@h/d"),
        ("nats://:p@h", f"nats://:{MASK}@h"),
        ("nats://h:4222", "nats://h:4222"),
        ("host=h password=p dbname=d", f"host=h password={MASK} dbname=d"),
        ("host=h password='p q' dbname=d", f"host=h password={MASK} dbname=d"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("got eyJhbGciOi.eyJzdWIi.c2ln", f"got {MASK}"),
    ],
)
def test_credentials_are_masked(text: str, expected: str) -> None:
    assert mask_credentials(text) == expected


def test_masking_twice_changes_nothing() -> None:
    once = mask_personal("811218-9876 and +46701740605")
    assert mask_personal(once) == once == f"{MASK} and {MASK}"
