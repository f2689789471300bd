"""AML: text, packed octets, forms; a number that was cut off is never believed."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.aml.codec import (
    FORM_BYTES_MAX,
    FORM_FIELDS_MAX,
    SMS_CHARACTERS_MAX,
    Fix,
    read_form,
    read_sms,
    sign_form,
)
from granslos_adapters.aml.gsm7 import unpack_gsm7
from granslos_adapters.emergency.defects import Defects
from support.vectors import fuzz, mutated, read_112

BODY = 'A"ML=1;lt=+59.61340;lg=+16.54470;rd=25;top=20260115101112;lc=68;pm=G;si=240011234567890;ei=356708041746734;mcc=240;mnc=01;ml='
TEXT = BODY + str(len(BODY) + 3)
FORM = (
    b"v=1&emergency_number=112&source=CALL&time=1768471860000&location_latitude=59.6134&location_longitude=16.5447"
    b"&location_time=1768471872000&location_accuracy=25.5&location_confidence=0.68&location_source=gps"
    b"&location_altitude=30.5&location_floor=2tr&device_number=%2B46701740605&device_imei=356708041746734"
    b"&cell_network_mcc=240&cell_network_mnc=01&location_bearing=90&location_speed=13.9&device_languages=sv-SE"
)


def sms(data: str | bytes) -> tuple[Fix | None, list[str]]:
    defects = Defects()
    fix = read_sms(data, defects)
    return fix, [defect.code for defect in defects.all()]


def form(data: bytes, key: bytes | None = None) -> tuple[Fix | None, list[str]]:
    defects = Defects()
    fix = read_form(data, defects, key)
    return fix, [defect.code for defect in defects.all()]


def pack_gsm7(text: str) -> bytes:
    """Pack letters that GSM 7-bit and ASCII have in common (3GPP TS 23.038, 6.1.2.1)."""
    value = sum(ord(letter) << 7 * place for place, letter in enumerate(text))
    return value.to_bytes((7 * len(text) + 7) // 8, "little")


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(read_112(f"aml/{name}.json"))
    return found


def test_third_party_texts_give_a_usable_position_wherever_they_hold_one() -> None:
    without = {"invalidLatitude", "validAmlMessageNoLocation"}
    for vector in vectors("sms-v1-gridgears"):
        fix, codes = sms(vector["text"])
        assert fix is not None
        expect = vector["expect_strict"]
        if vector["id"] in without:
            assert (fix.latitude, fix.longitude, fix.usable) == (None, None, False)
        else:
            assert (fix.latitude, fix.longitude, fix.radius_m) == (54.76397, -0.18305, 50.0)
        strict = {"ok": expect["ok"]}
        assert strict["ok"] or codes, "what a strict reader refuses is a defect here"
        for member, name in (("imsi", "imsi"), ("imei", "imei"), ("method", "method")):
            if member in expect:
                assert getattr(fix, name) == expect[member]
        if "time" in expect:
            assert (fix.observed_at.isoformat().replace("+00:00", "Z") if fix.observed_at else None) == expect["time"]


def test_third_party_texts_octets_and_form() -> None:
    text, packed, https = vectors("aml-lib-vectors")
    fix, _ = sms(text["text"])
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.radius_m, fix.method) == (48.82639, -2.36619, 52.0, "GNSS")
    assert fix.observed_at == datetime(2019, 11, 12, 11, 29, 28, tzinfo=UTC)
    octets = bytes.fromhex(packed["hex"])
    assert unpack_gsm7(octets).startswith(packed["expect"]["decoded_text"][:-1])
    fix, _ = sms(octets)
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.imei) == (37.42175, -122.08461, "358239059042542")
    fix, _ = form(https["text"].encode())
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.radius_m, fix.method) == (55.85732, -4.26325, 10.4, "GNSS")
    assert (fix.number, fix.floor, fix.confidence_percent) == ("+447477593102", "5", 83.0)
    assert fix.observed_at is not None
    assert fix.observed_at.timestamp() * 1000 == https["expect"]["location_time_ms"]


@pytest.mark.parametrize("data", [TEXT, TEXT.encode(), pack_gsm7(TEXT), TEXT.encode("utf-16-be"), TEXT + "\r\n"])
def test_one_message_in_all_its_clothes(data: str | bytes) -> None:
    fix, codes = sms(data)
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.radius_m, fix.confidence_percent) == (59.6134, 16.5447, 25.0, 68.0)
    assert (fix.method, fix.network, fix.imsi, fix.imei) == ("GNSS", "240-01", "240011234567890", "356708041746734")
    assert fix.observed_at == datetime(2026, 1, 15, 10, 11, 12, tzinfo=UTC)
    assert (fix.usable, codes) == (True, [])


def test_version_2_where_lt_is_a_time() -> None:
    fix, codes = sms(
        'A"ML=2;en=112;et=1768471860;lo=59.61340,16.54470,25;lt=12;lc=90;lz=30.5,4;ls=F;ei=356708041746734;nc=24001;hc=24007;lg=sv'
    )
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.radius_m, fix.altitude_m, fix.vertical_radius_m) == (59.6134, 16.5447, 25, 30.5, 4)
    assert (fix.method, fix.emergency_number, fix.network, fix.home_network, fix.language) == (
        "FUSED",
        "112",
        "24001",
        "24007",
        "sv",
    )  # fmt: skip -- because one line is one message
    assert fix.call_started_at == datetime.fromtimestamp(1768471860, UTC)
    assert fix.observed_at == datetime.fromtimestamp(1768471872, UTC)
    assert codes == []


@pytest.mark.parametrize(
    ("data", "code", "latitude"),
    [
        (TEXT.replace("ml=", "ml=9"), "wrong_length", 59.6134),
        (TEXT.replace("pm=G", "pm=Q"), "unknown_method", 59.6134),
        (TEXT.replace("top=2026", "top=2x26"), "bad_time", 59.6134),
        (TEXT.replace("top=20260115", "top=20260231"), "bad_time", 59.6134),
        (TEXT.replace("rd=25", "rd=-25"), "bad_value", 59.6134),
        (TEXT.replace("lc=68", "lc=680"), "bad_value", 59.6134),
        (TEXT.replace("lt=+59", "lt=+x9"), "bad_value", None),
        (TEXT.replace("lt=+59.61340;", ""), "no_position", None),
        (TEXT.replace('A"ML=1;', ""), "no_header", 59.6134),
        (TEXT.replace('A"ML=1', 'A"ML=9'), "unknown_version", 59.6134),
        (TEXT.replace("rd=25", "rd=25;rd=26"), "double_key", 59.6134),
        (TEXT.replace("rd=25", "rd=25;new=1"), "unknown_key", 59.6134),
        (TEXT.replace("rd=25", "rd=25;loose"), "not_a_pair", 59.6134),
        (TEXT.replace("+59.61340", "+16.54470").replace("lg=+16.54470", "lg=+59.61340"), "position_implausible", 16.5447),
        ('A"ML=1;lt=+00.00000;lg=+000.00000;rd=N;top=20260115101112;lc=0;pm=N;ml=99', "null_location", None),
        (TEXT.replace("+59.61340", "0").replace("+16.54470", "0"), "null_location", None),
        (TEXT + ";x=" + "y" * SMS_CHARACTERS_MAX, "too_long", 59.6134),
    ],
)
def test_defects(data: str, code: str, latitude: float | None) -> None:
    fix, codes = sms(data)
    assert fix is not None
    assert code in codes
    assert fix.latitude == latitude
    assert fix.usable == (latitude == 59.6134)


@pytest.mark.parametrize("data", ["", "Hej, jag ringde nyss", b"\xff\xfe\x00", 'A"M'])
def test_what_is_no_aml_is_said(data: str | bytes) -> None:
    fix, codes = sms(data)
    assert fix is None
    assert "no_header" in codes


def test_a_text_cut_at_any_letter_never_gives_another_position() -> None:
    for cut in range(len(TEXT)):
        fix, _ = sms(TEXT[:cut])
        if fix is not None:
            assert (fix.latitude, fix.longitude) in ((None, None), (59.6134, 16.5447))
            assert fix.radius_m in (None, 25.0)


def test_a_form() -> None:
    fix, codes = form(FORM)
    assert fix is not None
    assert (fix.latitude, fix.longitude, fix.radius_m, fix.confidence_percent) == (59.6134, 16.5447, 25.5, 68.0)
    assert (fix.number, fix.emergency_number, fix.floor, fix.language) == ("+46701740605", "112", "2tr", "sv-SE")
    assert (fix.bearing_deg, fix.speed_m_s, fix.altitude_m) == (90.0, 13.9, 30.5)
    assert fix.call_started_at == datetime.fromtimestamp(1768471860, UTC)
    assert (fix.trusted, fix.usable, codes) == (None, True, [])


def test_the_hmac_says_whom_to_trust_and_never_loses_a_fix() -> None:
    signed = FORM + b"&hmac=" + sign_form(FORM, b"secret").encode()
    for key, trusted in ((b"secret", True), (b"other", False), (None, None)):
        fix, codes = form(signed, key)
        assert fix is not None
        assert (fix.trusted, fix.latitude) == (trusted, 59.6134)
        assert ("wrong_hmac" in codes) == (trusted is False)


def test_the_hmac_of_the_specification() -> None:
    """HMAC-SHA1 test case 2 of RFC 2202."""
    assert sign_form(b"what do ya want for nothing?", b"Jefe") == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (FORM.replace(b"59.6134", b"nope"), "bad_value"),
        (FORM + b"&location_latitude=60.1", "double_key"),
        (FORM + b"&future_field=1", "unknown_key"),
        (FORM.replace(b"location_confidence=0.68", b"location_confidence=68"), "bad_value"),
        (FORM.replace(b"location_time=1768471872000", b"location_time=12"), "implausible_time"),
        (b"location_latitude=0&location_longitude=0", "null_location"),
        (b"hello", "not_a_form"),
        (b"", "not_a_form"),
        (FORM + b"&x=1" * FORM_FIELDS_MAX, "too_many_fields"),
        (FORM + b"&x=" + b"y" * FORM_BYTES_MAX, "too_long"),
    ],
)
def test_form_defects(data: bytes, code: str) -> None:
    assert code in form(data)[1]


@given(mutated((TEXT.encode(), pack_gsm7(TEXT), FORM)) | st.binary(max_size=300))
@fuzz(500)
def test_damage_never_raises(data: bytes) -> None:
    for fix, codes in (sms(data), form(data, b"key")):
        assert fix is not None or codes
        if fix is not None and fix.usable:
            assert fix.latitude is not None
            assert 54 <= fix.latitude <= 72


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$@[]\\^_`{|}~"), max_size=180))
@fuzz(200)
def test_packing_and_unpacking(text: str) -> None:
    assert unpack_gsm7(pack_gsm7(text))[: len(text)] == text
