"""Which aggregates an event is folded into, and by which fold."""

from typing import Any

from granslos.contract.events import (
    BookingReceived,
    DeskMoved,
    DutyChanged,
    Event,
    HandoverReceived,
    IncidentOpened,
)
from granslos.domain import centre, handover, incident, operator, unit
from granslos.domain.incident_state import IncidentEvent, IncidentState
from granslos.domain.priorities import DEFAULT_SCALE, Scale
from granslos.domain.stamp import Stamp
from granslos.domain.unit_state import UnitEvent, UnitState

STATE_TYPES: dict[str, type] = {
    "handover": handover.HandoverState,
    "incident": IncidentState,
    "unit": UnitState,
    "centre": centre.CentreState,
    "operator": operator.OperatorState,
}
"""What each kind of aggregate folds to."""

_AGGREGATE_OF_TYPE = {
    "DutyChanged": "operator",
    "UnitRegistered": "unit",
    "UnitAssigned": "unit",
    "AssignmentCancelled": "unit",
    "UnitStatusReported": "unit",
    "BookingReceived": "incident",
    "BookingCancelled": "incident",
    "HandoverReceived": "handover",
}


def topics(event_type: str, aggregate: str, aggregate_id: str, payload: Event | None) -> tuple[tuple[str, str], ...]:
    """Return the aggregates (kind, id) that an event is folded into, in this order.

    An event that cannot be read (``payload`` None) concerns its own aggregate, which is then parked.
    """
    if event_type == "GenerationStarted":
        return ()
    match payload:
        case IncidentOpened(handover_id=str(handover_id)):
            return (("incident", payload.incident_id), ("handover", handover_id))
        case IncidentOpened() | BookingReceived():
            return (("incident", payload.incident_id),)
        case HandoverReceived():
            return (("handover", payload.handover_id),)
        case DutyChanged():
            return (("operator", payload.user_id),)
        case DeskMoved():
            return (("centre", payload.centre),)
        case _:
            kind = _AGGREGATE_OF_TYPE.get(event_type, aggregate)
            return ((kind, aggregate_id),) if kind in STATE_TYPES else ()


def fold(kind: str, state: Any, event: Event, stamp: Stamp, scale: Scale = DEFAULT_SCALE) -> Any:
    """Fold an event into one of its aggregates. Total: an event that does not concern this kind changes nothing."""
    match kind, event:
        case "incident", _ if isinstance(event, IncidentEvent):
            return incident.evolve(state, event, stamp, scale)
        case "unit", _ if isinstance(event, UnitEvent):
            return unit.evolve(state, event, stamp, scale)
        case "handover", HandoverReceived() | IncidentOpened():
            return handover.evolve(state, event, stamp)
        case "centre", DeskMoved():
            return centre.evolve(state, event, stamp)
        case "operator", DutyChanged():
            return operator.evolve(state, event, stamp)
        case _:
            return state
