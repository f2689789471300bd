"""Folds are total: whatever events a LOG holds, in whatever order, there is a state, a row of it, and a view."""

from datetime import datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.envelope import encode
from granslos.contract.events import AnyEvent, Event
from granslos.domain.incident_state import IncidentState
from granslos.domain.topics import STATE_TYPES, fold
from granslos.domain.unit_contest import derive
from granslos.domain.unit_state import UnitState
from granslos.domain.view import conflict_views, handover_view, incident_view, operator_view, unit_view
from support.chronicle import SCALE, at, roundtrip
from support.events_at_random import (
    ALL_EVENTS,
    EVENT_IDS,
    INCIDENT_DECISIONS,
    INCIDENT_FACTS,
    INCIDENTS,
    REPORTS,
    UNIT_DECISIONS,
    instants,
    stamp_fields,
    stamps,
)

Row = tuple[Event, str | None, dict[str, Any], datetime]


def rows(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    made_on = st.none() | st.sampled_from(INCIDENTS)
    return st.lists(st.tuples(st.one_of(*kinds), made_on, stamp_fields, instants), max_size=len(EVENT_IDS))


def view(state: Any) -> Any:
    match state:
        case IncidentState():
            return incident_view(state, handovers=[], assignments=[], merged_into=None, merged_from=(), scale=SCALE)
        case UnitState():
            return unit_view(state)
        case _ if type(state).__name__ == "HandoverState":
            return handover_view(state)
        case _ if type(state).__name__ == "OperatorState":
            return operator_view(state)
        case _:
            return state


def folds(kind: str, items: list[Row], fold_id: str | None) -> Any:
    state = None
    for n, (event, made_on, chosen, when) in enumerate(items):
        stamp = stamps(n, made_on, fold_id, chosen, when)
        before = state
        state = fold(kind, before, event, stamp)
        assert state == fold(kind, before, event, stamp), "a fold is a function"
        if state is not None:
            assert roundtrip(kind, state) == state
            assert encode(view(state))
            check(state)
    return state


def check(state: Any) -> None:
    conflicts = conflict_views(state)
    assert len({c.id for c in conflicts}) == len(conflicts)
    match state:
        case UnitState():
            assert sum(a.active for a in state.assignments) <= 1
            assert all((a.ended_at is None) == a.active for a in state.assignments)
            assert derive(state, SCALE) == state, "what follows from the events does not depend on how often it is derived"
        case IncidentState():
            assert state.state in ("closed", state.open_state)
            assert (state.priority is None) or state.assessments or state.opened_priority
            assert set(state.standing) <= {a.event_id for a in state.assessments}
        case _:
            pass


@given(rows(*ALL_EVENTS), st.none() | st.sampled_from(INCIDENTS))
def test_every_fold_takes_every_event(items: list[Row], fold_id: str | None) -> None:
    for kind in STATE_TYPES:
        folds(kind, items, fold_id)


@given(rows(*INCIDENT_DECISIONS, *INCIDENT_FACTS), st.sampled_from(INCIDENTS))
def test_an_incident_takes_any_course(items: list[Row], fold_id: str) -> None:
    state = folds("incident", items, fold_id)
    if state is not None:
        assert state.incident_id == fold_id
        assessed = [event for event, *_ in items if type(event).__name__ == "IncidentAssessed"]
        assert len(state.assessments) == len(assessed), "all assessments are kept"


@given(rows(*UNIT_DECISIONS, REPORTS))
def test_a_unit_takes_any_course(items: list[Row]) -> None:
    folds("unit", items, "u1")


@given(rows(*INCIDENT_FACTS), st.randoms(use_true_random=False))
def test_an_incidents_facts_commute(items: list[Row], random: Any) -> None:
    events = [(event, stamps(n, None, INCIDENTS[0], chosen, when)) for n, (event, _, chosen, when) in enumerate(items)]
    shuffled = list(events)
    random.shuffle(shuffled)
    one, other = None, None
    for event, stamp in events:
        one = fold("incident", one, event, stamp)
    for event, stamp in shuffled:
        other = fold("incident", other, event, stamp)
    assert one == other


@given(rows(*UNIT_DECISIONS), rows(REPORTS), st.randoms(use_true_random=False))
def test_a_units_statuses_commute(decisions: list[Row], reports: list[Row], random: Any) -> None:
    half = len(EVENT_IDS) // 2
    base = None
    for n, (event, _, chosen, when) in enumerate(decisions[:half]):
        base = fold("unit", base, event, stamps(n, None, "u1", chosen, when))
    told = [(event, stamps(half + n, None, "u1", chosen, when)) for n, (event, _, chosen, when) in enumerate(reports[:half])]
    shuffled = list(told)
    random.shuffle(shuffled)
    one, other = base, base
    for event, stamp in told:
        one = fold("unit", one, event, stamp)
    for event, stamp in shuffled:
        other = fold("unit", other, event, stamp)
    assert one == other


def test_the_strategies_cover_the_whole_contract() -> None:
    built = {strategy.wrapped_strategy.target.__name__ for strategy in ALL_EVENTS}
    assert built == {kind.__name__ for kind in AnyEvent.__args__}


def test_an_unrelated_event_changes_nothing() -> None:
    event = msgspec.convert({"type": "NoteAdded", "author": "a", "text": "x"}, AnyEvent)
    stamp = stamps(0, None, None, {"site": "vas"}, at(0))
    for kind in STATE_TYPES:
        assert (fold(kind, None, event, stamp) is None) == (kind != "incident")
