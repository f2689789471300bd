"""Incidents (ärende): what a call desk decides on them.

Lifecycle: offered → answered → parked | waiting | referred → closed; what units do on them is derived in the view. An
empty
tuple means that it is so already; every event is one the incident's fold takes without a clash.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from granslos.contract.commands import (
    AddNote,
    AmendIncident,
    AnswerIncident,
    AssessIncident,
    CloseIncident,
    MergeIncident,
    OpenIncident,
    ParkIncident,
    QueueIncident,
    ReferIncident,
    ReopenIncident,
    ResumeIncident,
    ReviewIncident,
)
from granslos.contract.events import (
    Event,
    IncidentAmended,
    IncidentAnswered,
    IncidentAssessed,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    IncidentParked,
    IncidentQueued,
    IncidentReferred,
    IncidentReopened,
    IncidentResumed,
    IncidentReviewed,
    NoteAdded,
)
from granslos.domain.incident_course import is_closed
from granslos.domain.incident_fold import evolve
from granslos.domain.incident_state import IncidentEvent, IncidentState
from granslos.domain.stamp import Context, Rejection
from granslos.domain.unit_state import AssignmentState

__all__ = [
    "AnyIncidentCommand",
    "IncidentEvent",
    "IncidentState",
    "decide",
    "evolve",
    "is_closed",
    "open_from_handover",
]

FactCommand = AddNote | AmendIncident
CallCommand = AnswerIncident | AssessIncident | ParkIncident | ResumeIncident
CourseCommand = QueueIncident | ReviewIncident | ReferIncident | CloseIncident | ReopenIncident | MergeIncident
AnyIncidentCommand = FactCommand | CallCommand | CourseCommand
Outcome = tuple[Event, ...] | Rejection


def open_from_handover(command: OpenIncident, context: Context, incident_id: str) -> tuple[IncidentOpened]:
    """Open the incident of a handover: offered now. Never refuses; a priority that is not on the scale is left to
    the fragments.
    """
    handover = command.handover
    return (
        IncidentOpened(
            incident_id=incident_id,
            centre=command.centre,
            area=command.area,
            handover_id=command.handover_id,
            source=handover.source,
            source_id=handover.source_id,
            offered_at=context.now,
            received_by=command.received_by,
            priority=handover.priority if context.scale.knows(handover.priority) else None,
            test=handover.test,
        ),
    )


def decide(
    state: IncidentState | None,
    command: AnyIncidentCommand,
    context: Context,
    *,
    assignments: Sequence[AssignmentState],
) -> Outcome:
    """Decide a command to one incident. ``assignments`` are all of its units' claims.

    Rejects: 404 ``not_found``; 409 ``merged``, ``closed`` and what the single rules say; 422 with the wrong ``field``.
    """
    if state is None or not state.opened:
        return Rejection("not_found", "No such incident", command.incident_id, "incident_id", 404)
    if isinstance(command, AddNote | AmendIncident):
        return _fact(command, context)
    if state.merged_into is not None:
        is_same = isinstance(command, MergeIncident) and command.into == state.merged_into
        return () if is_same else Rejection("merged", "The incident was merged into another", state.merged_into)
    closed = is_closed(state, assignments)
    if isinstance(command, ReopenIncident | CloseIncident):
        return _close_or_reopen(state, command, context, (closed, assignments))
    if closed:
        return Rejection("closed", "The incident is closed; open it again first", state.incident_id)
    match command:
        case AnswerIncident() | AssessIncident() | ParkIncident() | ResumeIncident():
            return _call(state, command, context)
        case _:
            return _course(state, command, context, assignments)


def _fact(command: FactCommand, context: Context) -> Outcome:
    author = context.actor.subject
    match command:
        case AddNote():
            return (NoteAdded(author=author, text=command.text),)
        case AmendIncident():
            parts = {"location": command.location, "description": command.description, "caller": command.caller}
            if all(part is None for part in parts.values()):
                return ()
            return (
                IncidentAmended(
                    author=author, location=command.location, description=command.description, caller=command.caller
                ),
            )
        case _:
            assert_never(command)


# --- the call --------------------------------------------------------------------------------------------------------


def _call(state: IncidentState, command: CallCommand, context: Context) -> Outcome:
    match command:
        case AnswerIncident():
            return _answer(state, context)
        case AssessIncident():
            return _assess(command, context)
        case ParkIncident():
            return _park(state, command, context)
        case ResumeIncident():
            return _resume(state, context)
        case _:
            assert_never(command)


def _answer(state: IncidentState, context: Context) -> Outcome:
    operator = context.actor.subject
    if state.holder is None:
        return (IncidentAnswered(operator=operator, operator_centre=context.actor.centre),)
    if state.holder.operator == operator:
        return ()
    return Rejection("already_answered", "Another operator holds the call", state.holder.operator)


def _assess(command: AssessIncident, context: Context) -> Outcome:
    for field in ("priority", "recommended_priority"):
        code = getattr(command, field)
        if code is not None and not context.scale.knows(code):
            return Rejection("unknown_priority", "Not a priority of the scale", code, field, 422)
    return (
        IncidentAssessed(
            priority=command.priority,
            recommended=command.recommended_priority,
            reason=command.reason,
            category=command.category,
            description=command.description,
            answers=command.answers,
            operator=context.actor.subject,
        ),
    )


def _park(state: IncidentState, command: ParkIncident, context: Context) -> Outcome:
    if state.open_state == "parked":
        return ()
    if state.open_state != "answered":
        return Rejection("not_answered", "Only an answered call can be parked", state.open_state)
    return (IncidentParked(operator=context.actor.subject, reason=command.reason),)


def _resume(state: IncidentState, context: Context) -> Outcome:
    if state.open_state == "parked":
        return (IncidentResumed(operator=context.actor.subject),)
    if state.open_state == "answered" and state.resumed_at is not None and state.answered_by == context.actor.subject:
        return ()
    return Rejection("not_parked", "Only a parked call can be taken back", state.open_state)


# --- its course ------------------------------------------------------------------------------------------------------


def _course(
    state: IncidentState,
    command: QueueIncident | ReviewIncident | ReferIncident | MergeIncident,
    context: Context,
    assignments: Sequence[AssignmentState],
) -> Outcome:
    match command:
        case QueueIncident():
            return _queue(state, command, context)
        case ReviewIncident():
            return _review(state, command, context)
        case ReferIncident():
            if state.open_state == "referred" and state.referred_to == command.to:
                return ()
            if any(a.active for a in assignments):
                return _units_active(assignments)
            return (IncidentReferred(operator=context.actor.subject, to=command.to, reason=command.reason),)
        case MergeIncident():
            if command.into == state.incident_id:
                return Rejection("merge_into_itself", "An incident cannot be merged into itself", "", "into", 422)
            return (IncidentMerged(operator=context.actor.subject, into=command.into, reason=command.reason),)
        case _:
            assert_never(command)


def _queue(state: IncidentState, command: QueueIncident, context: Context) -> Outcome:
    if command.review_at is not None and command.review_at < context.now:
        return Rejection("review_in_the_past", "The next contact must be ahead", "", "review_at", 422)
    if state.priority is None:
        return Rejection("not_assessed", "Only a prioritised patient can wait", state.incident_id)
    due = command.review_at or _review_due(state, context)
    if state.open_state == "waiting" and command.review_at in (None, state.review_due_at):
        return ()
    return (IncidentQueued(operator=context.actor.subject, review_due_at=due, reason=command.reason),)


def _review(state: IncidentState, command: ReviewIncident, context: Context) -> Outcome:
    if state.open_state != "waiting":
        return Rejection("not_waiting", "Only a waiting patient is contacted again", state.open_state)
    due = _review_due(state, context)
    return (IncidentReviewed(operator=context.actor.subject, review_due_at=due, note=command.note),)


def _review_due(state: IncidentState, context: Context) -> datetime:
    return context.now + timedelta(minutes=context.scale.review_minutes(state.priority))


def _units_active(assignments: Sequence[AssignmentState]) -> Rejection:
    units = ", ".join(sorted(a.unit_id for a in assignments if a.active))
    return Rejection("units_active", "Units are still at work", units)


def _close_or_reopen(
    state: IncidentState,
    command: CloseIncident | ReopenIncident,
    context: Context,
    closed_and_assignments: tuple[bool, Sequence[AssignmentState]],
) -> Outcome:
    closed, assignments = closed_and_assignments
    operator = context.actor.subject
    match command:
        case ReopenIncident():
            if closed:
                return (IncidentReopened(operator=operator, reason=command.reason),)
            was_closed = state.reopened_at is not None or state.is_closed
            return () if was_closed else Rejection("not_closed", "The incident is open", state.incident_id)
        case CloseIncident():
            if closed:
                return ()
            if any(a.active for a in assignments):
                return _units_active(assignments)
            reason = command.override_reason if command.override_reason and command.override_reason.strip() else None
            if state.override_reason_missing and reason is None:
                detail = f"recommended {state.recommended_priority}, chosen {state.priority}"
                title = "Say why the chosen priority differs from the recommended one"
                return Rejection("override_reason_missing", title, detail, "override_reason")
            return (IncidentClosed(operator=operator, outcome=command.outcome, reason=command.reason, override_reason=reason),)
        case _:
            assert_never(command)
