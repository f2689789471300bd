"""Three sites work on one incident, cut from each other at random; then they meet. What must hold of any such history."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from granslos.contract.commands import (
    AddNote,
    AmendIncident,
    AnswerIncident,
    AssessIncident,
    CloseIncident,
    ParkIncident,
    QueueIncident,
    ReferIncident,
    ReopenIncident,
    ResumeIncident,
    ReviewIncident,
)
from granslos.contract.events import (
    ConflictAcknowledged,
    IncidentAnswered,
    IncidentAssessed,
    IncidentClosed,
    IncidentOpened,
    desk_of,
)
from granslos.domain import incident
from granslos.domain.incident_state import IncidentState
from granslos.domain.marks import knows
from granslos.domain.stamp import Rejection
from granslos.domain.view import incident_view
from support.chronicle import SCALE, at, roundtrip
from support.events_at_random import SITES
from support.sites_at_random import Sites

ID = "20261121-esk-000001"
codes = st.sampled_from(SITES)
operators = st.sampled_from(["op1", "op2", "op3"])
priorities = st.sampled_from(["1A", "2A", "3", "H"])
commands = st.one_of(
    st.builds(AnswerIncident, incident_id=st.just(ID)),
    st.builds(AssessIncident, incident_id=st.just(ID), priority=priorities, recommended_priority=st.none() | priorities),
    st.builds(ParkIncident, incident_id=st.just(ID)),
    st.builds(ResumeIncident, incident_id=st.just(ID)),
    st.builds(QueueIncident, incident_id=st.just(ID)),
    st.builds(ReviewIncident, incident_id=st.just(ID)),
    st.builds(ReferIncident, incident_id=st.just(ID), to=st.sampled_from(["1177", "vc"])),
    st.builds(CloseIncident, incident_id=st.just(ID), override_reason=st.none() | st.just("x")),
    st.builds(ReopenIncident, incident_id=st.just(ID)),
    st.builds(AddNote, incident_id=st.just(ID), text=st.just("n")),
    st.builds(AmendIncident, incident_id=st.just(ID), description=st.just("d")),
)


class IncidentAtThreeSites(RuleBasedStateMachine):
    """Commands at any site, LOG and reading at any pace."""

    @initialize()
    def open(self) -> None:
        self.world = Sites(SITES, authority="esk")
        opened = IncidentOpened(
            incident_id=ID, centre="esk", handover_id="a" * 32, source="sos", source_id="1", offered_at=at(0)
        )
        self.world.journal("esk", "incident", ID, opened, "system")
        self.world.settle()

    @rule(code=codes, by=operators, command=commands)
    def command(self, code: str, by: str, command: Any) -> None:
        made = self.world.context(code, by)
        before = self.world.state(code, "incident", ID)
        outcome = incident.decide(before, command, made, assignments=())
        if isinstance(outcome, Rejection):
            return
        for event in outcome:
            self.world.journal(code, "incident", ID, event, by)
        after = self.world.state(code, "incident", ID)
        assert {c.id for c in after.clashes} == {c.id for c in before.clashes}, "a decision never clashes with what it saw"
        assert after.superseded == before.superseded, "a decision always counts where it was made"
        repeated = incident.decide(after, command, made, assignments=())
        assert isinstance(repeated, Rejection | tuple)
        if isinstance(command, AnswerIncident | ParkIncident | CloseIncident | ReopenIncident | ReferIncident):
            assert repeated == (), "doing it again has no effect"

    @rule(code=codes, by=operators, priority=priorities)
    def work_and_close(self, code: str, by: str, priority: str) -> None:
        self.command(code, by, AssessIncident(incident_id=ID, priority=priority))
        self.command(code, by, CloseIncident(incident_id=ID, override_reason="x"))

    @rule(code=codes)
    def forward(self, code: str) -> None:
        self.world.forward(code)

    @rule(code=codes, most=st.integers(1, 3))
    def read(self, code: str, most: int) -> None:
        self.world.read(code, most)

    @rule(code=codes)
    def acknowledge(self, code: str) -> None:
        state = self.world.state(code, "incident", ID)
        open_ones = [c.id for c in state.clashes if not c.is_settled]
        if open_ones:
            self.world.journal(code, "incident", ID, ConflictAcknowledged(conflict_id=open_ones[0], by="lead"), "lead")

    @rule()
    def meet(self) -> None:
        self.world.settle()

    @invariant()
    def each_site_has_a_state_and_a_view(self) -> None:
        for code in SITES:
            state = self.world.state(code, "incident", ID)
            assert roundtrip("incident", state) == state
            incident_view(state, handovers=[], assignments=(), merged_into=None, merged_from=(), scale=SCALE)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            states = [self.world.state(code, "incident", ID) for code in SITES]
            assert states[0] == states[1] == states[2], "after meeting all sites see the same"
            self.check(states[0])

    def check(self, state: IncidentState) -> None:
        entries = self.world.log.entries
        seen = self.world.seen
        decisions = [e for e in entries if desk_of(type(e.event).__name__)]
        for later in state.marks:
            for earlier in state.marks:
                if earlier.index < later.index:
                    assert knows(later, earlier) == (earlier.event_id in seen[later.event_id])
        answered = [e for e in decisions if isinstance(e.event, IncidentAnswered)]
        assessed = [e for e in decisions if isinstance(e.event, IncidentAssessed)]
        assert {e.stamp.actor for e in answered} <= {state.answered_by, *state.co_listeners}
        assert len(state.assessments) == len(assessed), "all assessments are kept"
        self.check_priority(state, [(e.stamp.event_id, e.event.priority) for e in assessed])
        self.check_closing(state, decisions)
        assert len(state.notes) == sum(type(e.event).__name__ == "NoteAdded" for e in entries)

    def check_priority(self, state: IncidentState, assessed: list[tuple[str, str]]) -> None:
        """The most urgent of those that no later assessor had seen counts."""
        seen = self.world.seen
        standing = [p for i, p in assessed if not any(i in seen[other] for other, _ in assessed)]
        assert state.priority == SCALE.most_urgent(standing)
        if len(set(standing)) <= 1:
            assert not state.priority_disputed

    def check_closing(self, state: IncidentState, decisions: list[Any]) -> None:
        """Closed means: closed, and every piece of work was seen by somebody who closed it."""
        seen = self.world.seen
        closings = [e.stamp.event_id for e in decisions if isinstance(e.event, IncidentClosed)]
        work = [e.stamp.event_id for e in decisions if not isinstance(e.event, IncidentClosed | IncidentOpened)]
        is_covered = all(any(w in seen[c] for c in closings) for w in work)
        assert state.is_closed == (bool(closings) and is_covered)


IncidentAtThreeSites.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestIncidentAtThreeSites = IncidentAtThreeSites.TestCase
