"""What was heard, in the platform's words."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from granslos.contract.commands import AddNote, ReportUnitStatus
from granslos.contract.places import Position
from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.lip import ShortFields, decode_lip, encode_short
from granslos_adapters.rakel.codec.lip_long import LongFields, encode_long
from granslos_adapters.rakel.codec.pei import IncomingCall, parse_line
from granslos_adapters.rakel.codec.sds import Transfer, decode_sds
from granslos_adapters.rakel.codec.sds_encode import TextFields, encode_report, encode_text_message
from granslos_adapters.rakel.codec.status import encode_short_report, encode_status
from granslos_adapters.rakel.heard import DeliveryReport, Directory, Heard, Outcome, ReceiptDue
from granslos_adapters.rakel.mapping import Mapper, readable_packet
from granslos_adapters.rakel.profile import load_profiles
from granslos_adapters.rakel.repeats import SOURCES_MAX, Repeats
from granslos_adapters.rakel.settings import UnitAddress

NOW = datetime(2026, 11, 21, 2, 13, 5, 250_000, tzinfo=UTC)
UNIT = "319-3310"
SSI = 2_401_001
DIRECTORY = Directory([UnitAddress(unit_id=UNIT, ssi=SSI), UnitAddress(unit_id="319-3320", ssi=SSI + 1, profile="bos-de")])


def mapper() -> Mapper:
    return Mapper(load_profiles((), "se-default"), DIRECTORY, Repeats(60))


def heard(data: Bits, service: int = 12, *, source: str | None = str(SSI), at: datetime = NOW) -> Heard:
    return Heard(source=source, called="9876543", message=decode_sds(service, data), data_hex=data.hex(), at=at)


def status(value: int, **changes: object) -> Heard:
    return msgspec.structs.replace(heard(encode_status(value), 13), **changes)


def reported(outcome: Outcome) -> list[tuple[str, str]]:
    return [
        (order.payload.unit_id, order.payload.status) for order in outcome.orders if isinstance(order.payload, ReportUnitStatus)
    ]


# --- status -----------------------------------------------------------------------------------------------------------


def test_a_key_becomes_a_report_with_its_raw_number_and_whole_seconds() -> None:
    outcome = mapper().map(status(0x8006))
    (order,) = outcome.orders
    assert (order.aggregate, order.name) == ("unit", "report_status")
    assert order.payload == ReportUnitStatus(
        unit_id=UNIT, status="on_scene", at=NOW.replace(microsecond=0), source="rakel", raw="status 8006"
    )
    assert outcome.notices == ()


def test_one_key_may_be_two_reports_with_ids_of_their_own_and_a_persons_agreement() -> None:
    outcome = mapper().map(status(0x8005))
    assert reported(outcome) == [(UNIT, "acknowledged"), (UNIT, "en_route")]
    assert len({order.command_id for order in outcome.orders}) == 2
    assert outcome.agreed_unit == UNIT


def test_a_number_without_a_meaning_is_shown_raw_and_reports_nothing() -> None:
    (notice,) = mapper().map(status(0x9ABC)).notices
    assert (notice.kind, notice.value, notice.raw, notice.unit_id) == ("status", 0x9ABC, "9ABC", UNIT)


def test_a_key_that_is_no_crew_status_is_shown_with_its_words() -> None:
    (notice,) = mapper().map(status(0x8007)).notices
    assert (notice.meaning, notice.label) == ("talk_request", "begär samtal")


def test_a_radio_without_a_unit_is_shown_with_its_number() -> None:
    outcome = mapper().map(status(0x8006, source="7654321"))
    assert outcome.orders == ()
    assert [(one.kind, one.ssi, one.raw) for one in outcome.notices] == [("unknown_radio", 7_654_321, "8006")]


def test_a_message_without_a_sender_is_shown_and_given_to_nobody() -> None:
    outcome = mapper().map(status(0x8006, source=None))
    assert (outcome.orders, [(one.kind, one.ssi) for one in outcome.notices]) == ((), [("unknown_radio", None)])


def test_a_long_number_of_the_network_is_the_same_radio() -> None:
    assert reported(mapper().map(status(0x8006, source="02400000102401001"))) == [(UNIT, "on_scene")]


# --- emergency ---------------------------------------------------------------------------------------------------------

EMERGENCIES = {
    "status value 0": status(0),
    "status value 0 of another profile": status(0, source=str(SSI + 1)),
    "profile": status(0x8002),
    "location report": heard(encode_short(ShortFields(reason_code=2))),
    "long location report": heard(encode_long(LongFields(latitude_deg=59.6, longitude_deg=16.5, reason_code=2))),
}


@pytest.mark.parametrize("name", EMERGENCIES)
def test_an_emergency_is_known_in_every_way(name: str) -> None:
    outcome = mapper().map(EMERGENCIES[name])
    assert [word for _, word in reported(outcome)] == ["emergency"]
    assert [notice.kind for notice in outcome.notices] == ["emergency"]


def test_an_emergency_call_is_one_too_and_another_call_is_nothing() -> None:
    line = f"+CTICN: 1,0,0,5,0240000010{SSI},1,1,0,1,1,5,09011638300000001,"
    call, usual = parse_line(line + "15"), parse_line(line + "0")
    assert isinstance(call, IncomingCall)
    assert isinstance(usual, IncomingCall)
    assert reported(mapper().map_call(call, NOW)) == [(UNIT, "emergency")]
    assert mapper().map_call(usual, NOW) == Outcome()


def test_an_emergency_of_an_unknown_radio_is_never_dropped() -> None:
    for source in ("7654321", None):
        outcome = mapper().map(status(0, source=source))
        assert [notice.kind for notice in outcome.notices] == ["emergency"]


def test_the_red_button_that_says_it_three_ways_is_one_emergency() -> None:
    made = mapper()
    assert reported(made.map(status(0))) == [(UNIT, "emergency")]
    assert made.map(EMERGENCIES["location report"]).repeated
    assert made.map(status(0x8002)).repeated
    again = made.map(status(0, at=NOW + timedelta(seconds=61)))
    assert reported(again) == [(UNIT, "emergency")]


# --- repetition --------------------------------------------------------------------------------------------------------


def test_a_repeated_status_is_one_and_a_key_with_a_location_report_too() -> None:
    made = mapper()
    first = made.map(status(0x8005))
    assert made.map(status(0x8005, at=NOW + timedelta(seconds=20))).repeated
    beside = made.map(heard(encode_long(LongFields(reason_code=4, result_code=81, status_value=0x8005))))
    assert (beside.repeated, beside.position) == (True, None)
    assert first.orders


def test_two_sites_that_hear_the_same_radio_make_the_same_command() -> None:
    one = mapper().map(status(0x8006))
    other = mapper().map(status(0x8006, at=NOW + timedelta(milliseconds=40)))
    assert one.orders == other.orders


def test_a_crew_that_corrects_itself_twice_is_heard_twice() -> None:
    made = mapper()
    ids = [made.map(status(value)).orders[0].command_id for value in (0x8006, 0x8009, 0x8006)]
    assert len(set(ids)) == 3


def test_what_could_not_be_made_safe_is_news_when_it_is_said_again_under_the_same_id() -> None:
    made = mapper()
    first = made.map(status(0x8006))
    made.forget(first)
    again = made.map(status(0x8006))
    assert not again.repeated
    assert [order.payload for order in again.orders] == [order.payload for order in first.orders]


def test_the_oldest_source_is_forgotten_at_the_bound() -> None:
    repeats = Repeats(60)
    repeats.tell("first", "status", "8006", 0.0)
    for index in range(SOURCES_MAX):
        repeats.tell(str(index), "status", "8006", 1.0)
    assert not repeats.tell("first", "status", "8006", 2.0).repeated
    assert repeats.tell(str(SOURCES_MAX - 1), "status", "8006", 2.0).repeated


# --- position ------------------------------------------------------------------------------------------------------------


def test_a_position_has_metres_a_second_and_a_heading_only_when_moving() -> None:
    fields = ShortFields(latitude_deg=59.6099, longitude_deg=16.5448, accuracy_m=10.0, speed_kmh=36.0, direction_deg=90.0)
    position = mapper().map(heard(encode_short(fields))).position
    assert isinstance(position, Position)
    assert (position.unit_id, position.at, position.radius_m, position.source) == (UNIT, NOW, 20.0, "tetra.pei")
    assert position.latitude == pytest.approx(59.6099, abs=1e-5)
    assert position.longitude == pytest.approx(16.5448, abs=2e-5)
    assert position.speed_m_s == pytest.approx(10.0, abs=0.6)
    assert position.heading_deg == 90.0
    for speed in (None, 0.0, 2.0):
        still = mapper().map(heard(encode_short(msgspec.structs.replace(fields, speed_kmh=speed)))).position
        assert still is not None
        assert still.heading_deg is None
        assert (still.speed_m_s is None) == (speed is None)


@pytest.mark.parametrize(
    "data",
    [
        encode_short(ShortFields()),
        encode_long(LongFields(reason_code=129, result_code=200)),
        encode_long(LongFields(latitude_deg=59.6, longitude_deg=16.5, result_code=81)),
        Bits.from_hex("0A4C0040B08C8"),
    ],
)
def test_a_report_without_fix_is_no_position(data: Bits) -> None:
    assert mapper().map(heard(data)).position is None


@pytest.mark.parametrize(("code", "seconds"), [(0, 0), (1, 300), (2, 1_800), (3, 1_800)])
def test_an_old_position_says_how_old_it_may_be(code: int, seconds: int) -> None:
    fields = ShortFields(latitude_deg=59.6, longitude_deg=16.5, time_elapsed_code=code)
    position = mapper().map(heard(encode_short(fields))).position
    assert position is not None
    assert position.at == NOW - timedelta(seconds=seconds)


def test_the_position_of_a_radio_without_a_unit_goes_nowhere_and_is_said_once() -> None:
    made = mapper()
    report = heard(encode_short(ShortFields(latitude_deg=59.6, longitude_deg=16.5)), source="7654321")
    first, second = made.map(report), made.map(report)
    assert (first.position, [one.kind for one in first.notices]) == (None, ["unknown_radio"])
    assert second == Outcome()


@pytest.mark.parametrize(("reason", "meaning"), [(10, "service_loss"), (12, "low_battery"), (21, "position_lost")])
def test_warnings_reach_the_dispatcher_once_and_the_position_all_the_same(reason: int, meaning: str) -> None:
    made = mapper()
    report = heard(encode_short(ShortFields(latitude_deg=59.6, longitude_deg=16.5, reason_code=reason)))
    outcome = made.map(report)
    assert [(one.kind, one.meaning) for one in outcome.notices] == [("warning", meaning)]
    assert outcome.position is not None
    again = made.map(report)
    assert (again.repeated, again.position is not None) == (True, True)


def test_a_request_and_other_control_messages_mean_nothing_here() -> None:
    assert mapper().map(heard(Bits.from_hex("0A4591C152024C"))) == Outcome()
    assert decode_lip(Bits.from_hex("0A4591C152024C"))


# --- text ------------------------------------------------------------------------------------------------------------


def text(words: str, reference: int = 8, request: int = 1) -> Heard:
    return heard(encode_text_message(TextFields(text=words, delivery_report_request=request), reference))


def test_a_text_of_an_assigned_unit_becomes_a_note_of_its_case() -> None:
    made = mapper()
    made.assigned(UNIT, "20261121-vas-000123")
    outcome = made.map(text("Framme om 5\x00\x07"))
    (order,) = outcome.orders
    assert isinstance(order.payload, AddNote)
    assert order.payload.incident_id == "20261121-vas-000123"
    assert order.payload.text == f"Radio {UNIT}: Framme om 5  "
    assert outcome.receipt == ReceiptDue(str(SSI), 0x82, 8)
    made.assigned(UNIT, None)
    assert made.map(text("Klart", 9)).orders == ()


def test_a_text_without_a_case_is_shown() -> None:
    (notice,) = mapper().map(text("Hej")).notices
    assert (notice.kind, notice.text, notice.unit_id) == ("text", "Hej", UNIT)


def test_a_receipt_is_due_only_where_it_is_asked_for_and_also_for_a_repetition() -> None:
    made = mapper()
    assert made.map(text("Hej", request=0)).receipt is None
    first, second = made.map(text("Hej", 9)), made.map(text("Hej", 9))
    assert first.notices
    assert (second.repeated, second.notices) == (True, ())
    assert first.receipt == second.receipt is not None


def test_packets_of_fields_are_shown_as_a_line() -> None:
    assert readable_packet("50016\x13\x13F17\x13 18:1:2 ") == "50016 | - | F17 | 18:1:2"
    assert readable_packet("plain") is None
    (notice,) = mapper().map(text("50016\x13A\x13B")).notices
    assert notice.text == "50016 | A | B"


def test_a_partial_text_is_marked() -> None:
    made = Heard(source=str(SSI), called="", message=None, data_hex="x", at=NOW)
    assert [one.kind for one in mapper().map_text(made, "Storgatan […]", partial=True).notices] == ["partial_text"]


# --- receipts of ours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "service", "code"),
    [
        (encode_report(0x82, 0, 201), 12, 0x00),
        (encode_report(0x82, 2, 201), 12, 0x02),
        (encode_report(0x82, 0x4B, 201), 12, 0x4B),
        (encode_short_report(2, 201), 13, 0x00),
        (encode_short_report(3, 201), 13, 0x02),
        (encode_short_report(1, 201), 13, 0x52),
        (encode_short_report(0, 201), 13, 0x51),
    ],
)
def test_receipts_say_how_a_message_of_ours_fares(data: Bits, service: int, code: int) -> None:
    outcome = mapper().map(heard(data, service))
    assert outcome == Outcome(delivery=DeliveryReport(str(SSI), 201, code))


def test_tokens_over_protocol_83_become_a_position_only_with_a_fix() -> None:
    good = bytes.fromhex("83000980") + b"\x0d\x11\x34" + ((2026 << 26 | 11 << 22 | 21 << 17) + 1).to_bytes(5, "big")
    good += b"\x66" + round(59.6 * 2**32 / 180).to_bytes(4, "big") + round(16.5 * 2**32 / 360).to_bytes(4, "big") + b"\0\0"
    message = decode_sds(12, Bits.from_bytes(good))
    assert isinstance(message, Transfer)
    position = mapper().map(heard(Bits.from_bytes(good))).position
    assert position is not None
    assert position.latitude == pytest.approx(59.6, abs=1e-6)
    nowhere = good[:-10] + bytes(10)
    assert mapper().map(heard(Bits.from_bytes(nowhere))).position is None
