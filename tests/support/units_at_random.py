"""Random fleets and needs on the shipped geography, from a seed."""

import random
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from granslos.domain.candidates import Activity, Candidate, Need
from granslos.domain.geography import load
from granslos.domain.points import Point

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOME = ("03", "04", "17", "19")
_ACTIVITIES: tuple[Activity, ...] = (
    "free",
    "free",
    "free",
    "heading",
    "at_scene",
    "with_patient",
    "handed_over",
    "off",
)
_KINDS = ("ambulance", "ambulance", "ambulance", "transport_ambulance", "doctor_car", "unheard_of")
_PRIORITIES = ("1A", "1B", "2A", "2B", "3", "4")


def near(rng: random.Random, areas: Collection[str]) -> tuple[Point, str]:
    """Return a point some kilometres from a station, and that station's county."""
    station = rng.choice([s for s in load().stations if s.area in areas])
    return Point(station.latitude + rng.gauss(0, 0.05), station.longitude + rng.gauss(0, 0.1)), station.area


def random_unit(rng: random.Random, unit_id: str, areas: Collection[str] = HOME) -> Candidate:
    """Return a unit in any state there is, some without position, station or reachable desk, a few far abroad."""
    here, area = near(rng, areas)
    station = Point(round(here.latitude, 1), round(here.longitude, 1))
    if rng.random() < 0.02:
        here = Point(rng.uniform(-80, 80), rng.uniform(1, 170))
    activity = rng.choice(_ACTIVITIES)
    at_work = activity not in ("free", "off")
    return Candidate(
        unit_id=unit_id,
        kind=rng.choice(_KINDS),
        area=area,
        activity=activity,
        position=None if rng.random() < 0.1 else here,
        position_at=NOW - timedelta(seconds=rng.randrange(0, 2_000)),
        station=None if rng.random() < 0.1 else station,
        at_base_at=NOW - timedelta(seconds=rng.randrange(0, 2_000)) if rng.random() < 0.3 else None,
        skills=frozenset({"neonatal"}) if rng.random() < 0.2 else frozenset(),
        incident_id="20261121-vas-000001" if at_work else None,
        incident_priority=rng.choice(_PRIORITIES) if at_work else None,
        reinforcement=rng.random() < 0.2,
        reachable=rng.random() < 0.9,
        on_break=rng.random() < 0.1,
        shift_ends_at=NOW + timedelta(minutes=rng.randrange(-30, 600)) if rng.random() < 0.5 else None,
    )


def random_fleet(rng: random.Random, count: int, areas: Collection[str] = HOME) -> list[Candidate]:
    """Return units with different call signs."""
    return [random_unit(rng, f"319-{number:04d}", areas) for number in range(count)]


def random_need(rng: random.Random, areas: Collection[str] = HOME) -> Need:
    """Return a need, mostly in the region, seldom far away or with special wishes."""
    place, area = near(rng, areas)
    if rng.random() < 0.03:
        place = Point(rng.uniform(-80, 80), rng.uniform(1, 170))
    return Need(
        priority=rng.choice(_PRIORITIES),
        place=place,
        area=area,
        kinds=frozenset({"doctor_car"}) if rng.random() < 0.1 else frozenset(),
        skills=frozenset({"neonatal"}) if rng.random() < 0.05 else frozenset(),
        exclude=frozenset({"319-0001", "319-0002"}) if rng.random() < 0.2 else frozenset(),
    )
