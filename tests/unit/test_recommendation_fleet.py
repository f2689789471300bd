"""The index of units: it answers as counting anew would, whatever was put in before, and stays quick as it grows."""

import os
import random
import time
from collections.abc import Callable, Sequence

import pytest

from granslos.domain.candidates import DEFAULT_RULES, Candidate, Need
from granslos.domain.fleet import Fleet
from granslos.domain.geography import load
from granslos.domain.points import Flat, Point
from granslos.domain.recommendation import CLOSEST, RANKED_MAX, recommend
from granslos.domain.roads import Access, Times, travel_time_s
from support.units_at_random import HOME, NOW, random_fleet, random_need, random_unit

STATES = int(os.environ.get("GRANSLOS_RANDOM_STATES", "400"))
"""How many random states are compared; 10 000 before a release."""
UNITS = 70


def fleet(units: Sequence[Candidate]) -> Fleet:
    return Fleet(load().roads, load().roads.residents, DEFAULT_RULES, units)


def by_looking_at_all(need: Need, units: Sequence[Candidate]) -> list[tuple[int, str]]:
    """Return (arrival, call sign) of the ten nearest suitable units, from the rules and travel times alone."""
    found = []
    for unit in units:
        if DEFAULT_RULES.role(need, unit.kind) != "main" or not DEFAULT_RULES.usable(need, unit) or not unit.reachable:
            continue
        if unit.activity == "handed_over":
            continue
        if unit.starts_from is not None and need.place is not None:
            seconds = DEFAULT_RULES.driving_s(need, travel_time_s(load().roads, unit.starts_from, need.place))
            found.append((seconds, unit.unit_id))
    return sorted(found)[:RANKED_MAX]


@pytest.mark.parametrize("block", range(4))
def test_closest_is_what_looking_at_all_units_finds(block: int) -> None:
    for seed in range(block, STATES, 4):
        rng = random.Random(seed)
        units = random_fleet(rng, UNITS if seed % 20 else 600, HOME if seed % 3 else ("19",))
        need = random_need(rng)
        listed = [
            (r.arrives_in_s, r.unit_id)
            for r in recommend(need, fleet(units), CLOSEST, NOW)
            if r.standing == "main" and r.arrives_in_s is not None
        ]
        assert listed == by_looking_at_all(need, units), f"seed {seed}"


def test_answers_depend_on_the_units_alone_not_on_how_they_came_there() -> None:
    rng = random.Random(7)
    kept = fleet([])
    now: dict[str, Candidate] = {}
    for step in range(1_500):
        unit_id = f"319-{rng.randrange(80):04d}"
        if rng.random() < 0.2:
            kept.remove(unit_id)
            now.pop(unit_id, None)
        else:
            now[unit_id] = random_unit(rng, unit_id)
            kept.put(now[unit_id])
        if step % 150 == 0:
            anew = fleet(list(now.values()))
            assert list(kept) == list(anew) and len(kept) == len(now)
            for _ in range(5):
                need = random_need(rng)
                assert recommend(need, kept, CLOSEST, NOW) == recommend(need, anew, CLOSEST, NOW)
    for unit_id in list(now):
        kept.remove(unit_id)
    assert len(kept) == kept.on_roads == 0
    assert list(kept.occupied) == [] and list(kept.off_roads) == []


def test_the_cost_of_sending_a_unit_is_what_counting_anew_finds() -> None:
    roads, rng = load().roads, random.Random(11)
    units = random_fleet(rng, 120)
    kept = fleet(units)

    def reached(unit: Candidate) -> set[int]:
        assert unit.starts_from is not None
        ways = roads.access(unit.starts_from)
        return {n for n in range(len(roads.nodes)) if any(a.seconds + roads.times_from(a.node).seconds[n] <= 720 for a in ways)}

    free = [u for u in units if u.activity == "free" and u.reachable and u.kind == "ambulance"]
    covering = {u.unit_id: reached(u) if u.starts_from else set() for u in free}
    assert len(free) > 10
    for unit in free:
        others = [nodes for unit_id, nodes in covering.items() if unit_id != unit.unit_id]
        alone = covering[unit.unit_id].difference(*others)
        assert kept.uncovered_residents(unit.unit_id) == sum(roads.residents[n] for n in alone)
        assert kept.free_left(unit.unit_id) == sum(u.area == unit.area for u in free) - 1
        loss = sum(roads.residents[n] * 0.6 * 0.4 ** sum(n in nodes for nodes in others) for n in covering[unit.unit_id])
        assert kept.cover_loss(unit.unit_id) == pytest.approx(loss)
    busy = next(u for u in units if u.activity == "with_patient")
    assert (kept.uncovered_residents(busy.unit_id), kept.cover_loss(busy.unit_id)) == (0, 0)


class Matrix:
    """A network given as a matrix of seconds, one way not like the other; places are rows, by their latitude."""

    direct_metres_max = 0.0

    def __init__(self, seconds: Sequence[Sequence[int]]) -> None:
        self.seconds = seconds

    def access(self, place: Point) -> tuple[Access, ...]:
        return (Access(round(place.latitude), 0),)

    def times_to(self, node: int) -> Times:
        column = [row[node] for row in self.seconds]
        return Times(column, sorted(range(len(column)), key=column.__getitem__))

    def times_from(self, node: int) -> Times:
        row = self.seconds[node]
        return Times(row, sorted(range(len(row)), key=row.__getitem__))

    def direct_at_least_s(self, metres: float) -> int:
        return 0

    def direct_s(self, start: Flat, end: Flat) -> int | None:
        return None

    def crow_s(self, start: Point, end: Point) -> int:
        raise AssertionError("every place is a row")


def test_any_network_can_stand_behind_the_port() -> None:
    rng = random.Random(5)
    matrix = Matrix([[0 if a == b else rng.randrange(60, 1_500) for b in range(40)] for a in range(40)])
    units = [Candidate(unit_id=f"u{n:02d}", kind="ambulance", position=Point(rng.randrange(1, 40), 10.0)) for n in range(30)]
    kept = Fleet(matrix, [100] * 40, DEFAULT_RULES, units)
    for row in range(1, 40):
        listed = recommend(Need(priority="1A", place=Point(row, 10.0)), kept, CLOSEST, NOW)
        best = sorted((matrix.seconds[round(u.starts_from.latitude)][row], u.unit_id) for u in units if u.starts_from)
        assert [(r.arrives_in_s, r.unit_id) for r in listed] == best[:RANKED_MAX]
    covered = {n for n in range(40) if matrix.seconds[round(units[0].starts_from.latitude)][n] <= 720}  # type: ignore[union-attr]  # -- all have one
    others = [
        {n for n in range(40) if matrix.seconds[round(u.starts_from.latitude)][n] <= 720} for u in units[1:] if u.starts_from
    ]
    assert kept.uncovered_residents("u00") == 100 * len(covered.difference(*others))


def quickest_ms(action: Callable[[Need], object], needs: Sequence[Need]) -> list[float]:
    """Return the best of three rounds for each need, sorted: a busy machine only ever makes things slower."""
    rounds = []
    for _ in range(3):
        times = []
        for need in needs:
            begin = time.perf_counter()
            action(need)
            times.append((time.perf_counter() - begin) * 1e3)
        rounds.append(times)
    return sorted(map(min, zip(*rounds, strict=True)))


def test_a_list_takes_a_millisecond_and_hardly_more_with_forty_times_the_units() -> None:
    rng = random.Random(3)
    few, many = fleet(random_fleet(rng, 70)), fleet(random_fleet(rng, 2_800))
    needs = [random_need(rng) for _ in range(300)]
    needs = [need for need in needs if need.place is not None and load().area_of(need.place.latitude, need.place.longitude)]
    small = quickest_ms(lambda need: recommend(need, few, CLOSEST, NOW), needs)
    large = quickest_ms(lambda need: recommend(need, many, CLOSEST, NOW), needs)
    middle, p99 = len(needs) // 2, len(needs) * 99 // 100
    # The goal is 1 ms and 2.5; the tests' bounds leave room for a busy machine, the bench prints the figures.
    assert small[p99] < 2.0
    assert large[middle] < 4 * small[middle]


def test_taking_in_a_change_takes_microseconds() -> None:
    rng = random.Random(4)
    kept = fleet(random_fleet(rng, 500))
    changes = random_fleet(rng, 500)

    def microseconds() -> float:
        begin = time.perf_counter()
        for unit in changes:
            kept.put(unit)
        return (time.perf_counter() - begin) / len(changes) * 1e6

    assert min(microseconds() for _ in range(3)) < 200  # about 12 on the box it was written on
