"""Transport bookings (sjuktransport): planned patient transports, incidents of kind ``b`` folded like all others."""

from collections.abc import Sequence

from granslos.contract.commands import BookTransport, CancelBooking
from granslos.contract.events import BookingCancelled, BookingReceived
from granslos.domain.incident_course import is_closed
from granslos.domain.incident_state import IncidentState
from granslos.domain.stamp import Context, Rejection
from granslos.domain.unit import is_loaded
from granslos.domain.unit_state import AssignmentState


def book(
    command: BookTransport, context: Context, incident_id: str, centre: str, area: str | None = None
) -> tuple[BookingReceived] | Rejection:
    """Take an order as the incident ``incident_id`` of ``centre``.

    Rejects: 422 ``unknown_priority``, ``window_reversed``, ``window_in_the_past``.
    """
    if not context.scale.knows(command.priority):
        return Rejection("unknown_priority", "Not a priority of the scale", command.priority, "priority", 422)
    if command.earliest_at and command.latest_at and command.latest_at < command.earliest_at:
        return Rejection("window_reversed", "The window ends before it begins", "", "latest_at", 422)
    if command.latest_at and command.latest_at < context.now:
        return Rejection("window_in_the_past", "The window is over", "", "latest_at", 422)
    return (
        BookingReceived(
            incident_id=incident_id,
            source=command.source,
            source_id=command.source_id,
            centre=centre,
            area=area,
            transport_class=command.transport_class,
            pickup=command.pickup,
            destination=command.destination,
            earliest_at=command.earliest_at,
            latest_at=command.latest_at,
            time_reference=command.time_reference,
            priority=command.priority,
            needs=command.needs,
            patient=command.patient,
            contact=command.contact,
            description=command.description,
        ),
    )


def cancel(
    state: IncidentState | None, command: CancelBooking, context: Context, *, assignments: Sequence[AssignmentState]
) -> tuple[BookingCancelled, ...] | Rejection:
    """Withdraw a booking; empty when it is withdrawn already. Units on their way are for the dispatch desk to turn
    back.

    Rejects: 404 ``not_found``; 409 ``loaded`` once a patient is on board, ``closed``, ``merged``.
    """
    if state is None or not state.opened or state.booking is None:
        return Rejection("not_found", "No such booking", command.booking_id, "booking_id", 404)
    if state.booking.cancelled_at is not None and state.is_closed:
        return ()
    if state.merged_into is not None:
        return Rejection("merged", "The booking was merged into another incident", state.merged_into)
    if is_closed(state, assignments):
        return Rejection("closed", "The booking is closed", state.incident_id)
    if any(is_loaded(a) for a in assignments if a.active or a.state == "available"):
        return Rejection("loaded", "The patient is or was on board", state.incident_id)
    return (BookingCancelled(by=context.actor.subject, reason=command.reason),)
