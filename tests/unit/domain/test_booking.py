"""Transport bookings: incidents of kind b, withdrawn until the patient is on board."""

from typing import Any

import pytest

from granslos.contract.commands import BookTransport, CancelBooking, CloseIncident, QueueIncident
from granslos.contract.person import PersonName
from granslos.contract.places import Caller, Location
from granslos.contract.views import IncidentView
from granslos.domain import booking, incident
from granslos.domain.stamp import Rejection
from granslos.domain.unit_state import AssignmentState
from granslos.domain.view import conflict_views, incident_view
from support.chronicle import SCALE, Chronicle, accepted, at, context, refused, roundtrip

ID = "20261121-vas-000007"
WARD = Location(latitude=59.61, longitude=16.54)
HOME = Location(latitude=59.4, longitude=16.5)


def order(**more: Any) -> BookTransport:
    fields = {"source": "suti", "source_id": "o1", "pickup": WARD, "destination": HOME, **more}
    return BookTransport(**fields)


def booked(**more: Any) -> Chronicle:
    log = Chronicle()
    command = order(patient=Caller(name=PersonName("Eva")), needs=("oxygen",), **more)
    (event,) = accepted(booking.book(command, context(), ID, "vas", "19"))
    log.write("incident", ID, event)
    return log


def view(log: Chronicle, *assignments: AssignmentState) -> IncidentView:
    state = log.state("incident", ID)
    assert roundtrip("incident", state) == state
    return incident_view(state, handovers=[], assignments=assignments, merged_into=None, merged_from=(), scale=SCALE)


def at_work(**more: Any) -> AssignmentState:
    fields = {"assignment_id": "a1", "event_id": "e1", "unit_id": "u1", "incident_id": ID, "t_alarmed": at(1), **more}
    return AssignmentState(**fields)


def cancel(log: Chronicle, *assignments: AssignmentState) -> tuple[Any, ...] | Rejection:
    command = CancelBooking(booking_id=ID, reason="inställd")
    return booking.cancel(log.state("incident", ID), command, context("ward", seconds=60), assignments=assignments)


def test_an_order_is_an_offered_incident_of_kind_b_with_its_details() -> None:
    made = view(booked(latest_at=at(3600), description="bår"))
    assert (made.kind, made.state, made.priority, made.centre, made.area) == ("b", "offered", "3", "vas", "19")
    assert (made.location, made.description, made.source, made.source_id) == (WARD, "bår", "suti", "o1")
    assert made.booking and (made.booking["destination"], made.booking["needs"]) == (HOME, ("oxygen",))
    assert (made.t_offered, made.t_position_known) == (at(0), at(0))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"priority": "Z"}, "priority"),
        ({"earliest_at": at(9), "latest_at": at(8)}, "latest_at"),
        ({"latest_at": at(-1)}, "latest_at"),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused_with_the_field(more: dict[str, Any], field: str) -> None:
    outcome = booking.book(order(**more), context(), ID, "vas")
    assert isinstance(outcome, Rejection)
    assert (outcome.status, outcome.field) == (422, field)


def test_an_order_waits_and_is_carried_out_as_any_incident() -> None:
    log = booked()
    for event in accepted(incident.decide(log.state("incident", ID), QueueIncident(incident_id=ID), context(), assignments=())):
        log.write("incident", ID, event)
    assert view(log).state == "waiting"
    assert view(log, at_work()).state == "assigned"
    done = at_work(active=False, state="available", t_loaded=at(9), ended_at=at(99), t_available=at(99))
    assert view(log, done).state == "completed"


def test_an_order_is_withdrawn_until_the_patient_is_on_board() -> None:
    log = booked()
    assert refused(cancel(log, at_work(state="loaded", t_loaded=at(5)))) == "loaded"
    assert refused(cancel(log, at_work(state="at_destination", t_loaded=at(5)))) == "loaded"
    (event,) = accepted(cancel(log, at_work(state="en_route")))
    log.write("incident", ID, event, 60)
    assert cancel(log) == ()
    made = view(log, at_work(state="en_route"))
    assert (made.state, made.outcome, made.t_closed) == ("closed", "cancelled", at(60))
    assert conflict_views(log.state("incident", ID), assignments=[at_work(state="en_route")]) == ()


def test_an_order_withdrawn_while_another_site_had_the_patient_loaded_is_open_again() -> None:
    log = booked()
    log.write("incident", ID, accepted(cancel(log))[0], 60)
    loaded = at_work(state="loaded", t_loaded=at(55))
    assert view(log, loaded).state == "assigned"
    assert [c.kind for c in conflict_views(log.state("incident", ID), assignments=[loaded])] == ["closed_and_assigned"]


def test_only_an_open_booking_is_withdrawn() -> None:
    command = CancelBooking(booking_id=ID)
    assert refused(booking.cancel(None, command, context(), assignments=())) == "not_found"
    log = booked()
    state = log.state("incident", ID)
    (event,) = accepted(incident.decide(state, CloseIncident(incident_id=ID), context(), assignments=()))
    log.write("incident", ID, event)
    assert refused(cancel(log)) == "closed"


def test_one_order_booked_twice_is_joined() -> None:
    log = booked()
    other = "20261121-esk-000001"
    (event,) = accepted(booking.book(order(), context(), other, "esk", "04"))
    log.write("incident", other, event, provisional=True, base=None)
    log.parents[other] = ID
    assert [c.kind for c in log.state("incident", ID).clashes] == ["double_opening"]
