"""The eCall minimum set of data: three versions, cut at every bit, damaged; never a wrong position."""

from typing import Any

import asn1tools
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.msd import MSD_BYTES_MAX, Msd, _module, read_msd
from granslos_adapters.emergency.msd_bits import STORAGE, VEHICLE_TYPES, Layout, walk
from support.vectors import fuzz, mutated, read_112

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


def read(data: bytes) -> tuple[Msd | None, list[str]]:
    defects = Defects()
    found = read_msd(data, defects)
    return found, [defect.code for defect in defects.all()]


def structure(**changes: Any) -> dict[str, Any]:
    return {
        "messageIdentifier": 3,
        "control": {
            "automaticActivation": True,
            "testCall": False,
            "positionCanBeTrusted": True,
            "vehicleType": "passengerVehicleClassM1",
        },
        "vehicleIdentificationNumber": {
            "isowmi": "YV1",
            "isovds": "LW5501",
            "isovisModelyear": "T",
            "isovisSeqPlant": "2012345",
        },
        "vehiclePropulsionStorageType": {"electricEnergyStorage": True},
        "timestamp": 1_768_471_872,
        "vehicleLocation": {"positionLatitude": 214_608_240, "positionLongitude": 59_560_920},
        "vehicleDirection": 45,
        "recentVehicleLocationN1": {"latitudeDelta": -10, "longitudeDelta": 10},
        "recentVehicleLocationN2": {"latitudeDelta": 5, "longitudeDelta": 0},
        "numberOfPassengers": 2,
    } | changes


def encode(version: int, layout: int | None = None, *, additional: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """Encode as ``version`` says, or with another version's layout inside."""
    message: dict[str, Any] = {"msdStructure": structure(**changes)}
    if additional:
        message["optionalAdditionalData"] = additional
    body = bytes(_module(layout or version).encode("MSDMessage", message))
    return bytes([version]) + body if version == 1 else bytes([version, len(body)]) + body


def samples() -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in msgspec.json.decode(read_112("ecall-msd/msd.json"))}


def test_third_party_v2() -> None:
    sample = samples()["msd-v2-passenger-car"]
    expect = sample["expect"]
    found, codes = read(bytes.fromhex(sample["hex"]))
    assert found is not None
    assert (found.version, found.message_identifier) == (expect["msdVersion"], expect["messageIdentifier"])
    assert (found.automatic, found.test, found.position_trusted) == (True, False, True)
    assert (found.vehicle_type, found.vin) == (expect["vehicleType"], expect["vin"])
    assert found.propulsion == ("gasolineTankPresent",)
    assert found.sent_at is not None
    assert found.sent_at.timestamp() == expect["timestamp"]
    assert found.latitude == expect["positionLatitude_mas"] / 3_600_000
    assert found.longitude == expect["positionLongitude_mas"] / 3_600_000
    assert (found.direction_deg, found.occupants) == (2 * expect["vehicleDirection_raw"], expect["numberOfPassengers"])
    assert found.recent[0] == pytest.approx((5.2387, 52.22123 + 1 / 3600))
    assert found.recent[1] == pytest.approx((5.2387, 52.22123 + 4 / 3600))
    assert (found.usable, codes) == (False, ["position_implausible"])
    assert found.suggestion is not None
    assert (found.suggestion.latitude, found.suggestion.longitude) == (52.22123, 5.2387)


def test_third_party_that_ends_early() -> None:
    sample = samples()["msd-v1-declares-additional-data-but-ends"]
    found, codes = read(bytes.fromhex(sample["hex"]))
    assert found is not None
    assert (found.vin, found.version) == (sample["expect"]["vin"], 1)
    assert codes[0] == "not_decodable"


def test_third_party_that_is_none() -> None:
    found, codes = read(bytes.fromhex(samples()["not-an-msd-140-bytes"]["hex"]))
    assert found is None
    assert codes == ["not_decodable", "not_an_msd"]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_version(version: int) -> None:
    found, codes = read(encode(version))
    assert found is not None
    assert (found.version, found.vin, found.occupants, codes) == (version, "YV1LW5501T2012345", 2, [])
    assert (found.latitude, found.longitude, found.usable) == (214_608_240 / 3.6e6, 59_560_920 / 3.6e6, True)
    assert found.propulsion == ("electricEnergyStorage",)
    assert len(found.recent) == 2
    assert found.recent[0] == pytest.approx((214_607_240 / 3.6e6, 59_561_920 / 3.6e6))


@pytest.mark.parametrize(("version", "layout"), [(2, 1), (1, 2), (3, 2)])
def test_a_sender_that_mixes_versions_is_understood(version: int, layout: int) -> None:
    found, codes = read(encode(version, layout))
    assert found is not None
    assert (found.vin, found.usable) == ("YV1LW5501T2012345", True)
    assert "unusual_layout" in codes


def test_additional_data() -> None:
    found, codes = read(encode(2, additional={"oid": bytes([1, 4, 2]), "data": b"\xca\xfe"}))
    assert found is not None
    assert (found.additional_oid, found.additional_data, codes) == ("1.4.2", "cafe", [])


@pytest.mark.parametrize("name", VEHICLE_TYPES)
def test_every_vehicle_type(name: str) -> None:
    control = structure()["control"] | {"vehicleType": name}
    data = encode(3, control=control)
    found, codes = read(data)
    assert found is not None
    assert (found.vehicle_type, codes) == (name, [])
    assert walk(data[2:], Layout(recent_mandatory=True))["vehicleType"] == name


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timestamp": 0}, None),
        ({"timestamp": 100}, "implausible_time"),
        ({"vehicleLocation": {"positionLatitude": 0x7FFFFFFF, "positionLongitude": 0x7FFFFFFF}}, "no_position"),
        ({"vehicleLocation": {"positionLatitude": 0, "positionLongitude": 0}}, "position_null"),
        ({"vehicleLocation": {"positionLatitude": 59_560_920, "positionLongitude": 214_608_240}}, "position_implausible"),
        ({"vehicleLocation": {"positionLatitude": 2_000_000_000, "positionLongitude": 0}}, "position_out_of_range"),
        ({"control": structure()["control"] | {"positionCanBeTrusted": False}}, "position_not_trusted"),
        ({"numberOfPassengers": 255}, None),
        ({"vehicleDirection": 255}, None),
    ],
)
def test_unknown_and_doubtful_values(changes: dict[str, Any], code: str | None) -> None:
    found, codes = read(encode(2, **changes))
    assert found is not None
    assert found.vin == "YV1LW5501T2012345"
    assert codes == ([code] if code else [])
    if code in ("no_position", "position_null", "position_implausible", "position_out_of_range"):
        assert not found.usable


def test_padding_is_no_defect_and_other_trailers_are_said() -> None:
    padded = encode(2).ljust(MSD_BYTES_MAX, b"\0")
    assert read(padded)[1] == []
    assert read(encode(2) + b"xyz")[1] == ["trailing_bytes"]
    assert read(encode(2).ljust(MSD_BYTES_MAX + 1, b"\0"))[1] == ["too_long"]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_cut_at_every_byte_keeps_what_is_whole_and_invents_nothing(version: int) -> None:
    data = encode(version)
    whole, _ = read(data)
    assert whole is not None
    seen_vin = seen_position = False
    for cut in range(len(data)):
        found, codes = read(data[:cut])
        assert codes
        if found is None:
            continue
        seen_vin |= found.vin is not None
        seen_position |= found.latitude is not None
        assert found.vin in (None, whole.vin)
        assert (found.latitude, found.longitude) in ((None, None), (whole.latitude, whole.longitude))
        assert found.sent_at in (None, whole.sent_at)
    assert seen_vin
    assert seen_position


def test_a_damaged_vin_does_not_cost_the_position() -> None:
    data = bytearray(encode(2))
    data[6] = 0xFF
    found, codes = read(bytes(data))
    assert found is not None
    assert (found.vin, found.latitude) == (None, 214_608_240 / 3.6e6)
    assert "vin_unreadable" in codes


vins = st.text(ALPHABET, min_size=17, max_size=17)
angles = st.integers(-(2**31), 2**31 - 1)
deltas = st.fixed_dictionaries({"latitudeDelta": st.integers(-512, 511), "longitudeDelta": st.integers(-512, 511)})


@st.composite
def structures(draw: st.DrawFn) -> dict[str, Any]:
    vin = draw(vins)
    built = structure(
        messageIdentifier=draw(st.integers(0, 255)),
        control={
            "automaticActivation": draw(st.booleans()),
            "testCall": draw(st.booleans()),
            "positionCanBeTrusted": draw(st.booleans()),
            "vehicleType": draw(st.sampled_from(VEHICLE_TYPES)),
        },
        vehicleIdentificationNumber={
            "isowmi": vin[:3],
            "isovds": vin[3:9],
            "isovisModelyear": vin[9],
            "isovisSeqPlant": vin[10:],
        },
        vehiclePropulsionStorageType=dict.fromkeys(draw(st.sets(st.sampled_from(STORAGE))), True),
        timestamp=draw(st.integers(0, 2**32 - 1)),
        vehicleLocation={"positionLatitude": draw(angles), "positionLongitude": draw(angles)},
        vehicleDirection=draw(st.integers(0, 255)),
        recentVehicleLocationN1=draw(deltas),
        recentVehicleLocationN2=draw(deltas),
        numberOfPassengers=draw(st.integers(0, 255)),
    )
    for optional in ("recentVehicleLocationN1", "recentVehicleLocationN2", "numberOfPassengers"):
        if draw(st.booleans()):
            del built[optional]
    return built


@given(structures())
@fuzz(300)
def test_bit_by_bit_agrees_with_the_compiled_module(values: dict[str, Any]) -> None:
    """asn1tools encodes; our own reader of bits says the same of every field."""
    body = bytes(_module(2).encode("MSDMessage", {"msdStructure": values}))
    walked = walk(body, Layout())
    assert walked["vin"] == "".join(values["vehicleIdentificationNumber"].values())
    assert walked["vehicleType"] == values["control"]["vehicleType"]
    assert set(walked["propulsion"]) == set(values["vehiclePropulsionStorageType"])
    assert (walked["positionLatitude"], walked["positionLongitude"]) == tuple(values["vehicleLocation"].values())
    for name in ("messageIdentifier", "timestamp", "vehicleDirection", "numberOfPassengers"):
        assert walked.get(name) == values.get(name)
    for name in ("recentVehicleLocationN1", "recentVehicleLocationN2"):
        delta = values.get(name)
        assert walked.get(name) == ((delta["latitudeDelta"], delta["longitudeDelta"]) if delta else None)
    assert "cut" not in walked


@given(
    mutated((encode(1), encode(2), encode(3), encode(2, additional={"oid": b"\1", "data": b"x" * 30})))
    | st.binary(max_size=200)
)
@fuzz(500)
def test_damage_never_raises(data: bytes) -> None:
    found, codes = read(data)
    assert found is not None or "not_an_msd" in codes
    if found is not None and found.usable:
        assert found.latitude is not None
        assert 54 <= found.latitude <= 72


def test_the_compiler_used_for_checking_is_the_one_that_reads() -> None:
    with pytest.raises(asn1tools.DecodeError):
        _module(2).decode("MSDMessage", b"\x00")
