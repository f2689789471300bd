"""The course of one assignment, from its claim and its crew's statuses, whatever order these came in."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from granslos.domain.unit_state import PROGRESS, STATE_OF_PROGRESS, TERMINAL, AssignmentState, Claim, Report

STAMPED = (*(status for status in PROGRESS if status != "alarmed"), "available", "refused")
"""Statuses whose first report of an assignment is one of its time stamps."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How far a claim has come by itself, before contests are judged."""

    claim: Claim
    stamps: dict[str, datetime]
    progress: int
    state: str
    ended_at: datetime | None
    is_refused: bool
    acknowledged_at: datetime | None


def course(claim: Claim, reports: Sequence[Report], has_later_claim: bool) -> Course:
    """Fold one claim's reports, sorted by time.

    A crew's ``available`` or ``refused`` ends it, unless the crew reported on it again later and the unit has no
    later claim.
    """
    significant = [r for r in reports if r.status in PROGRESS or r.status in TERMINAL]
    stamps: dict[str, datetime] = {}
    for report in significant:
        stamps.setdefault(report.status, report.reported_at)
    progress = max((PROGRESS[r.status] for r in significant if r.status in PROGRESS), default=0)
    acks = [r.reported_at for r in significant if r.status == "acknowledged"]
    terminal = _terminal(significant, has_later_claim)
    state, ended_at = _furthest(progress), None
    if terminal is not None:
        state, ended_at = terminal.status, terminal.journalled_at
    cancellation = claim.cancellation
    if cancellation is not None and (terminal is None or terminal.reported_at > cancellation.at):
        state, ended_at = _turned_back(significant, cancellation.at), cancellation.at
    return Course(
        claim=claim,
        stamps=stamps,
        progress=progress,
        state=state,
        ended_at=ended_at,
        is_refused=state == "refused",
        acknowledged_at=max(acks, default=None),
    )


def _terminal(significant: Sequence[Report], has_later_claim: bool) -> Report | None:
    terminals = [r for r in significant if r.status in TERMINAL]
    if not terminals or (terminals[-1] is not significant[-1] and not has_later_claim):
        return None
    return terminals[-1]


def _furthest(progress: int) -> str:
    status = next(name for name, rank in PROGRESS.items() if rank == progress)
    return STATE_OF_PROGRESS.get(status, status)


def _turned_back(significant: Sequence[Report], at: datetime) -> str:
    """Return ``stood_down`` for a unit that was on its way, ``cancelled`` for one that had not left."""
    moved = any(PROGRESS.get(r.status, 0) >= PROGRESS["en_route"] and r.reported_at <= at for r in significant)
    return "stood_down" if moved else "cancelled"


def assignment(made: Course, unit_id: str, displaced_at: datetime | None, contested: bool) -> AssignmentState:
    """Return the assignment that a course comes to; ``displaced_at`` when another claim took the unit."""
    claim = made.claim
    state, ended_at = made.state, made.ended_at
    if displaced_at is not None and (ended_at is None or ended_at > displaced_at) and not made.is_refused:
        state, ended_at = "displaced", displaced_at
    stamps = {f"t_{status}": made.stamps.get(status) for status in STAMPED}
    return AssignmentState(
        assignment_id=claim.assignment_id,
        event_id=claim.event_id,
        unit_id=unit_id,
        incident_id=claim.incident_id,
        centre=claim.centre,
        priority=claim.priority,
        state=state,
        active=ended_at is None,
        contested=contested,
        by=claim.by,
        reason=claim.cancellation.reason if claim.cancellation and claim.cancellation.reason else claim.reason,
        ended_at=ended_at,
        t_alarmed=claim.at,
        t_cancelled=claim.cancellation.at if claim.cancellation else None,
        **stamps,
    )


def oddities(made: Course, reports: Sequence[Report]) -> tuple[str, ...]:
    """Return impossible turns of a course, which are kept and shown: going back, and statuses after its end."""
    found: list[str] = []
    previous: str | None = None
    ended = False
    for report in reports:
        if report.status in TERMINAL:
            ended = True
            continue
        if report.status not in PROGRESS:
            continue
        if ended or (made.claim.cancellation and report.reported_at > made.claim.cancellation.at):
            found.append(f"status_after_end:{report.status}")
        elif previous is not None and PROGRESS[report.status] < PROGRESS[previous]:
            found.append(f"out_of_order:{previous}>{report.status}")
        previous = report.status
    return tuple(dict.fromkeys(found))
