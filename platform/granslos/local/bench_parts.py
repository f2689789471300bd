"""What the bench times: each part of the product, and the raw part it stands on, against the same servers."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import nats
import psycopg
from nats.aio.client import Client
from nats.aio.msg import Msg
from psycopg import sql

from granslos.application.world import World
from granslos.domain.priorities import default_scale
from granslos.journal.migrate import migrate
from granslos.local.cluster import LocalCluster
from granslos.local.rawhttp import RawHttp
from granslos.projection.projector import Projector
from granslos.projection.store import Store
from granslos.stream.log import LoggedMessage
from granslos.stream.reader import LogReader

PROJECTION_EVENTS = 4_000
PAYLOAD = json.dumps({"text": "x" * 500}).encode()
STREAM = "BENCH"
COPY_ROWS = 500


class Parts:
    """Connections and counters of one run."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.own, self.other = cluster.site("vas"), cluster.site("upp")
        self.serial = itertools.count(1)
        self.name = f"bench-{int(time.time())}"
        self.sent: list[str] = []
        self.http: RawHttp
        self.pg: psycopg.AsyncConnection[Any]
        self.nc: Client
        self.delivered: asyncio.Queue[float] = asyncio.Queue()
        self.seen: dict[str, dict[str, float]] = {"own": {}, "other": {}}
        self.arrived = asyncio.Event()

    # --- raw parts -----------------------------------------------------------------------------------------------------

    async def commit(self) -> float:
        """One row of a journal's size, committed with fsync."""
        started = time.perf_counter()
        await self.pg.execute("insert into bench_commit (body) values (%b)", [PAYLOAD])
        return time.perf_counter() - started

    async def publish(self) -> float:
        """One publish to an R3 stream with fsync at a majority, acknowledged."""
        started = time.perf_counter()
        await self.nc.request("granslos.bench.publish", PAYLOAD, timeout=5)
        return time.perf_counter() - started

    async def deliver(self) -> float:
        """One publish until a push consumer has it."""
        started = time.perf_counter()
        await self.nc.publish("granslos.bench.deliver", PAYLOAD)
        return await self.delivered.get() - started

    async def bare_http(self) -> float:
        """One GET through the same server and framework."""
        started = time.perf_counter()
        status, _ = await self.http.get("/health/live")
        assert status == 200
        return time.perf_counter() - started

    # --- the product -----------------------------------------------------------------------------------------------------

    async def _post(self, more: str = "") -> tuple[float, float, str]:
        source_id = f"h{next(self.serial)}"
        body = json.dumps(
            {
                "source": self.name,
                "source_id": source_id,
                "description": "bench",
                "location": {"latitude": 59.6099, "longitude": 16.5448, "radius_m": 20.0},
                "caller": {"number": "+46701740601"},
            }
        ).encode()
        started = time.perf_counter()
        status, answer = await self.http.post("/v1/handovers", body, f"{self.name}-{source_id}", more)
        ended = time.perf_counter()
        assert status in (200, 201), answer
        self.sent.append(source_id)
        return started, ended, json.loads(answer)["resource"]["id"]

    async def handover(self) -> float:
        """One handover for an area served here, until its answer says ``cluster``."""
        started, ended, _ = await self._post()
        return ended - started

    async def handover_site(self) -> float:
        """One handover until it is durable at this site (``Granslos-Durability: site`` does not wait for the LOG)."""
        started, ended, _ = await self._post("Granslos-Durability: site\r\n")
        return ended - started

    async def own_feed(self) -> float:
        """One handover until the own site's feed shows it."""
        return await self._feed("own")

    async def other_feed(self) -> float:
        """One handover until another site's feed shows it."""
        return await self._feed("other")

    async def _feed(self, which: str) -> float:
        started, _, incident_id = await self._post()
        async with asyncio.timeout(5):
            while incident_id not in self.seen[which]:
                self.arrived.clear()
                await self.arrived.wait()
        return self.seen[which][incident_id] - started

    async def watch(self, which: str, http: RawHttp) -> None:
        """Read a feed for ever and note when each incident is first seen."""
        async for frame in http.frames("/v1/feed"):
            now = time.perf_counter()
            if frame.get("event") != "change":
                continue
            for change in json.loads(frame["data"])["changes"]:
                if change["kind"] == "incident":
                    self.seen[which].setdefault(change["id"], now)
            self.arrived.set()

    # --- projection --------------------------------------------------------------------------------------------------------

    async def fill(self, events: int) -> None:
        """Put enough events into the LOG by real handovers, several at once."""
        async with AsyncExitStack() as stack:
            mains = self.http
            url, token = self.own.http, self.cluster.tokens["adapter"]
            clients = [await stack.enter_async_context(RawHttp(url, token)) for _ in range(16)]

            async def some(http: RawHttp) -> None:
                for _ in range(events // 2 // len(clients)):
                    source_id = f"h{next(self.serial)}"
                    body = json.dumps({"source": self.name, "source_id": source_id, "description": "bench"}).encode()
                    status, answer = await http.post("/v1/handovers", body, f"{self.name}-{source_id}")
                    assert status in (200, 201), answer
                    self.sent.append(source_id)

            await asyncio.gather(*(some(http) for http in clients))
            self.http = mains

    async def pull(self) -> float:
        """Return events a second of reading the LOG and nothing else."""
        started, count = time.perf_counter(), 0
        async for batch in LogReader(self.nc).read(0):
            count += len(batch)
            if count >= PROJECTION_EVENTS:
                break
        return count / (time.perf_counter() - started)

    async def _messages(self) -> list[LoggedMessage]:
        found: list[LoggedMessage] = []
        async for batch in LogReader(self.nc).read(0):
            found += batch
            if len(found) >= PROJECTION_EVENTS:
                return found
        return found

    async def copy(self) -> float:
        """Return events a second of COPY of the same bodies with an upsert of one row for every two, 500 a commit."""
        messages = await self._messages()
        await self.pg.execute("truncate bench_log, bench_row")
        started = time.perf_counter()
        for at in range(0, len(messages), COPY_ROWS):
            part = messages[at : at + COPY_ROWS]
            async with self.pg.transaction():
                async with self.pg.cursor() as cursor, cursor.copy("copy bench_log (seq, body) from stdin") as copy:
                    for m in part:
                        await copy.write_row((m.seq, m.data))
                keys, bodies = [f"k{m.seq // 2}" for m in part[::2]], [m.data for m in part[::2]]
                await self.pg.execute(
                    "insert into bench_row select * from unnest(%s::text[], %b::bytea[]) on conflict (id) do update "
                    "set body = excluded.body",
                    [keys, bodies],
                )
        return len(messages) / (time.perf_counter() - started)

    async def project(self) -> float:
        """Return events a second of the product's projector, from the LOG into an empty database."""
        name = f"bench_{next(self.serial)}"
        await self.pg.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        dsn = self.own.dsn.rsplit("/", 1)[0] + "/" + name
        await asyncio.to_thread(migrate, dsn)
        store = Store(dsn)
        await store.connect()
        projector = Projector(store, World(store), default_scale(), await store.site_state("kar"))
        await projector.restore(["esk", "vas", "upp"])
        started, count = time.perf_counter(), 0
        async for batch in LogReader(self.nc).read(0):
            await projector.apply(batch)
            count += len(batch)
            if count >= PROJECTION_EVENTS:
                break
        seconds = time.perf_counter() - started
        await store.close()
        await self.pg.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))
        return count / seconds

    async def intact(self) -> bool:
        """Tell whether every handover that was acknowledged exists once."""
        rows = await (
            await self.pg.execute("select source_id, count(*) from incident where source = %s group by 1", [self.name])
        ).fetchall()
        found = dict(rows)
        return set(found) == set(self.sent) and all(count == 1 for count in found.values())


@asynccontextmanager
async def open_parts(cluster: LocalCluster) -> AsyncIterator[Parts]:
    """Open all connections of a run."""
    parts = Parts(cluster)
    async with AsyncExitStack() as stack:
        parts.http = await stack.enter_async_context(RawHttp(parts.own.http, cluster.tokens["adapter"]))
        parts.pg = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(parts.own.dsn, autocommit=True, prepare_threshold=1)
        )
        await parts.pg.execute("create table if not exists bench_commit (body bytea)")
        await parts.pg.execute("create table if not exists bench_log (seq bigint, body bytea)")
        await parts.pg.execute("create table if not exists bench_row (id text primary key, body bytea)")
        parts.nc = await nats.connect(parts.own.hub_url)
        stack.push_async_callback(parts.nc.close)
        await _bench_stream(parts)
        feeds = []
        for which, site in (("own", parts.own), ("other", parts.other)):
            http = await stack.enter_async_context(RawHttp(site.http, cluster.tokens["observer"]))
            feeds.append(asyncio.create_task(parts.watch(which, http)))
        try:
            yield parts
        finally:
            for task in feeds:
                task.cancel()
            await asyncio.gather(*feeds, return_exceptions=True)


async def _bench_stream(parts: Parts) -> None:
    config = {"name": STREAM, "subjects": ["granslos.bench.>"], "num_replicas": 3, "storage": "file", "allow_direct": False}
    reply = await parts.nc.request(f"$JS.API.STREAM.CREATE.{STREAM}", json.dumps(config).encode(), timeout=10)
    assert "error" not in json.loads(reply.data), reply.data
    inbox = parts.nc.new_inbox()

    async def take(message: Msg) -> None:
        if message.subject == "granslos.bench.deliver":
            parts.delivered.put_nowait(time.perf_counter())

    await parts.nc.subscribe(inbox, cb=take)
    consumer = {
        "stream_name": STREAM,
        "config": {
            "deliver_subject": inbox,
            "ack_policy": "none",
            "deliver_policy": "new",
            "filter_subject": "granslos.bench.deliver",
            "mem_storage": True,
            "num_replicas": 1,
        },
    }
    for _ in range(20):
        reply = await parts.nc.request(f"$JS.API.CONSUMER.CREATE.{STREAM}", json.dumps(consumer).encode(), timeout=10)
        if "error" not in json.loads(reply.data):
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"no consumer: {reply.data!r} at {datetime.now(UTC)}")
