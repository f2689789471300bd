"""Clashes on an incident and their rules: derived from the LOG, the same at every site, until acknowledged."""

from typing import Any

import pytest
from msgspec.structs import replace

from granslos.contract.events import (
    ConflictAcknowledged,
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
    NoteAdded,
)
from granslos.domain import incident
from granslos.domain.clash import Clash, clash_id
from granslos.domain.incident_state import IncidentState
from granslos.domain.limits import (
    ACKNOWLEDGEMENTS_MAX,
    AMENDMENTS_MAX,
    ASSESSMENTS_MAX,
    BASE_LENGTH_MAX,
    CLASHES_MAX,
    CO_LISTENERS_MAX,
    MARKS_MAX,
    MEMBERS_MAX,
    NOTES_MAX,
    SUPERSEDED_MAX,
)
from granslos.domain.unit_state import AssignmentState
from granslos.domain.view import clashes_of, conflict_views, incident_view
from support.chronicle import SCALE, Chronicle, at, folded, roundtrip

A = "20261121-esk-000001"
B = "20261121-vas-000001"
HANDOVER = "a" * 32


def opened(incident_id: str, handover: str | None = HANDOVER, **more: Any) -> IncidentOpened:
    return IncidentOpened(
        incident_id=incident_id,
        centre=more.pop("centre", "esk"),
        handover_id=handover,
        source="sos",
        source_id="1",
        offered_at=at(0),
        **more,
    )


def answered(operator: str) -> IncidentAnswered:
    return IncidentAnswered(operator=operator)


def assessed(priority: str, operator: str = "op1", **more: Any) -> IncidentAssessed:
    return IncidentAssessed(priority=priority, operator=operator, **more)


class Log(Chronicle):
    """An incident A of Eskilstuna; Västerås may decide on it, or on its own double B, without knowing."""

    def one(self, event: Event, *, on: str = A, **more: Any) -> str:
        return self.write("incident", on, event, self.count, **more)

    def join(self) -> None:
        self.parents[B] = A

    @property
    def a(self) -> IncidentState:
        state = self.state("incident", A)
        assert isinstance(state, IncidentState)
        assert roundtrip("incident", state) == state
        return state


def only_clash(state: IncidentState, kind: str) -> Clash:
    assert [c.kind for c in state.clashes] == [kind], state.clashes
    return state.clashes[0]


# --- opened twice ----------------------------------------------------------------------------------------------------


def test_one_handover_opened_twice_is_one_incident_and_the_first_in_the_log_stays() -> None:
    log = Log()
    first = log.one(opened(A, centre="esk"))
    second = log.one(opened(B, centre="vas"), on=B, provisional=True, site="vas", centre="vas")
    log.join()
    clash = only_clash(log.a, "double_opening")
    assert (clash.id, clash.incident_ids, clash.level) == (clash_id(first, second), (A, B), 2)
    assert (log.a.incident_id, log.a.centre, log.a.members) == (A, "esk", (A, B))
    assert [s.incident_id for s in log.a.sources] == [A, B]
    assert clash.centres == ("esk", "vas")


def test_a_double_opening_is_an_alarm_while_units_are_at_work_for_both() -> None:
    log = Log()
    log.one(opened(A))
    log.one(opened(B), on=B, provisional=True)
    log.join()
    work = [claim("u1", A), claim("u2", B)]
    assert [c.level for c in clashes_of(log.a, work)] == [1]
    assert [c.level for c in clashes_of(log.a, work[:1])] == [2]


def test_the_work_on_both_doubles_is_kept_and_judged_as_unaware_of_the_other() -> None:
    log = Log()
    log.one(opened(A))
    log.one(answered("op1"))
    log.one(assessed("2A"))
    log.one(opened(B), on=B, provisional=True, site="vas", base=None)
    log.one(answered("op2"), on=B, provisional=True, site="vas")
    log.one(assessed("1A", "op2"), on=B, provisional=True, site="vas")
    log.join()
    state = log.a
    assert (state.answered_by, state.co_listeners) == ("op1", ("op2",))
    assert (state.priority, state.priority_disputed, len(state.assessments)) == ("1A", True, 2)
    assert sorted(c.kind for c in state.clashes) == ["both_answered", "double_opening", "priority_disputed"]


def test_a_line_of_provisional_decisions_knows_itself() -> None:
    log = Log()
    log.one(opened(A))
    for event in (answered("op2"), assessed("1A", "op2"), assessed("2B", "op2"), IncidentClosed(operator="op2")):
        log.one(event, provisional=True, site="vas")
    assert (log.a.state, log.a.priority, log.a.priority_disputed, log.a.clashes) == ("closed", "2B", False, ())


# --- both answered ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"late": True}, {"provisional": True}, {}])
def test_of_two_who_answered_unaware_the_first_in_the_log_holds_the_call(how: dict[str, Any]) -> None:
    log = Log()
    base = log.one(opened(A))
    first = log.one(answered("op1"))
    second = log.one(answered("op2"), base=base, site="vas", **how)
    clash = only_clash(log.a, "both_answered")
    assert (log.a.answered_by, log.a.co_listeners) == ("op1", ("op2",))
    assert (clash.event_ids, clash.outcome) == ((first, second), "held_by:op1")


def test_a_late_answer_that_nothing_contradicts_applies_as_it_stands() -> None:
    log = Log()
    log.one(opened(A))
    log.one(answered("op1"), late=True)
    assert (log.a.state, log.a.answered_by, log.a.clashes) == ("answered", "op1", ())


def test_the_same_operator_answering_on_both_sides_is_no_clash() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(answered("op1"))
    log.one(answered("op1"), base=base, provisional=True, site="vas")
    assert (log.a.answered_by, log.a.co_listeners, log.a.clashes) == ("op1", (), ())


# --- priority --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("1A", "2B"), ("2B", "1A")])
def test_of_two_unaware_assessments_the_more_urgent_counts_and_is_disputed(order: tuple[str, str]) -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(assessed(order[0]))
    log.one(assessed(order[1], "op2"), base=base, site="vas")
    clash = only_clash(log.a, "priority_disputed")
    assert (log.a.priority, log.a.priority_disputed, clash.outcome) == ("1A", True, "counts:1A")
    log.one(assessed("3", "op3"))
    assert (log.a.priority, log.a.priority_disputed) == ("3", False)
    assert only_clash(log.a, "priority_disputed").outcome == "decided"


def test_equal_unaware_assessments_are_no_dispute() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(assessed("1B"))
    log.one(assessed("1B", "op2"), base=base, site="vas")
    assert (log.a.priority, log.a.priority_disputed, log.a.clashes) == ("1B", False, ())


def test_an_acknowledged_dispute_is_settled_with_the_more_urgent_priority() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(assessed("1A"))
    log.one(assessed("2B", "op2"), base=base, site="vas")
    clash = log.a.clashes[0]
    log.write("incident", A, ConflictAcknowledged(conflict_id=clash.id, by="lead1", note="hörde båda"), 99)
    (view,) = conflict_views(log.a)
    assert (view.state, view.acknowledged_by, view.note, view.acknowledged_at) == (
        "acknowledged",
        "lead1",
        "hörde båda",
        at(99),
    )
    assert (log.a.priority, log.a.priority_disputed) == ("1A", False)
    log.one(assessed("3", "op3"))
    assert log.a.clashes[0].outcome == "counts:1A", "an acknowledged outcome is frozen"


# --- closed and continued --------------------------------------------------------------------------------------------


def test_closed_here_and_continued_there_is_open_again_with_an_alarm() -> None:
    log = Log()
    log.one(opened(A))
    base = log.one(answered("op1"))
    closing = log.one(IncidentClosed(operator="op1"))
    going_on = log.one(assessed("1A", "op2"), base=base, late=True, site="vas")
    clash = only_clash(log.a, "closed_and_continued")
    assert (log.a.state, clash.level, clash.event_ids) == ("answered", 1, (closing, going_on))
    assert (clash.outcome, log.a.reopened_at) == ("reopened", at(3))


def test_a_closing_that_could_not_know_of_the_work_elsewhere_closes_nothing() -> None:
    log = Log()
    log.one(opened(A))
    base = log.one(answered("op1"))
    log.one(assessed("1A"))
    log.one(IncidentClosed(operator="op2"), base=base, provisional=True, site="vas")
    assert log.a.state == "answered"
    assert only_clash(log.a, "closed_and_continued").level == 1
    log.one(IncidentClosed(operator="op1"))
    assert log.a.state == "closed"
    assert log.a.clashes[0].outcome == "closed"


def test_two_sides_that_both_worked_and_both_closed_leave_it_closed() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(answered("op1"))
    log.one(IncidentClosed(operator="op1"))
    log.one(answered("op1"), base=base, provisional=True, site="vas")
    assert log.a.state == "answered"
    log.one(IncidentClosed(operator="op1"), provisional=True, site="vas")
    assert (log.a.state, log.a.clashes[0].outcome) == ("closed", "closed")


def test_a_late_closing_of_ones_own_work_closes_it() -> None:
    log = Log()
    log.one(opened(A))
    log.one(answered("op1"))
    log.one(IncidentClosed(operator="op1"), late=True)
    assert (log.a.state, log.a.clashes) == ("closed", ())


def test_a_closed_case_is_open_again_when_its_double_was_answered_elsewhere() -> None:
    log = Log()
    log.one(opened(A))
    log.one(answered("op1"))
    log.one(IncidentClosed(operator="op1"))
    log.one(opened(B), on=B, provisional=True, site="vas", base=None)
    log.join()
    assert log.a.state == "closed", "a double that only rang is part of what was closed"
    log.one(answered("op2"), on=B, provisional=True, site="vas")
    assert log.a.state == "answered"
    assert sorted(c.kind for c in log.a.clashes) == ["both_answered", "closed_and_continued", "double_opening"]


def claim(unit_id: str, incident_id: str = A, **more: Any) -> AssignmentState:
    fields = {"event_id": f"e-{unit_id}", "centre": "vas", "t_alarmed": at(50), **more}
    return AssignmentState(assignment_id=f"as-{unit_id}", unit_id=unit_id, incident_id=incident_id, **fields)


def test_closed_here_and_assigned_there_is_open_again_with_an_alarm_for_both_centres() -> None:
    log = Log()
    log.one(opened(A))
    log.one(answered("op1"))
    closing = log.one(IncidentClosed(operator="op1"))
    assert incident.is_closed(log.a, [])
    working = claim("u1")
    view = view_of(log.a, [working])
    assert (view.state, view.conflicts) == ("assigned", (clash_id(closing, "e-u1"),))
    (clash,) = conflict_views(log.a, assignments=[working])
    assert (clash.kind, clash.level, clash.units, clash.centres) == ("closed_and_assigned", 1, ("u1",), ("esk", "vas"))
    done = claim("u1", active=False, state="available", ended_at=at(70), t_on_scene=at(60), t_available=at(70))
    assert view_of(log.a, [done]).state == "completed", "a person closes it again"
    log.one(IncidentClosed(operator="op1"))
    before = claim("u1", active=False, state="available", ended_at=at(2), t_available=at(2))
    assert view_of(log.a, [before]).state == "closed"
    assert conflict_views(log.a, assignments=[before]) == ()


def test_closing_again_after_the_unit_that_contradicted_it_is_done_closes_it() -> None:
    log = Log()
    log.one(opened(A))
    log.one(IncidentClosed(operator="op1"))
    done = claim("u1", active=False, state="available", ended_at=at(70))
    assert not incident.is_closed(log.a, [done])
    log.write("incident", A, IncidentClosed(operator="op1"), 100)
    assert incident.is_closed(log.a, [done])
    assert not log.a.clashes


def view_of(state: IncidentState, assignments: list[AssignmentState]) -> Any:
    return incident_view(state, handovers=[], assignments=assignments, merged_into=None, merged_from=(), scale=SCALE)


# --- what the table does not name -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "counts"), [((1, 1), "parked"), ((1, 2), "parked"), ((2, 1), "waiting")])
def test_of_contradicting_moves_the_newest_epochs_counts_and_the_other_is_kept(epochs: tuple[int, int], counts: str) -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(IncidentQueued(operator="op1", review_due_at=at(900)), epoch=epochs[0])
    log.one(IncidentParked(operator="op2"), epoch=epochs[1], base=base, site="vas")
    clash = only_clash(log.a, "superseded_decision")
    assert (log.a.state, clash.level) == (counts, 3)
    assert [s.type for s in log.a.superseded] == ["IncidentQueued" if counts == "parked" else "IncidentParked"]


def test_of_equal_epochs_the_authoritys_own_decision_counts_before_a_provisional_one() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(IncidentQueued(operator="op1", review_due_at=at(900)))
    log.one(IncidentParked(operator="op2"), base=base, provisional=True, site="vas")
    assert log.a.state == "waiting"


def test_the_same_move_made_twice_unaware_is_no_clash() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(IncidentReferred(operator="op1", to="1177"))
    log.one(IncidentReferred(operator="op2", to="1177"), base=base, site="vas")
    assert (log.a.state, log.a.clashes) == ("referred", ())


@pytest.mark.parametrize(("epochs", "state"), [((0, 1), "referred"), ((1, 0), "answered")])
def test_a_referral_against_an_unseen_need_is_shown_and_the_newest_epoch_counts(epochs: tuple[int, int], state: str) -> None:
    log = Log()
    log.one(opened(A))
    base = log.one(answered("op1"))
    log.one(assessed("1A"), epoch=epochs[0])
    log.one(IncidentReferred(operator="op2", to="1177"), epoch=epochs[1], base=base, site="vas")
    assert (log.a.state, log.a.priority) == (state, "1A")
    assert only_clash(log.a, "superseded_decision").level == 2


# --- merging by a person -----------------------------------------------------------------------------------------------


def test_two_cases_that_a_person_merges_are_no_clash_even_when_the_older_is_merged_into_the_newer() -> None:
    log = Log()
    log.one(opened(B, handover="b" * 32), on=B)
    log.one(answered("op2"), on=B)
    log.one(assessed("1A", "op2"), on=B)
    log.one(opened(A))
    log.one(answered("op1"))
    log.one(assessed("2B"))
    log.one(IncidentMerged(operator="op1", into=A), on=B)
    log.join()
    state = log.a
    assert (state.incident_id, state.centre, state.merged_into, state.clashes) == (A, "esk", None, ())
    assert (state.answered_by, state.co_listeners) == ("op1", ("op2",))
    assert (state.priority, state.priority_disputed) == ("1A", False)
    assert folded("incident", B, log.entries).merged_into == A


def test_the_course_of_a_case_before_it_was_merged_is_not_the_other_ones() -> None:
    log = Log()
    log.one(opened(A))
    log.one(opened(B, handover="b" * 32), on=B)
    log.one(IncidentReferred(operator="op2", to="1177"), on=B)
    log.one(IncidentClosed(operator="op2"), on=B)
    log.one(IncidentReopened(operator="op2"), on=B)
    log.one(IncidentMerged(operator="op1", into=A), on=B)
    log.join()
    assert (log.a.state, log.a.members) == ("offered", (A, B))
    log.one(IncidentClosed(operator="op1"))
    assert log.a.state == "closed"
    log.one(assessed("1A", "op2"), on=B, late=True, site="vas")
    assert log.a.state == "offered", "work on a merged case that its decider did not know to be merged goes on here"


def test_two_cases_merged_into_each_other_are_one() -> None:
    log = Log()
    log.one(opened(A))
    log.one(opened(B, handover="b" * 32), on=B)
    log.one(IncidentMerged(operator="op1", into=B))
    log.one(IncidentMerged(operator="op2", into=A), on=B, site="vas")
    log.join()
    assert log.a.merged_into is None
    assert folded("incident", B, log.entries).merged_into == A


# --- bounds and early words -----------------------------------------------------------------------------------------------


def test_an_acknowledgement_folded_before_its_clash_settles_it() -> None:
    log = Log()
    base = log.one(opened(A))
    first = log.one(answered("op1"))
    late = log.entry("incident", A, answered("op2"), 20, base=base, late=True, command_id="other")
    word = ConflictAcknowledged(conflict_id=clash_id(first, late.stamp.event_id), by="lead1")
    log.write("incident", A, word, 30)
    log.entries.append(late)
    assert only_clash(log.a, "both_answered").acknowledged_by == "lead1"


def test_an_incident_remembers_a_bounded_number_of_decisions_and_takes_an_older_base_as_unaware() -> None:
    log = Log()
    base = log.one(opened(A))
    for n in range(MARKS_MAX + 5):
        log.one(assessed("2A" if n % 2 else "2B"))
    assert (len(log.a.marks), log.a.decisions, log.a.clashes) == (MARKS_MAX, MARKS_MAX + 6, ())
    log.one(assessed("1A", "op2"), base=base, site="vas")
    assert only_clash(log.a, "priority_disputed").outcome == "counts:1A"


def test_work_that_no_closing_knew_of_keeps_it_open_whatever_a_later_closing_knew() -> None:
    log = Log()
    base = log.one(opened(A))
    log.one(answered("op1"), base=base)
    known = log.one(assessed("2A"), base=base, site="vas", provisional=True)
    log.one(IncidentClosed(operator="op2"), base=known, site="vas", provisional=True)
    assert log.a.state == "answered"


FLOODS: dict[str, tuple[int, Any]] = {
    "notes": (NOTES_MAX, lambda n: NoteAdded(author="op1", text=str(n))),
    "amendments": (AMENDMENTS_MAX, lambda n: IncidentAmended(author="op1", description=str(n))),
    "acknowledgements": (ACKNOWLEDGEMENTS_MAX, lambda n: ConflictAcknowledged(conflict_id=f"c{n}", by="op1")),
    "assessments": (ASSESSMENTS_MAX, lambda n: assessed("1A" if n % 2 else "3")),
    "co_listeners": (CO_LISTENERS_MAX, lambda n: answered(f"op{n}")),
    "members": (MEMBERS_MAX, lambda n: opened(f"20261121-upp-{n:06d}")),
    "superseded": (
        SUPERSEDED_MAX,
        lambda n: IncidentParked(operator="op1") if n % 2 else IncidentQueued(operator="op1", review_due_at=at(0)),
    ),
    "clashes": (CLASHES_MAX, lambda n: answered(f"op{n}")),
}


def after(state: IncidentState, log: Log, event: Event, n: int) -> IncidentState:
    entry = log.entry("incident", A, event, n, base=None)
    return incident.evolve(state, entry.event, replace(entry.stamp, fold_id=A))


@pytest.mark.parametrize("what", FLOODS)
def test_what_an_incident_keeps_is_bounded(what: str) -> None:
    most, make = FLOODS[what]
    log = Log()
    log.one(opened(A))
    state = log.a
    for n in range(most + 10):
        state = after(state, log, make(n), n)
    assert len(getattr(state, what)) == most
    assert state.last_decision is not None
    assert len(state.last_decision) <= BASE_LENGTH_MAX
    assert roundtrip("incident", state) == state


def test_of_too_many_clashes_the_settled_go_first() -> None:
    log = Log()
    log.one(opened(A))
    state = log.a
    for n in range(CLASHES_MAX + 1):
        state = after(state, log, answered(f"op{n}"), n)
    state = after(state, log, ConflictAcknowledged(conflict_id=state.clashes[50].id, by="lead1"), 999)
    settled = {c.id for c in state.clashes if c.is_settled}
    assert len(settled) == 1
    state = after(state, log, answered("last"), 999)
    assert not settled & {c.id for c in state.clashes}
    assert len(state.clashes) == CLASHES_MAX
