"""Driving times over the shipped road graph; the port that a region's own routing service can stand behind.

The graph is coarse (places of 500 inhabitants and more): it ranks units, it does not find a door.
"""

import heapq
import math
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import shapely  # type: ignore[import-untyped] # because shapely ships no types

from granslos.domain.points import Flat, Point, distance_m, flat, project, squares_around

ACCESS_NODES_MAX = 3
"""From how many nodes of the graph a point is driven to; the quickest way counts."""
ACCESS_NEAR_MAX = 8
"""How many of the nearest nodes are looked at to find those that no water separates from the point."""
ACCESS_METRES_MAX = 80_000.0
"""A point further than this from every node is off the graph: sea, or abroad."""
CELL_METRES = 1_000.0
"""The nodes of a point are those of its square of this size, so that a moving unit seldom needs a new search."""
CELLS_KEPT_MAX = 65_536
"""Squares remembered (about 200 bytes each); the least recently used one is forgotten."""
TREES_KEPT_MAX = 2_048
"""Shortest-path trees remembered (about 8 kB each), one a node: more than the shipped graph has nodes."""
DIRECT_METRES_MAX = 8_000.0
"""Two points this near may be driven between without passing a node, if no water lies between them."""
DIRECT_UNCHECKED_METRES = 2_000.0
"""Nearer than this no water is looked for: the outlines are too coarse to know."""
SHORE_METRES = 600.0
PLACE_METRES = 1_500.0
DETOUR = 1.2
OVER_WATER_FACTOR = 2.0
"""A point that water separates from every near node is reached somehow: a detour, a boat."""
CROW_FACTOR = 1.4
CROW_M_S = 80 / 3.6
# Local driving with lights and sirens: (up to this many metres of the way, m/s).
_LEG_SPEEDS = ((3_000.0, 44 / 3.6), (8_000.0, 62 / 3.6), (math.inf, 74 / 3.6))
_BUCKET_METRES = 15_000.0


class Access(NamedTuple):
    """A node from which a point is driven to, and the seconds between the two."""

    node: int
    seconds: int


class Times(NamedTuple):
    """Driving seconds between one node and every other, and the nodes with the nearest first."""

    seconds: Sequence[int]
    order: Sequence[int]


class Network(Protocol):
    """What recommendations need to know of roads. Seconds are whole and with lights and sirens.

    ``times_to`` holds shortest paths: going over a third node is never quicker.
    """

    def access(self, place: Point) -> tuple[Access, ...]:
        """Return the nodes a point is driven from, the nearest first; empty when it is off the graph."""

    def times_to(self, node: int) -> Times:
        """Return the seconds from every node to this one."""

    def times_from(self, node: int) -> Times:
        """Return the seconds from this node to every one."""

    @property
    def direct_metres_max(self) -> float:
        """Return how near points must be to be driven between past no node; 0 where no such way is known."""

    def direct_at_least_s(self, metres: float) -> int:
        """Return the least that such a way of this length takes; a longer one takes no less."""

    def direct_s(self, start: Flat, end: Flat) -> int | None:
        """Return the seconds between points, in projected metres, past no node; None where there is no such way."""

    def crow_s(self, start: Point, end: Point) -> int:
        """Return an estimate from the distance alone, for points off the graph."""


def leg_seconds(metres: float) -> int:
    """Return the driving time of a local way of this straight length; longer is never quicker."""
    seconds, before = 0.0, 0.0
    for bound, speed in _LEG_SPEEDS:
        seconds += (min(metres, bound) - before) * DETOUR / speed
        if metres <= bound:
            break
        before = bound
    return round(seconds)


class Roads:
    """The shipped graph. Deterministic: what is remembered changes the speed of an answer, never the answer."""

    def __init__(self, rows: Sequence[Sequence[float]], outlines: Sequence[Any]) -> None:
        """Take roads.json's nodes and the counties' outlines in projected metres."""
        self.nodes = tuple(Point(row[0], row[1]) for row in rows)
        self.residents = tuple(int(row[2]) for row in rows)
        """People who live at each node, each counted once."""
        self._xy = [project(node.latitude, node.longitude) for node in self.nodes]
        self._neighbours: list[list[tuple[int, int]]] = [[] for _ in rows]
        for a, row in enumerate(rows):
            for b, seconds in zip(row[3::2], row[4::2], strict=True):
                self._neighbours[a].append((int(b), int(seconds)))
                self._neighbours[int(b)].append((a, int(seconds)))
        self._buckets: dict[tuple[int, int], list[int]] = {}
        for i, (x, y) in enumerate(self._xy):
            self._buckets.setdefault((int(x // _BUCKET_METRES), int(y // _BUCKET_METRES)), []).append(i)
        # As in ops/geography: outlines are coarse, so shores are widened and around each place is land.
        shores = shapely.buffer(shapely.coverage_union_all(outlines), SHORE_METRES, quad_segs=2)
        places = shapely.buffer(shapely.points(self._xy), PLACE_METRES, quad_segs=2)
        self._land = shapely.union_all([shores, *places])
        shapely.prepare(self._land)
        self._cell = lru_cache(maxsize=CELLS_KEPT_MAX)(self._find_cell)
        self._tree = lru_cache(maxsize=TREES_KEPT_MAX)(self._find_tree)

    def access(self, place: Point) -> tuple[Access, ...]:
        """See ``Network``; about 3 µs, 60 µs in a square of 1 km not seen before."""
        x, y = project(place.latitude, place.longitude)
        found = []
        for node, factor in self._cell(int(x // CELL_METRES), int(y // CELL_METRES)):
            there = self._xy[node]
            found.append(Access(node, round(factor * leg_seconds(math.hypot(there[0] - x, there[1] - y)))))
        return tuple(found)

    def times_to(self, node: int) -> Times:
        """See ``Network``; some milliseconds for a node not asked for before."""
        return self._tree(node)

    def times_from(self, node: int) -> Times:
        """See ``Network``; roads are driven equally fast both ways."""
        return self._tree(node)

    @property
    def direct_metres_max(self) -> float:
        """See ``Network``."""
        return DIRECT_METRES_MAX

    def direct_at_least_s(self, metres: float) -> int:
        """See ``Network``."""
        return leg_seconds(metres)

    def direct_s(self, start: Flat, end: Flat) -> int | None:
        """See ``Network``; 1 µs, and 8 µs more where water must be looked for."""
        metres = math.hypot(start[0] - end[0], start[1] - end[1])
        if metres > DIRECT_METRES_MAX or (metres > DIRECT_UNCHECKED_METRES and not self._over_land(start, end)):
            return None
        return leg_seconds(metres)

    def crow_s(self, start: Point, end: Point) -> int:
        """See ``Network``."""
        return round(distance_m(start, end) * CROW_FACTOR / CROW_M_S)

    def travel_time_s(self, start: Point, end: Point) -> int:
        """Return whole driving seconds with lights and sirens, by the graph, or by distance for points off it."""
        return travel_time_s(self, start, end)

    def warm(self, node: int) -> None:
        """Remember a node's tree before it is needed."""
        self._tree(node)

    def _over_land(self, a: Flat, b: Flat) -> bool:
        return bool(shapely.covers(self._land, shapely.linestrings((a, b))))

    def _find_cell(self, column: int, row: int) -> tuple[tuple[int, float], ...]:
        """Return (node, factor on the leg's seconds) for a square, the nearest first."""
        here = ((column + 0.5) * CELL_METRES, (row + 0.5) * CELL_METRES)
        near = self._nearest(*here)
        reached = [(node, 1.0) for node in near if self._over_land(here, self._xy[node])]
        return tuple(reached[:ACCESS_NODES_MAX]) or tuple((node, OVER_WATER_FACTOR) for node in near[:ACCESS_NODES_MAX])

    def _nearest(self, x: float, y: float) -> list[int]:
        """Return up to ACCESS_NEAR_MAX nodes within ACCESS_METRES_MAX, the nearest first."""
        column, row = int(x // _BUCKET_METRES), int(y // _BUCKET_METRES)
        found: list[tuple[float, int]] = []
        for ring in range(math.ceil(ACCESS_METRES_MAX / _BUCKET_METRES) + 1):
            found += (
                (math.hypot(self._xy[node][0] - x, self._xy[node][1] - y), node)
                for bucket in squares_around(column, row, ring)
                for node in self._buckets.get(bucket, ())
            )
            found.sort()
            # All nodes nearer than this many widths have been seen.
            if len(found) >= ACCESS_NEAR_MAX and found[ACCESS_NEAR_MAX - 1][0] <= ring * _BUCKET_METRES:
                break
        return [node for metres, node in found[:ACCESS_NEAR_MAX] if metres <= ACCESS_METRES_MAX]

    def _find_tree(self, source: int) -> Times:
        """Dijkstra; ties are settled by the node's number."""
        unreached = 2**31
        best = [unreached] * len(self.nodes)
        best[source] = 0
        order = array("H")
        queue = [(0, source)]
        while queue:
            seconds, here = heapq.heappop(queue)
            if seconds > best[here]:
                continue
            order.append(here)
            for there, more in self._neighbours[here]:
                total = seconds + more
                if total < best[there]:
                    best[there] = total
                    heapq.heappush(queue, (total, there))
        return Times(array("I", best), order)


def travel_time_s(network: Network, start: Point, end: Point) -> int:
    """Return whole driving seconds: over the nodes of both ends, or directly where they share one, if that is less."""
    starts, ends = network.access(start), network.access(end)
    if not starts or not ends:
        return network.crow_s(start, end)
    ways = [here.seconds + network.times_to(there.node).seconds[here.node] + there.seconds for there in ends for here in starts]
    if {here.node for here in starts} & {there.node for there in ends}:
        direct = network.direct_s(flat(start), flat(end))
        if direct is not None:
            ways.append(direct)
    return min(ways)
