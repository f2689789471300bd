"""Faults on purpose: killed, crashed, hung, powered off; and back again."""

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod

from granslos.local.limits import HUBS_READY_SECONDS, PROBE_INTERVAL_SECONDS
from granslos.local.links import LinkControl
from granslos.local.plan import Plan
from granslos.local.probes import nats_greets
from granslos.local.process_tree import signal_tree
from granslos.local.supervisor import Supervisor


class Faults(ABC):
    """What can be done to a cluster. `process` is hub, edge, postgres, node, guard or an adapter; None means all."""

    plan: Plan

    @property
    @abstractmethod
    def supervisor(self) -> Supervisor:
        """What keeps the processes running."""

    @property
    @abstractmethod
    def links(self) -> LinkControl:
        """The network between the sites."""

    @abstractmethod
    def pids(self, code: str) -> dict[str, int | None]:
        """Process ids of a site or witness by process; None for one that does not run."""

    async def kill(self, code: str, process: str | None = None) -> None:
        """Kills a site, a witness or one of its processes with SIGKILL, and holds it down until `start`."""
        self.plan.hold_file(code if process is None else f"{code}-{process}").touch()
        await self.crash(code, process)

    async def crash(self, code: str, process: str | None = None) -> None:
        """Kills it; as whatever dies, it is started again at once. Returns when the old processes are gone."""
        before = self._chosen(code, process)
        for number in (signal.SIGSTOP, signal.SIGKILL):  # first all stand still, then all are gone: as a power cut
            _send(before, number)
        while any(self.pids(code)[name] == pid for name, pid in before.items()):
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)

    async def start(self, code: str, process: str | None = None) -> None:
        """Lets a site or process run again that was killed, and waits until it is ready."""
        self.plan.hold_file(code if process is None else f"{code}-{process}").unlink(missing_ok=True)
        if process != "hub":
            names = self.supervisor.names(code) if process is None else [f"{code}-{process}"]
            await self.supervisor.wait_ready(names)
            return
        async with asyncio.timeout(HUBS_READY_SECONDS):
            while not await nats_greets(self.plan.layout.port(code, "hub"))():
                await asyncio.sleep(PROBE_INTERVAL_SECONDS)

    async def power_off(self, code: str) -> None:
        """Cuts a site off and kills it: the others get no closed connection, only silence."""
        await self.links.isolate(code)
        await self.kill(code)

    async def power_on(self, code: str) -> None:
        """Heals the links of a site and starts it."""
        await self.links.heal(code)
        await self.start(code)

    def stop(self, code: str, process: str | None = None) -> None:
        """Hangs a site or one of its processes (SIGSTOP): PostgreSQL with its backends, a guard without its hub."""
        _send(self._chosen(code, process), signal.SIGSTOP)

    def cont(self, code: str, process: str | None = None) -> None:
        """Lets it go on: SIGCONT."""
        _send(self._chosen(code, process), signal.SIGCONT)

    def _chosen(self, code: str, process: str | None) -> dict[str, int]:
        pids = self.pids(code)
        assert process is None or process in pids, f"{code} has no process {process!r}, only {sorted(pids)}"
        return {name: pid for name, pid in pids.items() if pid is not None and process in (None, name)}


def _send(pids: dict[str, int], number: int) -> None:
    for name, pid in pids.items():
        if name == "guard":  # its hub is a process of its own here; and dies with it
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        else:
            signal_tree(pid, number)
