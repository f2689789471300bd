"""Location information protocol: third-party vectors, own vectors, and what must hold for any bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos_adapters.rakel.bench import lip_per_second
from granslos_adapters.rakel.codec import lip_tables as tables
from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.lip import (
    ShortFields,
    ShortReport,
    decode_lip,
    encode_position_request,
    encode_short,
)
from granslos_adapters.rakel.codec.lip_control import LocationControl
from granslos_adapters.rakel.codec.lip_long import LongFields, LongReport, TimeOfPosition, encode_long

OWN = json.loads((Path(__file__).parent / "vectors" / "lip.json").read_text())["vectors"]


def check(vector: dict[str, Any]) -> None:
    decoded = decode_lip(Bits.from_hex(vector["pdu_hex"]))
    hold_invariants(decoded)
    assert_fields(msgspec.to_builtins(decoded), vector["expect"], vector["id"])


def assert_fields(have: dict[str, Any], expect: dict[str, Any], where: str) -> None:
    for name, wanted in expect.items():
        got = have.get(name)
        if isinstance(wanted, dict):
            assert isinstance(got, dict), f"{where}: {name} is {got!r}"
            assert_fields(got, wanted, f"{where}.{name}")
        elif isinstance(wanted, list):
            assert len(got or []) == len(wanted), f"{where}: {name} is {got!r}"
            for one, other in zip(got or [], wanted, strict=True):
                assert_fields(one, other, f"{where}.{name}")
        elif isinstance(wanted, float):
            tolerance = 1e-5 if name.endswith("_deg") else 0.01
            assert got == pytest.approx(wanted, abs=tolerance), f"{where}: {name}"
        else:
            assert got == wanted, f"{where}: {name} is {got!r}, not {wanted!r}"


def hold_invariants(decoded: object) -> None:
    if not isinstance(decoded, ShortReport | LongReport):
        return
    assert (decoded.latitude_deg is None) == (decoded.longitude_deg is None) == (not decoded.has_fix)
    if decoded.latitude_deg is not None and decoded.longitude_deg is not None:
        assert -90.0 <= decoded.latitude_deg <= 90.0
        assert -180.0 <= decoded.longitude_deg <= 180.0
        assert (decoded.latitude_deg, decoded.longitude_deg) != (0.0, 0.0)
    assert decoded.speed_kmh is None or 0.0 <= decoded.speed_kmh < 1_100.0
    assert decoded.direction_deg is None or 0.0 <= decoded.direction_deg < 360.0


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["id"])
def test_own_vectors_decode_as_the_standard_says(vector: dict[str, Any]) -> None:
    check(vector)


@pytest.mark.parametrize("name", ["lip_short.json", "lip_long.json", "lip_control.json"])
def test_third_party_vectors_decode_as_expected(name: str, third_party: Callable[[str], Any]) -> None:
    vectors = third_party(name)["vectors"]
    assert vectors
    for vector in vectors:
        check(vector)


def test_third_party_tables_agree(third_party: Callable[[str], Any]) -> None:
    expect = third_party("lip_tables.json")
    for code, speed in expect["horizontal_velocity_kmh"].items():
        assert tables.SPEED_KMH[int(code)] == (None if speed is None else pytest.approx(speed, abs=0.001))
    for code, metres in expect["horizontal_position_uncertainty_m"].items():
        assert tables.uncertainty_m(int(code)) == (None if metres is None else pytest.approx(metres, abs=0.001))
    for code, metres in expect["altitude_m"].items():
        assert tables.altitude_m(int(code)) == metres
    for code, degrees in expect["direction_code_short"].items():
        assert int(code) * 22.5 == degrees
        assert tables.encode_direction(degrees) == int(code)


def test_a_report_without_fix_has_no_degrees_and_no_speed() -> None:
    decoded = decode_lip(encode_short(ShortFields()))
    assert isinstance(decoded, ShortReport)
    assert (decoded.has_fix, decoded.latitude_deg, decoded.longitude_deg, decoded.speed_kmh) == (
        False,
        None,
        None,
        None,
    )
    assert encode_short(ShortFields()).hex() == "0A30000000000007FFE81"


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    speed=st.none() | st.floats(0, 1_000),
    direction=st.floats(0, 359.9),
    accuracy=st.none() | st.floats(0, 500_000),
)
def test_short_reports_survive_the_way_there_and_back(
    latitude: float, longitude: float, speed: float | None, direction: float, accuracy: float | None
) -> None:
    fields = ShortFields(
        latitude_deg=latitude, longitude_deg=longitude, speed_kmh=speed, direction_deg=direction, accuracy_m=accuracy
    )
    decoded = decode_lip(encode_short(fields))
    assert isinstance(decoded, ShortReport)
    hold_invariants(decoded)
    if decoded.has_fix:
        assert decoded.latitude_deg == pytest.approx(latitude, abs=180 / 2**23)
        assert decoded.longitude_deg == pytest.approx(longitude, abs=360 / 2**24)
    else:
        assert abs(latitude) < 1e-5
        assert abs(longitude) < 1e-5
    if speed is None:
        assert decoded.speed_kmh is None
    else:
        assert decoded.speed_kmh == pytest.approx(speed, rel=0.03, abs=0.6)
    assert abs((decoded.direction_deg - direction + 180) % 360 - 180) <= 11.26


@given(
    latitude=st.floats(-89, 89),
    longitude=st.floats(1, 179),
    altitude=st.none() | st.floats(-200, 11_525),
    status=st.none() | st.integers(0, 0xFFFF),
    result=st.none() | st.integers(0, 255),
    moment=st.none()
    | st.builds(TimeOfPosition, st.integers(1, 31), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
)
def test_long_reports_survive_the_way_there_and_back(
    latitude: float,
    longitude: float,
    altitude: float | None,
    status: int | None,
    result: int | None,
    moment: TimeOfPosition | None,
) -> None:
    fields = LongFields(
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_m=altitude,
        status_value=status,
        result_code=result,
        time_of_position_utc=moment,
        uncertainty_m=25.0,
    )
    decoded = decode_lip(encode_long(fields))
    assert isinstance(decoded, LongReport)
    hold_invariants(decoded)
    assert decoded.has_fix == (not result)
    assert decoded.status_value == status
    assert decoded.time_of_position_utc == moment
    assert decoded.horizontal_uncertainty_m is not None and decoded.horizontal_uncertainty_m >= 25.0
    if altitude is not None and decoded.altitude_m is not None:
        assert decoded.altitude_m == pytest.approx(altitude, abs=38)
    assert decoded.rest_hex == ""


def test_a_request_names_who_gets_the_answer() -> None:
    # The real request of a centre: short report to SSI 5374540.
    assert encode_position_request(5_374_540).hex() == "0A4591C152024C"
    decoded = decode_lip(encode_position_request(5_374_540))
    assert isinstance(decoded, LocationControl)
    assert decoded.type5_elements[0].ssi == 5_374_540


@settings(max_examples=2_000)
@given(st.binary(max_size=40))
def test_random_bytes_raise_nothing_but_decode_error(data: bytes) -> None:
    for prefix in (b"", b"\x0a"):
        try:
            decoded = decode_lip(Bits.from_bytes(prefix + data))
        except DecodeError:
            continue
        hold_invariants(decoded)
        msgspec.json.encode(decoded)


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["id"])
def test_every_cut_of_a_report_is_refused_or_holds_the_invariants(vector: dict[str, Any]) -> None:
    whole = Bits.from_hex(vector["pdu_hex"])
    for length in range(whole.length):
        try:
            decoded = decode_lip(Bits(whole.value >> (whole.length - length), length))
        except DecodeError:
            continue
        hold_invariants(decoded)


def test_an_element_that_was_cut_is_shown_and_loses_no_position() -> None:
    whole = encode_long(LongFields(latitude_deg=59.5, longitude_deg=16.5, status_value=0x8005))
    cut = decode_lip(Bits(whole.value >> 4, whole.length - 4))
    assert isinstance(cut, LongReport)
    assert cut.has_fix
    assert cut.status_value is None
    assert cut.rest_hex != ""


def test_decoding_is_fast_enough_for_one_core() -> None:
    assert lip_per_second(20_000) >= 50_000
