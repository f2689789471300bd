"""Key figures, computed by hand in the comments."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.domain.kpi import (
    KpiRecord,
    Measure,
    Period,
    alarm_time,
    answer_time,
    grouped,
    local_day,
    measures,
    median,
    override_reasons,
    percentile,
    response_time,
    takeover_from_112,
    tertial,
    waiting_room,
)

T = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def case(number: int = 1, *, seconds: Mapping[str, float] | None = None, **more: object) -> KpiRecord:
    """Return an incident; ``seconds`` are its stamps after ``T``, named without ``t_``."""
    stamps = {f"t_{name}": T + timedelta(seconds=after) for name, after in (seconds or {}).items()}
    return msgspec.convert({"incident_id": f"20261121-vas-{number:06d}", **stamps, **more}, KpiRecord)


def alarmed(*seconds: float, priority: str = "1A") -> list[KpiRecord]:
    """Return incidents answered at T + 10 and alarmed so much later."""
    return [
        case(n, seconds={"answered": 10, "alarmed": 10 + after}, priority_at_alarm=priority) for n, after in enumerate(seconds)
    ]


def figures(measure: Measure) -> tuple[float | None, ...]:
    return measure.median, measure.mean, measure.p90, measure.p95, measure.within


def goals(measure: Measure) -> dict[str, bool | None]:
    return {goal.statistic: goal.met for goal in measure.goals}


def test_k1_is_the_time_from_answer_to_the_first_alarm_of_1a() -> None:
    # 20 30 40 50 60 70 80 90 100 160: middle (60 + 70) / 2 = 65; sum 700, mean 70; ranks ceil(9.0) = 9th -> 100 and
    # ceil(9.5) = 10th -> 160; 7 of 10 are at most 80.
    measure = alarm_time([*alarmed(160, 20, 30, 40, 50, 60, 70, 80, 90, 100), *alarmed(5, 5, priority="1B")])
    assert (measure.id, measure.label_sv, measure.unit) == ("K1", "Larmtid 1A", "seconds")
    assert (measure.n, measure.missing, measure.invalid) == (10, 0, 0)
    assert figures(measure) == (65.0, 70.0, 100.0, 160.0, 0.7)
    assert measure.within_s == 80.0
    assert goals(measure) == {"median": True, "within": False}  # the two wordings of the goal disagree: both are told


def test_k1_counts_what_cannot_be_measured_and_makes_no_zero_of_it() -> None:
    never = case(8, seconds={"answered": 10}, priority_at_alarm="1A")
    before = case(9, seconds={"answered": 10, "alarmed": 4}, priority_at_alarm="1A")
    measure = alarm_time([*alarmed(81), never, before])
    assert (measure.n, measure.missing, measure.invalid) == (1, 1, 1)
    assert figures(measure) == (81.0, 81.0, 81.0, 81.0, 0.0)
    assert goals(measure) == {"median": False, "within": False}


def test_k2_is_the_time_from_offered_to_answered_on_prioritised_lines() -> None:
    # 2 3 4 5 21: median 4; sum 35, mean 7; ceil(4.5) = 5th and ceil(4.75) = 5th -> 21; 4 of 5 within 8 s.
    calls = [case(n, seconds={"offered": 0, "answered": after}) for n, after in enumerate((5, 21, 2, 4, 3))]
    other_line = case(9, seconds={"offered": 0, "answered": 500}, from_112=False)
    measure = answer_time([*calls, other_line])
    assert measure.n == 5
    assert figures(measure) == (4.0, 7.0, 21.0, 21.0, 0.8)
    assert goals(measure) == {"median": True, "mean": True}
    # One call of 41 s more: 2 3 4 5 21 41: median 4.5, mean 76 / 6: the median holds, the mean does not.
    slower = answer_time([*calls, case(7, seconds={"offered": 0, "answered": 41})])
    assert slower.median == 4.5
    assert slower.mean == pytest.approx(76 / 6)
    assert goals(slower) == {"median": True, "mean": False}


def test_k7_is_the_share_of_differing_priorities_with_a_reason() -> None:
    # Four differ; "own judgement" and "child" are reasons, a blank and none are not: 2 / 4. The others do not count.
    records = [
        case(1, priority="1B", recommended_priority="1A", override_reason="own judgement"),
        case(2, priority="1A", recommended_priority="2A", override_reason="child"),
        case(3, priority="2A", recommended_priority="1B", override_reason="  "),
        case(4, priority="2B", recommended_priority="2A"),
        case(5, priority="2A", recommended_priority="2A", override_reason="none needed"),
        case(6, priority="2A"),
        case(7, recommended_priority="2A"),
    ]
    measure = override_reasons(records)
    assert (measure.id, measure.unit, measure.n, measure.share) == ("K7", "share", 4, 0.5)
    assert goals(measure) == {"share": False}
    assert goals(override_reasons(records[:2])) == {"share": True}
    # The goal is at least 95 %: 19 of 20 meet it.
    twenty = [case(n, priority="1A", recommended_priority="2A", override_reason="x" if n else None) for n in range(20)]
    assert override_reasons(twenty).share == 0.95
    assert goals(override_reasons(twenty)) == {"share": True}


def test_k8_is_the_takeover_from_112_against_thirty_seconds() -> None:
    # 3 30 31 36: median 30.5, mean 25, both ranks the 4th -> 36; 2 of 4 within 30 s, so half are over.
    calls = [case(n, seconds={"offered": 0, "answered": after}) for n, after in enumerate((30, 3, 36, 31))]
    measure = takeover_from_112([*calls, case(8, seconds={"offered": 0}), case(9, from_112=False)])
    assert (measure.n, measure.missing) == (4, 1)
    assert figures(measure) == (30.5, 25.0, 36.0, 36.0, 0.5)
    assert goals(measure) == {"within": False}
    assert goals(takeover_from_112(calls[:2])) == {"within": True}


def test_k9_tells_waits_by_priority_overdue_contacts_and_changes() -> None:
    queued = {"prioritised": 100, "queued": 120}
    records = [
        # 2A waited 500 and 1 100 s: median and mean 800, both ranks the 2nd.
        case(1, seconds={**queued, "alarmed": 600}, priority="2A", priorities=("2B", "2A"), callbacks_due=2),
        case(
            2,
            seconds={**queued, "alarmed": 1_200},
            priority="2A",
            priorities=("2A",),
            callbacks_due=3,
            callbacks_overdue=1,
        ),
        # 2B still waits; it went up and down again.
        case(3, seconds=queued, priority="2B", priorities=("2B", "1B", "2B"), callbacks_due=3, callbacks_overdue=3),
        case(4, seconds={"prioritised": 100, "alarmed": 130}, priority="2A", priorities=("2B", "1A")),  # never in the room
    ]
    parts = {measure.part: measure for measure in waiting_room(records)}
    assert list(parts) == ["1A", "1B", "2A", "2B", "3", "4", "overdue", "up", "down"]
    assert {measure.id for measure in parts.values()} == {"K9"}
    assert (parts["2A"].n, *figures(parts["2A"])) == (2, 800.0, 800.0, 1_100.0, 1_100.0, None)
    assert (parts["2B"].n, parts["2B"].missing, parts["2B"].median) == (0, 1, None)
    assert (parts["overdue"].n, parts["overdue"].share) == (8, 0.5)  # 4 of 8
    assert parts["up"].n == parts["down"].n == 3
    assert parts["up"].share == pytest.approx(2 / 3)
    assert parts["down"].share == pytest.approx(1 / 3)


def test_k11_is_the_response_time_of_prio_1_from_both_starts() -> None:
    # From answered 595, 300, 900: median 595, mean 1 795 / 3. From offered 600, 310, 930: median 600, mean 1 840 / 3.
    records = [
        case(1, seconds={"offered": 0, "answered": 5, "on_scene": 600}, priority_at_alarm="1A"),
        case(2, seconds={"offered": 0, "answered": 10, "on_scene": 310}, priority_at_alarm="1B"),
        case(3, seconds={"offered": 0, "answered": 30, "on_scene": 930}, priority_at_alarm="1A"),
        case(4, seconds={"offered": 0, "answered": 30}, priority_at_alarm="1A"),
        case(5, seconds={"offered": 0, "answered": 30, "on_scene": 40}, priority_at_alarm="2A"),
    ]
    answered, offered = response_time(records)
    assert (answered.part, answered.n, answered.missing, answered.median) == ("from_answered", 3, 1, 595.0)
    assert answered.mean == pytest.approx(1_795 / 3) and answered.p90 == 900.0
    assert (offered.part, offered.n, offered.missing, offered.median) == ("from_offered", 3, 1, 600.0)
    assert offered.mean == pytest.approx(1_840 / 3) and offered.p95 == 930.0


def test_nothing_to_measure_is_told_as_nothing() -> None:
    rows = measures([])
    assert [row.id for row in rows] == ["K1", "K2", "K7", "K8", *["K9"] * 9, "K11", "K11"]
    for row in rows:
        assert row.n == 0
        assert (*figures(row), row.share) == (None,) * 6
        assert all(goal.met is None for goal in row.goals)
        assert row.label_sv and row.label_en


def test_test_calls_are_left_out() -> None:
    call = case(seconds={"offered": 0, "answered": 9}, test=True)
    assert measures([call]) == measures([])
    assert measures([msgspec.structs.replace(call, test=False)]) != measures([])


def test_a_case_taken_over_counts_once_and_is_noted() -> None:
    seconds = {"offered": 0, "answered": 4}
    records = [
        case(1, seconds=seconds, centres=("vas", "upp"), area="03", operator="anna"),
        case(2, seconds=seconds, centres=("vas",), area="19", operator="bo"),
        case(3, seconds=seconds, centres=("upp", "upp"), area="03", operator="anna"),
        case(4, seconds=seconds),
    ]
    assert (answer_time(records).n, answer_time(records).taken_over) == (4, 1)
    by_centre = grouped(records, "centre")
    assert {key: [r.incident_id[-1] for r in group] for key, group in by_centre.items()} == {
        "": ["4"],
        "upp": ["3"],
        "vas": ["1", "2"],
    }
    assert answer_time(by_centre["vas"]).taken_over == 1
    assert {key: len(group) for key, group in grouped(records, "area").items()} == {"": 1, "03": 2, "19": 1}
    assert {key: len(group) for key, group in grouped(records, "operator").items()} == {"": 1, "anna": 2, "bo": 1}


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-01-31T22:59:59Z", date(2026, 1, 31)),
        ("2026-01-31T23:00:00Z", date(2026, 2, 1)),
        ("2026-06-30T21:59:59Z", date(2026, 6, 30)),
        ("2026-06-30T22:00:00Z", date(2026, 7, 1)),
        ("2026-12-31T23:00:00Z", date(2027, 1, 1)),
        ("2026-07-01T00:30:00+02:00", date(2026, 7, 1)),
    ],
)
def test_a_call_belongs_to_the_swedish_day_it_was_answered(instant: str, day: date) -> None:
    assert local_day(datetime.fromisoformat(instant)) == day


@given(st.integers(852_000_000, 2_114_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))  # 1997 to 2036
def test_swedish_days_are_those_of_the_time_zone_database(instant: datetime) -> None:
    assert local_day(instant) == instant.astimezone(ZoneInfo("Europe/Stockholm")).date()


def test_tertials_follow_each_other_without_gap_or_overlap() -> None:
    periods = [tertial(year, number) for year in (2026, 2027, 2028) for number in (1, 2, 3)]
    assert periods[0] == Period(date(2026, 1, 1), date(2026, 4, 30))
    assert periods[1] == Period(date(2026, 5, 1), date(2026, 8, 31))
    assert periods[2] == Period(date(2026, 9, 1), date(2026, 12, 31))
    assert all(after.first - before.last == timedelta(days=1) for before, after in pairwise(periods))
    for number in (0, 4):
        with pytest.raises(ValueError, match="tertials"):
            tertial(2026, number)


def test_a_period_holds_what_was_answered_on_its_local_days() -> None:
    def answered(instant: str) -> KpiRecord:
        return case(t_answered=datetime.fromisoformat(instant))

    summer = tertial(2026, 2)
    assert not summer.holds(answered("2026-04-30T21:59:59Z"))
    assert summer.holds(answered("2026-04-30T22:00:00Z"))
    assert summer.holds(answered("2026-08-31T21:59:59Z"))
    assert not summer.holds(answered("2026-08-31T22:00:00Z"))
    assert not summer.holds(case())


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60).map(sorted), st.integers(1, 100))
def test_a_percentile_is_a_value_that_enough_values_do_not_exceed(ordered: list[float], percent: int) -> None:
    value = percentile(ordered, percent)
    assert value in ordered
    assert sum(other <= value for other in ordered) * 100 >= percent * len(ordered)
    assert sum(other < value for other in ordered) * 100 < percent * len(ordered)
    assert ordered[0] <= median(ordered) <= ordered[-1]
