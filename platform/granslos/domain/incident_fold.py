"""Folding an incident's events, its clashes included. Total: whatever arrives, in whatever order, is
taken.
"""

from typing import Any, assert_never

import msgspec

from granslos.contract.events import (
    BookingCancelled,
    BookingReceived,
    ConflictAcknowledged,
    IncidentAmended,
    IncidentAnswered,
    IncidentAssessed,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    NoteAdded,
)
from granslos.domain.clash import LEVEL_ALARM, LEVEL_WARNING, acknowledged, settle
from granslos.domain.incident_life import keep_going, live, unrefer
from granslos.domain.incident_priority import acknowledged_disputes, assess, settled_by_person
from granslos.domain.incident_state import (
    Amendment,
    Booking,
    ClosingEvent,
    DecisionEvent,
    FactEvent,
    Holder,
    IncidentEvent,
    IncidentState,
    Note,
    OpeningEvent,
    Source,
)
from granslos.domain.incident_step import Step, add_clash, held_by, listen, standing_at, start_clash
from granslos.domain.limits import AMENDMENTS_MAX, MEMBERS_MAX, NOTES_MAX
from granslos.domain.marks import Mark, heads, knows, mark, remember
from granslos.domain.priorities import DEFAULT_SCALE, Scale
from granslos.domain.stamp import Stamp

replace = msgspec.structs.replace


def evolve(state: IncidentState | None, event: IncidentEvent, stamp: Stamp, scale: Scale = DEFAULT_SCALE) -> IncidentState:
    """Fold one event of this incident or of one merged into it. Total and pure; give each event id once."""
    base = state or IncidentState(incident_id=stamp.fold_id or stamp.aggregate_id or "")
    match event:
        case NoteAdded() | IncidentAmended() | ConflictAcknowledged():
            return _fact(base, event, stamp)
        case _:
            return _decision(base, event, stamp, scale)


# --- facts: they commute ---------------------------------------------------------------------------------------------


def _fact(state: IncidentState, event: FactEvent, stamp: Stamp) -> IncidentState:
    match event:
        case NoteAdded():
            note = Note(event_id=stamp.event_id, at=stamp.at, author=event.author, text=event.text, site=stamp.site)
            return replace(state, notes=_by_time((*state.notes, note), NOTES_MAX))
        case IncidentAmended():
            amendment = Amendment(
                event_id=stamp.event_id,
                at=stamp.at,
                author=event.author,
                location=event.location,
                description=event.description,
                caller=event.caller,
            )
            return replace(state, amendments=_by_time((*state.amendments, amendment), AMENDMENTS_MAX))
        case ConflictAcknowledged():
            words = acknowledged(state.acknowledgements, event, stamp)
            return _settled(replace(state, acknowledgements=words))
        case _:
            assert_never(event)


def _by_time(items: tuple[Any, ...], most: int) -> tuple[Any, ...]:
    return tuple(sorted(items, key=lambda item: (item.at, item.event_id))[-most:])


def _settled(state: IncidentState) -> IncidentState:
    clashes = settle(state.clashes, state.acknowledgements)
    return acknowledged_disputes(replace(state, clashes=clashes))


# --- decisions -------------------------------------------------------------------------------------------------------


def _decision(state: IncidentState, event: DecisionEvent, stamp: Stamp, scale: Scale) -> IncidentState:
    opening_id = event.incident_id if isinstance(event, IncidentOpened | BookingReceived) else None
    own_id = stamp.fold_id or state.incident_id or opening_id or ""
    if state.incident_id != own_id:
        state = replace(state, incident_id=own_id)
    made = mark(state.marks, state.decisions, opening_id or stamp.aggregate_id or own_id, stamp)
    step = Step(stamp=stamp, mark=made, scale=scale)
    changed = _passive(state, event, step) if _is_foreign(state, made, event) else _active(state, event, step)
    marks = remember(state.marks, made)
    return _settled(
        replace(
            changed,
            marks=marks,
            decisions=state.decisions + 1,
            last_decision=heads(marks),
            provisional=stamp.provisional,
        )
    )


def _is_foreign(state: IncidentState, made: Mark, event: DecisionEvent) -> bool:
    """Tell whether this was decided on another case, before a person merged that into this one."""
    if made.aggregate_id in ("", state.incident_id) or isinstance(event, IncidentOpened | BookingReceived | IncidentMerged):
        return False
    return made.aggregate_id not in (*_doubles(state), *state.joined)


def _doubles(state: IncidentState) -> tuple[str, ...]:
    """Return the incidents that were opened for the same handover or order as this one."""
    own = {_case_key(s) for s in state.sources if s.incident_id == state.incident_id}
    return tuple(s.incident_id for s in state.sources if _case_key(s) in own)


def _case_key(source: Source) -> tuple[str, ...]:
    return (source.handover_id,) if source.handover_id else (source.source, source.source_id)


def _passive(state: IncidentState, event: DecisionEvent, step: Step) -> IncidentState:
    """Fold a decision of another case: kept and shown, but its course is not this incident's."""
    match event:
        case IncidentAnswered():
            return listen(state, event.operator)
        case IncidentAssessed():
            return assess(state, event, step.stamp, step.mark, step.scale, is_foreign=True)
        case _:
            return state


def _active(state: IncidentState, event: DecisionEvent, step: Step) -> IncidentState:
    match event:
        case IncidentOpened() | BookingReceived():
            return _open(state, event, step)
        case IncidentAnswered():
            return _answer(keep_going(state, step), event, step)
        case IncidentAssessed():
            continued = keep_going(state, step)
            assessed = assess(continued, event, step.stamp, step.mark, step.scale, is_foreign=False)
            return unrefer(assessed, event, step)
        case IncidentClosed() | BookingCancelled():
            return _close(state, event, step)
        case IncidentMerged():
            return _merge(state, event, step)
        case _:
            return live(keep_going(state, step), event, step)


# --- opening ---------------------------------------------------------------------------------------------------------


def _open(state: IncidentState, event: OpeningEvent, step: Step) -> IncidentState:
    if event.incident_id in state.members:
        return state
    handover = event.handover_id if isinstance(event, IncidentOpened) else None
    source = Source(source=event.source, source_id=event.source_id, handover_id=handover, incident_id=event.incident_id)
    own_keys = {_case_key(s) for s in state.sources}
    joined = replace(
        state,
        sources=(*state.sources, source)[-MEMBERS_MAX:],
        members=(*state.members, event.incident_id)[-MEMBERS_MAX:],
        handover_ids=tuple(dict.fromkeys((*state.handover_ids, *((handover,) if handover else ())))),
        opened_priority=_more_urgent(state.opened_priority, event.priority, step.scale),
    )
    if event.incident_id == state.incident_id:
        return _own_opening(joined, event, step)
    if not state.opened or _case_key(source) not in own_keys:
        return _prioritised_from_outside(joined)
    clash = start_clash(state, step, state.opened_event_id, "double_opening", LEVEL_WARNING)
    text = f"One call was opened twice; {event.incident_id} is joined into {state.incident_id}."
    return add_clash(_prioritised_from_outside(joined), clash, "joined", text)


def _own_opening(state: IncidentState, event: OpeningEvent, step: Step) -> IncidentState:
    opened = replace(
        state,
        opened=True,
        opened_event_id=step.stamp.event_id,
        centre=event.centre,
        area=event.area,
        source=event.source,
        source_id=event.source_id,
    )
    match event:
        case IncidentOpened():
            opened = replace(
                opened,
                kind=event.kind,
                offered_at=event.offered_at,
                received_by=event.received_by,
                test=event.test,
            )
        case BookingReceived():
            opened = replace(opened, kind="b", offered_at=step.at, received_by=step.stamp.site, booking=_booking(event))
        case _:
            assert_never(event)
    return _prioritised_from_outside(opened)


def _booking(event: BookingReceived) -> Booking:
    return Booking(
        transport_class=event.transport_class,
        pickup=event.pickup,
        destination=event.destination,
        earliest_at=event.earliest_at,
        latest_at=event.latest_at,
        time_reference=event.time_reference,
        needs=event.needs,
        patient=event.patient,
        contact=event.contact,
        description=event.description,
    )


def _more_urgent(a: str | None, b: str | None, scale: Scale) -> str | None:
    return scale.most_urgent([code for code in (a, b) if code is not None])


def _prioritised_from_outside(state: IncidentState) -> IncidentState:
    return state if state.standing else replace(state, priority=state.opened_priority)


# --- answering -------------------------------------------------------------------------------------------------------


def _answer(state: IncidentState, event: IncidentAnswered, step: Step) -> IncidentState:
    holder = state.holder
    new = Holder(operator=event.operator, centre=event.operator_centre or step.stamp.centre, mark=step.mark)
    if holder is None:
        return _answered(replace(state, holder=new, answered_at=state.answered_at or step.at), step)
    if holder.operator == event.operator:
        return _answered(state, step)
    if knows(step.mark, holder.mark):
        return held_by(state, new)
    clash = start_clash(state, step, holder.mark.event_id, "both_answered", LEVEL_WARNING)
    text = f"{holder.operator} and {event.operator} both answered; {holder.operator} holds the call, the other listens in."
    return add_clash(listen(state, event.operator), clash, f"held_by:{holder.operator}", text)


def _answered(state: IncidentState, step: Step) -> IncidentState:
    if state.open_state != "offered":
        return state
    return standing_at(replace(state, life_at=step.at), "answered")


# --- closing and merging ---------------------------------------------------------------------------------------------


def _close(state: IncidentState, event: ClosingEvent, step: Step) -> IncidentState:
    if state.is_closed and state.closing is not None and not knows(step.mark, state.closing):
        return state
    left = tuple(m for m in state.uncovered if not knows(step.mark, m))
    closed = standing_at(replace(state, closing=step.mark, uncovered=left, closed_at=step.at), state.open_state)
    closed = _with_outcome(closed, event, step)
    for unseen in left:
        clash = start_clash(state, step, unseen.event_id, "closed_and_continued", LEVEL_ALARM)
        text = "Closed at one place and worked on at another; it stays open."
        closed = add_clash(replace(closed, reopened_at=step.at), clash, "reopened", text)
    return closed if left else _all_closed(closed)


def _with_outcome(state: IncidentState, event: ClosingEvent, step: Step) -> IncidentState:
    match event:
        case IncidentClosed():
            if not event.override_reason or not event.override_reason.strip():
                return replace(state, outcome=event.outcome)
            return replace(state, outcome=event.outcome, override_reason=event.override_reason, override_reason_missing=False)
        case BookingCancelled():
            booking = state.booking and replace(state.booking, cancelled_at=step.at, cancelled_by=event.by)
            return replace(state, outcome="cancelled", booking=booking)
        case _:
            assert_never(event)


def _all_closed(state: IncidentState) -> IncidentState:
    """Say on unsettled clashes that all who worked on it have closed it since."""
    clashes = tuple(
        replace(c, outcome="closed", text="Closed at one place and worked on at another; closed by all since.")
        if c.kind == "closed_and_continued" and not c.is_settled
        else c
        for c in state.clashes
    )
    return replace(state, clashes=clashes)


def _merge(state: IncidentState, event: IncidentMerged, step: Step) -> IncidentState:
    made_on = step.mark.aggregate_id
    if step.stamp.fold_id is None and event.into in state.members:
        state = replace(state, incident_id=event.into)
    if event.into == state.incident_id:
        back = None if state.merged_into == made_on else state.merged_into
        joined = tuple(dict.fromkeys((*state.joined, made_on)))[-MEMBERS_MAX:]
        return settled_by_person(replace(state, joined=joined, merged_into=back), step.scale)
    if made_on != state.incident_id:
        return state
    rival = state.merged_mark
    if rival is None or state.merged_into in (None, event.into) or knows(step.mark, rival):
        return replace(state, merged_into=event.into, merged_mark=step.mark)
    is_newer = step.mark.precedence > rival.precedence
    into = event.into if is_newer else state.merged_into
    clash = start_clash(state, step, rival.event_id, "superseded_decision", LEVEL_WARNING)
    merged = replace(state, merged_into=into, merged_mark=step.mark if is_newer else rival)
    return add_clash(merged, clash, f"into:{into}", f"Merged into two incidents; it counts with {into}.")
