"""Traffic and validators that resilience tests share: what was acknowledged must exist once, everywhere."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from granslos.local.client import NoSiteAnsweredError, SiteClient
from granslos.local.cluster import LocalCluster
from support.eventually import eventually

PLACES = {"esk": (59.3712, 16.5098), "vas": (59.6099, 16.5448), "upp": (59.8586, 17.6389)}
STATUS_SECONDS = 1.5
Rows = dict[str, dict[str, tuple[Any, ...]]]
TABLES = ("incident", "handover", "unit", "operator", "centre", "conflict", "assignment")


@dataclass
class Acknowledged:
    """What senders were told."""

    incidents: dict[str, set[str]] = field(default_factory=dict)
    durabilities: dict[str, int] = field(default_factory=dict)
    worst_seconds: float = 0.0
    refused: list[str] = field(default_factory=list)

    def take(self, source_id: str, response: httpx.Response, seconds: float) -> None:
        """Note one final answer."""
        self.worst_seconds = max(self.worst_seconds, seconds)
        if response.status_code not in (200, 201):
            self.refused.append(f"{source_id}: {response.status_code} {response.text[:200]}")
            return
        answer = response.json()
        self.incidents.setdefault(source_id, set()).add(answer["resource"]["id"])
        self.durabilities[answer["durability"]] = self.durabilities.get(answer["durability"], 0) + 1


def client(cluster: LocalCluster, first: str, role: str, *, only: bool = False, timeout: float = 1.0) -> SiteClient:
    """A client of a cluster that starts at a site; ``only``: and never leaves it."""
    codes = sorted(PLACES if not only else [first], key=lambda code: code != first)
    return SiteClient([cluster.site(code).http for code in codes], cluster.tokens[role], timeout_seconds=timeout)


def body(source: str, source_id: str, place: str, revision: int = 0) -> dict[str, Any]:
    """A handover near a centre; ``revision`` makes a repeat of the case with other content."""
    latitude, longitude = PLACES[place]
    return {
        "source": source,
        "source_id": source_id,
        "location": {"latitude": latitude + revision / 1000, "longitude": longitude},
        "description": f"revision {revision}",
        "test": True,
    }


async def send_all(
    cluster: LocalCluster, messages: Sequence[dict[str, Any]], *, senders: int, seed: int, pause: float
) -> Acknowledged:
    """Send all messages by several senders in parallel, each starting at a random site, until each is acknowledged."""
    acknowledged = Acknowledged()
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for message in messages:
        queue.put_nowait(message)

    async def sender(number: int) -> None:
        choose = random.Random(seed + number)
        async with client(cluster, choose.choice(list(PLACES)), "adapter") as http:
            while not queue.empty():
                message = queue.get_nowait()
                key = f"{message['source']}-{message['source_id']}-{message['description'].replace(' ', '-')}"
                await _deliver(http, message, key, acknowledged)
                await asyncio.sleep(choose.random() * pause * 2)

    await asyncio.gather(*(sender(n) for n in range(senders)))
    return acknowledged


async def _deliver(http: SiteClient, message: dict[str, Any], key: str, acknowledged: Acknowledged) -> None:
    started = time.monotonic()
    while True:
        attempt = time.monotonic()
        try:
            response = await http.post("/v1/handovers", message, key)
        except NoSiteAnsweredError:
            assert time.monotonic() - started < 30, "no site took a handover for half a minute"
            continue
        acknowledged.take(message["source_id"], response, time.monotonic() - attempt)
        return


async def settle(cluster: LocalCluster, *, within_seconds: float = 60, codes: Sequence[str] = tuple(PLACES)) -> int:
    """Wait until all sites have projected the same LOG and nothing is pending anywhere; return its last position."""
    async with httpx.AsyncClient(timeout=2.0, headers={"Authorization": f"Bearer {cluster.tokens['technician']}"}) as http:

        async def settled() -> int | None:
            views = []
            for code in codes:
                try:
                    views.append((await http.get(f"{cluster.site(code).http}/v1/site")).raise_for_status().json())
                except httpx.HTTPError:
                    return None
            last = max(view["log_last"] or 0 for view in views)
            even = all(view["log_position"] == last and not view["journal_backlog"] and not view["island"] for view in views)
            return last if even and last else None

        since: dict[int, float] = {}

        async def still() -> int | None:
            """A site asks for the LOG's end once a second only: the same answer must stand for longer than that."""
            last = await settled()
            if last is None:
                since.clear()
                return None
            seen = since.setdefault(last, time.monotonic())
            return last if time.monotonic() - seen > STATUS_SECONDS else None

        return int(await eventually(still, within_seconds=within_seconds))


async def rows_of(cluster: LocalCluster, code: str) -> Rows:
    """All rows of a site's read model, by table and id."""
    found: Rows = {}
    async with await psycopg.AsyncConnection.connect(cluster.site(code).dsn) as connection:
        for table in TABLES:
            cursor = await connection.execute(f"select * from {table} order by id")
            found[table] = {row[0]: row for row in await cursor.fetchall()}
    return found


async def assert_rows_equal(cluster: LocalCluster, codes: Sequence[str] = tuple(PLACES)) -> Rows:
    """Assert that the sites' read models are equal, row by row; return them."""
    first, *others = [await rows_of(cluster, code) for code in codes]
    for code, other in zip(codes[1:], others, strict=True):
        for table in TABLES:
            differ = [key for key in first[table] | other[table] if first[table].get(key) != other[table].get(key)]
            where = f"{codes[0]} and {code}: {table} {differ[0] if differ else ''}"
            assert not differ, _difference(where, first[table], other[table], differ)
    return first


def _difference(where: str, one: dict[str, Any], two: dict[str, Any], keys: Sequence[str]) -> str:
    """Say which columns differ, and which fields of the view."""
    a, b = one.get(keys[0]), two.get(keys[0])
    if a is None or b is None:
        return f"{where}: only at one of them ({len(keys)} differ)"
    parts = [f"column {n}: {x!r} / {y!r}" for n, (x, y) in enumerate(zip(a, b, strict=True)) if x != y and n < len(a) - 2]
    try:
        v, w = json.loads(a[-1]), json.loads(b[-1])
        parts += [f"{name}: {v[name]!r} / {w[name]!r}" for name in v if v[name] != w[name]]
    except (ValueError, TypeError):
        parts.append("view unreadable")
    return f"{where} ({len(keys)} differ): " + "; ".join(parts) + ("; folded differs" if a[-2] != b[-2] else "")


def assert_each_once(rows: Rows, acknowledged: Acknowledged, source: str) -> None:
    """Assert that each acknowledged handover is one incident, and that every id told to a sender leads to it."""
    incidents = rows["incident"]
    live: dict[str, list[str]] = {}
    for key, row in incidents.items():
        if row[7] == source and row[10] is None:
            live.setdefault(row[8], []).append(key)
    for source_id, told in acknowledged.incidents.items():
        assert len(live.get(source_id, [])) == 1, f"{source_id}: {live.get(source_id)}"
        for incident_id in told:
            root = incidents[incident_id][10] or incident_id
            assert root == live[source_id][0], f"{source_id}: {incident_id} leads to {root}, not {live[source_id][0]}"


def assert_no_unit_doubled(rows: Rows) -> None:
    """Assert that no unit has two active assignments unless an open conflict says so."""
    active: dict[str, list[str]] = {}
    for key, row in rows["assignment"].items():
        if row[3]:
            active.setdefault(row[2], []).append(key)
    doubled = {unit for unit, found in active.items() if len(found) > 1}
    contested = {row[3] for row in rows["conflict"].values() if row[2] == "open"}
    assert not {unit for unit in doubled if f"unit:{unit}" not in contested}, doubled
