"""Lines and indications: recorded streams, third-party vectors, loss; any bytes and any split."""

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from granslos_adapters.rakel import framing
from granslos_adapters.rakel.codec.bits import DecodeError
from granslos_adapters.rakel.codec.header import parse_tsi
from granslos_adapters.rakel.codec.pei import parse_line
from granslos_adapters.rakel.conform import conform
from granslos_adapters.rakel.framing import (
    Echo,
    Event,
    FinalLine,
    Framer,
    Indication,
    Malformed,
    Overlong,
    PlusLine,
    ShortData,
    TextLine,
    Truncated,
)

HEADER = "+CTSDSR: 12,1234567,0,9876543,0,88"
REPORT = "0A007264E2654E91020810"
_ANSWER = ["PlusLine", "FinalLine"]


def events(*chunks: str | bytes, framer: Framer | None = None) -> list[Event]:
    framer = framer or Framer()
    out: list[Event] = []
    for chunk in chunks:
        out += framer.feed(chunk.encode("latin-1") if isinstance(chunk, str) else chunk)
    return out + framer.close()


def lines(*texts: str) -> str:
    return "".join(f"\r\n{text}\r\n" for text in texts)


def kinds(found: Iterable[Event]) -> list[str]:
    return [type(event).__name__ for event in found]


# --- recordings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pei_stream_a", "pei_stream_b_part1"])
def test_a_recorded_stream_gives_the_expected_events(
    name: str, third_party: Callable[[str], Any], fixture_folder: Path
) -> None:
    chunks = third_party(f"{name}.chunks.json")["chunks"]
    expected = [json.loads(line) for line in (fixture_folder / f"{name}.events.jsonl").read_text().splitlines()]
    shown = [one["understood"] for one in conform("pei", "".join(chunks).encode("latin-1"))]
    assert len(shown) == len(expected)
    for index, (have, want) in enumerate(zip(shown, expected, strict=True)):
        check_event(have, want, f"event {index}")


def check_event(have: dict[str, Any], want: dict[str, Any], where: str) -> None:
    for name, wanted in want.items():
        if name == "direction_deg" and not want.get("has_fix", True):
            continue  # sent, and meaningless without a fix
        got = have.get(name)
        if isinstance(wanted, float):
            assert got == pytest.approx(wanted, abs=0.01 if name == "speed_kmh" else 1e-6), f"{where}: {name}"
        else:
            assert got == wanted, f"{where}: {name}"


@pytest.mark.parametrize("name", ["pei_stream_a", "pei_stream_b_part1"])
def test_a_recorded_stream_gives_the_same_events_however_it_is_cut(name: str, third_party: Callable[[str], Any]) -> None:
    chunks = third_party(f"{name}.chunks.json")["chunks"]
    whole = "".join(chunks)
    expected = events(whole)
    assert events(*chunks) == expected
    assert events(*whole) == expected
    assert events(*(whole[start : start + 7] for start in range(0, len(whole), 7))) == expected


def test_third_party_framing_vectors_hold(third_party: Callable[[str], Any]) -> None:
    for vector in third_party("pei_framing.json")["vectors"]:
        chunks = vector["rx_chunks"]
        if "lines" in vector:
            found = [event.text for event in events(*chunks) if isinstance(event, TextLine)]
            assert found == vector["lines"], vector["id"]
        elif "indications" in vector:
            prefixes = {entry["prefix"]: entry["trailing_lines"] for entry in vector["indications"]}
            got = [list(event.lines) for event in events(*chunks, framer=Framer(prefixes)) if isinstance(event, Indication)]
            assert got == vector["expect_indications"], vector["id"]
        elif vector.get("result") == "error":
            final = next(event for event in events(*chunks) if isinstance(event, FinalLine)).final
            assert (final.final, final.code) == (f"{vector['error_kind']}_error", vector["error_code"]), vector["id"]
        elif vector.get("result") == "ok":
            found_events = events(*chunks)
            assert isinstance(found_events[-1], FinalLine)
            assert [event.text for event in found_events[:-1]] == vector["response"], vector["id"]


def test_third_party_lines_parse_as_expected(third_party: Callable[[str], Any]) -> None:
    for vector in third_party("pei_lines.json")["vectors"]:
        expect = dict(vector["expect"])
        if expect.pop("error", False):
            with pytest.raises(DecodeError):
                parse_line(vector["line"])
            continue
        have = msgspec.to_builtins(parse_line(vector["line"]))
        for name, wanted in expect.items():
            approx = pytest.approx(wanted, abs=1e-6) if isinstance(wanted, float) else wanted
            assert have.get(name) == approx, f"{vector['id']}: {name}"


# --- the pairing of header and data -----------------------------------------------------------------------------------


def test_data_goes_to_the_header_before_it() -> None:
    (found,) = events(lines(HEADER, REPORT))
    assert isinstance(found, ShortData)
    assert (found.header.calling, found.hex, found.data.length) == ("1234567", REPORT, 88)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # Nothing of an earlier header ever gets a later header's data.
        (lines(HEADER, HEADER.replace("1234567", "7654321"), REPORT), ["Malformed", "ShortData"]),
        (lines(HEADER, "+CTSDS", REPORT), ["Malformed", "Truncated", "TextLine"]),
        (lines(HEADER, "+CTSDSR: 12,123", REPORT), ["Malformed", "Truncated", "TextLine"]),
        (lines(HEADER, "0A00726", REPORT), ["Malformed", "TextLine"]),
        (lines(HEADER, "0A0072G4E2654E91", REPORT), ["Malformed", "TextLine"]),
        (lines(HEADER, REPORT + REPORT), ["Malformed"]),
        (lines(HEADER, "+ENCR: 15,GROUP", REPORT), ["Malformed", "PlusLine", "TextLine"]),
        (lines(HEADER, "+CME ERROR: 35", REPORT), ["Malformed", "FinalLine", "TextLine"]),
        # The answer to our own command may come between.
        (lines(HEADER, "OK", REPORT), ["FinalLine", "ShortData"]),
        (lines(HEADER, "ready to talk", REPORT), ["TextLine", "ShortData"]),
        (lines(HEADER, "AT+CTSDS=13,0", "OK", REPORT), ["Echo", "FinalLine", "ShortData"]),
        # The echo of our own data is not the radio's.
        (lines(HEADER, "AT+CMGS=1234567,88", "0A30000000000007FFE810", REPORT), ["Echo", "Echo", "ShortData"]),
        (lines(HEADER, *["word"] * framing.GAP_LINES_MAX, REPORT), ["TextLine"] * 8 + ["Malformed", "TextLine"]),
        # A terminal that echoes the command but not the data; and one whose echo stands beside a message.
        (lines("AT+CMGS=1,16", "+CMGS: 0", "OK", "+CTSDSR: 13,1,0,2,0,16", "8004"), ["Echo", *_ANSWER, "ShortData"]),
        (lines("AT+CMGS=1,32", HEADER, REPORT), ["Echo", "ShortData"]),
        (lines("AT+CMGS=1,16", "+CTSDSR: 13,1,0,2,0,16", "800B", "8004"), ["Echo", "Echo", "ShortData"]),
        # A lost line break.
        (lines(f"0A30000{HEADER}", REPORT), ["TextLine", "ShortData"]),
        (lines(f"+CTSDSR: 12,12{HEADER}", REPORT), ["Truncated", "ShortData"]),
        (lines(HEADER, f"0A30000{HEADER}", REPORT), ["Malformed", "ShortData"]),
        # A short form whose data never comes looks exactly like a cut line.
        (lines("+CTSDSR: 12,1234567,0,98", HEADER, REPORT), ["Truncated", "ShortData"]),
        (lines("+CTSDSR: 12,1234567,16", "8204"), ["ShortData"]),
        (lines(HEADER), ["Malformed"]),
    ],
)
def test_a_wrong_pairing_never_happens(said: str, expected: list[str]) -> None:
    found = events(said)
    assert kinds(found) == expected
    for event in found:
        if isinstance(event, ShortData) and event.header.length_bits == 88:
            assert event.header == parse_line(HEADER if "7654321" not in said else HEADER.replace("1234567", "7654321"))


@pytest.mark.parametrize(
    "said",
    [
        "+CTSDSR: 12,23404,0,23401,0,112, 82040801476A61746A616A676A61",
        "+CTSDSR: 12,23404,0,23401,0,112,82040801476A61746A616A676A61",
        "+CTSDSR: 12,23404,0,23401,0,112 82040801476A61746A616A676A61",
        "+CTSDSR:12,23404,0,23401,0,11282040801476A61746A616A676A61",
        "+ctsdsr: 12,23404,0,23401,0,112\r\n82040801476A61746A616A676A61",
        "> +CTSDSR: 12,23404,0,23401,0,112\r82040801476A61746A616A676A61",
    ],
)
def test_every_way_of_writing_the_same_message_gives_the_same(said: str) -> None:
    (found,) = events(f"\r\n{said}\r\n")
    assert isinstance(found, ShortData)
    assert (found.header.calling, found.header.called, found.data.hex()) == (
        "23404",
        "23401",
        "82040801476A61746A616A676A61",
    )


@pytest.mark.parametrize(("digits", "accepted"), [(20, False), (21, True), (22, True), (23, True), (24, False)])
def test_data_may_be_padded_to_whole_octets_and_no_more(digits: int, accepted: bool) -> None:
    (found,) = events(lines(HEADER.replace(",88", ",84"), REPORT.ljust(24, "0")[:digits]))
    assert isinstance(found, ShortData) == accepted


def test_a_line_beyond_the_bound_is_dropped_and_the_next_one_heard() -> None:
    found = events(lines(HEADER), "x" * (framing.LINE_BYTES_MAX + 1), lines(HEADER, REPORT))
    assert kinds(found) == ["Malformed", "Overlong", "ShortData"]
    assert kinds(events("x" * framing.LINE_BYTES_MAX + "\r\n")) == ["TextLine"]
    assert isinstance(found[1], Overlong)


def test_control_characters_and_empty_lines_are_ignored() -> None:
    assert kinds(events(b"\x00\r\n\r\n\x1a\x11OK\x13\r\n\n\n")) == ["FinalLine"]


@pytest.mark.parametrize("text", ["OK", "ok", "ERROR", "+CME ERROR: 35", "+CME Error: 35", "+cms error: 5", "CME ERROR: 35"])
def test_the_end_of_an_answer_is_known_in_any_case(text: str) -> None:
    (found,) = events(lines(text))
    assert isinstance(found, FinalLine)


def test_unknown_lines_are_passed_on() -> None:
    (plus, text, cut, echo) = events(lines("+CTSDSS: 1,2", "Group 7", "+ENC", "ATE0"))
    assert isinstance(plus, PlusLine)
    assert isinstance(text, TextLine)
    assert isinstance(cut, Truncated)
    assert isinstance(echo, Echo)


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("09011638300023401", (901, 16383, 23401)),
        ("262100101234567", (262, 1001, 1234567)),
        ("1234567", (None, None, 1234567)),
        ("02400000102401001", (240, 1, 2401001)),
    ],
)
def test_numbers_are_taken_apart(number: str, parts: tuple[int | None, int | None, int]) -> None:
    assert parse_tsi(number) == parts


@pytest.mark.parametrize(
    ("line", "expect"),
    [
        ("+CREG: 1,1101,024000001", {"cmd": "+CREG", "stat": 1, "location_area": "1101", "mni": "024000001"}),
        ("+CREG: 2", {"stat": 2, "location_area": None}),
        ("+CSQ: 21,99", {"rssi_code": 21, "dbm": -71}),
        ("+CSQ: 99,99", {"dbm": None}),
        ("+GMR: R27.220.9063", {"cmd": "+GMR", "revision": "R27.220.9063"}),
        ("+CTOM: 0", {"mode": 0}),
        ("+CTCC: 1,0,0,0,1,1", {"cc_instance": 1}),
        ("+CDTXC: 1,0", {"cc_instance": 1}),
        ("+CTICN: 1,0,0,0,2401001,1,1,0,1,1,1,2000001,15", {"calling": "2401001", "called": "2000001", "priority": 15}),
        ("+CTICN: 1,0,0,0,2401001", {"calling": "2401001", "called": None, "priority": None}),
        ("+CTSDSS: 1,2", {"cmd": "+CTSDSS", "fields": "1,2"}),
        ("+CMGS: 0,5", {"sds_status": 5, "message_reference": None}),
    ],
)
def test_lines_give_their_fields(line: str, expect: dict[str, Any]) -> None:
    have = msgspec.to_builtins(parse_line(line))
    assert {name: have.get(name) for name in expect} == expect


@pytest.mark.parametrize("line", ["+CMGS: x", "+CNUMF: 6", "+GPSPOS: 12:34", "+CSQ: ", "+CTCR: 1", "+CTOM: 99999999999"])
def test_known_lines_with_impossible_fields_are_refused(line: str) -> None:
    with pytest.raises(DecodeError):
        parse_line(line)


# --- anything -------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        HEADER,
        REPORT,
        "8004",
        "+CTSDSR: 13,1,0,2,0,16",
        "OK",
        "+CTSDS",
        "+ENCR: 1,2",
        "AT+CMGS=1,16",
        "0A3",
        "\r",
        "\n",
        "\r\n",
        "> ",
        ",",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=12).map(lambda data: data.decode("latin-1")), max_size=30).map("".join)


@settings(max_examples=500)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 400), max_size=12))
@example(stream=lines(HEADER, REPORT), cuts=[1, 2, 3, 9])
def test_any_split_of_any_stream_gives_the_same_events(stream: str, cuts: list[int]) -> None:
    data = stream.encode("latin-1")
    points = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(points)]
    assert events(*pieces) == events(data) == events(*(bytes([octet]) for octet in data))


@settings(max_examples=1_000)
@given(STREAMS)
def test_any_stream_is_taken_without_an_error(stream: str) -> None:
    for event in events(stream):
        if isinstance(event, ShortData):
            assert event.data.length == event.header.length_bits
        if isinstance(event, Malformed):
            assert not event.header.fits(len(event.received)) or event.reason == "not_hex"


@settings(max_examples=2_000)
@given(st.text(max_size=60) | st.from_regex(r"\+(CTSDSR|CTICN|CMGS|CNUMF|GPSPOS|CREG|CTXG|CNUMS|GMM): [0-9,() _.NSEW:-]{0,40}"))
def test_any_line_parses_or_raises_decode_error(text: str) -> None:
    try:
        msgspec.json.encode(parse_line(text))
    except DecodeError:
        return
