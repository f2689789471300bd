"""``conform``: every kind, every fixture, one form of answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.conform import BYTES_MAX, KINDS, conform
from support.eidos import CALL, INCIDENT, eido, presence
from support.vectors import expected_112, files_112, fuzz, read_112

FOLDERS = {
    "pidf": ("pidf-lo",),
    "additional": ("additional-data", "adr", "vehicle"),
    "cap": ("cap",),
    "msd": ("ecall-msd",),
    "aml": ("aml",),
    "sip": ("sip/invite", "sip/transfer-dialog"),
    "eido": ("eido",),
}
CASES = [
    pytest.param(kind, name.values[0] if hasattr(name, "values") else name, marks=getattr(name, "marks", ()))
    for kind, folders in FOLDERS.items()
    for name in files_112(*folders)
]  # fmt: skip -- because one line is one rule


def objects(kind: str, data: bytes) -> list[dict[str, Any]]:
    """What is printed, after a way through JSON."""
    found: list[dict[str, Any]] = json.loads(json.dumps(conform(kind, data)))
    assert found
    for one in found:
        assert set(one) == {"understood", "kept", "defects"}
        assert all(set(defect) == {"code", "where", "text"} for defect in one["defects"])
        assert all(isinstance(part, str) for part in one["kept"])
        assert one["understood"] or one["kept"] or not data, "nothing of a message is lost"
    return found


def test_every_kind_is_there() -> None:
    assert set(KINDS) == set(FOLDERS)
    with pytest.raises(ValueError, match="none of"):
        conform("fax", b"")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_third_party_file(kind: str, name: str) -> None:
    found = objects(kind, read_112(name))
    expect = expected_112(name)
    first = found[0]["understood"]
    if "first_pos_lat_lon" in expect:
        assert expect["first_pos_lat_lon"] in [point for place in first["locations"] for point in place.get("points", [])]
    for member in ("call_id", "emergency_call_id", "incident_id"):
        if kind == "sip" and member in expect:
            assert first[member] == expect[member]
    if kind == "eido" and "incident_id" in expect:
        assert (first["incident_id"], first["call_ids"]) == (expect["incident_id"], [expect["call_id"]])
        assert first["callback_uris"] == expect["callback_uris"]


def test_positions_are_numbers_and_ids_verbatim() -> None:
    (one,) = objects("eido", json.dumps(eido()).encode())
    assert one["understood"]["position"]["latitude"] == 59.6134
    assert (one["understood"]["incident_id"], one["understood"]["call_ids"]) == (INCIDENT, [CALL])
    (one,) = objects("pidf", presence().encode())
    assert one["understood"]["position"] == {"latitude": 59.6134, "longitude": 16.5447, "radius_m": 25.0, "usable": True}
    (one,) = objects("pidf", presence("16.5447 59.6134").encode())
    assert one["understood"]["position"]["suggestion"]["latitude"] == 59.6134
    assert one["understood"]["position"]["usable"] is False


def test_forms_of_input() -> None:
    text = 'A"ML=1;lt=+59.61340;lg=+16.54470;rd=25;top=20260115101112;lc=68;pm=G;ml=72'
    assert len(objects("aml", f"{text}\n{text}\n".encode())) == 2
    packed = sum(ord(letter) << 7 * place for place, letter in enumerate(text)).to_bytes(66, "little")
    for data in (text.encode(), packed, packed.hex().encode(), b"location_latitude=59.6134&location_longitude=16.5447"):
        (one,) = objects("aml", data)
        assert one["understood"]["position"]["latitude"] == 59.6134
    sample = "02251C0680E30A51439E2955D43800800437F80A3105669023F8A71166932185B004150043C040"
    for data in (bytes.fromhex(sample), sample.encode(), f"{sample[:20]} {sample[20:]}\n".encode()):
        (one,) = objects("msd", data)
        assert one["understood"]["vin"] == "ECALLEXAMPLE02013"
    assert len(objects("msd", f"{sample}\n{sample}".encode())) == 2
    assert len(objects("eido", json.dumps([eido(), eido()]).encode())) == 2


@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_unreadable_is_empty_and_kept(kind: str) -> None:
    (one,) = objects(kind, b"\xff\xfe\x00 nothing of all this")
    assert one["understood"] == {}
    assert one["defects"]
    assert one["kept"]


def test_a_file_without_end_is_said() -> None:
    assert conform("pidf", bytes(BYTES_MAX + 1))[0]["defects"][0]["code"] == "too_big"


@given(st.sampled_from(sorted(FOLDERS)), st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@fuzz(300)
def test_anything_gives_an_answer(kind: str, data: bytes) -> None:
    objects(kind, data)
