"""Who is proposed for what, in which order, and with which reasons."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from granslos.domain.candidates import (
    DEFAULT_RULES,
    Candidate,
    Need,
    Rules,
    load_rules,
)
from granslos.domain.fleet import (
    FIRST_RESPONSE_GAIN_S,
    LISTED_FIRST_RESPONSE_MAX,
    LISTED_SOON_FREE_MAX,
    LISTED_UNREACHABLE_MAX,
    Fleet,
    Option,
)
from granslos.domain.geography import load
from granslos.domain.points import Point
from granslos.domain.recommendation import (
    CLOSEST,
    RANKED_MAX,
    ClosestPolicy,
    Coverage,
    Reason,
    Recommendation,
    recommend,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLACES = {
    name: next(p for p in load().places if p.name == name) for name in ("Västerås", "Eskilstuna", "Enköping", "Sala", "Köping")
}


def place(name: str) -> Point:
    return Point(PLACES[name].latitude, PLACES[name].longitude)


def unit(unit_id: str, where: str | None = "Västerås", **more: Any) -> Candidate:
    position = place(where) if where else None
    return Candidate(
        **{"unit_id": unit_id, "kind": "ambulance", "area": "19", "position": position, "position_at": NOW, **more}
    )


def need(priority: str = "1A", where: str | None = "Västerås", **more: Any) -> Need:
    return Need(**{"priority": priority, "place": place(where) if where else None, "area": "19", **more})


def proposals(wanted: Need, *units: Candidate, rules: Rules = DEFAULT_RULES) -> list[Recommendation]:
    return recommend(wanted, Fleet(load().roads, load().roads.residents, rules, units), CLOSEST, NOW)


def order(wanted: Need, *units: Candidate) -> list[str]:
    return [r.unit_id for r in proposals(wanted, *units)]


def reasons(recommendation: Recommendation) -> dict[str, int | str | None]:
    return {reason.code: reason.value for reason in recommendation.reasons}


def test_the_first_to_arrive_is_first_whatever_its_county() -> None:
    units = (
        unit("a", "Köping"),
        unit("b", "Enköping", area="03"),
        unit("c", "Eskilstuna", area="04"),
        unit("d", "Sala"),
    )
    listed = proposals(need(), *units)
    assert [r.unit_id for r in listed] == ["b", "d", "a", "c"]
    assert [r.rank for r in listed] == [1, 2, 3, 4]
    assert [r.crosses_border for r in listed] == [True, False, False, True]
    expected = load().travel_time_s(place("Enköping"), place("Västerås"))
    assert listed[0].travel_time_s == listed[0].arrives_in_s == expected
    assert reasons(listed[0])["travel_time"] == expected
    assert reasons(listed[0])["crosses_border"] == "03"
    assert listed[0].distance_m == pytest.approx(29_700, rel=0.02)


def test_equal_arrivals_are_ordered_by_call_sign() -> None:
    assert order(need(), unit("z"), unit("m"), unit("a")) == ["a", "m", "z"]


def test_without_sirens_driving_takes_longer() -> None:
    (acute,) = proposals(need("1B"), unit("a", "Köping"))
    (planned,) = proposals(need("3"), unit("a", "Köping"))
    assert acute.travel_time_s is not None and planned.travel_time_s is not None
    assert planned.travel_time_s == acute.travel_time_s * 1_250 // 1_000


@pytest.mark.parametrize(
    ("kind", "priority", "standing"),
    [
        ("ambulance", "1A", "main"),
        ("ambulance", "4", "main"),
        ("icu_ambulance", "2B", "main"),
        ("icu_ambulance", "3", None),
        ("transport_ambulance", "3", "main"),
        ("transport_ambulance", "2A", None),
        ("transport_ambulance", "1A", "first_response"),
        ("doctor_car", "1B", "first_response"),
        ("doctor_car", "2A", None),
        ("ivpa_unit", "1A", "first_response"),
        ("ivpa_unit", "1B", None),
        ("ambulance", "H", None),
        ("unheard_of", "1A", None),
    ],
)
def test_kinds_suit_by_priority(kind: str, priority: str, standing: str | None) -> None:
    listed = proposals(need(priority), unit("a", kind=kind))
    assert [r.standing for r in listed] == ([standing] if standing else [])


def test_a_kind_asked_for_by_name_is_the_only_one_proposed() -> None:
    units = unit("a"), unit("d", "Sala", kind="doctor_car"), unit("h", "Köping", kind="unheard_of")
    assert order(need(kinds=frozenset({"doctor_car"})), *units) == ["d"]
    assert order(need("H", kinds=frozenset({"unheard_of", "doctor_car"})), *units) == ["d", "h"]


def test_skills_asked_for_must_all_be_there() -> None:
    units = (
        unit("a", skills=frozenset({"neonatal"})),
        unit("b", skills=frozenset({"neonatal", "bariatric"})),
        unit("c"),
    )
    assert order(need(skills=frozenset({"neonatal"})), *units) == ["a", "b"]
    assert order(need(skills=frozenset({"neonatal", "bariatric"})), *units) == ["b"]
    assert order(need(), *units) == ["a", "b", "c"]


def test_units_already_asked_are_left_out() -> None:
    assert order(need(exclude=frozenset({"a"})), unit("a"), unit("b")) == ["b"]


@pytest.mark.parametrize(
    ("activity", "its_priority", "priority", "reinforcement", "proposed"),
    [
        ("heading", "2A", "1A", False, True),
        ("heading", "2B", "1B", False, True),
        ("heading", "3", "2A", False, True),
        ("heading", "4", "2B", False, True),
        ("heading", "1B", "1A", False, False),
        ("heading", "2A", "2A", False, False),
        ("heading", "2B", "2A", False, False),
        ("heading", "1A", "3", False, False),
        ("heading", "4", "3", False, False),
        ("heading", None, "1A", False, False),
        ("at_scene", "2A", "1A", False, False),
        ("at_scene", "2A", "1A", True, True),
        ("at_scene", "1A", "1A", True, False),
        ("with_patient", "4", "1A", True, False),
        ("off", None, "1A", False, False),
        ("free", None, "4", False, True),
        ("handed_over", "1A", "1A", False, True),
    ],
)
def test_a_unit_is_taken_only_from_something_less_urgent_and_before_it_has_its_patient(
    activity: str, its_priority: str | None, priority: str, reinforcement: bool, proposed: bool
) -> None:
    busy = unit("a", activity=activity, incident_id="i", incident_priority=its_priority, reinforcement=reinforcement)
    listed = proposals(need(priority), busy)
    assert bool(listed) == proposed
    if proposed and activity in ("heading", "at_scene"):
        assert listed[0].preempts == "i"
        assert reasons(listed[0])["preempts"] == "i"
        assert reasons(listed[0])["preempts_priority"] == its_priority
        assert "free" not in reasons(listed[0])
    elif proposed:
        assert listed[0].preempts is None
        assert activity in reasons(listed[0])


def test_a_unit_that_is_handing_over_is_shown_if_it_would_be_sooner_but_is_not_free_yet() -> None:
    busy = unit("a", activity="handed_over", incident_id="i", incident_priority="2B")
    listed = proposals(need(), busy, unit("b", "Köping"))
    assert [(r.unit_id, r.standing, r.rank, r.assignable) for r in listed] == [
        ("b", "main", 1, True),
        ("a", "soon_free", None, False),
    ]
    assert (listed[1].travel_time_s, listed[1].arrives_in_s, reasons(listed[1])["ready_in"]) == (0, 300, 300)
    assert order(need(), busy, unit("b")) == ["b"]
    assert order(need(where=None), busy) == []
    many = [unit(f"h{n}", activity="handed_over") for n in range(LISTED_SOON_FREE_MAX + 1)]
    assert order(need(), *many) == [f"h{n}" for n in range(LISTED_SOON_FREE_MAX)]


def test_a_meal_break_is_broken_for_the_acute_only() -> None:
    resting = unit("a", on_break=True)
    assert "on_break" in reasons(proposals(need("1B"), resting)[0])
    assert order(need("2A"), resting, unit("b", "Sala")) == ["b"]


def test_a_grey_unit_is_shown_beside_but_cannot_be_assigned() -> None:
    listed = proposals(need(), unit("grey", reachable=False), unit("far", "Eskilstuna"))
    assert [(r.unit_id, r.rank, r.assignable, r.standing) for r in listed] == [
        ("far", 1, True, "main"),
        ("grey", None, False, "unreachable"),
    ]
    assert "desk_silent" in reasons(listed[1])
    assert listed[1].travel_time_s == 0


def test_only_the_nearest_grey_units_are_shown() -> None:
    grey = [unit(f"g{n}", ["Västerås", "Enköping", "Sala", "Eskilstuna"][n], reachable=False) for n in range(4)]
    assert len(grey) == LISTED_UNREACHABLE_MAX + 1
    assert order(need(), *grey) == ["g0", "g1", "g2"]


def test_a_unit_that_can_only_begin_is_shown_if_it_is_clearly_sooner() -> None:
    car = unit("car", kind="doctor_car")
    listed = proposals(need(), unit("far", "Köping"), car)
    assert [(r.unit_id, r.standing, r.rank, r.assignable) for r in listed] == [
        ("far", "main", 1, True),
        ("car", "first_response", None, True),
    ]
    assert "kind_begins" in reasons(listed[1])
    assert listed[0].arrives_in_s is not None and listed[0].arrives_in_s >= FIRST_RESPONSE_GAIN_S
    assert order(need(), unit("near"), car) == ["near"]
    assert order(need(), car) == ["car"]


def test_the_lists_beside_and_the_list_itself_have_bounds() -> None:
    cars = [unit(f"c{n}", kind="doctor_car") for n in range(LISTED_FIRST_RESPONSE_MAX + 2)]
    assert order(need(), *cars) == [f"c{n}" for n in range(LISTED_FIRST_RESPONSE_MAX)]
    listed = proposals(need(), *(unit(f"u{n:02d}") for n in range(RANKED_MAX + 5)))
    assert [r.unit_id for r in listed] == [f"u{n:02d}" for n in range(RANKED_MAX)]


def test_without_a_position_a_unit_starts_from_its_station() -> None:
    (listed,) = proposals(need(), unit("a", None, station=place("Köping")))
    assert listed.from_station and listed.position_age_s is None
    assert listed.travel_time_s == load().travel_time_s(place("Köping"), place("Västerås"))
    assert "from_station" in reasons(listed)


@pytest.mark.parametrize(
    ("base_minutes_ago", "position_minutes_ago", "from_station"), [(5, 60, True), (60, 5, False), (None, 60, False)]
)
def test_a_unit_that_came_home_after_its_last_position_is_at_its_station(
    base_minutes_ago: int | None, position_minutes_ago: int, from_station: bool
) -> None:
    at_base_at = None if base_minutes_ago is None else NOW - timedelta(minutes=base_minutes_ago)
    away = unit(
        "a",
        "Sala",
        station=place("Västerås"),
        at_base_at=at_base_at,
        position_at=NOW - timedelta(minutes=position_minutes_ago),
    )
    (listed,) = proposals(need(), away)
    assert listed.from_station == from_station
    assert (listed.travel_time_s == 0) == from_station


def test_a_position_says_how_old_it_is() -> None:
    def told(age_s: int) -> dict[str, int | str | None]:
        return reasons(proposals(need(), unit("a", position_at=NOW - timedelta(seconds=age_s)))[0])

    assert told(7)["position_age"] == 7
    assert told(300)["position_age"] == 300
    assert told(301)["position_stale"] == 301 and "position_age" not in told(301)
    assert told(-30)["position_age"] == 0  # its clock is ahead of ours
    assert reasons(proposals(need(), unit("a", position_at=None))[0])["position_stale"] is None


def test_a_unit_of_which_no_place_is_known_comes_last_and_without_times() -> None:
    listed = proposals(need(), unit("lost", None), unit("far", "Eskilstuna"))
    assert [r.unit_id for r in listed] == ["far", "lost"]
    assert (listed[1].rank, listed[1].travel_time_s, listed[1].arrives_in_s, listed[1].distance_m) == (
        2,
        None,
        None,
        None,
    )
    assert "travel_unknown" in reasons(listed[1])


def test_without_a_place_the_areas_own_free_units_come_first() -> None:
    units = (
        unit("a", area="04"),
        unit("b", activity="heading", incident_id="i", incident_priority="3"),
        unit("c"),
        unit("d", reachable=False),
        unit("e", kind="doctor_car"),
    )
    listed = proposals(need(where=None), *units)
    assert [r.unit_id for r in listed] == ["c", "b", "a"]
    assert all(r.travel_time_s is None and r.distance_m is None for r in listed)
    assert [r.rank for r in listed] == [1, 2, 3]


def test_an_incident_far_off_the_graph_still_gets_units() -> None:
    far = Need(priority="1A", place=Point(56.3, 19.0), area=None)
    listed = proposals(far, unit("a"), unit("b", "Eskilstuna"), unit("c", "Sala"))
    assert [r.unit_id for r in listed] == ["b", "a", "c"]


def test_a_shift_that_ends_during_the_assignment_is_told() -> None:
    def told(minutes: int) -> dict[str, int | str | None]:
        return reasons(proposals(need(), unit("a", shift_ends_at=NOW + timedelta(minutes=minutes)))[0])

    assert told(30)["shift_ends_in"] == 1_800
    assert told(-10)["shift_ends_in"] == 0
    assert "shift_ends_in" not in told(60)


def test_sending_the_last_unit_of_an_area_says_what_it_costs() -> None:
    alone = proposals(need(), unit("a"), unit("b", "Eskilstuna", area="04"))[0]
    assert (alone.unit_id, alone.free_left) == ("a", 0)
    assert reasons(alone)["free_left"] == 0
    assert alone.uncovered_residents > 100_000  # Västerås and what lies around it
    two = proposals(need(), unit("a"), unit("b"))[0]
    assert (two.free_left, two.uncovered_residents) == (1, 0)
    assert "uncovered_residents" not in reasons(two)
    taken = proposals(need(), unit("a", activity="heading", incident_id="i", incident_priority="3"), unit("b"))[0]
    assert (taken.unit_id, taken.free_left) == ("a", 1)  # it covers nothing, so nothing is lost
    assert "free_left" not in reasons(taken)


class LeastLossPolicy(ClosestPolicy, frozen=True):
    """Among the nearest three, the one whose loss is smallest: what a better policy may look like."""

    def order(self, need: Need, options: Sequence[Option], coverage: Coverage) -> Sequence[Option]:
        return sorted(options[:3], key=lambda option: coverage.cover_loss(option.unit_id))


def test_a_policy_may_reorder_and_leave_out() -> None:
    units = (unit("a"), unit("b", "Köping"), unit("c", "Köping"), unit("d", "Eskilstuna"))
    fleet = Fleet(load().roads, load().roads.residents, DEFAULT_RULES, units)
    listed = recommend(need(), fleet, LeastLossPolicy(name="least-loss", shortlist=20), NOW)
    assert [(r.unit_id, r.rank) for r in listed] == [("b", 1), ("c", 2), ("a", 3)]


class InventingPolicy(ClosestPolicy, frozen=True):
    """A policy that proposes a unit twice: a bug."""

    def order(self, need: Need, options: Sequence[Option], coverage: Coverage) -> Sequence[Option]:
        return [*options, *options]


def test_a_policy_that_breaks_its_promise_is_stopped() -> None:
    fleet = Fleet(load().roads, load().roads.residents, DEFAULT_RULES, [unit("a")])
    with pytest.raises(AssertionError, match="inventing"):
        recommend(need(), fleet, InventingPolicy(name="inventing"), NOW)


def test_rules_are_data_with_defaults() -> None:
    rules = load_rules({"sirens": ["1A"], "main": {"ambulance": ["1A", "1B"]}, "without_sirens_permille": 1_300})
    assert rules.sirens == {"1A"} and rules.main == {"ambulance": {"1A", "1B"}}
    assert rules.preempts == DEFAULT_RULES.preempts
    assert load_rules({}) == DEFAULT_RULES


@pytest.mark.parametrize("data", [{"sirenes": ["1A"]}, {"sirens": 1}, {"main": {"ambulance": "1A"}}])
def test_wrong_rules_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a rule"):
        load_rules(data)


def test_no_priority_takes_units_from_its_own_or_a_more_urgent_one() -> None:
    scale = ["1A", "1B", "2A", "2B", "3", "4", "H"]
    for priority, taken in DEFAULT_RULES.preempts.items():
        assert all(scale.index(other) > scale.index(priority) for other in taken)


def test_a_recommendation_travels_as_json() -> None:
    (listed,) = proposals(need(), unit("a", activity="heading", incident_id="i", incident_priority="3"))
    assert msgspec.json.decode(msgspec.json.encode(listed), type=Recommendation) == listed
    assert Reason("travel_time", 0) in listed.reasons
