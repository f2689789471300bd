"""The road graph: places joined to their neighbours over land, with driving times. Computed, see README.md."""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

EARTH_METRES = 6_371_008.8
MERIDIAN_DEGREES = 15.5
"""Central meridian of the transverse Mercator for lengths over water; its scale is right within 0.7 % in Sweden."""
NEIGHBOURS = 32
"""How many nearest places are looked at when edges are proposed."""
DETOUR = 1.2
"""Road length over straight length."""
BRIDGE_DETOUR = 1.4
"""The same where all roads of a shore lead to one bridge."""
VIA_MAX = 1.1
"""No direct road is proposed where the way over a third place is at most this much longer."""
LARGE_INHABITANTS_MIN = 4_000
TRUNK_INHABITANTS_MIN = 30_000
SHORE_METRES = 600.0
"""Land is widened by this: outlines are coarse, and roads bridge straits and inlets of up to about twice this width."""
PLACE_METRES = 1_500.0
"""Around each place is land, even where the coarse outline leaves it in the sea."""
GAP_METRES_MAX = 500.0
"""The longest single stretch outside the widened land that a road may cross."""
WATER_METRES_MAX = 1_000.0
"""The same for all stretches of one edge together."""
STRETCH_MAX = 1.02
"""How much longer a way over other edges may be for an edge to be left out."""
BENDS = (0.1, 0.2, 0.3, 0.4)
"""Where the straight line crosses water a road may bend round it: sideways in the middle, by these shares of it."""
BENT_METRES_MAX = 60_000.0
# Road bridges over water that the coarse outlines show kilometres wide, by the places at their ends.
BRIDGES = (
    frozenset({"Färjestaden", "Kalmar"}),  # Ölandsbron
    frozenset({"Kvicksund", "Västerås"}),  # road 56
    frozenset({"Strängnäs", "Enköping"}),  # road 55, Hjulstabron
    frozenset({"Karlskrona", "Skavkulla"}),
    frozenset({"Hönö", "Fotö"}),
    frozenset({"Styrsö", "Donsö"}),
    frozenset({"Hasslö", "Skavkulla"}),
    frozenset({"Kungshamn", "Smögen"}),
    frozenset({"Vaxholm", "Resarö"}),
    frozenset({"Vallda", "Särö"}),
    frozenset({"Nyborg", "Risögrund"}),
    frozenset({"Arjeplog", "Östansjö"}),
)
# Inhabited islands that only ferries reach, by municipality or by name: however narrow the water, no road goes there.
ISLANDS = (
    frozenset({"0980"}),  # Gotland
    frozenset({"Öckerö", "Hönö", "Fotö", "Hälsö", "Björkö"}),
    frozenset({"Brännö"}),
    frozenset({"Styrsö", "Donsö"}),
    frozenset({"Blidö"}),
    frozenset({"Rindö", "Oskar-Fredriksborg"}),
)
SEA_ROUTES_SECONDS = {frozenset({"Nynäshamn", "Visby"}): 12_600}
BRIDGE_METRES_MAX = 900.0
BRIDGE_M_S = 70 / 3.6
FERRY_M_S = 25 / 3.6
FERRY_WAIT_SECONDS = 1_200
CROSSINGS = 12
"""How many places beyond the water are looked at, from each place, for a crossing."""
# (upper bound of the straight length in metres, km/h with lights and sirens); towns are slow, long stretches fast.
MINOR_SPEEDS = ((3_000.0, 44.0), (8_000.0, 57.0), (20_000.0, 69.0), (math.inf, 74.0))
MAIN_SPEEDS = ((3_000.0, 44.0), (8_000.0, 59.0), (20_000.0, 74.0), (math.inf, 80.0))
TRUNK_SPEEDS = ((3_000.0, 45.0), (8_000.0, 62.0), (20_000.0, 78.0), (math.inf, 85.0))
MAIN_INHABITANTS_MIN = 2_000


@dataclass(frozen=True, kw_only=True)
class Node:
    """A place in the graph; ``area`` is its municipality code."""

    name: str
    latitude: float
    longitude: float
    inhabitants: int
    area: str


Edge = tuple[int, int, int, str]
"""From, to (rows, the lower first), seconds, kind: road, bridge or ferry."""


def metres(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Return the great-circle distance (haversine)."""
    north = math.sin(math.radians(latitude_b - latitude_a) / 2) ** 2
    east = math.sin(math.radians(longitude_b - longitude_a) / 2) ** 2
    h = north + math.cos(math.radians(latitude_a)) * math.cos(math.radians(latitude_b)) * east
    return 2 * EARTH_METRES * math.asin(math.sqrt(h))


def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return spherical transverse Mercator metres of (longitude, latitude) degrees."""
    lon, lat = np.radians(points[:, 0] - MERIDIAN_DEGREES), np.radians(points[:, 1])
    x = np.arctanh(np.cos(lat) * np.sin(lon))
    y = np.arctan2(np.tan(lat), np.cos(lon))
    return EARTH_METRES * np.column_stack([x, y])


class Land:
    """Tells which straight lines between places a road could follow: those over land, inlets and straits."""

    def __init__(self, nodes: list[Node], counties: list[BaseGeometry]) -> None:
        """Project the outlines and the places to metres."""
        self.xy = project(np.array([(node.longitude, node.latitude) for node in nodes]))
        shores = shapely.transform(shapely.union_all(counties), project).buffer(SHORE_METRES)
        land = shapely.union_all([shores, *shapely.buffer(shapely.points(self.xy), PLACE_METRES)])
        self._land = land
        shapely.prepare(land)
        self._ways: dict[tuple[int, int], float | None] = {}
        self._island = {
            i: n for n, names in enumerate(ISLANDS) for i, node in enumerate(nodes) if names & {node.name, node.area}
        }

    def same_island(self, a: int, b: int) -> bool:
        """Tell whether both are on the mainland, or on the same listed island."""
        return self._island.get(a) == self._island.get(b)

    def gaps(self, *points: NDArray[np.float64]) -> list[float]:
        """Return the lengths in metres of the stretches of the line that are not on (widened) Swedish land."""
        line = shapely.LineString(points)
        if shapely.covers(self._land, line):
            return []
        return [float(part.length) for part in shapely.get_parts(line.difference(self._land)) if part.length > 0]

    def way(self, a: int, b: int) -> float | None:
        """Return the straight or bent length in metres of a road between two places, None where only water is."""
        key = (a, b) if a < b else (b, a)
        if key not in self._ways:
            self._ways[key] = self._find_way(*key)
        return self._ways[key]

    def _find_way(self, a: int, b: int) -> float | None:
        if not self.same_island(a, b):
            return None
        start, end = self.xy[a], self.xy[b]
        straight = end - start
        length = float(np.hypot(*straight))
        for bend in (0.0, *BENDS) if length <= BENT_METRES_MAX else (0.0,):
            for side in (1.0, -1.0) if bend else (1.0,):
                middle = (start + end) / 2 + side * bend * np.array([-straight[1], straight[0]])
                gaps = self.gaps(start, middle, end)
                if max(gaps, default=0.0) <= GAP_METRES_MAX and sum(gaps) <= WATER_METRES_MAX:
                    return 2 * float(np.hypot(*(middle - start)))
        return None


def make_graph(nodes: list[Node], counties: list[BaseGeometry]) -> list[Edge]:
    """Return the edges, sorted; the graph is connected (by bridges and ferries where there is no land)."""
    land = Land(nodes, counties)
    edges: dict[tuple[int, int], Edge] = {}
    for inhabitants_min in (0, LARGE_INHABITANTS_MIN, TRUNK_INHABITANTS_MIN):
        group = [i for i, node in enumerate(nodes) if node.inhabitants >= inhabitants_min]
        for a, b in direct_neighbours(group, land):
            edges[a, b] = (a, b, road_seconds(nodes[a], nodes[b], land.way(a, b) or 0.0), "road")
    edges |= {edge[:2]: edge for edge in known_bridges(nodes, land)}
    for edge in joins(nodes, land, edges):
        edges[edge[0], edge[1]] = edge
    return spanner(len(nodes), list(edges.values()))


def direct_neighbours(group: list[int], land: Land) -> Iterator[tuple[int, int]]:
    """Yield the pairs that a road tends to join directly: over land, and no third place lies nearly on the way.

    The third place is nearer to both ends than they are to each other, so no two pairs can rule each other out.
    """
    points = land.xy[group]
    far = np.hypot(points[:, None, 0] - points[None, :, 0], points[:, None, 1] - points[None, :, 1])
    nearest = np.argsort(far, axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1].tolist()
    for i, a in enumerate(group):
        for j in nearest[i]:
            b = group[j]
            if b < a and i in nearest[j]:
                continue  # the other end proposes it
            direct = far[i, j]
            between = (
                group[c] for c in nearest[i] if max(far[i, c], far[c, j]) < direct and far[i, c] + far[c, j] <= VIA_MAX * direct
            )
            if land.way(a, b) and not any(land.way(a, c) and land.way(c, b) for c in between):
                yield min(a, b), max(a, b)


def road_seconds(a: Node, b: Node, length: float) -> int:
    """Return the driving time with lights and sirens; larger places are joined by faster roads."""
    smaller = min(a.inhabitants, b.inhabitants)
    speeds = MINOR_SPEEDS
    if smaller >= TRUNK_INHABITANTS_MIN:
        speeds = TRUNK_SPEEDS
    elif smaller >= MAIN_INHABITANTS_MIN:
        speeds = MAIN_SPEEDS
    speed = next(speed for bound, speed in speeds if length <= bound)
    return max(10, round(length * DETOUR / (speed / 3.6)))


def components(count: int, edges: Any) -> list[int]:
    """Return for each node the lowest node it is joined with."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b, *_ in edges:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [find(i) for i in range(count)]


def named_pairs(nodes: list[Node], names: Iterable[frozenset[str]]) -> list[tuple[int, int]]:
    """Return the rows of pairs of names; where several places share a name, of the two nearest."""
    rows: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        rows.setdefault(node.name, []).append(i)

    def apart(ends: tuple[int, int]) -> float:
        a, b = nodes[ends[0]], nodes[ends[1]]
        return metres(a.latitude, a.longitude, b.latitude, b.longitude)

    nearest = (min(((i, j) for i in rows[one] for j in rows[other]), key=apart) for one, other in map(sorted, names))
    return sorted((min(ends), max(ends)) for ends in nearest)


def known_bridges(nodes: list[Node], land: Land) -> Iterator[Edge]:
    """Yield the listed bridges, whether or not something else joins the places."""
    for a, b in named_pairs(nodes, BRIDGES):
        length = metres(nodes[a].latitude, nodes[a].longitude, nodes[b].latitude, nodes[b].longitude)
        yield a, b, road_seconds(nodes[a], nodes[b], length * BRIDGE_DETOUR / DETOUR), "bridge"


def joins(nodes: list[Node], land: Land, edges: dict[tuple[int, int], Edge]) -> Iterator[Edge]:
    """Yield the crossings that join what land does not: the quickest first, until all is one."""
    joined = list(edges.values())
    root = components(len(nodes), joined)
    squared = ((land.xy[:, None, :] - land.xy[None, :, :]) ** 2).sum(axis=2)
    pairs = set()
    for i in range(len(nodes)):
        others = [int(j) for j in np.argsort(squared[i], kind="stable") if root[j] != root[i]][:CROSSINGS]
        pairs |= {(min(i, j), max(i, j)) for j in others}
    sea = set(named_pairs(nodes, SEA_ROUTES_SECONDS))
    costed = sorted(((a, b) not in sea, *crossing(nodes, land, a, b), a, b) for a, b in pairs | sea)
    for _, seconds, kind, a, b in costed:
        if root[a] != root[b]:
            joined.append((a, b, seconds, kind))
            root = components(len(nodes), joined)
            yield a, b, seconds, kind


def crossing(nodes: list[Node], land: Land, a: int, b: int) -> tuple[int, str]:
    """Return seconds and kind of an edge over water; sea routes that exist come before any that a rule would make."""
    names = frozenset({nodes[a].name, nodes[b].name})
    if names in SEA_ROUTES_SECONDS:
        return SEA_ROUTES_SECONDS[names], "ferry"
    gaps = land.gaps(land.xy[a], land.xy[b])
    water, length = sum(gaps), metres(nodes[a].latitude, nodes[a].longitude, nodes[b].latitude, nodes[b].longitude)
    on_land = max(0.0, length - water) * DETOUR / (70 / 3.6)
    if land.same_island(a, b) and max(gaps, default=0.0) <= BRIDGE_METRES_MAX:
        return round(on_land + water / BRIDGE_M_S), "bridge"
    return round(on_land + water / FERRY_M_S + FERRY_WAIT_SECONDS), "ferry"


def spanner(count: int, edges: list[Edge]) -> list[Edge]:
    """Leave out edges that the others replace within 2 %, the quickest edges first (a greedy spanner)."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    kept = []
    for a, b, seconds, kind in sorted(edges, key=lambda edge: (edge[2], edge)):
        if seconds_between(neighbours, a, b, bound=seconds * STRETCH_MAX) is None:
            kept.append((a, b, seconds, kind))
            neighbours[a].append((b, seconds))
            neighbours[b].append((a, seconds))
    return sorted(kept)


def seconds_between(neighbours: list[list[tuple[int, int]]], a: int, b: int, *, bound: float) -> int | None:
    """Return the shortest driving time, None when it is above the bound (Dijkstra)."""
    best = {a: 0}
    queue = [(0, a)]
    while queue:
        seconds, here = heapq.heappop(queue)
        if here == b:
            return seconds
        if seconds > best[here]:
            continue
        for there, more in neighbours[here]:
            total = seconds + more
            if total <= bound and total < best.get(there, math.inf):
                best[there] = total
                heapq.heappush(queue, (total, there))
    return None
