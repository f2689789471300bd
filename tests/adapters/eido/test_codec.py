"""EIDO: format. Everything readable is read, everything else is kept, nothing raises."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from granslos_adapters.eido.codec import COMPONENTS_MAX, Reading, Resolver, read_eidos, salvage
from granslos_adapters.emergency.defects import Defects
from support.eidos import CALL, INCIDENT, eido
from support.vectors import files_112, read_112


def read(data: bytes) -> tuple[Reading, list[str]]:
    defects = Defects()
    reading = read_eidos(data, defects)
    return reading, [defect.code for defect in defects.all()]


def encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize("name", files_112("eido"))
def test_third_party_documents(name: str) -> None:
    reading, codes = read(read_112(name))
    if name.endswith(("SampleCallTransferEido.json", "NotifyWithEido.json")):
        (found,) = reading.eidos
        assert found.id == "urn:emergency:uid:incidentid:a56e556d871:bcf.state.pa.us"
        assert (found.version, found.issued_by, found.updated_by) == ("1.0", "idx.state.pa.us", "state.pa.us")
        assert found.updated_at == datetime(2021, 4, 30, 18, 43, 49, 439_000, UTC)
        assert (len(found.of("locationComponent")), len(found.of("personComponent"))) == (2, 1)
        assert (found.opaque, codes) == ({}, [])
    else:
        assert (reading.problem, reading.eidos) == ("no_id", ())


def test_every_reference_of_the_third_party_sample_resolves() -> None:
    reading, _ = read(read_112("eido/SampleCallTransferEido.json"))
    defects = Defects()
    resolver = Resolver(reading.eidos[0], defects)
    resolved = 0
    for components in reading.eidos[0].components.values():
        for component in components:
            for member in component:
                if member.endswith("Reference"):
                    resolved += len(resolver.all(component, member))
    assert (resolved, len(defects)) == (25 - 2, 0), "two of the 25 are in the prologue of the EIDO itself"


def test_both_spellings_of_the_update_time() -> None:
    body = eido()
    body["lastUpdateTimestamp"] = body.pop("lastUpdateTimeStamp")
    reading, codes = read(encoded(body))
    assert (reading.eidos[0].updated_at, codes) == (datetime(2026, 1, 15, 10, 12, tzinfo=UTC), [])


def test_unknown_members_are_kept_and_odd_shapes_are_read() -> None:
    body = eido(tomorrowComponent=[{"$id": "x", "new": {"deep": [1]}}], alarmsSensorComponent={"$id": "a"})
    body["CALLCOMPONENT"] = body.pop("callComponent")[0]
    reading, codes = read(encoded(body))
    (found,) = reading.eidos
    assert found.opaque == {"tomorrowComponent": [{"$id": "x", "new": {"deep": [1]}}]}
    assert found.of("alarmsSensorsComponent") == ({"$id": "a"},)
    assert found.of("callComponent")[0]["$id"] == CALL
    assert codes == []


def test_references_that_point_nowhere_are_dropped_with_a_defect() -> None:
    reading, _ = read(encoded(eido()))
    defects = Defects()
    resolver = Resolver(reading.eidos[0], defects)
    call = {"callBackReference": [{"$ref": "cb1"}, {"$ref": "nowhere"}, "cb1", 7, None, {"x": 1}]}
    assert [found["$id"] for found in resolver.all(call, "callBackReference")] == ["cb1", "cb1"]
    assert [defect.code for defect in defects.all()] == ["unresolved_reference"] * 4


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"$id": "case 7 of today"}, "unusual_id"),
        ({"eidoVersion": "2.0"}, "unknown_version"),
        ({"eidoVersion": None}, "unknown_version"),
        ({"lastUpdateTimeStamp": "soon"}, "bad_time"),
        ({"lastUpdateTimeStamp": None}, "no_update_time"),
        ({"personComponent": ["Anna", 7]}, "not_a_component"),
        ({"notesComponent": [{}] * (COMPONENTS_MAX + 1)}, "too_many_components"),
    ],
)
def test_bad_data_is_accepted_with_a_defect(change: dict[str, Any], code: str) -> None:
    reading, codes = read(encoded(eido() | change))
    assert len(reading.eidos) == 1
    assert code in codes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xef\xbb\xbf" + encoded(eido()), "byte_order_mark"),
        (encoded(eido()).decode().encode("utf-16"), "byte_order_mark"),
        (
            encoded(eido(incidentComponent={"incidentTypeInternalText": "Bröstsmärta"})).decode().encode("cp1252"),
            "not_utf_8",
        ),
        (encoded(eido()) + b"\n}", "text_after_json"),
        (encoded(eido(notesComponent=[{"notesActionComments": "a@b"}])).replace(b"a@b", b"a\tb"), "loose_json"),
        (encoded(eido(x=1)).replace(b'"x": 1', b'"x": NaN'), "loose_json"),
    ],
)
def test_nearly_json_is_read(data: bytes, code: str) -> None:
    reading, codes = read(data)
    assert [found.id for found in reading.eidos] == [INCIDENT]
    assert codes == [code]


@pytest.mark.parametrize("data", [b"", b"hello", b"<eido/>", b"\x00\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_not_json_is_said(data: bytes) -> None:
    reading, codes = read(data)
    assert reading.problem == "not_json"
    assert "not_json" in codes


@pytest.mark.parametrize("data", [b"{}", b"[]", b"7", b"null", b'"x"', b'{"$id": ""}', b'{"$id": 0.0, "$id": null}'])
def test_json_without_an_id_is_said(data: bytes) -> None:
    reading, codes = read(data)
    assert reading.problem == "no_id"
    assert "no_id" in codes


def test_an_eido_without_its_id_is_still_read() -> None:
    body = eido()
    del body["$id"]
    reading, _ = read(encoded(body))
    assert reading.partial is not None
    assert reading.partial.of("callComponent")[0]["$id"] == CALL


def test_lists_and_notifications_hold_several() -> None:
    other = eido() | {"$id": INCIDENT.replace("abcdef1234", "abcdef9999")}
    for document in ([eido(), other], {"event": {"notification": [eido(), other]}}):
        assert len(read(encoded(document))[0].eidos) == 2
    assert len(read(encoded({"eido": eido()}))[0].eidos) == 1
    reading, codes = read(encoded([eido(), {"no": "id"}]))
    assert (len(reading.eidos), "no_id" in codes) == (1, True)


def test_ids_and_a_number_are_picked_out_of_a_cut_message() -> None:
    whole = encoded(eido())
    for cut in range(0, len(whole) - 1, 7):
        reading, _ = read(whole[:cut])
        assert reading.problem == "not_json"
        assert reading.scraps.incident_id in (None, INCIDENT) or INCIDENT.startswith(reading.scraps.incident_id)
    scraps = salvage(whole[:-10])
    assert (scraps.incident_id, scraps.issued_by) == (INCIDENT, "sos1.sos.example")
    assert CALL in scraps.call_ids
    assert "tel:+46701740605" in scraps.numbers
