"""An incident's course: what a call desk may decide, and what becomes of it."""

from typing import Any

import pytest

from granslos.contract.commands import (
    AddNote,
    AmendIncident,
    AnswerIncident,
    AssessIncident,
    AssignUnit,
    CancelAssignment,
    CloseIncident,
    IncidentCommand,
    MergeIncident,
    OpenIncident,
    ParkIncident,
    QueueIncident,
    ReceiveHandover,
    ReferIncident,
    RegisterUnit,
    ReopenIncident,
    ReportUnitStatus,
    ResumeIncident,
    ReviewIncident,
)
from granslos.contract.envelope import handover_id
from granslos.contract.places import Location
from granslos.contract.views import IncidentView
from granslos.domain import incident, unit
from granslos.domain.handover import received
from granslos.domain.stamp import Rejection
from granslos.domain.view import incident_view, unit_view
from support.chronicle import SCALE, Chronicle, accepted, at, context, refused, roundtrip

ID = "20261121-vas-000001"
OTHER = "20261121-vas-000002"
UNIT = "319-3310"
HANDOVER = ReceiveHandover(source="sos", source_id="18:1:2", description="bröstsmärta")
HANDOVER_ID = handover_id("sos", "18:1:2")


class Case:
    """One incident and one unit, worked on from one desk by the real decisions."""

    def __init__(self, priority: str | None = None) -> None:
        self.log = Chronicle()
        self.now = 0.0
        handover = ReceiveHandover(source="sos", source_id="18:1:2", description="bröstsmärta", priority=priority)
        for fact in received(handover, context(), at(0)):
            self.log.write("handover", HANDOVER_ID, fact)
        command = OpenIncident(
            handover_id=HANDOVER_ID, handover=handover, received_at=at(0), received_by="vas", centre="vas", area="19"
        )
        self.log.write("incident", ID, incident.open_from_handover(command, context(), ID)[0])
        self.unit(RegisterUnit(unit_id=UNIT, centre="vas"))

    @property
    def assignments(self) -> tuple[unit.AssignmentState, ...]:
        state = self.log.state("unit", UNIT)
        return tuple(a for a in (state.assignments if state else ()) if a.incident_id == ID)

    def do(self, command: IncidentCommand, by: str = "op1", after: float = 10.0) -> tuple[Any, ...] | Rejection:
        self.now += after
        state = self.log.state("incident", ID)
        made = context(by, seconds=self.now)
        outcome = incident.decide(state, command, made, assignments=self.assignments)
        for event in () if isinstance(outcome, Rejection) else outcome:
            self.log.write("incident", ID, event, self.now, actor=by)
        return outcome

    def unit(self, command: Any, after: float = 10.0) -> tuple[Any, ...] | Rejection:
        self.now += after
        state = self.log.state("unit", UNIT)
        made = context("disp1", seconds=self.now, command_id=f"u{self.now}")
        outcome: tuple[Any, ...] | Rejection
        match command:
            case RegisterUnit():
                outcome = unit.decide_register(state, command, made)
            case AssignUnit():
                case = self.log.state("incident", command.incident_id)
                priority = case.priority if case else command.priority
                outcome = unit.decide_assign(state, command, made, incident_priority=priority, incident_open=True)
            case CancelAssignment():
                outcome = unit.decide_cancel(state, command, made)
            case _:
                outcome = unit.report_status(state, command, made)
        for event in () if isinstance(outcome, Rejection) else outcome:
            self.log.write("unit", UNIT, event, self.now)
        return outcome

    def status(self, status: Any) -> None:
        accepted(self.unit(ReportUnitStatus(unit_id=UNIT, status=status)))

    @property
    def view(self) -> IncidentView:
        state = self.log.state("incident", ID)
        assert roundtrip("incident", state) == state
        handovers = [self.log.state("handover", HANDOVER_ID)]
        return incident_view(
            state,
            handovers=handovers,
            assignments=self.assignments,
            merged_into=None,
            merged_from=(),
            scale=SCALE,
        )


def test_a_handover_is_offered_answered_assessed_dispatched_completed_and_closed() -> None:
    case = Case()
    assert (case.view.state, case.view.t_offered, case.view.t_received) == ("offered", at(0), at(0))
    assert case.view.description == "bröstsmärta"
    accepted(case.do(AnswerIncident(incident_id=ID)))
    assert (case.view.state, case.view.answered_by, case.view.t_answered) == ("answered", "op1", at(case.now))
    accepted(case.do(AssessIncident(incident_id=ID, priority="1A", recommended_priority="1A")))
    assert (case.view.priority, case.view.t_prioritised, case.view.t_need_identified) == ("1A", at(30), at(30))
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    assert (case.view.state, case.view.t_alarmed) == ("assigned", at(40))
    states = []
    for status in ("delivered", "acknowledged", "en_route", "staging", "on_scene", "at_patient", "loaded"):
        case.status(status)
        states.append(case.view.assignments[0].state)
        assert getattr(case.view, f"t_{status}") == at(case.now) == getattr(case.view.assignments[0], f"t_{status}")
    assert states == ["delivered", "acknowledged", "en_route", "staging", "on_scene", "at_patient", "loaded"]
    assert refused(case.do(CloseIncident(incident_id=ID))) == "units_active"
    for status in ("at_destination", "handed_over"):
        case.status(status)
        assert case.view.assignments[0].state == status
    case.status("available")
    assert (case.view.state, case.view.assignments[0].state) == ("completed", "available")
    assert case.view.t_available == at(case.now)
    accepted(case.do(CloseIncident(incident_id=ID, outcome="transported")))
    assert (case.view.state, case.view.outcome, case.view.t_closed) == ("closed", "transported", at(case.now))


def test_a_call_is_parked_taken_back_queued_reviewed_and_referred() -> None:
    case = Case()
    assert refused(case.do(ParkIncident(incident_id=ID))) == "not_answered"
    accepted(case.do(AnswerIncident(incident_id=ID)))
    assert refused(case.do(ResumeIncident(incident_id=ID))) == "not_parked"
    accepted(case.do(ParkIncident(incident_id=ID)))
    assert (case.view.state, case.view.t_parked) == ("parked", at(case.now))
    assert case.do(ParkIncident(incident_id=ID)) == ()
    accepted(case.do(ResumeIncident(incident_id=ID), by="op2"))
    assert (case.view.state, case.view.answered_by, case.view.co_listeners) == ("answered", "op2", ("op1",))
    assert case.do(ResumeIncident(incident_id=ID), by="op2") == ()
    assert refused(case.do(QueueIncident(incident_id=ID))) == "not_assessed"
    accepted(case.do(AssessIncident(incident_id=ID, priority="2B")))
    assert refused(case.do(ReviewIncident(incident_id=ID))) == "not_waiting"
    accepted(case.do(QueueIncident(incident_id=ID)))
    assert (case.view.state, case.view.t_queued) == ("waiting", at(case.now))
    assert case.view.review_due_at == at(case.now + 30 * 60)
    assert case.do(QueueIncident(incident_id=ID)) == ()
    accepted(case.do(ReviewIncident(incident_id=ID)))
    assert case.view.review_due_at == at(case.now + 30 * 60)
    accepted(case.do(AssessIncident(incident_id=ID, priority="2A")))
    assert case.view.state == "waiting"
    accepted(case.do(ReferIncident(incident_id=ID, to="1177")))
    assert (case.view.state, case.view.referred_to, case.view.review_due_at) == ("referred", "1177", None)
    assert case.do(ReferIncident(incident_id=ID, to="1177")) == ()
    accepted(case.do(AssessIncident(incident_id=ID, priority="1A")))
    assert case.view.state == "answered"


def test_the_same_operator_answers_once_and_another_is_told_who_holds_the_call() -> None:
    case = Case()
    accepted(case.do(AnswerIncident(incident_id=ID)))
    assert case.do(AnswerIncident(incident_id=ID)) == ()
    assert refused(case.do(AnswerIncident(incident_id=ID), by="op2")) == "already_answered"
    assert not case.log.state("incident", ID).clashes


def test_an_override_without_a_reason_never_blocks_an_alarm_but_closing_asks_again() -> None:
    case = Case()
    accepted(case.do(AnswerIncident(incident_id=ID)))
    accepted(case.do(AssessIncident(incident_id=ID, priority="2A", recommended_priority="1A")))
    assert case.view.override_reason_missing
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    accepted(case.unit(CancelAssignment(unit_id=UNIT, incident_id=ID)))
    outcome = case.do(CloseIncident(incident_id=ID, override_reason="  "))
    assert refused(outcome) == "override_reason_missing"
    assert isinstance(outcome, Rejection) and outcome.field == "override_reason"
    accepted(case.do(CloseIncident(incident_id=ID, override_reason="läkare på plats")))
    assert (case.view.override_reason, case.view.override_reason_missing) == ("läkare på plats", False)


def test_a_reason_given_once_counts_for_the_same_choice() -> None:
    case = Case()
    accepted(case.do(AssessIncident(incident_id=ID, priority="2A", recommended_priority="1A", reason="frisk")))
    accepted(case.do(AssessIncident(incident_id=ID, priority="2A")))
    assert (case.view.recommended_priority, case.view.override_reason) == ("1A", "frisk")
    accepted(case.do(AssessIncident(incident_id=ID, priority="3")))
    assert case.view.override_reason_missing
    accepted(case.do(AssessIncident(incident_id=ID, priority="1A")))
    assert not case.view.override_reason_missing


def test_a_closed_incident_takes_facts_only_until_it_is_opened_again() -> None:
    case = Case()
    assert refused(case.do(ReopenIncident(incident_id=ID))) == "not_closed"
    accepted(case.do(AnswerIncident(incident_id=ID)))
    accepted(case.do(CloseIncident(incident_id=ID)))
    assert case.do(CloseIncident(incident_id=ID)) == ()
    for command in (
        AnswerIncident(incident_id=ID),
        AssessIncident(incident_id=ID, priority="1A"),
        ParkIncident(incident_id=ID),
        ResumeIncident(incident_id=ID),
        QueueIncident(incident_id=ID),
        ReviewIncident(incident_id=ID),
        ReferIncident(incident_id=ID),
        MergeIncident(incident_id=ID, into=OTHER),
    ):
        assert refused(case.do(command)) == "closed"
    accepted(case.do(AddNote(incident_id=ID, text="ringde igen")))
    accepted(case.do(AmendIncident(incident_id=ID, description="fel adress")))
    assert (case.view.state, case.view.description, case.view.notes[0].text) == ("closed", "fel adress", "ringde igen")
    accepted(case.do(ReopenIncident(incident_id=ID)))
    assert (case.view.state, case.view.t_reopened, case.view.t_closed) == ("answered", at(case.now), None)
    assert case.do(ReopenIncident(incident_id=ID)) == ()
    accepted(case.do(CloseIncident(incident_id=ID)))
    assert case.view.state == "closed"
    assert not case.log.state("incident", ID).clashes


def test_a_merged_incident_refuses_decisions_and_names_where_it_counts() -> None:
    case = Case()
    assert refused(case.do(MergeIncident(incident_id=ID, into=ID))) == "merge_into_itself"
    accepted(case.do(MergeIncident(incident_id=ID, into=OTHER)))
    assert (case.view.state, case.view.merged_into) == ("merged", OTHER)
    assert case.do(MergeIncident(incident_id=ID, into=OTHER)) == ()
    outcome = case.do(AnswerIncident(incident_id=ID))
    assert refused(outcome) == "merged"
    assert isinstance(outcome, Rejection) and outcome.detail == OTHER
    accepted(case.do(AddNote(incident_id=ID, text="x")))


@pytest.mark.parametrize("command", [AnswerIncident(incident_id=ID), AddNote(incident_id=ID, text="x")])
def test_an_unknown_incident_is_not_found(command: Any) -> None:
    outcome = incident.decide(None, command, context(), assignments=())
    assert isinstance(outcome, Rejection)
    assert (outcome.code, outcome.status) == ("not_found", 404)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (AssessIncident(incident_id=ID, priority="9Z"), "priority"),
        (AssessIncident(incident_id=ID, priority="1A", recommended_priority="X"), "recommended_priority"),
        (QueueIncident(incident_id=ID, review_at=at(-1)), "review_at"),
    ],
)
def test_a_wrong_field_is_named(command: Any, field: str) -> None:
    outcome = Case("1A").do(command)
    assert isinstance(outcome, Rejection)
    assert (outcome.status, outcome.field) == (422, field)


def test_a_priority_from_outside_is_enough_for_the_waiting_room_and_counts_until_somebody_assesses() -> None:
    case = Case("2A")
    assert case.view.priority == "2A"
    accepted(case.do(QueueIncident(incident_id=ID)))
    assert (case.view.state, case.view.review_due_at) == ("waiting", at(case.now + 15 * 60))
    accepted(case.do(AssessIncident(incident_id=ID, priority="3")))
    assert case.view.priority == "3"


def test_a_priority_that_is_not_on_the_scale_never_stops_an_opening() -> None:
    case = Case("77")
    assert (case.view.state, case.view.priority) == ("offered", None)


def test_a_unit_turned_back_before_it_arrived_leaves_the_incident_where_the_call_desk_had_it() -> None:
    case = Case()
    accepted(case.do(AnswerIncident(incident_id=ID)))
    accepted(case.do(AssessIncident(incident_id=ID, priority="1B")))
    accepted(case.do(QueueIncident(incident_id=ID)))
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    assert case.view.state == "assigned"
    case.status("en_route")
    accepted(case.unit(CancelAssignment(unit_id=UNIT, incident_id=ID)))
    assert (case.view.state, case.view.assignments[0].state) == ("waiting", "stood_down")
    assert case.view.t_cancelled == at(case.now)


def test_a_pre_empted_unit_puts_its_incident_at_the_top_of_the_waiting_room() -> None:
    case = Case()
    accepted(case.do(AnswerIncident(incident_id=ID)))
    accepted(case.do(AssessIncident(incident_id=ID, priority="2B")))
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    case.status("en_route")
    assert refused(case.unit(AssignUnit(unit_id=UNIT, incident_id=OTHER, priority="1A"))) == "unit_busy"
    outcome = case.unit(AssignUnit(unit_id=UNIT, incident_id=OTHER, priority="1A", preempt=True))
    assert accepted(outcome)[0].replaces == case.assignments[0].assignment_id
    assert (case.view.state, case.view.assignments[0].state) == ("waiting", "displaced")
    assert case.view.review_due_at == at(case.now)
    assert unit_view(case.log.state("unit", UNIT)).incident_id == OTHER
    accepted(case.do(QueueIncident(incident_id=ID)))
    assert case.view.review_due_at == at(case.now + 30 * 60)


def test_positions_and_descriptions_that_an_operator_corrects_are_shown_first() -> None:
    case = Case()
    place = Location(latitude=59.6, longitude=16.5)
    accepted(case.do(AmendIncident(incident_id=ID, location=place)))
    assert (case.view.location, case.view.t_position_known) == (place, at(case.now))
    assert case.do(AmendIncident(incident_id=ID)) == ()


def test_the_need_of_a_unit_is_identified_by_the_first_assessment_that_asks_for_one_or_by_the_first_alarm() -> None:
    case = Case()
    accepted(case.do(AssessIncident(incident_id=ID, priority="H")))
    assert (case.view.t_prioritised, case.view.t_need_identified) == (at(case.now), None)
    accepted(case.do(AssessIncident(incident_id=ID, priority="2A")))
    assert case.view.t_need_identified == at(case.now)
    alarmed_first = Case()
    accepted(alarmed_first.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    assert alarmed_first.view.t_need_identified == at(alarmed_first.now)


def test_a_completed_incident_that_the_call_desk_takes_up_again_is_not_completed() -> None:
    case = Case("2A")
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    for status in ("on_scene", "available"):
        case.status(status)
    assert case.view.state == "completed"
    accepted(case.do(QueueIncident(incident_id=ID)))
    assert case.view.state == "waiting"


def test_a_unit_that_is_free_again_without_having_come_leaves_the_incident_open() -> None:
    case = Case("2A")
    accepted(case.do(AnswerIncident(incident_id=ID)))
    accepted(case.unit(AssignUnit(unit_id=UNIT, incident_id=ID)))
    for status in ("en_route", "available"):
        case.status(status)
    assert case.view.state == "answered"


def test_a_test_call_is_one_until_a_real_fragment_comes() -> None:
    case = Case()
    case.log.entries.clear()
    handover = ReceiveHandover(source="sos", source_id="18:1:2", test=True)
    opening = OpenIncident(handover_id=HANDOVER_ID, handover=handover, received_at=at(0), received_by="vas", centre="vas")
    case.log.write("handover", HANDOVER_ID, received(handover, context(), at(0))[0])
    case.log.write("incident", ID, incident.open_from_handover(opening, context(), ID)[0])
    assert case.view.test
    case.log.write("handover", HANDOVER_ID, received(HANDOVER, context(), at(1))[0])
    assert not case.view.test
