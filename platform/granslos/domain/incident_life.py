"""Moves of an incident between its open states, and what re-opens it. A part of its fold."""

from typing import assert_never

import msgspec

from granslos.contract.events import (
    IncidentAssessed,
    IncidentParked,
    IncidentQueued,
    IncidentReferred,
    IncidentReopened,
    IncidentResumed,
    IncidentReviewed,
)
from granslos.domain.clash import LEVEL_ALARM, LEVEL_NOTICE, LEVEL_WARNING
from granslos.domain.incident_state import Holder, IncidentState, Life, LifeEvent, OpenState, Superseded
from granslos.domain.incident_step import Step, add_clash, held_by, listen, standing_at, start_clash
from granslos.domain.limits import MARKS_MAX, SUPERSEDED_MAX
from granslos.domain.marks import Mark, knows

replace = msgspec.structs.replace


def keep_going(state: IncidentState, step: Step) -> IncidentState:
    """Take note that somebody works on it: only a closing that knew of this decision closes it. Re-opens what was
    closed.
    """
    others = tuple(m for m in state.uncovered if not knows(step.mark, m))
    continued = replace(state, uncovered=(*others, step.mark)[-MARKS_MAX:])
    if not state.is_closed or state.closing is None:
        return continued
    reopened = standing_at(replace(continued, reopened_at=step.at), state.open_state)
    if knows(step.mark, state.closing):
        return reopened
    clash = start_clash(state, step, state.closing.event_id, "closed_and_continued", LEVEL_ALARM)
    return add_clash(reopened, clash, "reopened", "Closed at one place and worked on at another; it is open again.")


def live(state: IncidentState, event: LifeEvent, step: Step) -> IncidentState:
    """Fold a move. Of two that contradict and could not know of each other, the newest epoch's counts."""
    target, detail = _effect(state, event)
    life = state.life
    if target is None:
        return _reviewed(state, event) if isinstance(event, IncidentReviewed) else state
    made = Life(state=target, type=type(event).__name__, by=event.operator, detail=detail, mark=step.mark)
    rival = life if life is not None and not knows(step.mark, life.mark) and _differs(life, made) else None
    if rival is not None:
        state = _supersede(state, rival, made, step)
        if rival.mark.precedence > step.mark.precedence:
            return state
    if target == "referred" and (kept := _unseen_need(state, step)) is not None:
        state = _need_against_referral(state, kept, step)
        if kept.precedence > step.mark.precedence:
            return state
    lived = replace(state, life=made, life_at=step.at)
    return standing_at(_with_times(lived, event, step), target)


def _effect(state: IncidentState, event: LifeEvent) -> tuple[OpenState | None, str]:
    """Return the open state this decision leads to, and what else tells it from another leading there; None: no
    move.
    """
    match event:
        case IncidentParked():
            return "parked", ""
        case IncidentResumed():
            return "answered", ""
        case IncidentQueued():
            return "waiting", ""
        case IncidentReviewed():
            return None, ""
        case IncidentReferred():
            return "referred", event.to
        case IncidentReopened():
            return ("answered" if state.holder else "offered"), ""
        case _:
            assert_never(event)


def _differs(life: Life, made: Life) -> bool:
    return (life.state, life.detail) != (made.state, made.detail)


def _with_times(state: IncidentState, event: LifeEvent, step: Step) -> IncidentState:
    match event:
        case IncidentParked():
            return replace(state, parked_at=step.at)
        case IncidentResumed():
            new = Holder(operator=event.operator, centre=step.stamp.centre, mark=step.mark)
            return replace(_resumed_by(state, new), resumed_at=step.at)
        case IncidentQueued():
            return replace(state, queued_at=step.at, review_due_at=event.review_due_at)
        case IncidentReferred():
            return replace(state, referred_at=step.at, referred_to=event.to)
        case IncidentReopened():
            return replace(state, reopened_at=step.at)
        case IncidentReviewed():
            return state
        case _:
            assert_never(event)


def _resumed_by(state: IncidentState, new: Holder) -> IncidentState:
    holder = state.holder
    if holder is None:
        return replace(state, holder=new, answered_at=state.answered_at or new.mark.at)
    if holder.operator == new.operator:
        return state
    return held_by(state, new) if knows(new.mark, holder.mark) else listen(state, new.operator)


def _reviewed(state: IncidentState, event: IncidentReviewed) -> IncidentState:
    return replace(state, review_due_at=event.review_due_at) if state.open_state == "waiting" else state


def _supersede(state: IncidentState, rival: Life, made: Life, step: Step) -> IncidentState:
    """Keep the one of two contradicting decisions that does not count."""
    counts, lost = (rival, made) if rival.mark.precedence > made.mark.precedence else (made, rival)
    clash = start_clash(state, step, rival.mark.event_id, "superseded_decision", LEVEL_NOTICE)
    text = f"{lost.type} by {lost.by} had no effect; {counts.type} by {counts.by} counts."
    kept = Superseded(
        event_id=lost.mark.event_id, by_event_id=counts.mark.event_id, type=lost.type, at=lost.mark.at, by=lost.by
    )
    added = replace(state, superseded=(*state.superseded, kept)[-SUPERSEDED_MAX:])
    return add_clash(added, clash, f"counts:{counts.type}", text)


def _unseen_need(state: IncidentState, step: Step) -> Mark | None:
    """Return the newest assessment asking for a unit that a referral's decider could not have seen."""
    unseen = [
        a.mark
        for a in state.assessments
        if a.event_id in state.standing and step.scale.needs_unit(a.priority) and not knows(step.mark, a.mark)
    ]
    return unseen[-1] if unseen else None


def _need_against_referral(state: IncidentState, need: Mark, step: Step) -> IncidentState:
    counts = "IncidentAssessed" if need.precedence > step.mark.precedence else "IncidentReferred"
    clash = start_clash(state, step, need.event_id, "superseded_decision", LEVEL_WARNING)
    return add_clash(state, clash, f"counts:{counts}", f"Referred at one place, a unit needed at another; {counts} counts.")


def unrefer(state: IncidentState, event: IncidentAssessed, step: Step) -> IncidentState:
    """Take a referred incident back into work when a unit turns out to be needed."""
    life = state.life
    if state.open_state != "referred" or life is None or not step.scale.needs_unit(event.priority):
        return state
    if not knows(step.mark, life.mark):
        counts = "IncidentReferred" if life.mark.precedence > step.mark.precedence else "IncidentAssessed"
        clash = start_clash(state, step, life.mark.event_id, "superseded_decision", LEVEL_WARNING)
        text = f"Referred at one place, a unit needed at another; {counts} counts."
        state = add_clash(state, clash, f"counts:{counts}", text)
        if counts == "IncidentReferred":
            return state
    back: OpenState = "answered" if state.holder else "offered"
    return standing_at(replace(state, life_at=step.at), back)
