"""Which unit to send: the first suitable ones to arrive, with the reasons a dispatcher weighs. Blind to county borders.

Pure. The order is a policy's; the default is the fastest suitable unit. A person decides, nothing is sent from here.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from granslos.domain.candidates import Candidate, Need
from granslos.domain.fleet import Fleet, Option
from granslos.domain.points import distance_m

RANKED_MAX = 10
"""Assignable units listed, keys 1 to 9 and 0."""

Standing = Literal["main", "soon_free", "first_response", "unreachable"]
"""May take it now; will be free soon (a crew still at the hospital); may begin it; its desk's site is silent."""


class Reason(msgspec.Struct, frozen=True):
    """One thing to weigh; the console words it. ``value`` is seconds, people, units, a code or nothing, by ``code``."""

    code: str
    value: int | str | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A unit in the list. ``rank`` counts from 1 among those that may take the assignment; others have none."""

    unit_id: str
    kind: str
    standing: Standing
    rank: int | None
    assignable: bool
    arrives_in_s: int | None
    """Driving time plus what it takes until the unit can leave; None where no place is known."""
    travel_time_s: int | None
    distance_m: int | None
    from_station: bool
    position_age_s: int | None
    preempts: str | None
    """The incident that would lose this unit."""
    crosses_border: bool
    free_left: int
    """Free units left in its home area without this one."""
    uncovered_residents: int
    """People who have this unit alone within reach."""
    reasons: tuple[Reason, ...]


class Coverage(Protocol):
    """What a policy may ask about the cost of sending a unit (``Fleet`` answers, from kept counts)."""

    def free_left(self, unit_id: str) -> int:
        """Return how many free units of its home area are left without it."""

    def uncovered_residents(self, unit_id: str) -> int:
        """Return how many people have it alone within reach."""

    def cover_loss(self, unit_id: str) -> float:
        """Return the expected number of people left without a free unit in time."""


class Policy(Protocol):
    """Puts suitable units in order. Pure: the same need, options and counts give the same order.

    A policy sees only units that the rules let take the need, at most ``shortlist`` of them, the first to arrive first.
    It may reorder and leave out; it adds none.
    """

    @property
    def name(self) -> str:
        """Return the name that is logged with every proposal."""

    @property
    def shortlist(self) -> int:
        """Return how many of the nearest the policy wants to see."""

    def order(self, need: Need, options: Sequence[Option], coverage: Coverage) -> Sequence[Option]:
        """Return the options, the one to propose first."""


class ClosestPolicy(msgspec.Struct, frozen=True):
    """The fastest suitable unit: the default."""

    name: str = "closest"
    shortlist: int = RANKED_MAX

    def order(self, need: Need, options: Sequence[Option], coverage: Coverage) -> Sequence[Option]:
        """Return the options as they are: by arrival, ties by call sign."""
        return options


CLOSEST = ClosestPolicy()


def recommend(need: Need, fleet: Fleet, policy: Policy, now: datetime) -> list[Recommendation]:
    """Return the list for a need: ranked units first, then those free soon or fit to begin if sooner, then grey ones.

    Where the need has no place, units of its area come first, without times; so do, at the end, units of which no
    place is known.
    """
    listing = _Listing(need, fleet, now)
    if need.place is None:
        return listing.ranked(fleet.without_times(need)[:RANKED_MAX])
    found = fleet.nearest(need, policy.shortlist)
    ordered = policy.order(need, found.main, fleet)[:RANKED_MAX]
    assert {option.unit_id for option in ordered} <= {option.unit_id for option in found.main}, policy.name
    assert len({option.unit_id for option in ordered}) == len(ordered), policy.name
    proposed: list[Option | Candidate] = [*ordered, *found.nowhere]
    ranked = listing.ranked(proposed[:RANKED_MAX])
    beside: list[tuple[Standing, Sequence[Option]]] = [
        ("soon_free", found.soon_free),
        ("first_response", found.first_response),
        ("unreachable", found.unreachable),
    ]
    return ranked + [listing.describe(option, standing, None) for standing, options in beside for option in options]


class _Listing:
    """Describes units for one need at one instant."""

    def __init__(self, need: Need, fleet: Fleet, now: datetime) -> None:
        self.need, self.fleet, self.rules, self.now = need, fleet, fleet.rules, now

    def ranked(self, units: Sequence[Option | Candidate]) -> list[Recommendation]:
        return [self.describe(unit, "main", rank) for rank, unit in enumerate(units, start=1)]

    def describe(self, entry: Option | Candidate, standing: Standing, rank: int | None) -> Recommendation:
        option, unit = (entry, entry.unit) if isinstance(entry, Option) else (None, entry)
        start, place = unit.starts_from, self.need.place
        age = None if unit.at_station or unit.position_at is None else self._seconds_to(self.now, unit.position_at)
        free_left = self.fleet.free_left(unit.unit_id)
        uncovered = self.fleet.uncovered_residents(unit.unit_id)
        return Recommendation(
            unit_id=unit.unit_id,
            kind=unit.kind,
            standing=standing,
            rank=rank,
            assignable=standing in ("main", "first_response"),
            arrives_in_s=option.arrives_in_s if option else None,
            travel_time_s=option.travel_time_s if option else None,
            distance_m=None if start is None or place is None else round(distance_m(start, place)),
            from_station=unit.at_station,
            position_age_s=age,
            preempts=unit.incident_id if unit.activity in ("heading", "at_scene") else None,
            crosses_border=None not in (unit.area, self.need.area) and unit.area != self.need.area,
            free_left=free_left,
            uncovered_residents=uncovered,
            reasons=(
                *self._suiting(unit, standing),
                *self._arriving(unit, option, age),
                *self._costing(unit, option, free_left, uncovered),
            ),
        )

    def _suiting(self, unit: Candidate, standing: Standing) -> Iterator[Reason]:
        if standing == "unreachable":
            yield Reason("desk_silent")
        yield Reason("kind_begins" if standing == "first_response" else "kind_suits", unit.kind)
        if self.need.skills:
            yield Reason("skills", ", ".join(sorted(self.need.skills)))
        if unit.activity in ("heading", "at_scene"):
            yield Reason("preempts", unit.incident_id)
            yield Reason("preempts_priority", unit.incident_priority)
        else:
            yield Reason(unit.activity)
        if unit.on_break:
            yield Reason("on_break")

    def _arriving(self, unit: Candidate, option: Option | None, age: int | None) -> Iterator[Reason]:
        if option is None:
            yield Reason("travel_unknown")
        else:
            yield Reason("travel_time", option.travel_time_s)
            if option.arrives_in_s > option.travel_time_s:
                yield Reason("ready_in", option.arrives_in_s - option.travel_time_s)
        if unit.at_station:
            yield Reason("from_station")
        elif age is None or age > self.rules.position_stale_s:
            yield Reason("position_stale", age)
        else:
            yield Reason("position_age", age)

    def _costing(self, unit: Candidate, option: Option | None, free_left: int, uncovered: int) -> Iterator[Reason]:
        if None not in (unit.area, self.need.area) and unit.area != self.need.area:
            yield Reason("crosses_border", unit.area)
        if unit.activity == "free":
            yield Reason("free_left", free_left)
            if uncovered:
                yield Reason("uncovered_residents", uncovered)
        if unit.shift_ends_at is not None:
            left = self._seconds_to(unit.shift_ends_at, self.now)
            if left < (option.arrives_in_s if option else 0) + self.rules.assignment_s:
                yield Reason("shift_ends_in", left)

    @staticmethod
    def _seconds_to(later: datetime, earlier: datetime) -> int:
        """Return whole seconds, 0 where clocks disagree about which came first."""
        return max(0, int((later - earlier).total_seconds()))
