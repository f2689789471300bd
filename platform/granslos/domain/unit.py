"""Units (enhet): a unit works on at most one assignment; its dispatch desk claims it, its crew reports.

Crew statuses are facts: always taken, bound to the assignment active when journalled, never ending another.
"""

from datetime import datetime, timedelta

from granslos.contract.commands import AssignUnit, CancelAssignment, RegisterUnit, ReportUnitStatus
from granslos.contract.envelope import derive_id
from granslos.contract.events import AssignmentCancelled, UnitAssigned, UnitRegistered, UnitStatusReported
from granslos.domain.limits import STATUS_AGE_HOURS_MAX
from granslos.domain.stamp import Context, Rejection
from granslos.domain.unit_fold import evolve
from granslos.domain.unit_state import PROGRESS, AssignmentState, UnitEvent, UnitState

__all__ = [
    "AssignmentState",
    "UnitEvent",
    "UnitState",
    "decide_assign",
    "decide_cancel",
    "decide_register",
    "evolve",
    "is_loaded",
    "report_status",
]

LOADED = frozenset(s for s, rank in PROGRESS.items() if rank >= PROGRESS["loaded"])


def is_loaded(assignment: AssignmentState) -> bool:
    """Tell whether the patient is or has been on board."""
    return assignment.state in LOADED or assignment.t_loaded is not None


def decide_register(state: UnitState | None, command: RegisterUnit, context: Context) -> tuple[UnitRegistered, ...]:
    """Make a unit known, or change what is known of it. Empty when nothing changes."""
    fields = {name: getattr(command, name) for name in command.__struct_fields__}
    if state is not None and state.registered and all(getattr(state, name) == value for name, value in fields.items()):
        return ()
    return (UnitRegistered(**fields),)


def decide_assign(
    state: UnitState | None,
    command: AssignUnit,
    context: Context,
    *,
    incident_priority: str | None,
    incident_open: bool,
) -> tuple[UnitAssigned, ...] | Rejection:
    """Claim the unit for an incident; empty when it works on it already.

    Rejects: 404 ``not_found``; 422 ``unknown_priority``; 409 ``incident_closed``, ``out_of_service``, ``unit_busy``.
    """
    refused = _unassignable(state, command, context, incident_open)
    if refused is not None or state is None:
        return refused or _unknown(command.unit_id)
    active = state.active
    if active is not None and active.incident_id == command.incident_id:
        return ()
    priority = command.priority or incident_priority
    if active is not None and not command.preempt:
        return Rejection("unit_busy", "The unit works on another incident", f"{state.unit_id}: {active.incident_id}")
    if active is not None and is_loaded(active):
        return Rejection("unit_busy", "The unit has a patient on board", f"{state.unit_id}: {active.incident_id}")
    if active is not None and not context.scale.more_urgent(priority, active.priority):
        detail = f"{priority or '-'} is not more urgent than {active.priority or '-'}"
        return Rejection("unit_busy", "Only a more urgent incident may take the unit", detail)
    return (
        UnitAssigned(
            assignment_id=derive_id("assignment", context.command_id),
            incident_id=command.incident_id,
            priority=priority,
            replaces=active.assignment_id if active else None,
            by=context.actor.subject,
            reason=command.reason,
        ),
    )


def _unassignable(state: UnitState | None, command: AssignUnit, context: Context, incident_open: bool) -> Rejection | None:
    if state is None or not state.registered:
        return _unknown(command.unit_id)
    if command.priority is not None and not context.scale.knows(command.priority):
        return Rejection("unknown_priority", "Not a priority of the scale", command.priority, "priority", 422)
    if not incident_open:
        return Rejection("incident_closed", "The incident is closed", command.incident_id)
    if state.out_of_service:
        return Rejection("out_of_service", "The unit is out of service", state.unit_id)
    return None


def _unknown(unit_id: str) -> Rejection:
    return Rejection("not_found", "No such unit", unit_id, "unit_id", 404)


def decide_cancel(
    state: UnitState | None, command: CancelAssignment, context: Context
) -> tuple[AssignmentCancelled, ...] | Rejection:
    """Turn the unit back; empty when its work on the incident has been cancelled already.

    Rejects: 404 ``not_found``; 409 ``not_assigned``.
    """
    if state is None:
        return _unknown(command.unit_id)
    mine = [a for a in state.assignments if a.incident_id == command.incident_id]
    active = next((a for a in mine if a.active), None)
    if active is None:
        if mine and mine[-1].t_cancelled is not None:
            return ()
        return Rejection("not_assigned", "The unit does not work on this incident", command.incident_id)
    return (
        AssignmentCancelled(
            assignment_id=active.assignment_id,
            incident_id=active.incident_id,
            by=context.actor.subject,
            reason=command.reason,
        ),
    )


def report_status(state: UnitState | None, command: ReportUnitStatus, context: Context) -> tuple[UnitStatusReported, ...]:
    """Take a crew's status; never refuses. Empty only for the same status of the same instant.

    It is bound to the assignment on the incident it names, else to the one active, or to the one that was active at its
    instant where it is older than that. A status from an impossible date is dated by its arrival.
    """
    at = _plausible(command.at, context.now)
    bound = _bound(state, command.incident_id, at)
    event = UnitStatusReported(
        status=command.status,
        reported_at=at,
        assignment_id=bound.assignment_id if bound else None,
        incident_id=bound.incident_id if bound else command.incident_id,
        source=command.source,
        raw=command.raw,
    )
    is_known = command.at is not None and any(
        (r.status, r.reported_at, r.incident_id) == (event.status, event.reported_at, event.incident_id)
        for r in (state.reports if state else ())
    )
    return () if is_known else (event,)


def _plausible(at: datetime | None, now: datetime) -> datetime:
    if at is None or at > now or at < now - timedelta(hours=STATUS_AGE_HOURS_MAX):
        return now
    return at


def _bound(state: UnitState | None, incident_id: str | None, at: datetime) -> AssignmentState | None:
    assignments = state.assignments if state else ()
    if incident_id is not None:
        mine = [a for a in assignments if a.incident_id == incident_id]
        return next((a for a in mine if a.active), mine[-1] if mine else None)
    active = state.active if state else None
    # Radios report in whole seconds, so that two sites that hear one key make the same command of it.
    if active is None or active.t_alarmed is None or at >= active.t_alarmed.replace(microsecond=0):
        return active
    earlier = [a for a in assignments if a.t_alarmed and a.t_alarmed <= at and (a.ended_at is None or at <= a.ended_at)]
    return earlier[-1] if earlier else None
