"""Use cases of a transport booking: it becomes an incident of kind ``b``, opened by the call desk of its pickup's area."""

from collections.abc import Callable
from datetime import datetime

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.world import World
from granslos.contract.commands import BookTransport, CancelBooking
from granslos.domain import booking as domain
from granslos.domain.stamp import Rejection


def plan_book(command: BookTransport, setting: Setting) -> UseCase:
    """Plan a booking."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        if command.centre is not None and command.centre not in setting.centres:
            return Rejection("unknown_centre", "No such centre", field="centre", status=422)
        centre, area = setting.known.centre_of(command.pickup, command.centre)
        gate = setting.gate(centre, "calls")
        if isinstance(gate, Elsewhere):
            return gate
        epoch, provisional = gate
        events = domain.book(command, setting.context(now, provisional), new_incident_id(), centre, area)
        if isinstance(events, Rejection):
            return events
        drafts = tuple(
            Draft(
                aggregate="incident",
                id=event.incident_id,
                payload=event,
                refs=(event.incident_id,),
                centre=centre,
                desk="calls",
                epoch=epoch,
                provisional=provisional,
            )
            for event in events
        )
        return Decided(target=("incident", drafts[0].id), drafts=drafts, created=True)

    return UseCase((), decide)


def plan_cancel(command: CancelBooking, setting: Setting) -> UseCase:
    """Plan withdrawing a booking."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        state = world.state("incident", command.booking_id)
        if state is None or state.kind != "b":
            return Rejection("not_found", "No such booking", f"There is no booking {command.booking_id}.", status=404)
        gate = setting.gate(state.centre, "calls")
        if isinstance(gate, Elsewhere):
            return gate
        epoch, provisional = gate
        events = domain.cancel(
            state, command, setting.context(now, provisional), assignments=world.case_assignments(command.booking_id)
        )
        if isinstance(events, Rejection):
            return events
        drafts = tuple(
            Draft(
                aggregate="incident",
                id=command.booking_id,
                payload=event,
                refs=(command.booking_id,),
                centre=state.centre,
                desk="calls",
                epoch=epoch,
                provisional=provisional,
                base=state.last_decision,
            )
            for event in events
        )
        return Decided(target=("incident", command.booking_id), drafts=drafts)

    return UseCase([("incident", command.booking_id)], decide)
