"""EIDO: meaning. The handover says what the sender meant; what it could not say is kept beside it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.commands import AnyCommand, ReceiveHandover
from granslos.contract.person import decode_hook, encode_hook
from granslos_adapters.eido.link import understand
from granslos_adapters.eido.mapping import NOT_READ
from granslos_adapters.eido.settings import EidoSettings
from granslos_adapters.kit.http import Body
from support.eidos import CALL, INCIDENT, component, eido, presence
from support.vectors import expected_112, fuzz, mutated, read_112

PRIORITIES = EidoSettings().priorities
_decoder = msgspec.json.Decoder(AnyCommand, dec_hook=decode_hook)


def encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def handover_of(data: bytes, sender: str = "sos-alarm") -> ReceiveHandover:
    """The one handover that these bytes become; what a node would read of it."""
    understood = understand(Body(data=data), "application/json", sender, PRIORITIES)
    ((_, handover),) = understood.commands
    again = _decoder.decode(msgspec.json.encode(handover, enc_hook=encode_hook))
    assert again == handover, "a node reads what the adapter meant"
    assert handover.raw == data, "no byte is lost"
    return handover


def codes(handover: ReceiveHandover) -> list[str]:
    return [defect.code for defect in handover.defects]


def test_a_whole_eido() -> None:
    handover = handover_of(encoded(eido()))
    assert (handover.source, handover.source_id) == ("sos1.sos.example", INCIDENT)
    assert handover.sent_at == datetime(2026, 1, 15, 10, 12, tzinfo=UTC)
    assert handover.answered_112_at == datetime(2026, 1, 15, 10, 11, 8, tzinfo=UTC)
    assert handover.caller is not None
    assert handover.caller.number is not None
    assert handover.caller.name is not None
    assert (handover.caller.number.reveal(), handover.caller.name.reveal()) == ("+46701740605", "Anna Ek")
    location = handover.location
    assert location is not None
    assert (location.latitude, location.longitude, location.radius_m) == (59.6134, 16.5447, 25.0)
    assert (location.source, location.method, location.usable) == ("EIDO Caller", "GPS", True)
    assert location.address is not None
    assert location.address.reveal() == "Storgatan 1, Västerås"
    assert handover.description == "[Active]\nOnt i bröstet"
    assert (handover.category, handover.priority) == ("CHESPAIN / Bröstsmärta", "1A")
    assert handover.extra["priority"] == {"common_number": 9, "proposal": "1A"}
    assert handover.call_ids == (CALL,)
    assert codes(handover) == ["script_removed"]


def test_the_third_party_sample() -> None:
    data = read_112("eido/SampleCallTransferEido.json")
    expect = expected_112("eido/SampleCallTransferEido.json")
    handover = handover_of(data)
    assert handover.source_id == expect["incident_id"]
    assert handover.call_ids == (expect["call_id"],)
    uris = next(fact["callback_uris"] for fact in handover.extra["calls"] if "callback_uris" in fact)
    assert uris == expect["callback_uris"]
    assert len(handover.extra["persons"]) == expect["persons"]
    assert len(handover.extra["locations"]) == expect["locations"]
    assert handover.extra["locations"][1]["locationByReferenceUrl"].startswith("https://lrf.osp.com")
    assert [fact["block"] for fact in handover.extra["additional_data"]] == ["ServiceInfo", "ProviderInfo", "Comment"]
    assert handover.description == "This is an example text."
    assert handover.defects == ()


def test_a_resend_is_the_same_command_and_an_update_another_of_the_same_case() -> None:
    def command(document: dict[str, Any]) -> tuple[str, str]:
        ((name, handover),) = understand(Body(data=encoded(document)), "x/y", "sos", PRIORITIES).commands
        return name, handover.source_id

    first, again = command(eido()), command(eido())
    later = command(eido(lastUpdateTimeStamp="2026-01-15T10:13:00Z"))
    assert first == again
    assert (first[0] != later[0], first[1] == later[1]) == (True, True)


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ({"issuingElementIdentification": None}, "sos.example"),
        ({"issuingElementIdentification": None, "updatedByAgencyReference": None}, "sos.example"),
        (
            {
                "issuingElementIdentification": "",
                "updatedByAgencyReference": 7,
                "agencyComponent": [{"$id": "owner.example", "incidentOwningAgencyIndicator": True}],
            },
            "owner.example",
        ),
        ({"issuingElementIdentification": None, "updatedByAgencyReference": None, "$id": "odd"}, "eido"),
    ],
)
def test_somebody_always_vouches_for_a_case(change: dict[str, Any], source: str) -> None:
    assert handover_of(encoded(eido() | change)).source == source


def test_eidos_of_no_incident_do_not_join_strangers() -> None:
    untied = "urn:emergency:uid:incidentid:0:sos.example"
    handover = handover_of(encoded(eido() | {"$id": untied}))
    assert (handover.source_id, "no_incident" in codes(handover)) == (CALL, True)
    no_call = {"$id": untied, "callComponent": []}
    one, other = (handover_of(encoded(eido(tag=tag) | no_call)).source_id for tag in "ab")
    assert one != other
    assert one.startswith(untied)


def test_a_very_long_id_stays_unique() -> None:
    one, other = (handover_of(encoded(eido() | {"$id": "x" * 400 + tail})).source_id for tail in "ab")
    assert one != other
    assert len(one) <= 256


def located(*kinds_and_documents: tuple[str, str]) -> dict[str, Any]:
    return eido(
        locationComponent=[
            component(f"loc{n}", locationTypeDescriptionRegistryText=kind, locationByValue=document)
            for n, (kind, document) in enumerate(kinds_and_documents)
        ]
    )


@pytest.mark.parametrize(
    ("locations", "latitude", "others"),
    [
        ([("Caller", presence("59.1 16.1")), ("Caller", presence("59.2 16.2", time="2026-01-15T10:11:50Z"))], 59.2, 1),
        (
            [("TowerLocation", presence("59.1 16.1", time="2026-01-15T10:12:00Z")), ("Caller", presence("59.2 16.2"))],
            59.2,
            1,
        ),
        ([("Caller", presence("59.1 16.1", radius="900")), ("Caller", presence("59.2 16.2", radius="9"))], 59.2, 1),
        ([("Caller", presence("0 0")), ("RoutingLocation", presence("59.2 16.2"))], 59.2, 1),
        ([("Caller", presence("59.1 16.1", time="2050-05-15T12:30:00Z")), ("Caller", presence("59.2 16.2"))], 59.2, 1),
        ([("UnitLocation", presence("59.1 16.1")), ("RoutingLocation", presence("59.2 16.2"))], 59.2, 1),
        ([("UnitLocation", presence("59.1 16.1"))], None, 1),
        ([("Caller", presence("16.1 59.1"))], 16.1, 1),
        ([("Caller", "<broken")], None, 0),
    ],
)
def test_the_best_location_is_shown_and_all_are_kept(
    locations: list[tuple[str, str]], latitude: float | None, others: int
) -> None:
    handover = handover_of(encoded(located(*locations)))
    assert (handover.location.latitude if handover.location else None) == latitude
    assert len(handover.alternative_locations) == others


def test_swapped_axes_are_offered_and_never_used() -> None:
    handover = handover_of(encoded(located(("Caller", presence("16.1 59.1")))))
    assert handover.location is not None
    assert handover.location.usable is False
    (offered,) = handover.alternative_locations
    assert (offered.latitude, offered.longitude, offered.usable) == (59.1, 16.1, False)
    assert offered.source == "EIDO Caller, suggestion: axes swapped"


@pytest.mark.parametrize(
    ("incident", "priority"),
    [
        ({"incidentCommonPriorityNumber": 10}, "1A"),
        ({"incidentCommonPriorityNumber": 0}, "4"),
        ({"incidentCommonPriorityNumber": "8"}, "1B"),
        ({"incidentCommonPriorityNumber": 11}, None),
        ({"incidentCommonPriorityNumber": True}, None),
        ({"incidentCommonPriorityNumber": 3, "incidentPriorityInternalText": "Prio 1A"}, "1A"),
        ({"incidentCommonPriorityNumber": 3, "incidentPriorityInternalText": "röd"}, "3"),
        ({}, None),
    ],
)
def test_a_priority_is_proposed_and_its_origin_kept(incident: dict[str, Any], priority: str | None) -> None:
    handover = handover_of(encoded(eido(incidentComponent=component("i", **incident))))
    assert handover.priority == priority
    kept = handover.extra.get("priority", {})
    assert kept.get("common_number") == incident.get("incidentCommonPriorityNumber")
    assert kept.get("internal_text") == incident.get("incidentPriorityInternalText")


def test_a_corrected_number_comes_before_the_network_s() -> None:
    callback = component(
        "cb1", callBackInformationUri=["tel:+46701740605"], updatedCbn={"updatedCbnIdentifierUri": "tel:+46211234567"}
    )
    handover = handover_of(encoded(eido(callbackComponent=[callback])))
    assert handover.caller is not None
    assert handover.caller.number is not None
    assert handover.caller.number.reveal() == "+46211234567"


def test_test_calls_are_marked() -> None:
    call = component(CALL, standardPrimaryCallType="testCall")
    assert handover_of(encoded(eido(callComponent=[call]))).test is True
    assert handover_of(encoded(eido())).test is False


def test_unknown_components_are_passed_on() -> None:
    body = eido(
        tomorrowComponent=[{"$id": "x", "deep": {"er": [1, 2.5, None, "å"]}}],
        vehicleComponent=[component("v1", vehicleRelationshipType=["involved"], ncVehicleComponent={"plate": "ABC123"})],
        linkComponent=[component("l1", incidentTrackingIdentifier="x", linkDirectionCode="RELATED")],
    )
    extra = handover_of(encoded(body)).extra
    assert extra["opaque"]["tomorrowComponent"] == body["tomorrowComponent"]
    assert extra["components"]["vehicleComponent"] == body["vehicleComponent"]
    assert extra["components"]["linkComponent"] == body["linkComponent"]


def test_what_a_database_would_choke_on_is_replaced() -> None:
    body = eido(odd={"nul\u0000key": "a\u0000b", "big": 10**30, "deep": json.loads("[" * 40 + "]" * 40)})
    handover = handover_of(encoded(body))
    text = msgspec.json.encode(handover.extra).decode()
    assert "\\u0000" not in text
    assert "nested too deep" in text


@pytest.mark.parametrize(
    ("data", "source", "source_id"),
    [
        (b"not json at all", "sos-alarm", "unreadable:"),
        (encoded(eido())[:-20], "sos1.sos.example", INCIDENT),
        (encoded({k: v for k, v in eido().items() if k != "$id"}), "sos1.sos.example", CALL),
        (b"{}", "sos-alarm", "unreadable:"),
    ],
)
def test_what_cannot_be_read_is_shown_to_an_operator(data: bytes, source: str, source_id: str) -> None:
    handover = handover_of(data)
    assert handover.source == source
    assert handover.source_id.startswith(source_id)
    assert handover.description is not None
    assert handover.description.startswith(NOT_READ)
    assert handover.extra["unreadable"]["bytes"] == len(data)
    assert handover.defects


def test_an_eido_without_its_id_keeps_all_it_says() -> None:
    body = eido()
    del body["$id"]
    handover = handover_of(encoded(body))
    assert handover.location is not None
    assert handover.location.latitude == 59.6134
    assert handover.caller is not None
    assert "Ont i bröstet" in (handover.description or "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = sorted(eido())


@given(st.dictionaries(st.sampled_from(MEMBERS), json_values, min_size=1, max_size=4))
@fuzz(300)
def test_any_member_may_be_anything(changes: dict[str, Any]) -> None:
    handover_of(json.dumps(eido() | changes).encode())


@given(st.sampled_from(MEMBERS), st.text(max_size=30), json_values)
@fuzz(300)
def test_any_member_of_a_component_may_be_anything(kind: str, name: str, value: Any) -> None:
    body = eido()
    for target in body[kind] if isinstance(body[kind], list) else [body[kind]]:
        if isinstance(target, dict):
            for member in (*target, name):
                handover_of(json.dumps(body | {kind: [target | {member: value}]}).encode())


@given(mutated((encoded(eido()), encoded(located(("Caller", presence("0 0")), ("x", presence()))))) | st.binary(max_size=200))
@fuzz(300)
def test_damaged_bytes_always_become_a_handover(data: bytes) -> None:
    handover_of(data)
