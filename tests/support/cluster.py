"""Whole sites for tests: real servers, emulated links, the same code as `granslos demo`.

    async with open_cluster(sites=3, nodes=False) as cluster:
        log = await open_log(cluster, "esk")

Directories come from `support.postgres.open_directory`: as root PostgreSQL runs as another account, which cannot enter
pytest's own temporary directories.
"""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from granslos.local.cluster import LocalCluster
from granslos.local.layout import Layout
from support.eventually import eventually
from support.postgres import open_directory

LOG = "LOG"
RETRY = (nats.errors.Error, JetStreamError, TimeoutError, OSError)
"""What a publish or a question may raise while there is no leader."""


@contextlib.asynccontextmanager
async def open_cluster(**settings: Any) -> AsyncIterator[LocalCluster]:
    """A cluster in a directory of its own; stopped and deleted with the block."""
    with open_directory("granslos-cluster-") as directory:
        async with LocalCluster(directory=directory, **({"wait_for_disk": False} | settings)) as cluster:
            yield cluster


async def connect(urls: str | Iterable[str]) -> Client:
    """A client as a node has it: finds a dead server in 2 s, reconnects at once and for ever."""

    async def quiet(error: Exception) -> None:
        """Lost connections are what these tests are about."""

    return await nats.connect(
        [urls] if isinstance(urls, str) else list(urls),
        dont_randomize=True,
        connect_timeout=2,
        ping_interval=1,
        max_outstanding_pings=2,
        reconnect_time_wait=0.1,
        max_reconnect_attempts=-1,
        error_cb=quiet,
    )


async def open_log(cluster: LocalCluster, site: str, replicas: int = 3) -> tuple[Client, JetStreamContext]:
    """A client at a site's hub, and the LOG as it is in production (made when it does not exist)."""
    client = await connect(cluster.site(site).hub_urls)
    stream = client.jetstream(timeout=1.5)

    async def made() -> bool:
        try:
            await stream.add_stream(name=LOG, subjects=["log.>"], num_replicas=replicas, max_bytes=2**30)
        except RETRY:
            return False
        return True

    await eventually(made, within_seconds=20)
    await eventually(partial(_is_current, stream), within_seconds=20)
    return client, stream


async def _is_current(stream: JetStreamContext) -> bool:
    try:
        cluster = (await stream.stream_info(LOG)).cluster
    except RETRY:
        return False
    return bool(cluster and cluster.leader and all(one.current for one in cluster.replicas or []))


async def log_leader(stream: JetStreamContext) -> str:
    """Code of the site whose hub leads the LOG."""
    cluster = (await stream.stream_info(LOG)).cluster
    assert cluster is not None and cluster.leader is not None
    return cluster.leader.removeprefix("hub-")


def guard_status(cluster: LocalCluster, code: str) -> dict[str, Any]:
    """What a guard says."""
    status: dict[str, Any] = json.loads(cluster.plan.guard_status(code).read_bytes())
    return status


async def http_json(layout: Layout, code: str, service: str, path: str) -> dict[str, Any]:
    """GET of a monitoring page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", layout.port(code, service))
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer: dict[str, Any] = json.loads((await reader.read()).split(b"\r\n\r\n", 1)[1])
        return answer
    finally:
        writer.close()


class Writes:
    """One publish each 50 ms at one site, as E8 of the reliability specification has it; knows the longest gap."""

    def __init__(self, client: Client, site: str) -> None:
        self._stream = client.jetstream(timeout=0.5)
        self._subject = f"log.{site}.probe.{site}"
        self._stopping = asyncio.Event()
        self.acknowledged: list[float] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        pending: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            task = asyncio.create_task(self._one())
            pending.add(task)
            task.add_done_callback(pending.discard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.05)
        await asyncio.gather(*pending)

    async def _one(self) -> None:
        with contextlib.suppress(*RETRY):
            await self._stream.publish(self._subject, b"x" * 300)
            self.acknowledged.append(time.monotonic())

    def longest_gap(self, since: float, until: float) -> float:
        """The longest time without an acknowledged write in a period, in seconds."""
        inside = [since, *sorted(at for at in self.acknowledged if since <= at <= until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(inside))

    async def stop(self) -> None:
        self._stopping.set()
        await self._task
