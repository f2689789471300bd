"""Folding a unit's events: claims are decisions in LOG order, crew statuses are facts that commute. Total and pure."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from granslos.contract.events import (
    AssignmentCancelled,
    ConflictAcknowledged,
    UnitAssigned,
    UnitRegistered,
    UnitStatusReported,
)
from granslos.domain.clash import acknowledged
from granslos.domain.limits import CLAIMS_ENDED_MAX, EARLY_CANCELLATIONS_MAX, REPORTS_NEWEST_KEPT
from granslos.domain.priorities import DEFAULT_SCALE, Scale
from granslos.domain.stamp import Stamp
from granslos.domain.unit_contest import close_contests, derive
from granslos.domain.unit_state import AssignmentState, Cancellation, Claim, Report, UnitEvent, UnitState

replace = msgspec.structs.replace


def evolve(state: UnitState | None, event: UnitEvent, stamp: Stamp, scale: Scale = DEFAULT_SCALE) -> UnitState:
    """Fold one event. Total and pure; give each event id once."""
    named = event.unit_id if isinstance(event, UnitRegistered) else None
    base = state or UnitState(unit_id=stamp.fold_id or stamp.aggregate_id or named or "")
    match event:
        case UnitRegistered():
            return derive(_registered(base, event, stamp), scale)
        case UnitAssigned():
            return _pruned(derive(_claimed(base, event, stamp, scale), scale))
        case AssignmentCancelled():
            return _pruned(derive(_cancelled(base, event, stamp), scale))
        case UnitStatusReported():
            return derive(_reported(base, event, stamp), scale)
        case ConflictAcknowledged():
            words = acknowledged(base.acknowledgements, event, stamp)
            return derive(replace(base, acknowledgements=words), scale)
        case _:
            assert_never(event)


def _registered(state: UnitState, event: UnitRegistered, stamp: Stamp) -> UnitState:
    return replace(
        state,
        unit_id=event.unit_id,
        registered=True,
        kind=event.kind,
        centre=event.centre,
        station=event.station,
        latitude=event.latitude,
        longitude=event.longitude,
        skills=event.skills,
        crew=event.crew,
        shift_ends_at=event.shift_ends_at,
        last_decision=stamp.event_id,
    )


def _claimed(state: UnitState, event: UnitAssigned, stamp: Stamp, scale: Scale) -> UnitState:
    decided = replace(state, last_decision=stamp.event_id)
    if any(c.assignment_id == event.assignment_id for c in state.claims):
        return decided
    live = [] if _is_aware(state, event) else [a for a in state.assignments if a.active or _may_return(a)]
    repeated = next((a.assignment_id for a in live if a.incident_id == event.incident_id), None)
    new = Claim(
        assignment_id=event.assignment_id,
        event_id=stamp.event_id,
        incident_id=event.incident_id,
        at=stamp.at,
        by=event.by,
        index=state.claimed,
        centre=stamp.centre,
        incident_centre=event.incident_centre,
        priority=event.priority,
        reason=event.reason,
        overlaps=() if repeated else tuple(a.assignment_id for a in live),
        joined_to=repeated,
        cancellation=next((c for c in state.early_cancellations if c.assignment_id == event.assignment_id), None),
    )
    closed = decided if live else close_contests(decided, scale)
    replaced = _root_id(state, event.replaces) if repeated is None else None
    claims = tuple(_displaced(c, new) if c.assignment_id == replaced else c for c in closed.claims)
    return replace(closed, claims=(*claims, new), claimed=state.claimed + 1)


def _root_id(state: UnitState, assignment_id: str | None) -> str | None:
    """Return the claim that ``assignment_id`` only repeats, or itself."""
    return next((c.joined_to or c.assignment_id for c in state.claims if c.assignment_id == assignment_id), None)


def _is_aware(state: UnitState, event: UnitAssigned) -> bool:
    """Tell whether the decider knew what the unit works on: nothing, or what this claim replaces."""
    return state.active is None or _root_id(state, event.replaces) == state.active.assignment_id


def _may_return(assignment: AssignmentState) -> bool:
    """Tell whether an assignment lost a contest that is still open."""
    return assignment.contested and assignment.state == "displaced"


def _displaced(claim: Claim, new: Claim) -> Claim:
    if claim.displaced_at is not None:
        return claim
    return replace(claim, displaced_at=new.at, displaced_by=new.assignment_id)


def _cancelled(state: UnitState, event: AssignmentCancelled, stamp: Stamp) -> UnitState:
    made = Cancellation(
        assignment_id=event.assignment_id, event_id=stamp.event_id, at=stamp.at, by=event.by, reason=event.reason
    )
    decided = replace(state, last_decision=stamp.event_id)
    claim_id = _root_id(state, event.assignment_id)
    if claim_id is None:
        early = (*state.early_cancellations, made)[-EARLY_CANCELLATIONS_MAX:]
        return replace(decided, early_cancellations=early)
    claims = tuple(
        replace(c, cancellation=made) if c.assignment_id == claim_id and c.cancellation is None else c for c in state.claims
    )
    return replace(decided, claims=claims)


def _reported(state: UnitState, event: UnitStatusReported, stamp: Stamp) -> UnitState:
    made = Report(
        event_id=stamp.event_id,
        status=event.status,
        reported_at=event.reported_at,
        journalled_at=stamp.at,
        assignment_id=event.assignment_id,
        incident_id=event.incident_id,
    )
    ordered = sorted((*state.reports, made), key=lambda r: r.key)
    return replace(state, reports=_trimmed(ordered, {c.assignment_id for c in state.claims}))


def _trimmed(ordered: Iterable[Report], known: set[str]) -> tuple[Report, ...]:
    """Keep of each assignment the first report of each kind and the newest ones; of all others the newest ones."""
    groups: dict[str | None, list[Report]] = {}
    for report in ordered:
        groups.setdefault(report.assignment_id if report.assignment_id in known else None, []).append(report)
    kept: list[Report] = []
    for assignment_id, group in groups.items():
        newest = group[-REPORTS_NEWEST_KEPT:]
        firsts = {r.status: r for r in reversed(group)} if assignment_id is not None else {}
        kept += [r for r in group if r in newest or firsts.get(r.status) is r]
    return tuple(sorted(kept, key=lambda r: r.key))


def _pruned(state: UnitState) -> UnitState:
    """Forget the oldest ended claims, with what was reported on them."""
    open_ids = {a.assignment_id for a in state.assignments if a.active or a.contested}
    ended = [c.assignment_id for c in state.claims if c.assignment_id not in open_ids and c.joined_to not in open_ids]
    gone = set(ended[:-CLAIMS_ENDED_MAX])
    if not gone:
        return state
    return replace(
        state,
        claims=tuple(c for c in state.claims if c.assignment_id not in gone),
        reports=tuple(r for r in state.reports if r.assignment_id not in gone),
        assignments=tuple(a for a in state.assignments if a.assignment_id not in gone),
    )
