"""A small supervisor: starts processes in order, restarts what dies, keeps down what is held, stops all in order.

Every process is started from the main thread and dies with us (`guard_child`), so a supervisor that is SIGKILLed
leaves nothing behind that would hold a port or a data directory.

A file `down-<site>` or `down-<name>` in the directory holds a site or one process down as long as it exists. The
processes are killed half a second after the file appears (its writer may do that himself), or ended in order when the
file says `orderly`.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import structlog

from granslos.local.errors import StartError
from granslos.local.limits import (
    HOLD_GRACE_SECONDS,
    LOG_BYTES_MAX,
    LOG_TAIL_BYTES,
    PROBE_INTERVAL_SECONDS,
    READY_TIMEOUT_SECONDS,
    RESTART_CALM_SECONDS,
    RESTART_FIRST_SECONDS,
    RESTART_MAX_SECONDS,
    START_ATTEMPTS_MAX,
    WATCH_INTERVAL_SECONDS,
)
from granslos.local.probes import Probe, always
from granslos.local.process_tree import kill_tree, signal_tree
from granslos.replication.guard_child import Child, exit_of, hold_of, spawn
from granslos.runtime.process import EXIT_SETTINGS, EXIT_USAGE

log = structlog.get_logger("supervisor")


FINAL_STATUSES = frozenset({EXIT_USAGE, EXIT_SETTINGS})
"""Exit statuses that another start cannot heal."""


class Stage(IntEnum):
    """Order of the stop, last first; within a stage all at once."""

    POSTGRES = 0
    LINKS = 1
    EDGE = 2
    HUB = 3
    NODE = 4
    ADAPTER = 5
    TRAFFIC = 6


STAGE_STOP_SECONDS = {
    Stage.TRAFFIC: 2.0,
    Stage.ADAPTER: 3.0,
    Stage.NODE: 5.0,
    Stage.HUB: 3.0,
    Stage.EDGE: 1.0,
    Stage.LINKS: 1.0,
    Stage.POSTGRES: 4.0,
}
"""After this a process of the stage is killed; together they stay below the bound of the whole stop."""


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process to be kept running.

    Attributes:
        name: Unique; `down-<name>` holds it down.
        site: The site it belongs to, or "" when it belongs to all.
        child: How it is started.
        stage: When it is stopped.
        after: Names of the processes that must be ready before it is started.
        probe: Says when it is ready.
        stop_signal: Asks it to end in order.
        prepare: Called before each start.
    """

    name: str
    site: str
    child: Child
    stage: Stage
    after: tuple[str, ...] = ()
    probe: Probe = always
    stop_signal: int = signal.SIGTERM
    prepare: Callable[[], None] | None = None


@dataclass
class Running:
    """A process that is kept running, and what is known of it now."""

    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    starts: int = 0
    early_ends: int = 0
    last_status: int | None = None
    held_since: float | None = None
    told_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self.process is None or self.process.returncode is not None else self.process.pid

    def log_tail(self) -> str:
        """The end of its log, for a person."""
        path = self.spec.child.log
        return "" if path is None or not path.exists() else path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()


class Supervisor:
    """Keeps processes running. Use `add`, then `wait_ready`; at last `stop`."""

    def __init__(self, directory: Path, changed: Callable[[], None], also: Callable[[], bool] = lambda: False) -> None:
        """Supervises with hold files in a directory.

        Args:
            directory: Where the hold files are looked for.
            changed: Called within 0.1 s of any start, readiness, end or hold.
            also: Looked at each 0.1 s; true when something changed that only the caller can see.
        """
        self._directory = directory
        self._changed = changed
        self._also = also
        self._running: dict[str, Running] = {}
        self._dirty = False
        self._stopping = False
        self._new: asyncio.Queue[Running] = asyncio.Queue()
        self._main = asyncio.get_running_loop().create_task(self._supervise())

    def add(self, specs: Iterable[ProcessSpec]) -> None:
        """Starts processes, each as soon as those it comes after are ready and nothing holds it down."""
        for spec in specs:
            assert spec.name not in self._running, f"{spec.name} is supervised already"
            running = Running(spec)
            self._running[spec.name] = running
            self._new.put_nowait(running)

    def pid(self, name: str) -> int | None:
        """The process id of a process, None while it does not run."""
        running = self._running.get(name)
        return None if running is None else running.pid

    def names(self, site: str) -> list[str]:
        """Names of a site's processes."""
        return [name for name, running in self._running.items() if running.spec.site == site]

    def starts(self, name: str) -> int:
        """How often a process was started."""
        return self._running[name].starts

    async def wait_ready(self, names: Sequence[str] | None = None, *, within_seconds: float = READY_TIMEOUT_SECONDS) -> None:
        """Waits until the processes (by default all that are not held down) are ready.

        Raises:
            StartError: One ended too often before it was ready, or the bound is over; names it, with its log's end.
        """
        end = time.monotonic() + within_seconds
        while True:
            chosen = [self._running[name] for name in (self._running if names is None else names)]
            held = self._held()
            for one in chosen:
                self._judge(one, held)
            missing = [one for one in chosen if not one.ready.is_set() and one.held_since is None]
            if not missing:
                return
            for one in missing:
                hopeless = one.early_ends >= START_ATTEMPTS_MAX or (one.early_ends and one.last_status in FINAL_STATUSES)
                if hopeless or time.monotonic() > end:
                    raise StartError(f"{one.spec.name} did not become ready (log {one.spec.child.log}): {one.log_tail()}")
            self.check()
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)

    def check(self) -> None:
        """Raises what ended the supervision, if anything did: a bug, or a program that cannot be executed."""
        if self._main.done():
            self._main.result()

    def known_pids(self) -> set[int]:
        """Process ids of what runs now."""
        return {running.pid for running in self._running.values() if running.pid is not None}

    async def wait_down(self, names: Iterable[str]) -> None:
        """Waits until none of the processes runs."""
        while any(self.pid(name) is not None for name in names):
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)

    async def stop(self) -> None:
        """Stops all processes, stage by stage, each within its bound."""
        self._stopping = True
        for running in self._running.values():
            running.allowed.clear()
        try:
            for stage in sorted(Stage, reverse=True):
                chosen = [running for running in self._running.values() if running.spec.stage is stage]
                await asyncio.gather(*(self._end(running) for running in chosen))
        finally:
            self._main.cancel()
            await asyncio.gather(self._main, return_exceptions=True)
            for running in self._running.values():
                if running.pid is not None:
                    kill_tree(running.pid)

    async def _supervise(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            while True:
                group.create_task(self._keep(await self._new.get()))

    async def _keep(self, running: Running) -> None:
        """Starts the process again and again, as long as it may run."""
        pause = RESTART_FIRST_SECONDS
        while True:
            await self._may_start(running)
            started_at = time.monotonic()
            status = await self._once(running)
            self._judge(running, self._held())
            if self._stopping or not running.allowed.is_set():
                pause = RESTART_FIRST_SECONDS
                continue
            if time.monotonic() - started_at > RESTART_CALM_SECONDS:
                pause = RESTART_FIRST_SECONDS
            log.warning("process ended", process=running.spec.name, status=status, restart_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, RESTART_MAX_SECONDS)

    async def _may_start(self, running: Running) -> None:
        while True:
            await running.allowed.wait()
            for name in running.spec.after:
                await self._running[name].ready.wait()
            self._judge(running, self._held())
            if running.allowed.is_set() and all(self._running[name].ready.is_set() for name in running.spec.after):
                return

    async def _once(self, running: Running) -> int:
        """One life of the process: from its start to its end."""
        spec = running.spec
        if spec.prepare is not None:
            spec.prepare()
        process = spawn(spec.child)
        running.process = process
        running.starts += 1
        self._dirty = True
        async with asyncio.TaskGroup() as group:
            probing = group.create_task(self._probe(running))
            status = await exit_of(process)
            probing.cancel()
        running.last_status = status
        running.early_ends = 0 if running.ready.is_set() else running.early_ends + 1
        running.ready.clear()
        running.process = None
        self._dirty = True
        return status

    async def _probe(self, running: Running) -> None:
        while not await running.spec.probe():
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)
        running.ready.set()
        self._dirty = True

    async def _watch(self) -> None:
        """Looks at hold files and log sizes, and passes changes on."""
        while True:
            held = self._held()
            for running in self._running.values():
                self._judge(running, held)
                _turn_over(running.spec.child.log)
            if self._also() or self._dirty:
                self._dirty = False
                self._changed()
            await asyncio.sleep(WATCH_INTERVAL_SECONDS)

    def _held(self) -> set[str]:
        """Names of the hold files there are now."""
        return {path.name for path in self._directory.glob("down-*")}

    def _judge(self, running: Running, held: set[str]) -> None:
        """Applies the hold files to one process."""
        if self._stopping:
            return
        spec = running.spec
        mine = [name for name in (f"down-{spec.site}", f"down-{spec.name}") if name in held]
        if not mine:
            running.held_since = None
            running.allowed.set()
            return
        now = time.monotonic()
        if running.held_since is None:
            running.held_since = now
            running.allowed.clear()
            running.told_at = None
            self._dirty = True
        if running.pid is None:
            return
        if hold_of(self._directory / mine[0]) == "orderly" and running.told_at is None:
            self._ask_to_end(running)
            running.told_at = now
        patience = HOLD_GRACE_SECONDS if running.told_at is None else STAGE_STOP_SECONDS[spec.stage]
        if now - running.held_since >= patience:
            kill_tree(running.pid)

    def _ask_to_end(self, running: Running) -> None:
        process = running.process
        if process is not None and process.poll() is None:
            signal_tree(process.pid, signal.SIGCONT)  # a stopped one would not hear the other
            process.send_signal(running.spec.stop_signal)

    async def _end(self, running: Running) -> None:
        process, spec = running.process, running.spec
        if process is None:
            return
        self._ask_to_end(running)
        try:
            async with asyncio.timeout(STAGE_STOP_SECONDS[spec.stage]):
                await exit_of(process)
        except TimeoutError:
            log.warning("process killed: it did not stop in its time", process=spec.name)
            kill_tree(process.pid)
            await exit_of(process)


def _turn_over(path: Path | None) -> None:
    """Keeps a log within its bound: the process goes on appending to the emptied file."""
    if path is None:
        return
    try:
        if path.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(path, path.with_name(path.name + ".1"))
            os.truncate(path, 0)
    except FileNotFoundError:
        return
