"""What the call desk's word and the units' claims together say of an incident's course."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from granslos.domain.clash import LEVEL_ALARM, Clash, clash_id, settle
from granslos.domain.incident_state import IncidentState
from granslos.domain.limits import OVERLAP_TOLERANCE_SECONDS
from granslos.domain.unit_state import AssignmentState

TOLERANCE = timedelta(seconds=OVERLAP_TOLERANCE_SECONDS)
ARRIVED = ("t_on_scene", "t_at_patient", "t_loaded", "t_at_destination", "t_handed_over")


def is_closed(state: IncidentState, assignments: Sequence[AssignmentState]) -> bool:
    """Tell whether it is closed, and no unit was at work on it then or given to it since."""
    return state.is_closed and not contradicting(state, assignments)


def contradicting(state: IncidentState, assignments: Sequence[AssignmentState]) -> tuple[AssignmentState, ...]:
    """Return the assignments that a closing could not know of: still active, or ended only after it."""
    if not state.is_closed or state.closed_at is None:
        return ()
    limit = state.closed_at + TOLERANCE
    found = tuple(a for a in assignments if a.active or (a.ended_at is not None and a.ended_at > limit))
    if state.booking is not None and state.booking.cancelled_at == state.closed_at:
        return tuple(a for a in found if a.t_loaded is not None)
    return found


def view_state(state: IncidentState, assignments: Sequence[AssignmentState], merged_into: str | None) -> str:
    """Return the state that people see: the call desk's, or what its units make of it.

    ``merged``, ``closed``, ``assigned`` (a unit at work), ``waiting`` (also when its unit was taken for another
    incident),
    ``completed`` (all units done), else the call desk's state.
    """
    if merged_into is not None or state.merged_into is not None:
        return "merged"
    if is_closed(state, assignments):
        return "closed"
    if any(a.active for a in assignments):
        return "assigned"
    if displaced_at(state, assignments) is not None:
        return "waiting"
    return "completed" if _is_completed(state, assignments) else state.open_state


def displaced_at(state: IncidentState, assignments: Sequence[AssignmentState]) -> datetime | None:
    """Return when its unit was taken for another incident, when nothing was done about it since; else None."""
    if any(a.active for a in assignments) or state.open_state == "referred":
        return None
    last = max((a for a in assignments if a.ended_at is not None), key=_ended, default=None)
    if last is None or last.state != "displaced" or last.ended_at is None:
        return None
    is_handled = any(at is not None and at > last.ended_at for at in (state.referred_at, state.reopened_at, state.queued_at))
    return None if is_handled else last.ended_at


def _ended(assignment: AssignmentState) -> tuple[datetime, str]:
    assert assignment.ended_at is not None
    return (assignment.ended_at, assignment.assignment_id)


def _is_completed(state: IncidentState, assignments: Sequence[AssignmentState]) -> bool:
    done = [a for a in assignments if is_finished(a)]
    if not done:
        return False
    last = max(_ended(a)[0] for a in done)
    return state.life_at is None or state.life_at <= last


def is_finished(assignment: AssignmentState) -> bool:
    """Tell whether a unit did its work: it came to the patient and is free again."""
    return assignment.state == "available" and any(getattr(assignment, name) is not None for name in ARRIVED)


def closed_and_assigned(state: IncidentState, assignments: Sequence[AssignmentState]) -> tuple[Clash, ...]:
    """Return the clashes of a closing with assignments that it could not know of."""
    if state.closing is None:
        return ()
    made = [
        Clash(
            id=clash_id(state.closing.event_id, a.event_id),
            kind="closed_and_assigned",
            level=LEVEL_ALARM,
            event_ids=(state.closing.event_id, a.event_id),
            outcome="reopened",
            text=f"Closed while {a.unit_id} was given to it at another place; it is open again.",
            detected_at=max(t for t in (state.closed_at, a.t_alarmed) if t is not None),
            incident_ids=tuple(dict.fromkeys((state.incident_id, a.incident_id))),
            unit_ids=(a.unit_id,),
            centres=tuple(dict.fromkeys(c for c in (state.centre, a.centre) if c)),
        )
        for a in contradicting(state, assignments)
    ]
    return settle(made, state.acknowledgements)


def with_level(clash: Clash, assignments: Sequence[AssignmentState]) -> Clash:
    """Raise a double opening to an alarm while units are at work for both incidents."""
    at_work = {a.incident_id for a in assignments if a.active} & set(clash.incident_ids)
    if clash.kind != "double_opening" or len(at_work) < 2:
        return clash
    return msgspec.structs.replace(clash, level=LEVEL_ALARM, text=f"{clash.text} Units are at work for both.")
