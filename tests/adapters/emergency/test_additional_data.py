"""Additional data: every block is read, whatever namespace it hides in; broken ones cost a defect."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.additional_data import Block, read_additional_data
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import BLOCKS_MAX, VALUES_MAX
from granslos_adapters.emergency.vcards import read_jcard
from support.vectors import files_112, fuzz, mutated, read_112

URN = "urn:ietf:params:xml:ns:EmergencyCallData"


def read(data: bytes | str) -> tuple[tuple[Block, ...], list[str]]:
    defects = Defects()
    blocks = read_additional_data(data, defects)
    return blocks, [defect.code for defect in defects.all()]


def block(kind: str, inner: str, space: str | None = None) -> str:
    name, space = f"EmergencyCallData.{kind}", space or f"{URN}:{kind}"
    reference = "<DataProviderReference>r1@a.example</DataProviderReference>"
    return f'<{name} xmlns="{space}">{reference}{inner}</{name}>'


NAMES = {
    "additional-data/Comment1.xml": ["Comment"],
    "additional-data/DeviceInfo1.xml": ["DeviceInfo"],
    "additional-data/PidfLoProvidedByByValue.xml": [
        "Comment",
        "DeviceInfo",
        "ProviderInfo",
        "ServiceInfo",
        "SubscriberInfo",
    ],
    "additional-data/ProvInfo1.xml": ["ProviderInfo"],
    "additional-data/Rfc7095Jcard1.json": ["jCard"],
    "additional-data/SubInfo1.xml": ["SubscriberInfo"],
    "additional-data/XcardType1.xml": ["xCard"],
    "adr/EmergencyCallData.DeviceInfo.xml": ["DeviceInfo"],
    "adr/EmergencyCallData.ServiceInfo.xml": ["ServiceInfo"],
    "adr/Malformed_EmergencyCallData.DeviceInfo.xml": ["DeviceInfo"],
    "adr/Malformed_EmergencyCallData.ProviderInfo.xml": ["fragment"],
    "vehicle/Rfc8147-9.1.1.3.xml": ["Control"],
    "vehicle/Rfc8147-9.1.2.2.xml": ["Control"],
    "vehicle/Rfc8148-9.2.xml": ["Control"],
    "vehicle/Rfc8148-9.4.1.xml": ["Control"],
    "vehicle/VEDS_20180824.xml": ["VEDS"],
    "vehicle/VEDS_Example_2.xml": ["VEDS"],
    "vehicle/VEDS_Example_RFC_8148.xml": ["VEDS"],
}


@pytest.mark.parametrize("name", files_112("additional-data", "adr", "vehicle"))
def test_third_party_blocks(name: str) -> None:
    blocks, codes = read(read_112(name))
    assert [found.name for found in blocks] == NAMES[name]
    if "Malformed" in name:
        assert "xml_not_well_formed" in codes
    elif name == "vehicle/VEDS_20180824.xml":
        assert codes == ["position_implausible"]
    else:
        assert codes == []


def test_third_party_values() -> None:
    (device,), _ = read(read_112("adr/EmergencyCallData.DeviceInfo.xml"))
    assert device.reference == "1234567890@[192.168.0.1]"
    assert (device.get("UniqueDeviceID@TypeOfDeviceID"), device.get("UniqueDeviceID")) == ("MAC", "00-00-00-00-00-00")
    (subscriber,), _ = read(read_112("additional-data/SubInfo1.xml"))
    contact = subscriber.contacts[0]
    assert (contact.name, contact.telephones) == ("John Smith", ("tel:+1 630 681 5006", "tel:+1 630 681 0001"))
    assert contact.addresses == ("500 West St., 12345, AURORA, IL, USA",)
    (crash,), _ = read(read_112("vehicle/VEDS_20180824.xml"))
    assert crash.position is not None
    assert (crash.position.latitude, crash.position.longitude, crash.position.usable) == (37.09024, -95.712891, False)
    assert crash.get("Crash/CrashVehicle/ItemMakeName") == "Ford"
    (ack,), _ = read(read_112("vehicle/Rfc8147-9.1.1.3.xml"))
    assert (ack.get("ack@received"), ack.get("ack@ref")) == ("true", "1234567890@atlanta.example.com")


def test_a_namespace_with_a_dot_is_read_and_said() -> None:
    (found,), codes = read(block("Comment", "<Comment>Ring inte tillbaka</Comment>", f"{URN}.Comment"))
    assert found.get("Comment") == "Ring inte tillbaka"
    assert codes == ["namespace_with_dot"]


def test_what_a_block_lacks_is_said() -> None:
    _, codes = read(block("ServiceInfo", "<ServiceType>wireless</ServiceType>"))
    assert codes == ["missing_value"]


def test_an_unknown_block_is_kept_in_values() -> None:
    (found,), codes = read(block("Tomorrow", "<a><b c='1'>x</b></a>"))
    assert found.values == (("DataProviderReference", "r1@a.example"), ("a/b@c", "1"), ("a/b", "x"))
    (other,), codes = read("<sensor><level>7</level></sensor>")
    assert (other.name, other.values, codes) == ("sensor", (("level", "7"),), ["unknown_block"])


def test_a_reference_is_kept_for_later() -> None:
    (found,), _ = read(
        '<provided-by><EmergencyCallDataReference purpose="EmergencyCallData.ServiceInfo" ref="https://a/1"/></provided-by>'
    )
    assert (found.name, found.url) == ("ServiceInfo", "https://a/1")


def test_a_position_with_minutes_and_seconds() -> None:
    spot = (
        "<L><LatitudeDegreeValue>59</LatitudeDegreeValue><LatitudeMinuteValue>36</LatitudeMinuteValue>"
        "<LatitudeSecondValue>36</LatitudeSecondValue><LongitudeDegreeValue>16.5</LongitudeDegreeValue></L>"
    )
    (found,), _ = read(block("VEDS", spot))
    assert found.position is not None
    assert (found.position.latitude, found.position.usable) == (pytest.approx(59.61), True)


def test_counts_are_bounded() -> None:
    blocks, codes = read("<all>" + block("Comment", "") * (BLOCKS_MAX + 2) + "</all>")
    assert len(blocks) == BLOCKS_MAX
    assert "too_many_blocks" in codes
    (found,), codes = read(block("Comment", "<x>1</x>" * (VALUES_MAX + 2)))
    assert len(found.values) == VALUES_MAX
    assert "too_many_values" in codes


def test_jcards_of_any_quality() -> None:
    defects = Defects()
    card: Any = [
        "vcard",
        [
            ["version", {}, "text", "4.0"],
            ["n", {}, "text", ["Ek", "Anna", "", "Dr", ""]],
            ["adr", {}, "text", ["", "", "Storgatan 1", "Västerås", "", "722 12", "Sverige"]],
            ["tel", {"type": "work"}, "uri", "tel:+46-21-123"],
            ["broken"],
            7,
        ],
    ]
    contact = read_jcard(card, defects)
    assert contact is not None
    assert (contact.name, contact.telephones) == ("Dr Anna Ek", ("tel:+46-21-123",))
    assert contact.addresses == ("Storgatan 1, 722 12, Västerås, Sverige",)
    assert len(defects) == 2
    for bad in (None, [], ["vcard"], ["vcard", 1], {"a": 1}, ["vcard", []]):
        assert read_jcard(bad, defects) is None


ORIGINALS = (
    block(
        "ProviderInfo",
        "<Contact><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Anna</text></fn></vcard></Contact>",
    ).encode(),
    block(
        "VEDS", "<L><LatitudeDegreeValue>59</LatitudeDegreeValue><LongitudeDegreeValue>16</LongitudeDegreeValue></L>"
    ).encode(),
    msgspec.json.encode(["vcard", [["fn", {}, "text", "Anna"]]]),
)


@given(mutated(ORIGINALS) | st.binary(max_size=200))
@fuzz(300)
def test_mutations_never_raise(data: bytes) -> None:
    read(data)
