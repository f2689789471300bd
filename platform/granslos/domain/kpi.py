"""Key figures of dispatch: K1, K2, K7, K8, K9 and K11, from what was recorded of each incident.

Sources contradict each other on median, mean and share, so all are given and labelled. A missing stamp is counted as
missing and a negative interval as invalid; neither becomes a zero. Test calls are left out.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import msgspec

from granslos.domain.priorities import DEFAULT_SCALE, Scale

ALARM_GOAL_S = 80.0
ANSWER_GOAL_S = 8.0
TAKEOVER_GOAL_S = 30.0
OVERRIDE_REASON_GOAL = 0.95
PRIORITY_ONE = ("1A", "1B")

Statistic = Literal["median", "mean", "p90", "p95", "within", "share"]


class KpiRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures need of one incident, without those merged into others. Stamps are the first ones, UTC."""

    incident_id: str
    area: str | None = None
    """The patient's county."""
    centres: tuple[str, ...] = ()
    """Centres that served it, the one that answered first: a case taken over counts once, there."""
    operator: str | None = None
    from_112: bool = True
    """Handed over by 112, and so offered on a prioritised line."""
    test: bool = False
    priority: str | None = None
    """As chosen last."""
    recommended_priority: str | None = None
    override_reason: str | None = None
    priority_at_alarm: str | None = None
    """As it was when the first unit was alarmed."""
    priorities: tuple[str, ...] = ()
    """All that were chosen, in order."""
    callbacks_due: int = 0
    """How often the waiting patient was to be contacted again by now."""
    callbacks_overdue: int = 0
    """How many of those contacts came after their time, or have not come."""
    t_offered: datetime | None = None
    t_answered: datetime | None = None
    t_prioritised: datetime | None = None
    t_queued: datetime | None = None
    t_alarmed: datetime | None = None
    t_on_scene: datetime | None = None


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A goal for one statistic of a measure; ``met`` is None while there is nothing to judge."""

    statistic: Statistic
    at_most: float | None = None
    at_least: float | None = None
    met: bool | None = None


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. ``seconds`` measures have median to ``within``; ``share`` measures have ``share`` alone."""

    id: str
    part: str = ""
    """What is told apart within the figure: a priority, a start point."""
    label_sv: str
    label_en: str
    unit: Literal["seconds", "share"]
    n: int
    missing: int = 0
    """Incidents that belong here but lack a stamp."""
    invalid: int = 0
    """Incidents whose stamps come in an impossible order."""
    taken_over: int = 0
    """Incidents among ``n`` that more than one centre served."""
    median: float | None = None
    mean: float | None = None
    p90: float | None = None
    p95: float | None = None
    within_s: float | None = None
    """The bound that ``within`` is the share for."""
    within: float | None = None
    share: float | None = None
    goals: tuple[Goal, ...] = ()


class Period(msgspec.Struct, frozen=True):
    """Local days in Sweden, both included. An incident belongs to the day it was answered."""

    first: date
    last: date

    def holds(self, record: KpiRecord) -> bool:
        """Tell whether an incident was answered in the period."""
        return record.t_answered is not None and self.first <= local_day(record.t_answered) <= self.last


def tertial(year: int, number: int) -> Period:
    """Return January to April, May to August or September to December.

    Raises:
        ValueError: ``number`` is not 1, 2 or 3.
    """
    if number not in (1, 2, 3):
        raise ValueError(f"a year has tertials 1 to 3, not {number}")
    after = date(year + number // 3, number % 3 * 4 + 1, 1)
    return Period(date(year, number * 4 - 3, 1), after - timedelta(days=1))


def local_day(instant: datetime) -> date:
    """Return the day in Sweden at an instant: UTC+1, in summer UTC+2 (last Sundays of March and October, 01:00 UTC)."""
    utc = instant.astimezone(UTC)
    summer = _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)
    return (utc + timedelta(hours=2 if summer else 1)).date()


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least this percentage of the values do not exceed (nearest rank).

    Args:
        ordered: at least one value, rising.
        percent: 1 to 100.
    """
    assert ordered
    assert 1 <= percent <= 100
    return ordered[-(-len(ordered) * percent // 100) - 1]


def median(ordered: Sequence[float]) -> float:
    """Return the middle value, the mean of the two middle ones of an even number; ``ordered`` is rising, not empty."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def measures(records: Iterable[KpiRecord], scale: Scale = DEFAULT_SCALE) -> tuple[Measure, ...]:
    """Return all figures of these incidents, test calls left out; always the same rows in the same order."""
    real = [record for record in records if not record.test]
    return (
        alarm_time(real),
        answer_time(real),
        override_reasons(real),
        takeover_from_112(real),
        *waiting_room(real, scale),
        *response_time(real),
    )


def grouped(records: Iterable[KpiRecord], by: Literal["centre", "area", "operator"]) -> dict[str, list[KpiRecord]]:
    """Return the incidents by the centre that answered, the patient's county or the operator; ``""`` is unknown."""
    groups: dict[str, list[KpiRecord]] = {}
    for record in records:
        match by:
            case "centre":
                key = record.centres[0] if record.centres else None
            case "area":
                key = record.area
            case "operator":
                key = record.operator
        groups.setdefault(key or "", []).append(record)
    return dict(sorted(groups.items()))


def alarm_time(records: Iterable[KpiRecord]) -> Measure:
    """Return K1: answered to first unit alarmed, of those 1A when it was alarmed. Both wordings of the goal."""
    return _seconds(
        Measure(id="K1", label_sv="Larmtid 1A", label_en="Alarm time 1A", unit="seconds", n=0, within_s=ALARM_GOAL_S),
        [record for record in records if record.priority_at_alarm == "1A"],
        lambda record: (record.t_answered, record.t_alarmed),
        (Goal(statistic="median", at_most=ALARM_GOAL_S), Goal(statistic="within", at_least=0.95)),
    )


def answer_time(records: Iterable[KpiRecord]) -> Measure:
    """Return K2: offered to answered on prioritised lines; one source means the median, the other the mean."""
    return _seconds(
        Measure(id="K2", label_sv="Svarstid", label_en="Answer time", unit="seconds", n=0, within_s=ANSWER_GOAL_S),
        [record for record in records if record.from_112],
        lambda record: (record.t_offered, record.t_answered),
        (Goal(statistic="median", at_most=ANSWER_GOAL_S), Goal(statistic="mean", at_most=ANSWER_GOAL_S)),
    )


def override_reasons(records: Iterable[KpiRecord]) -> Measure:
    """Return K7: the share that says why, of incidents whose chosen priority is not the recommended one."""
    base = [
        record
        for record in records
        if record.priority and record.recommended_priority and record.priority != record.recommended_priority
    ]
    return _share(
        Measure(
            id="K7",
            label_sv="Orsak ändrad prioritet ifylld",
            label_en="Override reason filled",
            unit="share",
            n=len(base),
            taken_over=_taken_over(base),
        ),
        sum(bool(record.override_reason and record.override_reason.strip()) for record in base),
        (Goal(statistic="share", at_least=OVERRIDE_REASON_GOAL),),
    )


def takeover_from_112(records: Iterable[KpiRecord]) -> Measure:
    """Return K8: handed over by 112 to answered here, against the contract's 30 s."""
    return _seconds(
        Measure(
            id="K8",
            label_sv="Övertagande från 112",
            label_en="Takeover from 112",
            unit="seconds",
            n=0,
            within_s=TAKEOVER_GOAL_S,
        ),
        [record for record in records if record.from_112],
        lambda record: (record.t_offered, record.t_answered),
        (Goal(statistic="within", at_least=1.0),),
    )


def waiting_room(records: Iterable[KpiRecord], scale: Scale = DEFAULT_SCALE) -> tuple[Measure, ...]:
    """Return K9, of incidents once in the waiting room: waits by priority, overdue contacts, changes of priority."""
    waited = [record for record in records if record.t_queued is not None]
    waits = [
        _seconds(
            Measure(id="K9", part=row.code, label_sv="Väntan på larm", label_en="Wait for a unit", unit="seconds", n=0),
            [record for record in waited if record.priority == row.code],
            lambda record: (record.t_prioritised, record.t_alarmed),
            (),
        )
        for row in scale.priorities
        if row.needs_unit
    ]
    due = sum(record.callbacks_due for record in waited)
    overdue = Measure(id="K9", part="overdue", label_sv="Sena återkontakter", label_en="Overdue callbacks", unit="share", n=due)
    moves = [_moves(record.priorities, scale) for record in waited]
    up = Measure(id="K9", part="up", label_sv="Uppgraderade", label_en="Re-prioritised up", unit="share", n=len(waited))
    down = Measure(id="K9", part="down", label_sv="Nedgraderade", label_en="Re-prioritised down", unit="share", n=len(waited))
    return (
        *waits,
        _share(overdue, sum(record.callbacks_overdue for record in waited), ()),
        _share(up, sum(went_up for went_up, _ in moves), ()),
        _share(down, sum(went_down for _, went_down in moves), ()),
    )


def response_time(records: Iterable[KpiRecord]) -> tuple[Measure, Measure]:
    """Return K11: until the first unit is on scene, prio 1; from both starts that national statistics have used."""
    base = [record for record in records if record.priority_at_alarm in PRIORITY_ONE]
    measure = Measure(id="K11", label_sv="Responstid prio 1", label_en="Response time prio 1", unit="seconds", n=0)
    return (
        _seconds(
            msgspec.structs.replace(measure, part="from_answered"),
            base,
            lambda record: (record.t_answered, record.t_on_scene),
            (),
        ),
        _seconds(
            msgspec.structs.replace(measure, part="from_offered"),
            base,
            lambda record: (record.t_offered, record.t_on_scene),
            (),
        ),
    )


def _seconds(
    measure: Measure,
    base: Collection[KpiRecord],
    stamps: Callable[[KpiRecord], tuple[datetime | None, datetime | None]],
    goals: tuple[Goal, ...],
) -> Measure:
    """Return the measure with its figures, from the interval between two stamps of each incident."""
    counted: list[tuple[float, KpiRecord]] = []
    missing = invalid = 0
    for record in base:
        start, end = stamps(record)
        if start is None or end is None:
            missing += 1
        elif end < start:
            invalid += 1
        else:
            counted.append(((end - start).total_seconds(), record))
    values = sorted(seconds for seconds, _ in counted)
    filled = msgspec.structs.replace(
        measure,
        n=len(values),
        missing=missing,
        invalid=invalid,
        taken_over=_taken_over(record for _, record in counted),
    )
    if values:
        bound = measure.within_s
        filled = msgspec.structs.replace(
            filled,
            median=median(values),
            mean=sum(values) / len(values),
            p90=percentile(values, 90),
            p95=percentile(values, 95),
            within=None if bound is None else sum(value <= bound for value in values) / len(values),
        )
    return _judged(filled, goals)


def _share(measure: Measure, count: int, goals: tuple[Goal, ...]) -> Measure:
    """Return the measure with its share: ``count`` of its ``n``."""
    assert 0 <= count <= measure.n or measure.n == 0
    share = count / measure.n if measure.n else None
    return _judged(msgspec.structs.replace(measure, share=share), goals)


def _judged(measure: Measure, goals: tuple[Goal, ...]) -> Measure:
    """Return the measure with its goals judged."""
    judged = []
    for goal in goals:
        value: float | None = getattr(measure, goal.statistic)
        met = None
        if value is not None:
            met = (goal.at_most is None or value <= goal.at_most) and (goal.at_least is None or value >= goal.at_least)
        judged.append(msgspec.structs.replace(goal, met=met))
    return msgspec.structs.replace(measure, goals=tuple(judged))


def _taken_over(records: Iterable[KpiRecord]) -> int:
    return sum(len(set(record.centres)) > 1 for record in records)


def _moves(priorities: Sequence[str], scale: Scale) -> tuple[bool, bool]:
    """Return whether an incident became more urgent at some step, and less urgent at some step."""
    steps = list(pairwise(priorities))
    return any(scale.more_urgent(b, a) for a, b in steps), any(scale.more_urgent(a, b) for a, b in steps)
