"""`granslos demo`: several sites on this machine, until Ctrl-C."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import msgspec
import structlog

from granslos.local.cluster import LocalCluster
from granslos.local.errors import LocalError
from granslos.local.limits import REAP_INTERVAL_SECONDS, STOP_TOTAL_SECONDS
from granslos.local.process_specs import adapters_here, module_exists
from granslos.local.process_tree import descendants

EXIT_REFUSED = 2
PR_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
log = structlog.get_logger("demo")


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `granslos demo`.

    Attributes:
        sites: 1 to 7; None for what the directory has, or three.
        directory: Where everything lives.
        base_port: First port of the block; None or 0 chooses a free one and keeps it for the directory.
        traffic: Whether simulated callers, operators and crews run.
        speed: Of the traffic; 1 is real time.
        seed: Of the traffic.
        wan_delay_ms: One-way delay between sites.
    """

    sites: int | None = None
    directory: Path = Path(".demo")
    base_port: int | None = None
    traffic: bool = True
    speed: float = 1.0
    seed: int = 1
    wan_delay_ms: float = 0.0
    nodes: bool = True


async def run_demo(options: DemoOptions) -> int:
    """Starts the sites, prints the ready line, and runs until SIGINT, SIGTERM or SIGHUP; returns the exit code.

    Exit code 0 after an orderly stop, 2 when it cannot start here, with one clear line on stderr.
    """
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _adopt_orphans()
    cluster = _cluster(options)
    try:
        if not await _unless_stopped(cluster, stop):
            return 0
        print(_ready_line(cluster), flush=True)
        await _until(cluster, stop)
    except LocalError as error:
        print(f"granslos demo: {error}", file=sys.stderr, flush=True)
        return EXIT_REFUSED
    finally:
        _end_leftovers()
    return 0


def _cluster(options: DemoOptions) -> LocalCluster:
    return LocalCluster(
        directory=options.directory,
        sites=options.sites,
        base_port=options.base_port or None,
        wan_delay_ms=options.wan_delay_ms,
        nodes=options.nodes,
        adapters=adapters_here() if options.nodes else (),
        traffic=options.traffic and module_exists("granslos.local.simulator"),
        speed=options.speed,
        seed=options.seed,
    )


async def _unless_stopped(cluster: LocalCluster, stop: asyncio.Event) -> bool:
    """Opens the cluster; a signal meanwhile undoes what was begun. Whether it is open."""
    opening, stopping = asyncio.ensure_future(cluster.open()), asyncio.ensure_future(stop.wait())
    await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not opening.done():
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await opening
        return False
    opening.result()
    return True


def _ready_line(cluster: LocalCluster) -> str:
    sites = cluster.plan.layout.sites
    noun = "site" if len(sites) == 1 else "sites"
    console = cluster.plan.http(sites[0])
    return f"granslos ready: {len(sites)} {noun}, console {console}/ (run.json: {cluster.run_file})"


async def _until(cluster: LocalCluster, stop: asyncio.Event) -> None:
    """Waits for a signal, reaping adopted orphans; then stops within the bound."""
    try:
        while not stop.is_set():
            _reap_orphans(cluster)
            cluster.supervisor.check()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REAP_INTERVAL_SECONDS)
    finally:
        async with asyncio.timeout(STOP_TOTAL_SECONDS):
            await cluster.close()


def _adopt_orphans() -> None:
    """Becomes the parent of what our children leave behind (a killed PostgreSQL's backends), to end it at last."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(cluster: LocalCluster) -> None:
    """Collects adopted children that ended; our own are collected by those who wait for them."""
    known = cluster.supervisor.known_pids()
    for pid in descendants(os.getpid()):
        if pid not in known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _end_leftovers() -> None:
    """Leaves nothing behind."""
    while left := descendants(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
