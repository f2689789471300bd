"""A real nats-server for tests: one hub alone (JetStream R1, sync always), with the accounts that the sites use.

    async with running_hub() as hub: connection = await nats.connect(hub.url("vas"))

or the fixture `nats_hub` (one per session; give streams and subjects of your own), taken into a conftest with
`pytest_plugins = ["support.nats"]`. For a cluster use `support.cluster`.
"""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from granslos.local import nats as local_nats
from granslos.replication.guard_child import Child, end, spawn
from support.eventually import eventually
from support.postgres import open_directory

SITES = ("esk", "vas", "upp", "kar")


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    process: subprocess.Popen[bytes]
    client_port: int
    monitor_port: int
    leaf_port: int

    def url(self, site: str) -> str:
        """Where that site's node connects, with what it may do."""
        return local_nats.url(local_nats.node_user(site), f"node-secret-{site}", self.client_port)

    @property
    def system_url(self) -> str:
        """The system account."""
        return local_nats.url(local_nats.SYSTEM_USER, "system-secret", self.client_port)


@dataclass(frozen=True)
class Edge:
    """A running edge, linked to a hub."""

    process: subprocess.Popen[bytes]
    client_port: int

    @property
    def url(self) -> str:
        """Where nodes and adapters connect."""
        return local_nats.url(local_nats.EDGE_USER, "edge-secret", self.client_port)


async def _ports(directory: Path, process: subprocess.Popen[bytes]) -> dict[str, list[str]]:
    """The server chooses its ports and writes them to a file."""

    def written() -> dict[str, list[str]] | None:
        assert process.poll() is None, f"nats-server ended with {process.returncode}"
        files = list(directory.glob("*.ports"))
        return json.loads(files[0].read_bytes() or b"null") if files else None

    return await eventually(written, within_seconds=10)


def _port(urls: list[str]) -> int:
    return int(urls[0].rsplit(":", 1)[1])


def _spawn(directory: Path, config: local_nats.Config) -> subprocess.Popen[bytes]:
    local_nats.write_config(directory / "server.conf", config | {"ports_file_dir": str(directory)})
    return spawn(Child(command=(str(local_nats.find_binary()), "-c", str(directory / "server.conf"))))


async def start_hub(directory: Path) -> Hub:
    """Starts a hub alone in that directory; the caller ends it."""
    plan = local_nats.HubPlan(
        code="vas",
        client_port=-1,
        monitor_port=-1,
        route_port=-1,
        leaf_port=-1,
        routes=(),
        store=directory / "jetstream",
        log=directory / "hub.log",
        max_file_bytes=16 * 1024**3,
        node_passwords={site: f"node-secret-{site}" for site in SITES},
        edge_passwords={site: f"link-secret-{site}" for site in SITES},
        route_password="route-secret",
        system_password="system-secret",
    )
    process = _spawn(directory, local_nats.hub_config(plan))
    ports = await _ports(directory, process)
    leaf = re.search(r"leafnode connections on \S+:(\d+)", plan.log.read_text())
    assert leaf is not None, "the ports file is written after the log line of the leaf listener"
    return Hub(process, _port(ports["nats"]), _port(ports["monitoring"]), int(leaf[1]))


async def start_edge(directory: Path, site: str, hub: Hub) -> Edge:
    """Starts a site's edge, linked to the hub; the caller ends it."""
    plan = local_nats.EdgePlan(
        code=site,
        client_port=-1,
        monitor_port=-1,
        hub_leafs=(f"127.0.0.1:{hub.leaf_port}",),
        log=directory / "edge.log",
        client_password="edge-secret",
        leaf_password=f"link-secret-{site}",
        system_password="system-secret",
    )
    process = _spawn(directory, local_nats.edge_config(plan))
    ports = await _ports(directory, process)
    return Edge(process, _port(ports["nats"]))


@contextlib.asynccontextmanager
async def running_hub() -> AsyncIterator[Hub]:
    """A hub alone; ends and is deleted with the block."""
    with open_directory("granslos-hub-") as directory:
        hub = await start_hub(directory)
        try:
            yield hub
        finally:
            await end(hub.process, signal.SIGTERM, within_seconds=5)


@contextlib.asynccontextmanager
async def running_edge(site: str, hub: Hub) -> AsyncIterator[Edge]:
    """A site's edge, linked to the hub; ends with the block."""
    with open_directory("granslos-edge-") as directory:
        edge = await start_edge(directory, site, hub)
        try:
            yield edge
        finally:
            await end(edge.process, signal.SIGTERM, within_seconds=5)


@pytest.fixture(scope="session")
def nats_hub() -> Iterator[Hub]:
    """One hub for the session."""
    with open_directory("granslos-hub-") as directory:
        hub = asyncio.run(start_hub(directory))
        try:
            yield hub
        finally:
            asyncio.run(end(hub.process, signal.SIGTERM, within_seconds=5))
