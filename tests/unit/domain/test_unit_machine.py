"""Three sites claim and hear one unit, cut from each other at random; then they meet. What must hold of any such history."""

from typing import Any, get_args

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from granslos.contract.commands import AssignUnit, CancelAssignment, CrewStatus, ReportUnitStatus
from granslos.contract.events import ConflictAcknowledged, UnitAssigned, UnitRegistered, UnitStatusReported
from granslos.domain import unit
from granslos.domain.stamp import Rejection
from granslos.domain.unit_contest import derive
from granslos.domain.unit_state import UnitState
from granslos.domain.view import assignment_view, conflict_views, unit_view
from support.chronicle import SCALE, Entry, folded, roundtrip
from support.events_at_random import INCIDENTS, SITES
from support.sites_at_random import Sites

UNIT = "319-3310"
codes = st.sampled_from(SITES)
statuses = st.sampled_from(get_args(CrewStatus))


class UnitAtThreeSites(RuleBasedStateMachine):
    """Any site may believe that it serves the unit's desk; claims that could not know of each other meet in the LOG."""

    @initialize()
    def register(self) -> None:
        self.world = Sites(SITES, authority="esk")
        event = UnitRegistered(unit_id=UNIT, kind="ambulance", centre="esk")
        self.world.journal("esk", "unit", UNIT, event, "system")
        self.world.settle()

    @rule(
        code=codes,
        incident=st.sampled_from(INCIDENTS),
        priority=st.sampled_from(["1A", "2A", "3"]),
        preempt=st.booleans(),
    )
    def assign(self, code: str, incident: str, priority: str, preempt: bool) -> None:
        made = self.world.context(code, f"disp-{code}")
        before = self.world.state(code, "unit", UNIT)
        command = AssignUnit(unit_id=UNIT, incident_id=incident, priority=priority, preempt=preempt)
        outcome = unit.decide_assign(before, command, made, incident_priority=None, incident_open=True)
        after = self.take(code, outcome)
        if not isinstance(outcome, Rejection):
            assert after.active and after.active.incident_id == incident, "a claim counts where it was made"
            assert {c.id for c in after.clashes} <= {c.id for c in before.clashes}
            again = unit.decide_assign(after, command, made, incident_priority=None, incident_open=True)
            assert again == (), "doing it again has no effect"

    @rule(code=codes, incident=st.sampled_from(INCIDENTS))
    def cancel(self, code: str, incident: str) -> None:
        made = self.world.context(code, f"disp-{code}")
        command = CancelAssignment(unit_id=UNIT, incident_id=incident)
        outcome = unit.decide_cancel(self.world.state(code, "unit", UNIT), command, made)
        after = self.take(code, outcome)
        if not isinstance(outcome, Rejection) and outcome:
            assert not any(a.active and a.incident_id == incident for a in after.assignments)

    @rule(code=codes, status=statuses)
    def report(self, code: str, status: Any) -> None:
        made = self.world.context(code, "crew")
        before = self.world.state(code, "unit", UNIT)
        command = ReportUnitStatus(unit_id=UNIT, status=status)
        others = {a.assignment_id for a in before.assignments if a.active} if before.active is None else set()
        after = self.take(code, unit.report_status(before, command, made))
        assert not others
        ended = {a.assignment_id for a in before.assignments if a.active} - {
            a.assignment_id for a in after.assignments if a.active
        }
        assert ended <= ({before.active.assignment_id} if before.active else set())

    def take(self, code: str, outcome: Any) -> UnitState:
        for event in () if isinstance(outcome, Rejection) else outcome:
            self.world.journal(code, "unit", UNIT, event, "x")
        state = self.world.state(code, "unit", UNIT)
        assert isinstance(state, UnitState)
        return state

    @rule(code=codes)
    def forward(self, code: str) -> None:
        self.world.forward(code)

    @rule(code=codes, most=st.integers(1, 3))
    def read(self, code: str, most: int) -> None:
        self.world.read(code, most)

    @rule()
    def meet(self) -> None:
        self.world.settle()

    @rule(code=codes)
    def acknowledge(self, code: str) -> None:
        state = self.world.state(code, "unit", UNIT)
        open_ones = [c.id for c in state.clashes if not c.is_settled]
        if open_ones:
            self.world.journal(code, "unit", UNIT, ConflictAcknowledged(conflict_id=open_ones[0], by="lead"), "lead")

    @invariant()
    def at_most_one_assignment_is_active_and_every_site_sees_a_unit(self) -> None:
        for code in SITES:
            state = self.world.state(code, "unit", UNIT)
            assert sum(a.active for a in state.assignments) <= 1
            assert roundtrip("unit", state) == state
            assert derive(state, SCALE) == state
            active = state.active
            assert unit_view(state).incident_id == (active.incident_id if active else None)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            states = [self.world.state(code, "unit", UNIT) for code in SITES]
            assert states[0] == states[1] == states[2], "after meeting all sites see the same"
            self.check(states[0])

    def check(self, state: UnitState) -> None:
        entries = self.world.log.entries
        claims = [e.event for e in entries if isinstance(e.event, UnitAssigned)]
        if len(claims) <= 8:
            incidents = {a.incident_id for a in state.assignments}
            assert incidents == {c.incident_id for c in claims}, "no claim disappears without a trace"
        for a in state.assignments:
            if a.contested:
                assert any(a.incident_id in c.incidents and c.state == "open" for c in conflict_views(state))
            if a.active:
                assert a.state not in ("displaced", "cancelled", "stood_down", "refused", "available")
        swapped = list(entries)
        for n in range(len(swapped) - 1):
            if all(isinstance(e.event, UnitStatusReported) for e in swapped[n : n + 2]):
                swapped[n], swapped[n + 1] = swapped[n + 1], swapped[n]
        assert shown(swapped) == shown(entries), "crew statuses commute"


def shown(entries: list[Entry]) -> Any:
    state = folded("unit", UNIT, entries)
    return unit_view(state), [assignment_view(a) for a in state.assignments], conflict_views(state)


UnitAtThreeSites.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestUnitAtThreeSites = UnitAtThreeSites.TestCase
