"""All units of the region, indexed so that the nearest are found without looking at all, and what sending one uncovers.

An index, kept by putting each changed unit in again. Its answers depend on the units in it alone, not on the order or
number of changes; ``tests/unit/test_recommendation_fleet.py`` compares it with counting anew.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from math import ceil, hypot

import msgspec

from granslos.domain.candidates import Candidate, Need, Role, Rules
from granslos.domain.points import Flat, flat, squares_around
from granslos.domain.roads import Access, Network

LISTED_UNREACHABLE_MAX = 3
"""Grey units shown beside the assignable ones."""
LISTED_FIRST_RESPONSE_MAX = 3
LISTED_SOON_FREE_MAX = 3
SQUARE_METRES = 1_500.0
"""Units are also found by squares of this size."""
SHARING_FEW = 48
"""Up to so many units are looked at one by one rather than by squares."""
FIRST_RESPONSE_GAIN_S = 120
"""A unit that can only begin is listed when it is at least this much quicker than any that can take the whole."""


class Option(msgspec.Struct, frozen=True, order=True):
    """A unit that could be sent: when it arrives, from now. Ordered by arrival, ties by call sign."""

    arrives_in_s: int
    unit_id: str
    travel_time_s: int
    unit: Candidate


class Found(msgspec.Struct, frozen=True):
    """The nearest that suit, in order of arrival.

    ``soon_free`` have handed their patient over but are not free yet; ``unreachable`` are grey; of those ``nowhere`` no
    place is known.
    """

    main: Sequence[Option]
    soon_free: Sequence[Option]
    first_response: Sequence[Option]
    unreachable: Sequence[Option]
    nowhere: Sequence[Candidate]


class _Entry:
    """A unit in the index: where it starts from, the nodes it is driven from, and the nodes it covers when free."""

    __slots__ = ("access", "covers", "flat", "indexed", "reach", "start", "unit")

    def __init__(self, unit: Candidate, network: Network) -> None:
        self.unit = unit
        self.start = unit.starts_from
        self.access: tuple[Access, ...] = network.access(self.start) if self.start is not None else ()
        self.flat: Flat = flat(self.start) if self.start is not None else (0.0, 0.0)
        self.reach: frozenset[int] = frozenset()
        self.covers = False
        self.indexed = unit.activity in ("free", "handed_over", "heading") or (
            unit.activity == "at_scene" and unit.reinforcement
        )
        """False while nothing may take the unit from what it does."""

    @property
    def square(self) -> tuple[int, int]:
        return int(self.flat[0] // SQUARE_METRES), int(self.flat[1] // SQUARE_METRES)


class Fleet:
    """Units by call sign, and counts of the free ones within reach of each node."""

    def __init__(self, network: Network, residents: Sequence[int], rules: Rules, units: Iterable[Candidate] = ()) -> None:
        """Take a road network, the people at each of its nodes, and a region's rules."""
        self.network = network
        self.rules = rules
        self._residents = residents
        self._entries: dict[str, _Entry] = {}
        self._at_node: dict[int, list[tuple[int, str, _Entry]]] = {}
        """The units driven from a node, by seconds from it and call sign."""
        self._in_square: dict[tuple[int, int], dict[str, _Entry]] = {}
        self._off_roads: dict[str, _Entry] = {}
        self._on_roads = 0
        self._cover = [0] * len(residents)
        self._free_in_area: dict[str | None, int] = {}
        for unit in units:
            self.put(unit)

    def __len__(self) -> int:
        """Return how many units there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Candidate]:
        """Yield the units, by call sign."""
        return (self._entries[unit_id].unit for unit_id in sorted(self._entries))

    def get(self, unit_id: str) -> Candidate | None:
        """Return a unit."""
        entry = self._entries.get(unit_id)
        return entry.unit if entry else None

    def put(self, unit: Candidate) -> None:
        """Take in a unit as it stands now, instead of what was known of it; about 12 µs."""
        self.remove(unit.unit_id)
        entry = self._entries[unit.unit_id] = _Entry(unit, self.network)
        if not entry.indexed:
            return
        if entry.access:
            self._on_roads += 1
            self._in_square.setdefault(entry.square, {})[unit.unit_id] = entry
            for access in entry.access:
                insort(self._at_node.setdefault(access.node, []), (access.seconds, unit.unit_id, entry))
        else:
            self._off_roads[unit.unit_id] = entry
        self._count(entry)

    def remove(self, unit_id: str) -> None:
        """Forget a unit; nothing happens when there is none."""
        entry = self._entries.pop(unit_id, None)
        if entry is None or not entry.indexed:
            return
        self._uncount(entry)
        if not entry.access:
            del self._off_roads[unit_id]
            return
        self._on_roads -= 1
        del self._in_square[entry.square][unit_id]
        if not self._in_square[entry.square]:
            del self._in_square[entry.square]
        for access in entry.access:
            here = self._at_node[access.node]
            del here[bisect_left(here, (access.seconds, unit_id))]  # a shorter tuple sorts first
            if not here:
                del self._at_node[access.node]

    def _count(self, entry: _Entry) -> None:
        unit = entry.unit
        entry.covers = unit.activity == "free" and unit.reachable and unit.kind in self.rules.cover_kinds
        if not entry.covers:
            return
        self._free_in_area[unit.area] = self._free_in_area.get(unit.area, 0) + 1
        entry.reach = frozenset(self._within(entry.access))
        for node in entry.reach:
            self._cover[node] += 1

    def _uncount(self, entry: _Entry) -> None:
        if not entry.covers:
            return
        self._free_in_area[entry.unit.area] -= 1
        for node in entry.reach:
            self._cover[node] -= 1
            assert self._cover[node] >= 0

    def _within(self, accesses: tuple[Access, ...]) -> Iterator[int]:
        """Yield the nodes that a unit reaches in time."""
        for access in accesses:
            times = self.network.times_from(access.node)
            left = self.rules.cover_within_s - access.seconds
            for node in times.order:
                if times.seconds[node] > left:
                    break
                yield node

    # --- what a unit costs its surroundings ---------------------------------------------------------------------------

    def free_left(self, unit_id: str) -> int:
        """Return how many free units of its home area are left without this one."""
        entry = self._entries[unit_id]
        return self._free_in_area.get(entry.unit.area, 0) - entry.covers

    def uncovered_residents(self, unit_id: str) -> int:
        """Return how many people have this unit alone within reach."""
        return sum(self._residents[node] for node in self._entries[unit_id].reach if self._cover[node] == 1)

    def cover_loss(self, unit_id: str) -> float:
        """Return the expected number of people left without a free unit in time (Daskin's expected covering, 1983)."""
        busy = self.rules.busy_share
        return sum(
            self._residents[node] * (1 - busy) * busy ** (self._cover[node] - 1) for node in self._entries[unit_id].reach
        )

    # --- who is near --------------------------------------------------------------------------------------------------

    def nearest(self, need: Need, limit: int) -> Found:
        """Return up to ``limit`` units that may take the need, by arrival, and who else should be seen."""
        return _Search(self, need, limit).run() if need.place is not None else Found((), (), (), (), ())

    def without_times(self, need: Need) -> list[Candidate]:
        """Return the units that may take the need where travel times are unknown: own area first, free ones first."""
        suit = [
            unit
            for unit in self
            if unit.reachable
            and unit.activity != "handed_over"
            and self.rules.role(need, unit.kind) == "main"
            and self.rules.usable(need, unit)
        ]
        return sorted(suit, key=lambda unit: (unit.area != need.area, unit.activity != "free", unit.unit_id))

    def at(self, node: int) -> Sequence[tuple[int, str, _Entry]]:
        """Return (seconds, call sign, unit) of those driven from a node, the nearest first."""
        return self._at_node.get(node, ())

    def in_square(self, square: tuple[int, int]) -> Iterable[_Entry]:
        """Return the units on the graph in a square of ``SQUARE_METRES``."""
        units = self._in_square.get(square)
        return units.values() if units else ()

    @property
    def on_roads(self) -> int:
        """Return how many units are on the graph."""
        return self._on_roads

    @property
    def off_roads(self) -> Iterable[_Entry]:
        """Return the units that are off the graph or nowhere known."""
        return self._off_roads.values()

    @property
    def occupied(self) -> Iterable[int]:
        """Return the nodes that units are driven from."""
        return self._at_node.keys()


class _Search:
    """One look for the nearest units: outwards, until none further away could be among them."""

    def __init__(self, fleet: Fleet, need: Need, limit: int) -> None:
        assert need.place is not None
        assert limit > 0
        self.fleet, self.need, self.place, self.limit = fleet, need, need.place, limit
        self.network, self.rules = fleet.network, fleet.rules
        self.flat = flat(need.place)
        self.access = fleet.network.access(need.place)
        self.nodes = {access.node for access in self.access}
        self.trees = [(access.seconds, fleet.network.times_to(access.node).seconds) for access in self.access]
        self.ways: dict[int, int] = {}
        self.roles: dict[str, Role | None] = {}
        self.seen: set[str] = set()
        self.main: list[Option] = []
        self.soon_free: list[Option] = []
        self.first_response: list[Option] = []
        self.unreachable: list[Option] = []
        self.nowhere: list[Candidate] = []

    def run(self) -> Found:
        for entry in self.fleet.off_roads:
            self.consider(entry)
        self.left = self.fleet.on_roads + len(self.seen)
        if self.access:
            self.look_around()
            self.look_along_roads()
        else:
            for node in self.fleet.occupied:
                for _, _, entry in self.fleet.at(node):
                    self.consider(entry)
        return Found(
            self.main,
            self.sooner(self.soon_free, by=1)[:LISTED_SOON_FREE_MAX],
            self.sooner(self.first_response, by=FIRST_RESPONSE_GAIN_S)[:LISTED_FIRST_RESPONSE_MAX],
            sorted(self.unreachable)[:LISTED_UNREACHABLE_MAX],
            sorted(self.nowhere, key=lambda unit: unit.unit_id)[: self.limit],
        )

    def sooner(self, options: list[Option], *, by: int) -> list[Option]:
        """Return those that arrive so many seconds before any that could be sent now; all where there is none."""
        return sorted(o for o in options if not self.main or o.arrives_in_s + by <= self.main[0].arrives_in_s)

    def too_late(self, seconds: int) -> bool:
        """Tell whether a unit that drives at least this long cannot be among the nearest any more."""
        return len(self.main) == self.limit and self.rules.driving_s(self.need, seconds) > self.main[-1].arrives_in_s

    def way_s(self, node: int) -> int:
        """Return the seconds from a node to the place, by whichever access is quickest."""
        way = self.ways.get(node)
        if way is None:
            way = self.ways[node] = min([seconds + tree[node] for seconds, tree in self.trees])
        return way

    def look_around(self) -> None:
        """Look at all units that may drive directly: those that share an access, or where many do, squares outwards."""
        sharing = [self.fleet.at(access.node) for access in self.access]
        if sum(map(len, sharing)) <= SHARING_FEW:
            for here in sharing:
                for _, _, entry in here:
                    self.consider(entry)
            return
        column, row = int(self.flat[0] // SQUARE_METRES), int(self.flat[1] // SQUARE_METRES)
        for ring in range(ceil(self.network.direct_metres_max / SQUARE_METRES) + 1):
            if self.too_late(self.network.direct_at_least_s(max(0, ring - 1) * SQUARE_METRES)):
                return
            for square in squares_around(column, row, ring):
                for entry in self.fleet.in_square(square):
                    self.consider(entry)

    def look_along_roads(self) -> None:
        """Look at nodes in the order of the nearest access's tree."""
        first_seconds = self.trees[0][1]
        # By the triangle inequality the other accesses can make no node nearer than this.
        slack = min(access.seconds - first_seconds[access.node] for access in self.access)
        for node in self.network.times_to(self.access[0].node).order:
            here = self.fleet.at(node)
            if not here:
                continue
            if self.too_late(max(0, first_seconds[node] + slack)) or len(self.seen) >= self.left:
                return
            way = self.way_s(node)
            for leg, _, entry in here:
                if self.too_late(leg + way):
                    break
                self.consider(entry)

    def consider(self, entry: _Entry) -> None:
        """Put a unit on its list, if it suits and has not been considered yet."""
        unit = entry.unit
        if unit.unit_id in self.seen:
            return
        self.seen.add(unit.unit_id)
        if unit.kind not in self.roles:
            self.roles[unit.kind] = self.rules.role(self.need, unit.kind)
        role = self.roles[unit.kind]
        if role is None or not self.rules.usable(self.need, unit):
            return
        seconds = self.travel_s(entry, role)
        if seconds is None:
            if role == "main" and unit.reachable and unit.activity != "handed_over":
                self.nowhere.append(unit)
            return
        travel = self.rules.driving_s(self.need, seconds)
        self.list(role, Option(travel + self.rules.ready_in_s.get(unit.activity, 0), unit.unit_id, travel, unit))

    def list(self, role: Role, option: Option) -> None:
        """Put an option where it belongs; a grey unit that could only begin is not shown."""
        if role == "first_response":
            if option.unit.reachable and option.unit.activity != "handed_over":
                self.first_response.append(option)
        elif not option.unit.reachable:
            self.unreachable.append(option)
        elif option.unit.activity == "handed_over":
            self.soon_free.append(option)
        elif len(self.main) < self.limit or option < self.main[-1]:
            insort(self.main, option)
            del self.main[self.limit :]

    def travel_s(self, entry: _Entry, role: Role) -> int | None:
        """Return what ``roads.travel_time_s`` would, or something as much too late; None where no place is known."""
        unit = entry.unit
        if entry.start is None:
            return None
        if not entry.access or not self.access:
            return self.network.crow_s(entry.start, self.place)
        best = min([leg.seconds + self.way_s(leg.node) for leg in entry.access])
        if self.nodes.isdisjoint(leg.node for leg in entry.access):
            return best
        metres = hypot(self.flat[0] - entry.flat[0], self.flat[1] - entry.flat[1])
        if metres > self.network.direct_metres_max:
            return best
        at_least = self.network.direct_at_least_s(metres)
        if at_least >= best or (role == "main" and unit.reachable and self.too_late(at_least)):
            return best  # a direct way would not change the lists
        direct = self.network.direct_s(entry.flat, self.flat)
        return best if direct is None else min(best, direct)
