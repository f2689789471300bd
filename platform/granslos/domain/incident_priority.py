"""Assessments of an incident and the priority that follows from them.

All assessments are kept. Those that no later one knew of *stand*; the most urgent of them counts, and where they
differ the
priority is disputed until somebody who knows them assesses again, or acknowledges the clash.
"""

import msgspec

from granslos.contract.events import IncidentAssessed
from granslos.domain.clash import LEVEL_NOTICE, LEVEL_WARNING, Clash, clash_id, put
from granslos.domain.incident_state import Assessment, IncidentState
from granslos.domain.limits import ASSESSMENTS_MAX
from granslos.domain.marks import Mark, knows
from granslos.domain.priorities import Scale
from granslos.domain.stamp import Stamp

replace = msgspec.structs.replace
DISPUTE = "priority_disputed"


def assess(  # noqa: PLR0913 -- one assessment, where it stands and the scale
    state: IncidentState, event: IncidentAssessed, stamp: Stamp, mark: Mark, scale: Scale, *, is_foreign: bool
) -> IncidentState:
    """Fold an assessment. ``is_foreign``: made on another case that was merged into this one later, so never a
    clash.
    """
    made = Assessment(
        event_id=stamp.event_id,
        at=stamp.at,
        operator=event.operator,
        priority=event.priority,
        recommended=event.recommended,
        reason=event.reason,
        category=event.category,
        description=event.description,
        answers=event.answers,
        provisional=stamp.provisional,
        centre=stamp.centre,
        is_foreign=is_foreign,
        mark=mark,
    )
    unseen = tuple(a for a in standing(state) if not knows(mark, a.mark))
    needs = scale.needs_unit(event.priority)
    assessed = replace(
        state,
        assessments=(*state.assessments, made)[-ASSESSMENTS_MAX:],
        standing=(*(a.event_id for a in unseen), made.event_id)[-ASSESSMENTS_MAX:],
        prioritised_at=state.prioritised_at or stamp.at,
        need_identified_at=state.need_identified_at or (stamp.at if needs else None),
    )
    for other in unseen:
        if other.priority != made.priority and not is_foreign and not other.is_foreign:
            clash = _dispute(assessed, other, made, scale)
            assessed = replace(assessed, clashes=put(assessed.clashes, clash))
    return _counted(assessed, scale)


def standing(state: IncidentState) -> tuple[Assessment, ...]:
    """Return the assessments that no later one knew of, in fold order."""
    return tuple(a for a in state.assessments if a.event_id in state.standing)


def settled_by_person(state: IncidentState, scale: Scale) -> IncidentState:
    """Let the most urgent standing assessment stand alone: a person who saw them all decided to merge."""
    counting = _counting(state, scale)
    return state if counting is None else _counted(replace(state, standing=(counting.event_id,)), scale)


def acknowledged_disputes(state: IncidentState) -> IncidentState:
    """Derive whether the priority is disputed: two standing assessments differ, and nobody has acknowledged that."""
    is_disputed = any(
        c.kind == DISPUTE and not c.is_settled and all(e in state.standing for e in c.event_ids) for c in state.clashes
    )
    return state if is_disputed == state.priority_disputed else replace(state, priority_disputed=is_disputed)


def _dispute(state: IncidentState, first: Assessment, second: Assessment, scale: Scale) -> Clash:
    counts = first if scale.rank(first.priority) <= scale.rank(second.priority) else second
    ids = (state.incident_id, first.mark.aggregate_id, second.mark.aggregate_id)
    centres = (state.centre, first.centre, second.centre)
    return Clash(
        id=clash_id(first.event_id, second.event_id),
        kind=DISPUTE,
        level=LEVEL_WARNING,
        event_ids=(first.event_id, second.event_id),
        outcome=f"counts:{counts.priority}",
        text=f"{first.operator} chose {first.priority}, {second.operator} {second.priority}; {counts.priority} counts.",
        detected_at=second.at,
        incident_ids=tuple(dict.fromkeys(i for i in ids if i)),
        centres=tuple(dict.fromkeys(c for c in centres if c)),
    )


def _counting(state: IncidentState, scale: Scale) -> Assessment | None:
    """Return the standing assessment that counts: the most urgent, the newest of equals."""
    return min(standing(state), key=lambda a: (scale.rank(a.priority), -a.mark.index), default=None)


def _counted(state: IncidentState, scale: Scale) -> IncidentState:
    counting = _counting(state, scale)
    if counting is None:
        return state
    newest_first = tuple(reversed(state.assessments))
    recommended = counting.recommended or next((a.recommended for a in newest_first if a.recommended), None)
    is_override = recommended is not None and recommended != counting.priority
    reasons = [counting.reason, *(a.reason for a in newest_first if a.priority == counting.priority)]
    if state.priority == counting.priority:
        reasons.append(state.override_reason)
    reason = next((r for r in reasons if r and r.strip()), None) if is_override else None
    return replace(
        _decided(state, counting),
        priority=counting.priority,
        recommended_priority=recommended,
        override_reason=reason,
        override_reason_missing=is_override and reason is None,
        category=counting.category or next((a.category for a in newest_first if a.category), None),
    )


def _decided(state: IncidentState, counting: Assessment) -> IncidentState:
    """Say on unsettled disputes whose assessments no longer both stand that a person decided since."""
    clashes = tuple(
        replace(c, outcome="decided", level=LEVEL_NOTICE, text=f"{counting.operator} decided: {counting.priority}.")
        if c.kind == DISPUTE and not c.is_settled and not all(e in state.standing for e in c.event_ids)
        else c
        for c in state.clashes
    )
    return replace(state, clashes=clashes)
