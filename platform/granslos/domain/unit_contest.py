"""What follows from a unit's claims and reports: its assignments, and which claim keeps it when two were made at once.

At most one assignment is active. Where claims overlap, the crew's acknowledgement decides; none yet: the more urgent
keeps
the unit, the earlier in the LOG of equals. The others are displaced: their incidents go to the top of the waiting room.
Judged again at each event, until a person acknowledges the clash or a later claim that knew of it closes the contest.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from granslos.domain.clash import LEVEL_ALARM, Clash, clash_id, put, settle
from granslos.domain.limits import FLAGS_MAX, OVERLAP_TOLERANCE_SECONDS
from granslos.domain.priorities import Scale
from granslos.domain.unit_course import Course, assignment, course, oddities
from granslos.domain.unit_state import PROGRESS, STATE_OF_PROGRESS, AssignmentState, Claim, Report, UnitState

replace = msgspec.structs.replace
DOUBLED = "unit_doubled"
TOLERANCE = timedelta(seconds=OVERLAP_TOLERANCE_SECONDS)
SERVICE = frozenset({"out_of_service", "available", "at_base"})
CALM = frozenset({"available", "at_base"})


class Verdict(msgspec.Struct, frozen=True):
    """The judgement of one overlap: who keeps the unit, who lost it, when and why."""

    pair: tuple[Claim, Claim]
    keeper: Claim
    why: str


def derive(state: UnitState, scale: Scale) -> UnitState:
    """Work out everything that follows from claims, reports and acknowledgements. Doing it twice changes nothing."""
    state = _judged(state, scale)
    settled = [v for v in _verdicts(_courses(state), scale) if _is_settled(state, v)]
    if settled:
        state = _judged(replace(state, claims=_fixed(state.claims, settled)), scale)
    courses = _courses(state)
    made = _assignments(state, courses, _verdicts(courses, scale))
    return _with_status(replace(state, assignments=_at_most_one(made, courses, scale)), courses)


def close_contests(state: UnitState, scale: Scale) -> UnitState:
    """Fix all contests as they stand: the unit is claimed again by somebody who knew of them."""
    return replace(state, claims=_fixed(state.claims, _verdicts(_courses(state), scale)))


def _judged(state: UnitState, scale: Scale) -> UnitState:
    """Bring the clashes up to what the contests come to now."""
    courses = _courses(state)
    clashes = _clashes(state, courses, _verdicts(courses, scale))
    return replace(state, clashes=settle(clashes, state.acknowledgements))


def _is_settled(state: UnitState, verdict: Verdict) -> bool:
    return any(c.id == _clash_id(verdict) and c.is_settled for c in state.clashes)


def _courses(state: UnitState) -> dict[str, Course]:
    last = max((c.index for c in state.claims if c.joined_to is None), default=-1)
    aliases = {c.assignment_id: c.joined_to or c.assignment_id for c in state.claims}
    mine: dict[str, list[Report]] = {c.assignment_id: [] for c in state.claims}
    for report in state.reports:
        if report.assignment_id in aliases:
            mine[aliases[report.assignment_id]].append(report)
    return {c.assignment_id: course(c, mine[c.assignment_id], c.index < last) for c in state.claims if c.joined_to is None}


# --- contests --------------------------------------------------------------------------------------------------------


def _pairs(courses: Mapping[str, Course]) -> list[tuple[Claim, Claim]]:
    """Return the overlaps that stand: the first claim had not ended by then after all."""
    return [
        (earlier.claim, later.claim)
        for later in courses.values()
        for earlier in (courses.get(i) for i in later.claim.overlaps)
        if earlier is not None and not _ended_before(earlier, later.claim)
    ]


def _ended_before(earlier: Course, later: Claim) -> bool:
    return earlier.ended_at is not None and earlier.ended_at <= later.at + TOLERANCE


def _groups(pairs: list[tuple[Claim, Claim]]) -> list[set[str]]:
    groups: list[set[str]] = []
    for a, b in pairs:
        linked = [g for g in groups if a.assignment_id in g or b.assignment_id in g]
        groups = [g for g in groups if g not in linked] + [{a.assignment_id, b.assignment_id}.union(*linked)]
    return groups


def _verdicts(courses: Mapping[str, Course], scale: Scale) -> list[Verdict]:
    """Judge each contest: claims linked by overlaps, none of them displaced for good."""
    pairs = [pair for pair in _pairs(courses) if _is_open(pair)]
    made = []
    for group in _groups(pairs):
        keeper, why = _keeper([courses[i] for i in courses if i in group], scale)
        made += [Verdict(pair, keeper, why) for pair in pairs if pair[0].assignment_id in group]
    return made


def _is_open(pair: tuple[Claim, Claim]) -> bool:
    return pair[0].displaced_at is None and pair[1].displaced_at is None


def _keeper(candidates: list[Course], scale: Scale) -> tuple[Claim, str]:
    willing = [c for c in candidates if not c.is_refused] or candidates
    best = max(willing, key=lambda c: _strength(c, scale))
    if best.acknowledged_at is not None:
        return best.claim, "its crew acknowledged it"
    if _is_under_way(best):
        return best.claim, "its crew is under way to it"
    if len(willing) < len(candidates):
        return best.claim, "its crew refused the other"
    return best.claim, "it is the more urgent, or the first of equals"


def _is_under_way(made: Course) -> bool:
    return made.progress >= PROGRESS["en_route"]


def _strength(made: Course, scale: Scale) -> tuple[bool, float, int, int, int]:
    acknowledged = made.acknowledged_at
    return (
        acknowledged is not None,
        acknowledged.timestamp() if acknowledged else 0.0,
        made.progress if _is_under_way(made) else 0,
        -scale.rank(made.claim.priority),
        -made.claim.index,
    )


def _fixed(claims: tuple[Claim, ...], verdicts: list[Verdict]) -> tuple[Claim, ...]:
    """Write verdicts into the claims for good."""
    fates: dict[str, Claim] = {}
    for verdict in verdicts:
        for claim in verdict.pair:
            is_keeper = claim.assignment_id == verdict.keeper.assignment_id
            lost = {} if is_keeper else {"displaced_at": verdict.pair[1].at, "displaced_by": verdict.keeper.assignment_id}
            fates[claim.assignment_id] = replace(claim, **lost)
    return tuple(fates.get(c.assignment_id, c) for c in claims)


def _clash_id(verdict: Verdict) -> str:
    return clash_id(verdict.pair[0].event_id, verdict.pair[1].event_id)


def _clashes(state: UnitState, courses: Mapping[str, Course], verdicts: list[Verdict]) -> tuple[Clash, ...]:
    """Return the clashes as they stand; one that later news disproved goes, unless a person settled it."""
    disproved = {
        clash_id(earlier.claim.event_id, later.claim.event_id)
        for later in courses.values()
        for earlier in (courses.get(i) for i in later.claim.overlaps)
        if earlier is not None and not (later.claim.displaced_at or earlier.claim.displaced_at)
        if _ended_before(earlier, later.claim)
    }
    clashes = tuple(c for c in state.clashes if c.is_settled or c.id not in disproved)
    for verdict in verdicts:
        clashes = put(clashes, _clash(state, verdict))
    return clashes


def _clash(state: UnitState, verdict: Verdict) -> Clash:
    a, b = verdict.pair
    centres = (state.centre, a.centre, b.centre, a.incident_centre, b.incident_centre)
    kept = verdict.keeper.incident_id
    losers = [c for c in (a, b) if c.assignment_id != verdict.keeper.assignment_id]
    lost = " and ".join(c.incident_id for c in losers)
    return Clash(
        id=_clash_id(verdict),
        kind=DOUBLED,
        level=LEVEL_ALARM,
        event_ids=(a.event_id, b.event_id),
        outcome=f"kept:{kept}",
        text=f"{state.unit_id} was given to {a.incident_id} and {b.incident_id}. It keeps {kept}: {verdict.why}. "
        f"At the top of the waiting room again: {lost}.",
        detected_at=b.at,
        incident_ids=tuple(dict.fromkeys((a.incident_id, b.incident_id, kept))),
        unit_ids=(state.unit_id,),
        centres=tuple(dict.fromkeys(c for c in centres if c)),
    )


# --- assignments -----------------------------------------------------------------------------------------------------


def _assignments(state: UnitState, courses: Mapping[str, Course], verdicts: list[Verdict]) -> tuple[AssignmentState, ...]:
    lost: dict[str, datetime] = {}
    contested: set[str] = set()
    for verdict in verdicts:
        contested.add(verdict.keeper.assignment_id)
        for claim in verdict.pair:
            if claim.assignment_id != verdict.keeper.assignment_id:
                lost.setdefault(claim.assignment_id, verdict.pair[1].at)
                contested.add(claim.assignment_id)
    return tuple(
        assignment(
            courses[c.assignment_id],
            state.unit_id,
            c.displaced_at or lost.get(c.assignment_id),
            c.assignment_id in contested,
        )
        for c in state.claims
        if c.joined_to is None
    )


def _at_most_one(made: tuple[AssignmentState, ...], courses: Mapping[str, Course], scale: Scale) -> tuple[AssignmentState, ...]:
    """Keep the strongest active assignment only, whatever odd history led to two."""
    active = [a for a in made if a.active]
    if len(active) <= 1:
        return made
    best = max(active, key=lambda a: _strength(courses[a.assignment_id], scale))
    newest = max(a.t_alarmed for a in active if a.t_alarmed is not None)
    return tuple(
        replace(a, active=False, state="displaced", contested=True, ended_at=newest) if a in active and a is not best else a
        for a in made
    )


# --- the unit itself -------------------------------------------------------------------------------------------------


def _with_status(state: UnitState, courses: Mapping[str, Course]) -> UnitState:
    reports = state.reports
    service = next((r.status for r in reversed(reports) if r.status in SERVICE), None)
    is_out = service == "out_of_service"
    active = state.active
    loose = _loose(state)
    status = active.state if active else "out_of_service" if is_out else loose or "available"
    flags = _flags(state, courses, is_out and active is not None, loose)
    at = reports[-1].reported_at if reports else None
    emergency = _emergency_since(reports)
    return replace(state, status=status, status_at=at, out_of_service=is_out, emergency_since=emergency, flags=flags)


def _loose(state: UnitState) -> str | None:
    """Return the status of a crew that works on something it was not given here."""
    known = {c.assignment_id for c in state.claims}
    since = max((c.at for c in state.claims), default=None)
    last = next((r for r in reversed(state.reports) if r.assignment_id not in known or r.status in SERVICE), None)
    if last is None or last.status in SERVICE or PROGRESS.get(last.status, 0) < PROGRESS["en_route"]:
        return None
    if since is not None and last.reported_at <= since:
        return None
    return STATE_OF_PROGRESS.get(last.status, last.status)


def _emergency_since(reports: tuple[Report, ...]) -> datetime | None:
    """Return when the crew called for help; its next ``available`` or ``at_base`` ends that."""
    since: datetime | None = None
    for report in reports:
        if report.status == "emergency":
            since = since or report.reported_at
        elif report.status in CALM:
            since = None
    return since


def _flags(state: UnitState, courses: Mapping[str, Course], out_on_mission: bool, loose: str | None) -> tuple[str, ...]:
    flags = []
    if out_on_mission:
        flags.append("out_of_service_on_mission")
    if loose is not None and state.active is None:
        flags.append(f"status_without_assignment:{loose}")
    if courses:
        newest = max(courses.values(), key=lambda c: c.claim.index)
        aliases = {newest.claim.assignment_id} | {
            c.assignment_id for c in state.claims if c.joined_to == newest.claim.assignment_id
        }
        flags += oddities(newest, [r for r in state.reports if r.assignment_id in aliases])
    return tuple(flags[:FLAGS_MAX])
