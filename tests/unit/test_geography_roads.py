"""Driving times: over land, the same both ways, and shortest paths."""

import json
import math
import time
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos.domain import roads as module
from granslos.domain.geography import load
from granslos.domain.points import Point, distance_m, flat, squares_around
from granslos.domain.roads import Roads, leg_seconds, travel_time_s

points = st.builds(Point, st.floats(55.3, 68.5), st.floats(11.0, 24.0))


def place(name: str) -> Point:
    """Return the largest shipped place of that name."""
    found = next(p for p in load().places if p.name == name)
    return Point(found.latitude, found.longitude)


def minutes(start: str | Point, end: str | Point) -> float:
    ends = [place(end) if isinstance(end, str) else end for end in (start, end)]
    return load().travel_time_s(*ends) / 60


@pytest.mark.parametrize(
    ("start", "end", "at_least", "at_most"),
    [
        ("Eskilstuna", "Västerås", 35, 45),  # 28 km by air, all water: by Kvicksund 47 km
        ("Västerås", "Uppsala", 55, 75),
        ("Karlstad", "Arvika", 48, 65),
        ("Karlstad", "Torsby", 70, 90),
        ("Strängnäs", "Enköping", 25, 40),  # road 55 over Hjulstabron
        ("Stockholm", "Uppsala", 45, 65),
        ("Karlstad", "Lidköping", 120, 180),  # 95 km across Vänern, 165 round it
        ("Leksand", "Mora", 35, 60),  # round Siljan
        ("Kalmar", "Borgholm", 25, 45),  # Ölandsbron
        ("Nynäshamn", "Visby", 180, 260),  # the ferry
        ("Umeå", "Skellefteå", 75, 110),
    ],
)
def test_known_ways_take_about_as_long_as_they_do(start: str, end: str, at_least: float, at_most: float) -> None:
    assert at_least <= minutes(start, end) <= at_most
    assert minutes(end, start) == minutes(start, end)


def test_nobody_swims() -> None:
    sundbyholm, vasteras = Point(59.44, 16.62), place("Västerås")  # opposite shores of Mälaren
    by_air = distance_m(sundbyholm, vasteras) / 1_000
    assert by_air < 21
    assert minutes(sundbyholm, vasteras) > 35
    north = {p.node for p in load().places if p.name in ("Västerås", "Enköping", "Hallstahammar")}
    assert north.isdisjoint(access.node for access in load().roads.access(sundbyholm))


def test_a_short_way_in_town_does_not_go_over_the_centre() -> None:
    # Both 4 km west of the centre of Västerås, 700 m apart.
    one, other = Point(59.6100, 16.4800), Point(59.6160, 16.4830)
    assert minutes(one, other) < 3
    assert minutes(one, place("Västerås")) > 4


def test_points_in_a_lake_are_reached_somehow_and_later() -> None:
    roads = load().roads
    ashore, afloat = roads.access(Point(59.62, 16.55)), roads.access(Point(59.50, 16.68))
    assert ashore and afloat
    leg = flat(Point(59.50, 16.68)), flat(roads.nodes[afloat[0].node])
    assert afloat[0].seconds == pytest.approx(2 * leg_seconds(math.dist(*leg)), abs=1)


@pytest.mark.parametrize(
    "far", [Point(56.30, 19.00), Point(48.86, 2.35), Point(-33.9, 151.2), Point(90.0, 0.5), Point(1.0, 105.5)]
)
def test_points_off_the_graph_get_a_time_from_their_distance(far: Point) -> None:
    roads, uppsala = load().roads, place("Uppsala")
    assert roads.access(far) == ()
    seconds = travel_time_s(roads, far, uppsala)
    assert seconds == pytest.approx(distance_m(far, uppsala) * 1.4 / (80 / 3.6), abs=1)
    assert travel_time_s(roads, uppsala, far) == seconds


def test_a_point_is_on_the_graph_up_to_the_bound_from_a_node() -> None:
    roads = load().roads
    seen = set()
    for longitude in (step / 20 for step in range(18 * 20, 22 * 20)):  # east of Gotland
        there = Point(57.6, longitude)
        nearest = min(math.dist(flat(there), flat(node)) for node in roads.nodes)
        if abs(nearest - module.ACCESS_METRES_MAX) < module.CELL_METRES:
            continue  # decided for a whole square
        on_graph = bool(roads.access(there))
        assert on_graph == (nearest <= module.ACCESS_METRES_MAX)
        seen.add(on_graph)
    assert seen == {True, False}


@given(points, points)
@settings(max_examples=60, deadline=None)
def test_times_are_finite_the_same_both_ways_and_never_faster_than_a_helicopter(start: Point, end: Point) -> None:
    seconds = load().travel_time_s(start, end)
    assert seconds >= 0
    assert seconds == load().travel_time_s(end, start)
    assert seconds + 1 >= distance_m(start, end) / (200 / 3.6)


@given(points)
@settings(max_examples=40, deadline=None)
def test_the_way_to_oneself_takes_no_time(here: Point) -> None:
    assert load().travel_time_s(here, here) == 0


def test_all_times_to_a_node_are_shortest_paths_of_the_shipped_edges() -> None:
    rows = json.loads((resources.files("granslos.domain") / "data" / "roads.json").read_text("utf-8"))["nodes"]
    edges = [(a, b, s) for a, row in enumerate(rows) for b, s in zip(row[3::2], row[4::2], strict=True)]
    for source in (0, 7, len(rows) - 1):
        best = [math.inf] * len(rows)  # Bellman-Ford: another algorithm
        best[source] = 0
        changed = True
        while changed:
            changed = False
            for a, b, seconds in edges:
                for here, there in ((a, b), (b, a)):
                    if best[here] + seconds < best[there]:
                        best[there], changed = best[here] + seconds, True
        times = load().roads.times_to(source)
        assert list(times.seconds) == best
        assert sorted(times.order) == list(range(len(rows)))
        assert all(times.seconds[x] <= times.seconds[y] for x, y in pairwise(times.order))


def test_longer_local_ways_take_longer() -> None:
    times = [leg_seconds(metres) for metres in range(0, 40_000, 250)]
    assert times[0] == 0
    assert times == sorted(times)
    assert leg_seconds(3_000) == round(3_000 * 1.2 / (44 / 3.6))


def test_direct_ways_end_at_a_bound_and_at_water() -> None:
    roads = load().roads
    east, north = flat(place("Uppsala"))

    def direct(metres: float) -> int | None:
        return roads.direct_s((east, north), (east, north + metres))

    assert direct(module.DIRECT_METRES_MAX) == leg_seconds(module.DIRECT_METRES_MAX)
    assert direct(module.DIRECT_METRES_MAX + 1) is None
    over_malaren = flat(Point(59.560, 16.60)), flat(Point(59.505, 16.60))
    assert module.DIRECT_UNCHECKED_METRES < math.dist(*over_malaren) < module.DIRECT_METRES_MAX
    assert roads.direct_s(*over_malaren) is None


def rebuilt(monkeypatch: pytest.MonkeyPatch, **bounds: Any) -> Roads:
    for name, value in bounds.items():
        monkeypatch.setattr(module, name, value)
    rows = json.loads((resources.files("granslos.domain") / "data" / "roads.json").read_text("utf-8"))["nodes"]
    return Roads(rows, [area.projected for area in load().counties.values()])


def test_forgetting_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    small = rebuilt(monkeypatch, CELLS_KEPT_MAX=3, TREES_KEPT_MAX=2)
    some = [Point(p.latitude + 0.02, p.longitude - 0.03) for p in load().places[:12]]
    for _ in range(2):
        for start in some:
            for end in some:
                assert small.travel_time_s(start, end) == load().travel_time_s(start, end)


def test_every_node_of_the_graph_can_be_remembered() -> None:
    assert len(load().roads.nodes) <= module.TREES_KEPT_MAX
    assert len(load().roads.nodes) < 2**16  # as wide as the order's entries


def test_the_nearest_nodes_are_the_nearest() -> None:
    roads = load().roads
    for here in (Point(59.6, 16.5), Point(67.2, 19.0), Point(62.0, 13.0), Point(57.5, 18.5), Point(63.9, 22.0)):
        x, y = flat(here)
        by_distance = sorted((math.dist((x, y), flat(node)), i) for i, node in enumerate(roads.nodes))
        expected = [i for metres, i in by_distance[: module.ACCESS_NEAR_MAX] if metres <= module.ACCESS_METRES_MAX]
        assert roads._nearest(x, y) == expected


def test_squares_around_a_square_are_all_those_at_that_many_steps() -> None:
    for ring in range(5):
        found = squares_around(10, -3, ring)
        assert len(found) == len(set(found)) == (8 * ring or 1)
        assert all(max(abs(x - 10), abs(y + 3)) == ring for x, y in found)


def test_times_are_quick_once_a_neighbourhood_is_known() -> None:
    start, end = place("Eskilstuna"), place("Uppsala")

    def microseconds() -> float:
        begin = time.perf_counter()
        for _ in range(200):
            load().travel_time_s(start, end)
        return (time.perf_counter() - begin) / 200 * 1e6

    assert min(microseconds() for _ in range(5)) < 200  # about 20 on the box it was written on
