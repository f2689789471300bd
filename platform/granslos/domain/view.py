"""What readers see of the states: pure derivations. Durability, position and version are the caller's to fill in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from granslos.contract.places import Caller, Extra, Location
from granslos.contract.views import (
    AssessmentView,
    AssignmentView,
    ConflictView,
    HandoverView,
    IncidentView,
    NoteView,
    OperatorView,
    SourceView,
    UnitView,
)
from granslos.domain.clash import Clash
from granslos.domain.handover import Fragment, HandoverState, Summary, has_coordinates, summary
from granslos.domain.incident_course import closed_and_assigned, displaced_at, view_state, with_level
from granslos.domain.incident_state import Amendment, Assessment, IncidentState, Source
from granslos.domain.limits import ALTERNATIVE_LOCATIONS_MAX
from granslos.domain.operator import OperatorState
from granslos.domain.priorities import Scale
from granslos.domain.unit_state import AssignmentState, UnitState

FIRST_OF_ALL = (
    "t_alarmed",
    "t_delivered",
    "t_acknowledged",
    "t_en_route",
    "t_staging",
    "t_on_scene",
    "t_at_patient",
    "t_care_transferred",
    "t_left_scene",
    "t_loaded",
    "t_at_destination",
    "t_handed_over",
    "t_cancelled",
)
"""Stamps that an incident takes from the first of its units to have them; ``t_available`` is the last one's."""
_ASSIGNMENT_FIELDS = tuple(name for name in AssignmentView.__struct_fields__ if name != "assigned_by")


def incident_view(  # noqa: PLR0913 -- all that an incident's view is made of
    state: IncidentState,
    *,
    handovers: Sequence[HandoverState],
    assignments: Sequence[AssignmentState],
    merged_into: str | None,
    merged_from: Sequence[str],
    scale: Scale,
) -> IncidentView:
    """Return an incident as people see it: the best of its fragments, its course, its units' work, all its stamps."""
    facts = _joined([summary(h) for h in handovers])
    chosen, others = _places(state, facts)
    displaced = displaced_at(state, assignments)
    outside = facts.priority if scale.knows(facts.priority) else None
    view = IncidentView(
        id=state.incident_id,
        kind=state.kind,
        state=view_state(state, assignments, merged_into),
        centre=state.centre,
        area=state.area,
        priority=state.priority or outside,
        recommended_priority=state.recommended_priority,
        override_reason=state.override_reason,
        override_reason_missing=state.override_reason_missing,
        priority_disputed=state.priority_disputed,
        category=state.category or facts.category,
        description=_description(state, facts),
        source=state.source,
        source_id=state.source_id,
        sources=tuple(_source(s, handovers) for s in state.sources),
        caller=_caller(state, facts),
        location=chosen,
        alternative_locations=others,
        language=facts.language,
        defects=facts.defects,
        extra=facts.extra,
        test=state.test and (facts.test or not handovers),
        answered_by=state.answered_by,
        answered_centre=state.holder.centre if state.holder else None,
        co_listeners=state.co_listeners,
        assessments=tuple(_assessment(a) for a in state.assessments),
        notes=tuple(NoteView(at=n.at, author=n.author, text=n.text, site=n.site) for n in state.notes),
        assignments=tuple(assignment_view(a) for a in sorted(assignments, key=_by_alarm)),
        referred_to=state.referred_to if state.open_state == "referred" else None,
        outcome=state.outcome if state.is_closed else None,
        review_due_at=_review_due(state, displaced),
        merged_into=merged_into or state.merged_into,
        merged_from=tuple(merged_from),
        conflicts=tuple(c.id for c in clashes_of(state, assignments)),
        received_by=state.received_by,
        provisional=state.provisional,
        booking=_booking(state),
    )
    return msgspec.structs.replace(view, **_stamps(state, facts, assignments))


def _by_alarm(assignment: AssignmentState) -> tuple[bool, datetime | None, str]:
    return (assignment.t_alarmed is None, assignment.t_alarmed, assignment.assignment_id)


def _review_due(state: IncidentState, displaced: datetime | None) -> datetime | None:
    if displaced is not None:
        return displaced
    return state.review_due_at if state.open_state == "waiting" else None


def _joined(parts: Sequence[Summary]) -> Summary:
    """Join several handovers' summaries: the first one's word goes first."""
    if len(parts) == 1:
        return parts[0]
    extra: Extra = {}
    for part in reversed(parts):
        extra.update(part.extra)
    places = [p.location for p in parts if p.location is not None]
    others = [place for p in parts for place in p.alternative_locations]
    return Summary(
        received_at=_first(p.received_at for p in parts),
        answered_112_at=_first(p.answered_112_at for p in parts),
        caller=_pick(p.caller for p in parts),
        location=places[0] if places else None,
        alternative_locations=tuple(places[1:] + others)[:ALTERNATIVE_LOCATIONS_MAX],
        position_known_at=_first(p.position_known_at for p in parts),
        description=_pick(p.description for p in parts),
        priority=_pick(p.priority for p in parts),
        category=_pick(p.category for p in parts),
        language=_pick(p.language for p in parts),
        call_ids=tuple(dict.fromkeys(call for p in parts for call in p.call_ids)),
        extra=dict(sorted(extra.items())),
        defects=tuple(dict.fromkeys(d for p in parts for d in p.defects)),
        test=bool(parts) and all(p.test for p in parts),
    )


def _pick(values: Any) -> Any:
    return next((v for v in values if v is not None), None)


def _first(values: Any) -> datetime | None:
    return min((v for v in values if v is not None), default=None)


# --- what is known of the case ---------------------------------------------------------------------------------------


def _places(state: IncidentState, facts: Summary) -> tuple[Location | None, tuple[Location, ...]]:
    """Return the place shown and the others: an operator's word first, then the fragments' best, then the booking's."""
    spoken = [a.location for a in reversed(state.amendments) if a.location is not None]
    booked = [state.booking.pickup] if state.booking else []
    claimed = [place for place in (*spoken, facts.location, *booked) if place is not None]
    chosen = claimed[0] if claimed else None
    others = tuple(p for p in dict.fromkeys((*claimed[1:], *facts.alternative_locations)) if p != chosen)
    return chosen, others[:ALTERNATIVE_LOCATIONS_MAX]


def _description(state: IncidentState, facts: Summary) -> str | None:
    spoken: list[Amendment | Assessment] = [*state.amendments, *state.assessments]
    said = [(a.at, a.event_id, a.description) for a in spoken if a.description]
    booked = state.booking.description if state.booking else None
    return max(said)[2] if said else facts.description or booked


def _caller(state: IncidentState, facts: Summary) -> Caller | None:
    spoken = next((a.caller for a in reversed(state.amendments) if a.caller is not None), None)
    booked = (state.booking.contact or state.booking.patient) if state.booking else None
    return spoken or facts.caller or booked


def _source(source: Source, handovers: Sequence[HandoverState]) -> SourceView:
    handover = next((h for h in handovers if h.handover_id == source.handover_id), None)
    return SourceView(
        handover_id=source.handover_id or "",
        source=source.source,
        source_id=source.source_id,
        fragments=handover.count if handover else 1,
        call_ids=summary(handover).call_ids if handover else (),
    )


def _assessment(a: Assessment) -> AssessmentView:
    return AssessmentView(
        at=a.at,
        operator=a.operator,
        priority=a.priority,
        recommended_priority=a.recommended,
        reason=a.reason,
        category=a.category,
        answers=a.answers,
        provisional=a.provisional,
    )


def _booking(state: IncidentState) -> Extra | None:
    return None if state.booking is None else msgspec.structs.asdict(state.booking)


# --- stamps ----------------------------------------------------------------------------------------------------------


def _stamps(state: IncidentState, facts: Summary, assignments: Sequence[AssignmentState]) -> dict[str, datetime | None]:
    stamps = {name: _first(getattr(a, name) for a in assignments) for name in FIRST_OF_ALL}
    freed = [a.t_available for a in assignments if a.t_available is not None]
    alarmed = stamps["t_alarmed"]
    return {
        **stamps,
        "t_available": max(freed, default=None),
        "t_112_answered": facts.answered_112_at,
        "t_received": _first((facts.received_at, state.offered_at)),
        "t_offered": state.offered_at,
        "t_answered": state.answered_at,
        "t_position_known": _position_known(state, facts),
        "t_need_identified": _first((state.need_identified_at, alarmed)),
        "t_prioritised": state.prioritised_at,
        "t_queued": state.queued_at,
        "t_parked": state.parked_at,
        "t_resumed": state.resumed_at,
        "t_referred": state.referred_at,
        "t_closed": state.closed_at if state.is_closed else None,
        "t_reopened": state.reopened_at,
    }


def _position_known(state: IncidentState, facts: Summary) -> datetime | None:
    spoken = [a.at for a in state.amendments if a.location and a.location.usable and has_coordinates(a.location)]
    booked = state.offered_at if state.booking and has_coordinates(state.booking.pickup) else None
    return _first((facts.position_known_at, booked, *spoken))


# --- the other resources ---------------------------------------------------------------------------------------------


def assignment_view(state: AssignmentState) -> AssignmentView:
    """Return an assignment as people see it."""
    return AssignmentView(assigned_by=state.by, **{name: getattr(state, name) for name in _ASSIGNMENT_FIELDS})


def unit_view(state: UnitState) -> UnitView:
    """Return a unit as people see it; the latitude and longitude are its station's."""
    active = state.active
    contested = tuple(dict.fromkeys(a.incident_id for a in state.assignments if a.contested))
    return UnitView(
        id=state.unit_id,
        kind=state.kind,
        centre=state.centre,
        state=state.status,
        station=state.station,
        latitude=state.latitude,
        longitude=state.longitude,
        skills=state.skills,
        crew=state.crew,
        shift_ends_at=state.shift_ends_at,
        incident_id=active.incident_id if active else None,
        assignment=assignment_view(active) if active else None,
        contested=contested,
        emergency_since=state.emergency_since,
        status_at=state.status_at,
        flags=state.flags,
        priority=active.priority if active else None,
        source_id=state.unit_id,
    )


def handover_view(state: HandoverState) -> HandoverView:
    """Return a handover with its fragments, oldest first."""
    return HandoverView(
        id=state.handover_id,
        source=state.source,
        source_id=state.source_id,
        state="opened" if state.incident_ids else "received",
        incident_id=state.incident_ids[0] if state.incident_ids else None,
        fragments=tuple(_fragment(f) for f in state.fragments),
    )


def _fragment(fragment: Fragment) -> dict[str, Any]:
    return {k: v for k, v in msgspec.structs.asdict(fragment).items() if k != "digest" and v not in (None, (), {})}


def operator_view(state: OperatorState) -> OperatorView:
    """Return an operator on or off duty."""
    return OperatorView(
        id=state.user_id,
        state="on_duty" if state.on else "off_duty",
        centre=state.centre,
        roles=state.roles,
        since=state.since,
    )


def clashes_of(state: Any, assignments: Sequence[AssignmentState] = ()) -> tuple[Clash, ...]:
    """Return a state's clashes; an incident's also with its units' claims, where these are given."""
    match state:
        case IncidentState():
            folded = tuple(with_level(c, assignments) for c in state.clashes)
            return (*folded, *closed_and_assigned(state, assignments))
        case UnitState():
            return state.clashes
        case _:
            return ()


def conflict_views(state: Any, *, assignments: Sequence[AssignmentState] = ()) -> tuple[ConflictView, ...]:
    """Return the clashes of an incident or a unit as people see them, open until acknowledged."""
    return tuple(
        ConflictView(
            id=c.id,
            kind=c.kind,
            state="acknowledged" if c.is_settled else "open",
            outcome=c.outcome,
            text=c.text,
            level=c.level,
            incidents=c.incident_ids,
            units=c.unit_ids,
            centres=c.centres,
            event_ids=c.event_ids,
            detected_at=c.detected_at,
            acknowledged_by=c.acknowledged_by,
            acknowledged_at=c.acknowledged_at,
            note=c.note,
        )
        for c in clashes_of(state, assignments)
    )
