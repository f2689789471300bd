"""A unit: at most one assignment, crews' statuses always taken, and the crew's word when it was claimed twice."""

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from granslos.contract.commands import AssignUnit, CancelAssignment, RegisterUnit, ReportUnitStatus
from granslos.contract.events import (
    AssignmentCancelled,
    ConflictAcknowledged,
    Event,
    UnitAssigned,
    UnitRegistered,
    UnitStatusReported,
)
from granslos.domain import unit, unit_contest
from granslos.domain.clash import clash_id
from granslos.domain.limits import (
    CLAIMS_ENDED_MAX,
    EARLY_CANCELLATIONS_MAX,
    FLAGS_MAX,
    OVERLAP_TOLERANCE_SECONDS,
    REPORTS_NEWEST_KEPT,
    STATUS_AGE_HOURS_MAX,
)
from granslos.domain.stamp import Rejection
from granslos.domain.unit import AssignmentState, UnitState
from granslos.domain.view import assignment_view, conflict_views, unit_view
from support.chronicle import SCALE, Chronicle, accepted, assignment_id, at, context, folded, refused, roundtrip

UNIT = "319-3310"
A, B, C = "20261121-esk-000001", "20261121-vas-000001", "20261121-upp-000001"


class Log(Chronicle):
    def __init__(self) -> None:
        super().__init__()
        self.one(UnitRegistered(unit_id=UNIT, kind="ambulance", centre="vas"))

    def one(self, event: Event, seconds: float | None = None, **more: Any) -> str:
        return self.write("unit", UNIT, event, self.count if seconds is None else seconds, **more)

    def claim(self, name: str, incident_id: str, priority: str = "2A", **more: Any) -> str:
        replaces = more.pop("replaces", None)
        event = UnitAssigned(assignment_id=name, incident_id=incident_id, priority=priority, by="disp1", replaces=replaces)
        return self.one(event, **more)

    def report(self, status: Any, name: str | None = None, reported: float | None = None, **more: Any) -> str:
        seconds = self.count if reported is None else reported
        event = UnitStatusReported(status=status, reported_at=at(seconds), assignment_id=name)
        return self.one(event, seconds, **more)

    @property
    def unit(self) -> UnitState:
        state = self.state("unit", UNIT)
        assert isinstance(state, UnitState)
        assert roundtrip("unit", state) == state
        assert sum(a.active for a in state.assignments) <= 1
        return state

    def assignment(self, name: str) -> AssignmentState:
        return next(a for a in self.unit.assignments if a.assignment_id == name)


def decide(log: Log, command: Any, *, seconds: float = 50, **more: Any) -> Any:
    made = context("disp1", seconds=seconds, command_id=more.pop("command_id", "cmd"))
    match command:
        case AssignUnit():
            fields = {"incident_priority": "2A", "incident_open": True, **more}
            return unit.decide_assign(log.unit, command, made, **fields)
        case CancelAssignment():
            return unit.decide_cancel(log.unit, command, made)
        case _:
            return unit.report_status(log.unit, command, made)


# --- course ------------------------------------------------------------------------------------------------------------


COURSE = (
    "delivered",
    "acknowledged",
    "en_route",
    "staging",
    "on_scene",
    "at_patient",
    "care_transferred",
    "left_scene",
    "loaded",
    "at_destination",
    "handed_over",
    "available",
)


def test_each_status_moves_the_assignment_and_sets_its_stamp() -> None:
    log = Log()
    log.claim("a1", A)
    view = unit_view(log.unit)
    assert (view.state, view.incident_id, log.assignment("a1").t_alarmed) == ("alarmed", A, at(1))
    for status in COURSE:
        log.report(status, "a1")
        made = log.assignment("a1")
        assert getattr(made, f"t_{status}") == at(log.count - 1)
        expected = {"care_transferred": "at_patient", "left_scene": "at_patient"}.get(status, status)
        assert (made.state, made.active) == (expected, status != "available")
    view = unit_view(log.unit)
    assert (view.state, view.incident_id, view.flags) == ("available", None, ())


@pytest.mark.parametrize(
    ("before", "state"), [((), "cancelled"), (("acknowledged",), "cancelled"), (("en_route",), "stood_down")]
)
def test_a_turned_back_unit_is_cancelled_before_it_left_and_stood_down_after(before: tuple[str, ...], state: str) -> None:
    log = Log()
    log.claim("a1", A)
    for status in before:
        log.report(status, "a1")
    log.one(AssignmentCancelled(assignment_id="a1", incident_id=A, by="disp1", reason="närmare bil"))
    made = log.assignment("a1")
    assert (made.state, made.active, made.reason) == (state, False, "närmare bil")
    assert made.t_cancelled == made.ended_at == at(log.count - 1)
    assert unit_view(log.unit).state == "available"


def test_a_refusal_ends_the_assignment_and_a_crew_may_change_its_mind() -> None:
    log = Log()
    log.claim("a1", A)
    log.report("refused", "a1")
    assert (log.assignment("a1").state, log.assignment("a1").active) == ("refused", False)
    log.report("acknowledged", "a1")
    assert (log.assignment("a1").state, log.assignment("a1").active) == ("acknowledged", True)
    log.report("refused", "a1")
    log.claim("a2", B)
    log.report("acknowledged", "a1")
    assert (log.assignment("a1").state, log.unit.active and log.unit.active.incident_id) == ("refused", B)


def test_statuses_that_arrive_in_any_order_come_to_the_same() -> None:
    log = Log()
    log.claim("a1", A)
    reports = [
        log.entry("unit", UNIT, UnitStatusReported(status=s, reported_at=at(t), assignment_id="a1"), t)
        for s, t in (("acknowledged", 10), ("en_route", 20), ("on_scene", 30), ("available", 40))
    ]
    made = {unit_view_key(folded("unit", UNIT, [*log.entries, *order])) for order in permutations(reports)}
    assert len(made) == 1


def unit_view_key(state: UnitState) -> str:
    return repr((unit_view(state), [assignment_view(a) for a in state.assignments]))


def test_each_stamp_keeps_the_earliest_of_its_kind() -> None:
    log = Log()
    log.claim("a1", A)
    log.report("en_route", "a1", 30)
    log.report("en_route", "a1", 20)
    log.report("en_route", "a1", 40)
    assert log.assignment("a1").t_en_route == at(20)


@pytest.mark.parametrize(
    ("statuses", "flag"),
    [
        (("on_scene", "en_route"), "out_of_order:on_scene>en_route"),
        (("loaded", "on_scene"), "out_of_order:loaded>on_scene"),
        (("available", "on_scene"), "status_after_end:on_scene"),
    ],
)
def test_impossible_turns_are_kept_and_flagged(statuses: tuple[str, str], flag: str) -> None:
    log = Log()
    log.claim("a1", A)
    for status in statuses:
        log.report(status, "a1")
    assert flag in unit_view(log.unit).flags
    assert all(getattr(log.assignment("a1"), f"t_{s}") for s in statuses)


def test_what_a_crew_reports_after_it_was_turned_back_is_flagged_and_revives_nothing() -> None:
    log = Log()
    log.claim("a1", A)
    log.one(AssignmentCancelled(assignment_id="a1", incident_id=A, by="disp1"))
    log.report("loaded", "a1")
    assert (log.assignment("a1").state, log.assignment("a1").active) == ("cancelled", False)
    assert log.unit.flags == ("status_after_end:loaded",)


def test_a_crew_that_works_without_an_assignment_is_shown_so() -> None:
    log = Log()
    log.report("on_scene")
    view = unit_view(log.unit)
    assert (view.state, view.flags) == ("on_scene", ("status_without_assignment:on_scene",))
    log.report("available")
    assert (unit_view(log.unit).state, unit_view(log.unit).flags) == ("available", ())


def test_an_emergency_stays_until_the_crew_is_available_or_at_its_base() -> None:
    log = Log()
    log.claim("a1", A)
    log.report("emergency", "a1")
    since = log.unit.emergency_since
    log.report("on_scene", "a1")
    assert (unit_view(log.unit).emergency_since, unit_view(log.unit).state) == (since, "on_scene")
    log.report("available", "a1")
    assert unit_view(log.unit).emergency_since is None


def test_a_unit_out_of_service_on_a_mission_keeps_the_mission_and_is_flagged() -> None:
    log = Log()
    log.claim("a1", A)
    log.report("out_of_service", "a1")
    assert (unit_view(log.unit).incident_id, unit_view(log.unit).flags) == (A, ("out_of_service_on_mission",))
    log.report("available", "a1")
    assert (unit_view(log.unit).state, log.unit.out_of_service) == ("available", False)


def test_a_cancellation_that_precedes_its_claim_in_the_log_still_counts() -> None:
    log = Log()
    log.one(AssignmentCancelled(assignment_id="a1", incident_id=A, by="disp2"))
    log.claim("a1", A)
    assert (log.assignment("a1").state, log.unit.active) == ("cancelled", None)


# --- decisions -----------------------------------------------------------------------------------------------------------


def test_a_free_unit_is_claimed_and_the_same_incident_again_is_no_effect() -> None:
    log = Log()
    (event,) = accepted(decide(log, AssignUnit(unit_id=UNIT, incident_id=A)))
    assert (event.assignment_id, event.priority, event.by) == (assignment_id("cmd"), "2A", "disp1")
    log.one(event)
    assert decide(log, AssignUnit(unit_id=UNIT, incident_id=A)) == ()


@pytest.mark.parametrize(
    ("priority", "preempt", "statuses", "outcome"),
    [
        ("1A", False, (), "unit_busy"),
        ("1A", True, (), "taken"),
        ("2A", True, (), "unit_busy"),
        ("3", True, (), "unit_busy"),
        ("1A", True, ("on_scene", "at_patient"), "taken"),
        ("1A", True, ("on_scene", "loaded"), "unit_busy"),
        ("1A", True, ("on_scene", "loaded", "at_destination"), "unit_busy"),
    ],
)
def test_a_working_unit_is_taken_by_a_more_urgent_incident_until_it_has_a_patient_on_board(
    priority: str, preempt: bool, statuses: tuple[str, ...], outcome: str
) -> None:
    log = Log()
    log.claim("a1", A, "2A")
    for status in statuses:
        log.report(status, "a1")
    command = AssignUnit(unit_id=UNIT, incident_id=B, priority=priority, preempt=preempt)
    made = decide(log, command)
    if outcome != "taken":
        assert refused(made) == outcome
        return
    (event,) = accepted(made)
    log.one(event)
    assert (log.assignment("a1").state, log.assignment("a1").active) == ("displaced", False)
    assert log.unit.active and log.unit.active.incident_id == B
    assert not log.unit.clashes


def test_a_unit_is_not_assigned_out_of_service_nor_to_a_closed_incident_nor_with_an_unknown_priority() -> None:
    log = Log()
    command = AssignUnit(unit_id=UNIT, incident_id=A)
    assert refused(decide(log, command, incident_open=False)) == "incident_closed"
    wrong = decide(log, AssignUnit(unit_id=UNIT, incident_id=A, priority="Q"))
    assert isinstance(wrong, Rejection) and (wrong.field, wrong.status) == ("priority", 422)
    log.report("out_of_service")
    assert refused(decide(log, command)) == "out_of_service"
    made = unit.decide_assign(None, command, context(), incident_priority=None, incident_open=True)
    assert isinstance(made, Rejection) and made.status == 404


def test_turning_back_is_for_the_unit_at_work_and_once() -> None:
    log = Log()
    command = CancelAssignment(unit_id=UNIT, incident_id=A)
    assert refused(decide(log, command)) == "not_assigned"
    log.claim("a1", A)
    (event,) = accepted(decide(log, command))
    log.one(event)
    assert decide(log, command) == ()
    assert refused(unit.decide_cancel(None, command, context())) == "not_found"


def test_registering_the_same_again_is_no_effect() -> None:
    log = Log()
    same = RegisterUnit(unit_id=UNIT, centre="vas")
    assert unit.decide_register(log.unit, same, context()) == ()
    (event,) = unit.decide_register(log.unit, RegisterUnit(unit_id=UNIT, centre="esk", skills=("ivpa",)), context())
    log.one(event)
    assert (log.unit.centre, log.unit.skills) == ("esk", ("ivpa",))
    assert len(unit.decide_register(None, same, context())) == 1


def status(seconds: float | None = None, **more: Any) -> ReportUnitStatus:
    fields = {"status": "available", **more}
    return ReportUnitStatus(unit_id=UNIT, at=None if seconds is None else at(seconds), **fields)


def test_a_status_is_bound_to_the_active_assignment_and_never_ends_another() -> None:
    log = Log()
    log.claim("a1", A, seconds=10)
    log.claim("a2", B, "1A", replaces="a1", seconds=20)
    assert decide(log, status())[0].assignment_id == "a2"
    assert decide(log, status(30))[0].assignment_id == "a2"
    assert decide(log, status(15))[0].assignment_id == "a1", "it was said before the second alarm"
    assert decide(log, status(5))[0].assignment_id is None
    assert decide(log, status(incident_id=A))[0].assignment_id == "a1"
    assert decide(log, status(incident_id=C))[0].assignment_id is None
    log.report("available", "a1", 30)
    assert log.unit.active and log.unit.active.assignment_id == "a2"


def test_a_status_from_an_impossible_date_is_dated_by_its_arrival() -> None:
    log = Log()
    assert decide(log, status(51))[0].reported_at == at(50)
    assert decide(log, status(40))[0].reported_at == at(40)
    limit = STATUS_AGE_HOURS_MAX * 3600
    assert decide(log, status(50 - limit))[0].reported_at == at(50 - limit)
    assert decide(log, status(49 - limit))[0].reported_at == at(50)


def test_the_same_status_of_the_same_instant_is_taken_once_and_an_unknown_unit_is_heard() -> None:
    log = Log()
    (event,) = decide(log, status(40))
    log.one(event)
    assert decide(log, status(40)) == ()
    assert len(unit.report_status(None, status(40), context(seconds=50))) == 1


# --- given to two incidents ------------------------------------------------------------------------------------------------


def doubled(first: str = "2A", second: str = "2A") -> Log:
    log = Log()
    log.claim("a1", A, first, seconds=10, centre="vas")
    log.claim("a2", B, second, seconds=20, late=True, site="esk", centre="esk")
    return log


@pytest.mark.parametrize(
    ("first", "second", "kept"), [("2A", "2A", "a1"), ("1A", "2A", "a1"), ("2A", "1A", "a2"), ("2A", "??", "a1")]
)
def test_before_the_crew_says_anything_the_more_urgent_incident_keeps_the_unit(first: str, second: str, kept: str) -> None:
    log = doubled(first, second)
    lost = "a2" if kept == "a1" else "a1"
    assert log.unit.active and log.unit.active.assignment_id == kept
    assert (log.assignment(lost).state, log.assignment(lost).ended_at) == ("displaced", at(20))
    assert all(a.contested for a in log.unit.assignments)
    (clash,) = conflict_views(log.unit)
    assert (clash.kind, clash.level, clash.incidents, clash.units) == ("unit_doubled", 1, (A, B), (UNIT,))
    assert clash.centres == ("vas", "esk")
    assert clash.outcome == f"kept:{A if kept == 'a1' else B}"
    assert unit_view(log.unit).contested == (A, B)


def test_the_crews_acknowledgement_decides_and_a_later_one_again() -> None:
    log = doubled("1A", "3")
    log.report("acknowledged", "a2", 30)
    assert log.unit.active and log.unit.active.assignment_id == "a2"
    assert log.assignment("a1").state == "displaced"
    log.report("acknowledged", "a1", 40)
    assert log.unit.active and log.unit.active.assignment_id == "a1"


def test_a_crew_under_way_keeps_the_incident_it_is_under_way_to() -> None:
    log = Log()
    log.claim("a1", A, "3")
    log.report("en_route", "a1")
    log.claim("a2", B, "1A", late=True)
    assert log.unit.active and log.unit.active.assignment_id == "a1"


def test_a_crew_that_refuses_one_keeps_the_other() -> None:
    log = doubled("1A", "3")
    log.report("refused", "a1", 30)
    assert (log.assignment("a1").state, log.assignment("a2").active) == ("refused", True)


def test_once_a_person_acknowledged_the_outcome_is_frozen() -> None:
    log = doubled("1A", "3")
    (clash,) = log.unit.clashes
    log.one(ConflictAcknowledged(conflict_id=clash.id, by="lead1"), 25)
    log.report("acknowledged", "a2", 30)
    assert log.unit.active and log.unit.active.assignment_id == "a1"
    assert not any(a.contested for a in log.unit.assignments)
    assert (log.unit.clashes[0].acknowledged_by, log.unit.clashes[0].outcome) == ("lead1", f"kept:{A}")


def test_a_claim_that_knows_of_the_contest_closes_it() -> None:
    log = doubled("1A", "3")
    log.claim("a3", C, "1A", replaces="a1", seconds=30)
    log.report("acknowledged", "a2", 40)
    assert [a.state for a in log.unit.assignments] == ["displaced", "displaced", "alarmed"]
    assert log.unit.active and log.unit.active.assignment_id == "a3"


def test_a_third_unaware_claim_joins_the_contest() -> None:
    log = doubled("2A", "3")
    log.claim("a3", C, "1A", seconds=30, late=True)
    assert log.unit.active and log.unit.active.assignment_id == "a3"
    assert [a.state for a in log.unit.assignments] == ["displaced", "displaced", "alarmed"]
    assert [c.outcome for c in conflict_views(log.unit)].count(f"kept:{C}") >= 1


def test_a_first_mission_that_turns_out_to_have_ended_before_was_never_contested() -> None:
    log = doubled()
    assert log.unit.clashes
    log.report("available", "a1", 15)
    assert (log.unit.clashes, log.assignment("a1").state) == ((), "available")
    assert log.unit.active and log.unit.active.assignment_id == "a2"
    assert not log.unit.active.contested


def test_a_contest_of_three_stays_one_when_a_person_settles_a_part_of_it() -> None:
    log = doubled("1A", "3")
    log.report("acknowledged", "a2", 25)
    log.claim("a3", C, "2A", seconds=30, late=True)
    log.report("acknowledged", "a1", 40)
    settled = next(c for c in log.unit.clashes if set(c.incident_ids) == {A, B})
    log.one(ConflictAcknowledged(conflict_id=settled.id, by="lead1"), 50)
    assert [(a.state, a.contested) for a in log.unit.assignments] == [
        ("acknowledged", True),
        ("displaced", False),
        ("displaced", True),
    ]
    log.report("acknowledged", "a3", 60)
    assert [a.active for a in log.unit.assignments] == [False, False, True]
    kept = next(c for c in log.unit.clashes if c.id == settled.id)
    assert (kept.outcome, kept.acknowledged_by) == (f"kept:{A}", "lead1")


@pytest.mark.parametrize(
    ("journalled", "contested"), [(20 + OVERLAP_TOLERANCE_SECONDS, False), (20.1 + OVERLAP_TOLERANCE_SECONDS, True)]
)
def test_two_sites_clocks_may_differ_a_little_about_what_ended_first(journalled: float, contested: bool) -> None:
    log = doubled()
    log.report("available", "a1", journalled)
    assert bool(log.unit.clashes) == contested


def test_whatever_led_to_two_active_assignments_one_remains() -> None:
    log = doubled("2A", "1A")
    courses = unit_contest._courses(log.unit)
    both = tuple(replace(a, active=True, ended_at=None) for a in log.unit.assignments)
    made = unit_contest._at_most_one(both, courses, SCALE)
    assert [(a.active, a.state) for a in made] == [(False, "displaced"), (True, "alarmed")]


def test_the_same_command_through_two_journals_is_no_clash() -> None:
    log = Log()
    log.claim("a1", A)
    log.claim("a1", A, late=True, site="esk")
    assert (len(log.unit.assignments), log.unit.clashes) == (1, ())


def test_two_claims_for_the_same_incident_are_one_mission() -> None:
    log = Log()
    log.claim("a1", A)
    log.claim("a2", A, late=True, site="esk")
    log.report("en_route", "a2")
    assert [(a.assignment_id, a.state) for a in log.unit.assignments] == [("a1", "en_route")]
    assert not log.unit.clashes
    log.one(AssignmentCancelled(assignment_id="a2", incident_id=A, by="disp2"))
    assert (log.unit.active, log.assignment("a1").state) == (None, "stood_down")


def test_the_clash_is_the_same_whichever_site_derives_it() -> None:
    log = Log()
    first = log.claim("a1", A)
    second = log.claim("a2", B, late=True)
    assert log.unit.clashes[0].id == clash_id(first, second) == clash_id(second, first)


# --- bounds ------------------------------------------------------------------------------------------------------------------


def test_a_unit_keeps_its_last_ended_assignments_and_their_reports_only() -> None:
    log = Log()
    for n in range(CLAIMS_ENDED_MAX + 5):
        log.claim(f"a{n}", f"20261121-vas-{n:06d}")
        log.report("available", f"a{n}")
    log.claim("last", A)
    assert len(log.unit.assignments) == CLAIMS_ENDED_MAX + 1
    assert len(log.unit.reports) == CLAIMS_ENDED_MAX
    assert log.unit.active and log.unit.active.assignment_id == "last"


def test_a_chattering_terminal_is_bounded_and_the_first_of_each_kind_is_kept() -> None:
    log = Log()
    log.claim("a1", A)
    for status_ in ("acknowledged", "en_route"):
        log.report(status_, "a1", 2 if status_ == "acknowledged" else 3)
    for n in reversed(range(REPORTS_NEWEST_KEPT * 3)):
        log.report("on_scene", "a1", 100 + n)
        log.report("at_base", None, 1000 + n)
    made = log.assignment("a1")
    assert (made.t_acknowledged, made.t_en_route, made.t_on_scene) == (at(2), at(3), at(100))
    assert len(log.unit.reports) <= 2 * REPORTS_NEWEST_KEPT + len(COURSE) + 1


def test_early_cancellations_are_bounded() -> None:
    log = Log()
    for n in range(EARLY_CANCELLATIONS_MAX + 3):
        log.one(AssignmentCancelled(assignment_id=f"a{n}", incident_id=A, by="disp1"))
    assert len(log.unit.early_cancellations) == EARLY_CANCELLATIONS_MAX


def test_oddities_shown_on_a_unit_are_bounded() -> None:
    log = Log()
    log.claim("a1", A)
    for n, status_ in enumerate(s for late in COURSE[:-1] for s in (*reversed(COURSE[:-1]), late)):
        log.report(status_, "a1", 100 + n)
    assert 10 <= len(log.unit.flags) <= FLAGS_MAX
