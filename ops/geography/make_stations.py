"""Invented ambulance stations at real places, where they save most waiting: no open list of Swedish ones exists."""

import heapq
import math
from typing import Any

from make_roads import Edge, Node

STATION_COLUMNS = [
    *("id", "name", "area", "latitude", "longitude", "node"),
    *("ambulance", "transport_ambulance", "doctor_car"),
]
"""The last three are how many units of that kind stand there."""
SECONDS_MAX = 2_400
"""A place further away than this counts as this far: beyond it the number of people decides, not the distance."""
GAIN_PERSON_SECONDS_MIN = 4_000_000
"""A further station must save its county this much (5 000 inhabitants, 13 minutes each)."""
RESIDENTS_PER_AMBULANCE = 13_500
RESIDENTS_PER_TRANSPORT_AMBULANCE = 60_000
DOCTOR_CAR_RESIDENTS_MIN = 60_000


def make_stations(nodes: list[Node], residents: list[int], edges: list[Edge]) -> list[list[Any]]:
    """Return the stations of all counties in STATION_COLUMNS; ``node`` is the row in roads.json."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in nodes]
    for a, b, seconds, _ in edges:
        neighbours[a].append((b, seconds))
        neighbours[b].append((a, seconds))
    rows = []
    for county in sorted({node.area[:2] for node in nodes}):
        members = [i for i, node in enumerate(nodes) if node.area.startswith(county)]
        served = place_stations(members, residents, neighbours)
        for number, (node, people) in enumerate(served, start=1):
            rows.append(station(county, number, nodes[node], node, people))
    return rows


def station(county: str, number: int, node: Node, row: int, people: int) -> list[Any]:
    """Return one station's row; ``people`` are those to whom it is the nearest."""
    ambulances = max(1, round(people / RESIDENTS_PER_AMBULANCE))
    transport = round(people / RESIDENTS_PER_TRANSPORT_AMBULANCE)
    doctor = int(people >= DOCTOR_CAR_RESIDENTS_MIN)
    identifier = f"{county}-{number:02d}"
    return [identifier, node.name, county, node.latitude, node.longitude, row, ambulances, transport, doctor]


def place_stations(members: list[int], residents: list[int], neighbours: list[list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Return (node, residents served) of a county's stations, the greatest saving first (a greedy p-median)."""
    seconds = {i: reach(i, neighbours) for i in members}
    now = dict.fromkeys(members, float(SECONDS_MAX))
    chosen: list[int] = []
    while True:
        gains = {
            i: sum(residents[j] * max(0.0, now[j] - seconds[i].get(j, math.inf)) for j in members)
            for i in members
            if i not in chosen
        }
        best = max(gains, key=lambda i: (gains[i], -i))
        if chosen and gains[best] < GAIN_PERSON_SECONDS_MIN:
            break
        chosen.append(best)
        now = {j: min(now[j], seconds[best].get(j, math.inf)) for j in members}
    nearest = {j: min(chosen, key=lambda i: (seconds[i].get(j, SECONDS_MAX), i)) for j in members}
    return [(i, sum(residents[j] for j in members if nearest[j] == i)) for i in chosen]


def reach(start: int, neighbours: list[list[tuple[int, int]]]) -> dict[int, int]:
    """Return the driving seconds to every node nearer than SECONDS_MAX."""
    best = {start: 0}
    queue = [(0, start)]
    while queue:
        seconds, here = heapq.heappop(queue)
        if seconds > best[here]:
            continue
        for there, more in neighbours[here]:
            total = seconds + more
            if total < min(best.get(there, math.inf), SECONDS_MAX):
                best[there] = total
                heapq.heappush(queue, (total, there))
    return best
