"""Short data: third-party vectors, own vectors, round trips, concatenation, and what must hold for any bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos_adapters.rakel.codec import sds_encode, sds_tables
from granslos_adapters.rakel.codec import text as texts
from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.concatenation import GAP, Assembler
from granslos_adapters.rakel.codec.header import parse_header
from granslos_adapters.rakel.codec.pei import SELECT_TYPE_4, command_cmgs
from granslos_adapters.rakel.codec.sds import (
    ConcatenatedPart,
    SimpleText,
    Timestamp,
    Transfer,
    decode_sds,
)
from granslos_adapters.rakel.codec.status import ShortReport, classify, encode_short_report, encode_status, from_value
from granslos_adapters.rakel.conform import conform

OWN = json.loads((Path(__file__).parent / "vectors" / "sds.json").read_text())["vectors"]
CODINGS = {"7bit": texts.SEVEN_BIT, "8bit": texts.LATIN_1}
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=400)


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["id"])
def test_own_vectors_decode_as_the_standard_says(vector: dict[str, Any]) -> None:
    bits = Bits.from_hex(vector["pdu_hex"], vector["bits"])
    have = msgspec.to_builtins(decode_sds(vector["service"], bits))
    for name, wanted in vector["expect"].items():
        got = have.get(name)
        if isinstance(wanted, dict) and isinstance(got, dict):
            got = {key: got[key] for key in wanted}
        assert got == wanted, f"{vector['id']}: {name}"


def test_third_party_vectors_decode_as_expected(third_party: Callable[[str], Any]) -> None:
    for vector in third_party("sds_tl_decode.json")["vectors"]:
        header, _ = parse_header(vector["header"])
        message = decode_sds(header.ai_service, Bits.from_hex(vector["pdu_hex"], header.length_bits))
        have = {**msgspec.to_builtins(message), "calling": header.calling, "called": header.called}
        shown = conform("pei", f"{vector['header']}\r\n{vector['pdu_hex']}\r\n".encode())[0]["understood"]
        for name, wanted in vector["expect"].items():
            if name != "bos_status":
                assert have.get(name) == wanted, f"{vector['id']}: {name}"
            assert shown.get(name) == wanted, f"{vector['id']}: conform, {name}"


def test_third_party_vectors_encode_as_expected(third_party: Callable[[str], Any]) -> None:
    for vector in third_party("sds_tl_encode.json")["vectors"]:
        build = vector["build"]
        if build["kind"] == "at_report":
            report = sds_encode.encode_report(build["protocol"], build["delivery_status"], build["message_reference"])
            digits = 3 if ",032" in vector["commands"][-1] else 0
            commands = [SELECT_TYPE_4, command_cmgs(build["called"], report.hex(), report.length, digits=digits)]
            assert commands[-len(vector["commands"]) :] == vector["commands"], vector["id"]
        else:
            made = _build(build)
            assert (made.hex(), made.length) == (vector["pdu_hex"], vector["bits"]), vector["id"]


def _build(build: dict[str, Any]) -> Bits:
    match build["kind"]:
        case "sds_report":
            return sds_encode.encode_report(
                build["protocol"],
                build["delivery_status"],
                build["message_reference"],
                ack_required=build["ack_required"],
            )
        case "sds_transfer":
            stamp = build["timestamp_utc"]
            fields = sds_encode.TextFields(
                text=build["text"],
                coding=build["coding"],
                delivery_report_request=build["delivery_report_request"],
                short_form_report_allowed=build["short_form_report_allowed"],
                timestamp=Timestamp(stamp["month"], stamp["day"], stamp["hour"], stamp["minute"], 1),
            )
            return sds_encode.encode_text_message(fields, build["message_reference"])
        case "simple_text":
            return sds_encode.encode_simple_text(build["text"], coding=build["coding"])
        case "status":
            return encode_status(build["value"])
        case other:
            raise AssertionError(f"nothing builds {other}")


def test_third_party_validity_periods_agree(third_party: Callable[[str], Any]) -> None:
    expect = third_party("sds_validity_period.json")
    for code, seconds in expect["decode_seconds"].items():
        assert sds_tables.decode_validity(int(code)) == seconds, code
    for entry in expect["encode"]:
        assert sds_tables.encode_validity(entry["seconds"]) == entry["code"], entry


@given(st.floats(0, 2_000_000))
def test_a_validity_period_is_never_shorter_than_wanted(seconds: float) -> None:
    period = sds_tables.decode_validity(sds_tables.encode_validity(seconds))
    assert period is None or period >= seconds


def test_third_party_texts_are_cut_as_expected(third_party: Callable[[str], Any]) -> None:
    expect = third_party("sds_text.json")
    for entry in expect["characters_that_fit"]:
        assert texts.characters_that_fit(CODINGS[entry["coding"]], entry["bits"]) == entry["chars"], entry
    for entry in expect["split"]:
        assert texts.split_text(CODINGS[entry["coding"]], entry["max_bits"], entry["text"]) == entry["parts"], entry
    for entry in expect["bos_leading_opta"]:
        assert texts.split_opta(entry["text"]) == (entry["opta"], entry["tail"])
    for entry in expect["bos_trailing_itsi"]:
        assert texts.split_itsi(entry["text"]) == (entry["head"], entry["itsi"])


def test_third_party_statuses_are_classified_as_expected(third_party: Callable[[str], Any]) -> None:
    expect = third_party("precoded_status.json")
    for entry in expect["classify"]:
        assert classify(entry["value"]) == entry["class"]
    for entry in expect["ranges"]:
        assert classify(entry["from"]) == classify(entry["to"]) == entry["class"]
    for entry in expect["short_report"]:
        report = from_value(entry["value"])
        assert isinstance(report, ShortReport)
        assert (report.report_type, report.message_reference) == (entry["report_type"], entry["message_reference"])
        assert report.meaning == entry["meaning"]
        assert encode_short_report(report.report_type, report.message_reference).value == entry["value"]


@pytest.mark.parametrize("coding", [coding for coding in texts.CODECS if coding not in (6, 8)])
def test_swedish_text_is_readable_or_visibly_replaced_in_every_coding(coding: int) -> None:
    back = texts.decode_text(coding, texts.encode_text(coding, "Åsa på Öland: 4 ägg"))
    assert len(back) == len("Åsa på Öland: 4 ägg")
    assert back.endswith("gg")


def test_unknown_codings_are_read_as_latin() -> None:
    assert texts.decode_text(99, "Åäö".encode("latin-1")) == "Åäö"


def test_typographic_characters_become_plain_ones_and_others_visible() -> None:
    assert texts.encode_text(texts.LATIN_1, "’a’ – b… Ω") == b"'a' - b... ?"


@given(st.text("@£$¥èéåÅ_ ÆæßÉ!\"#%&'()*+,-./0123456789ABCXYZÄÖÑÜ§abcxyzäöñüà^{}[]~|€\\", max_size=200))
def test_seven_bit_text_survives_the_way_there_and_back(text: str) -> None:
    data = texts.encode_text(texts.SEVEN_BIT, text)
    back = texts.decode_text(texts.SEVEN_BIT, data)
    # Eight septets end on an octet: a last "@" cannot be told from filling, as in GSM 03.38.
    assert back == text or (text.endswith("@") and back == text[:-1])


@given(LATIN, st.integers(160, 1_184), st.sampled_from([texts.SEVEN_BIT, texts.LATIN_1, texts.UTF_16]))
def test_parts_fit_and_join_to_the_whole_text(text: str, bits_max: int, coding: int) -> None:
    fields = sds_encode.TextFields(text=text, coding=coding, validity_seconds=300)
    messages = sds_encode.encode_text_messages(fields, 250, bits_max)
    assert all(message.length <= bits_max for message in messages)
    assert len(messages) == sds_encode.references_needed(fields, bits_max)
    decoded = [decode_sds(12, message) for message in messages]
    assert all(isinstance(one, Transfer) for one in decoded)
    if len(messages) == 1:
        joined = decoded[0].text if isinstance(decoded[0], Transfer) else None
    else:
        assembler = Assembler(pending_max=4, age_seconds=120)
        whole = [done for part in decoded for done in assembler.add("1", part, 0.0)]
        assert [one.complete for one in whole] == [True]
        joined = whole[0].text
    sent = texts.decode_text(coding, texts.encode_text(coding, text))
    assert joined == sent or coding == texts.SEVEN_BIT


def test_a_text_that_no_part_can_hold_is_refused() -> None:
    with pytest.raises(sds_encode.NoRoomError):
        sds_encode.encode_text_messages(sds_encode.TextFields(text="x" * 20_000), 0, 160)
    with pytest.raises(sds_encode.NoRoomError):
        sds_encode.encode_text_messages(sds_encode.TextFields(text="lång text", timestamp=Timestamp(1, 1, 1, 1, 1)), 0, 70)


# --- concatenation ------------------------------------------------------------------------------------------------


def part(sequence: int, text: str, *, total: int = 3, reference: int = 5) -> Transfer:
    data = Bits.from_bytes(bytes([0x8A, 0, sequence, 1, 5, 0, 3, reference, total, sequence]) + text.encode("latin-1"))
    decoded = decode_sds(12, data)
    assert isinstance(decoded, Transfer)
    return decoded


def test_parts_join_in_any_order_and_repeated_parts_change_nothing() -> None:
    assembler = Assembler(pending_max=32, age_seconds=120)
    assert assembler.add("1", part(3, "C"), 0.0) == []
    assert assembler.add("1", part(1, "A"), 1.0) == []
    assert assembler.add("1", part(1, "X"), 1.5) == []
    (whole,) = assembler.add("1", part(2, "B"), 2.0)
    assert (whole.text, whole.missing, len(assembler)) == ("ABC", (), 0)


def test_parts_of_different_senders_and_references_stay_apart() -> None:
    assembler = Assembler(pending_max=32, age_seconds=120)
    assembler.add("1", part(1, "A", total=2), 0.0)
    assembler.add("2", part(2, "B", total=2), 0.0)
    assembler.add("1", part(2, "B", total=2, reference=6), 0.0)
    assert len(assembler) == 3


def test_a_part_that_never_comes_leaves_a_marked_text_after_its_age() -> None:
    assembler = Assembler(pending_max=32, age_seconds=120)
    assembler.add("1", part(1, "Storgatan 12, "), 0.0)
    assembler.add("1", part(3, "port kod 1234"), 1.0)
    assert assembler.expire(120.0) == []
    (partial,) = assembler.expire(120.1)
    assert (partial.text, partial.missing, partial.complete) == (f"Storgatan 12, {GAP}port kod 1234", (2,), False)


def test_the_bound_of_pending_messages_gives_up_the_oldest_one_marked() -> None:
    assembler = Assembler(pending_max=2, age_seconds=120)
    assembler.add("1", part(1, "A"), 0.0)
    assembler.add("2", part(1, "B"), 0.0)
    (given_up,) = assembler.add("3", part(1, "C"), 0.0)
    assert (given_up.sender, given_up.complete, len(assembler)) == ("1", False, 2)


def test_concatenated_sds_joins_the_inner_message() -> None:
    first = decode_sds(12, Bits.from_hex("8C000905020182014C61"))
    second = decode_sds(12, Bits.from_hex("8C000A0502026D7021"))
    assembler = Assembler(pending_max=32, age_seconds=120)
    assert isinstance(first, Transfer)
    assert isinstance(second, Transfer)
    assert assembler.add("1", second, 0.0) == []
    (whole,) = assembler.add("1", first, 1.0)
    assert (whole.protocol, whole.text, whole.data_hex) == (0x82, "Lamp!", "014C616D7021")


@given(LATIN.filter(lambda text: len(text) > 2), st.integers(64, 400))
def test_any_message_survives_concatenation_without_transport_layer(text: str, bits_max: int) -> None:
    payload = sds_encode.encode_simple_text(text)
    assembler = Assembler(pending_max=4, age_seconds=120)
    whole = []
    for data in sds_encode.encode_concatenated(payload, 7, bits_max):
        assert data.length <= bits_max
        decoded = decode_sds(12, data)
        assert isinstance(decoded, ConcatenatedPart)
        whole += assembler.add("1", decoded, 0.0)
    assert [(one.protocol, one.text) for one in whole] == [(2, text)]


# --- any bytes ------------------------------------------------------------------------------------------------------


@settings(max_examples=2_000)
@given(st.integers(0, 20), st.binary(max_size=40), st.integers(0, 7))
def test_random_bytes_raise_nothing_but_decode_error(service: int, data: bytes, spare: int) -> None:
    whole = Bits.from_bytes(data)
    length = max(0, whole.length - spare)
    try:
        decoded = decode_sds(service, Bits(whole.value >> (whole.length - length), length))
    except DecodeError:
        return
    msgspec.json.encode(decoded)


@settings(max_examples=2_000)
@given(st.sampled_from(sorted(sds_tables.PROTOCOLS)), st.binary(max_size=40))
def test_random_bytes_behind_every_known_protocol_raise_nothing_but_decode_error(protocol: int, data: bytes) -> None:
    try:
        msgspec.json.encode(decode_sds(12, Bits.from_bytes(bytes([protocol]) + data)))
    except DecodeError:
        return


def test_simple_text_without_characters_is_an_empty_text() -> None:
    decoded = decode_sds(12, Bits.from_hex("0201"))
    assert isinstance(decoded, SimpleText)
    assert decoded.text == ""
