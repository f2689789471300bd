"""A folded unit as a candidate: what its assignment, its crew's statuses and its positions mean for sending it."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from granslos.contract.commands import CrewStatus
from granslos.contract.places import Position
from granslos.domain.candidates import ACTIVITY_OF_STATUS, Candidate, activity_of, candidate_of
from granslos.domain.points import Point
from granslos.domain.unit_state import AssignmentState, UnitState

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def candidate(*, assignment: dict[str, Any] | None = None, position: Position | None = None, **state: Any) -> Candidate:
    made = (
        AssignmentState(assignment_id="a1", event_id="e1", unit_id="319-3310", incident_id="i1", priority="2A", **assignment)
        if assignment is not None
        else None
    )
    unit = UnitState(
        unit_id="319-3310",
        registered=True,
        centre="vas",
        assignments=(made,) if made else (),
        **{"status_at": NOW, **state},
    )
    return candidate_of(unit, position, area="19", reachable=True)


@pytest.mark.parametrize(
    ("assignment", "state", "activity"),
    [
        (None, {}, "free"),
        (None, {"status": "at_base"}, "free"),
        (None, {"status": "on_scene"}, "at_scene"),  # sent by voice
        (None, {"status": "out_of_service", "out_of_service": True}, "off"),
        (None, {"emergency_since": NOW}, "off"),
        ({"state": "alarmed"}, {}, "heading"),
        ({"state": "delivered"}, {}, "heading"),
        ({"state": "en_route"}, {"status": "en_route"}, "heading"),
        ({"state": "on_scene"}, {"status": "on_scene"}, "at_scene"),
        ({"state": "loaded", "t_loaded": NOW}, {"status": "loaded"}, "with_patient"),
        ({"state": "at_destination", "t_loaded": NOW}, {"status": "at_destination"}, "with_patient"),
        ({"state": "handed_over", "t_loaded": NOW}, {"status": "handed_over"}, "handed_over"),
        ({"state": "on_scene", "t_loaded": NOW}, {"status": "on_scene"}, "with_patient"),  # a late status
        ({"state": "handed_over", "active": False}, {"status": "available"}, "free"),
        ({"state": "en_route"}, {"emergency_since": NOW}, "off"),
    ],
)
def test_what_a_unit_is_doing(assignment: dict[str, Any] | None, state: dict[str, Any], activity: str) -> None:
    made = candidate(assignment=assignment, **state)
    assert made.activity == activity
    working = assignment is not None and assignment.get("active", True)
    assert (made.incident_id, made.incident_priority) == (("i1", "2A") if working else (None, None))


def test_where_a_unit_starts_from() -> None:
    station: dict[str, Any] = {"latitude": 59.61, "longitude": 16.54}
    seen = Position(unit_id="319-3310", latitude=59.5, longitude=16.0, at=NOW - timedelta(minutes=1))
    assert candidate(**station).starts_from == Point(59.61, 16.54)
    assert candidate(position=seen, **station).starts_from == Point(59.5, 16.0)
    assert candidate(position=seen, status="at_base", **station).starts_from == Point(59.61, 16.54)
    assert candidate(position=seen, status="at_base").starts_from == Point(59.5, 16.0)
    no_fix = Position(unit_id="319-3310", latitude=0.0, longitude=0.0, at=NOW)
    assert candidate(position=no_fix, **station).starts_from == Point(59.61, 16.54)
    assert candidate().starts_from is None


def test_what_else_is_known_goes_along() -> None:
    made = candidate(kind="doctor_car", skills=("neonatal",), shift_ends_at=NOW)
    assert (made.unit_id, made.kind, made.area, made.skills) == (
        "319-3310",
        "doctor_car",
        "19",
        frozenset({"neonatal"}),
    )
    assert made.shift_ends_at == NOW
    assert made.reachable
    assert not made.reinforcement


def test_every_crew_status_means_an_activity() -> None:
    assert set(ACTIVITY_OF_STATUS) == {"alarmed", *get_args(CrewStatus)}


@pytest.mark.parametrize(
    ("status", "assigned", "activity"),
    [
        (None, False, "free"),
        (None, True, "heading"),
        ("available", False, "free"),
        ("available", True, "heading"),
        ("at_base", True, "heading"),
        ("en_route", True, "heading"),
        ("on_scene", True, "at_scene"),
        ("loaded", True, "with_patient"),
        ("loaded", False, "with_patient"),
        ("handed_over", True, "handed_over"),
        ("out_of_service", False, "off"),
        ("emergency", True, "off"),
        ("a status of a later release", False, "with_patient"),
    ],
)
def test_a_status_means_an_activity(status: str | None, assigned: bool, activity: str) -> None:
    assert activity_of(status, assigned=assigned) == activity
