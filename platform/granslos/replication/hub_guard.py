"""The hub guard: runs a site's hub as its child and stops it while it could do harm.

    python -m granslos.replication.hub_guard --config SITE.toml

It beats to the other hubs' guards over UDP whether or not its hub runs, so that a cold start of all does not wait for
itself. What it decides is in `guard_core`; what it knows it writes to a status file. If the guard is killed, its hub
dies with it, and both come back together.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from granslos.replication.guard_beats import Beat, BeatBook, opened, sealed
from granslos.replication.guard_core import BEAT_SECONDS, Decision, GuardState, decide, heard, hub_spoke
from granslos.replication.guard_hub import GuardedHub
from granslos.replication.guard_settings import GuardSettings, load_key, load_settings, split_address
from granslos.replication.guard_word import ask
from granslos.runtime.logging import configure
from granslos.runtime.process import EXIT_USAGE, run_main

TICK_SECONDS = 0.05
STATUS_SECONDS = 1.0
ANSWER_GAP_SECONDS = 0.05
"""Between two beats sent out of turn to greet somebody."""
ASK_SECONDS = 0.25
"""Between two questions to the hub; also the bound of one."""

log = structlog.get_logger("hub_guard")


class _Wire(asyncio.DatagramProtocol):
    """The guard's UDP socket."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._received(data)

    def error_received(self, exc: Exception) -> None:
        """A peer's machine says that nobody listens there: as good as silence."""


class HubGuard:
    """One guard and its hub."""

    def __init__(self, settings: GuardSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._key = load_key(Path(settings.key_file))
        self._addresses = {peer: split_address(address) for peer, address in settings.peers.items()}
        self._book = BeatBook(settings.site, tuple(settings.peers))
        self._state = GuardState()
        self._decision: Decision | None = None
        self._greeted_at: dict[str, float] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._asking: asyncio.Task[None] | None = None
        self._written: tuple[float, object] = (0.0, None)
        hold = Path(settings.hold_file) if settings.hold_file else None
        self.hub = GuardedHub((settings.binary, "-c", settings.config), hold, clock)

    @property
    def hubs(self) -> int:
        """How many hubs there are in all."""
        return len(self._addresses) + 1

    async def run(self, until: asyncio.Event) -> None:
        """Guards until told to stop; then stops the hub in order.

        Raises:
            OSError: The UDP port is in use (in a group).
        """
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Wire(self._receive), local_addr=split_address(self._settings.listen)
        )
        self._transport = transport
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._beats()), group.create_task(self._ticks(group))]
                await until.wait()
                for task in tasks:
                    task.cancel()
        finally:
            transport.close()
            await self.hub.stop_in_order()
            self._write_status(force=True)

    async def _beats(self) -> None:
        while True:
            self._send(tuple(self._addresses))
            await asyncio.sleep(BEAT_SECONDS)

    def _send(self, peers: tuple[str, ...]) -> None:
        assert self._transport is not None, "beats are sent while the guard runs"
        hears = () if self._decision is None else self._decision.in_contact
        datagram = sealed(self._key, self._book.next(self._clock(), hears=hears, hub_running=self.hub.is_running))
        for peer in peers:
            self._transport.sendto(datagram, self._addresses[peer])

    def _receive(self, datagram: bytes) -> None:
        now = self._clock()
        beat = opened(self._key, datagram)
        if beat is None or not self._book.take(beat, now):
            return
        echoed_at = self._book.echoed_at(beat, now)
        met = self._decision is None or beat.site not in self._decision.in_contact
        if echoed_at is not None:
            # Counted from our own beat, so that a one-way cut is noticed as fast as a whole one.
            self._state = heard(self._state, beat.site, min(now, echoed_at + BEAT_SECONDS))
        if met or echoed_at is None:
            self._greet(beat, now)

    def _greet(self, beat: Beat, now: float) -> None:
        """Answers out of turn, so that two guards that meet know it at once; each within a rate."""
        if now - self._greeted_at.get(beat.site, -ANSWER_GAP_SECONDS) >= ANSWER_GAP_SECONDS:
            self._greeted_at[beat.site] = now
            self._send((beat.site,))

    async def _ticks(self, group: asyncio.TaskGroup) -> None:
        while True:
            now = self._clock()
            self._state, decision = decide(self._state, now, hubs=self.hubs, running=self.hub.is_running)
            self._note(decision)
            self.hub.obey(decision.verdict, decision.why)
            idle = self._asking is None or self._asking.done()
            if decision.ask_hub and self._settings.system_url and idle:
                self._asking = group.create_task(self._ask(now))
            self._write_status()
            await asyncio.sleep(TICK_SECONDS)

    def _note(self, decision: Decision) -> None:
        if self._decision is None or self._decision.in_contact != decision.in_contact:
            log.info("guards in contact", peers=decision.in_contact, why=decision.why)
        self._decision = decision

    async def _ask(self, asked_at: float) -> None:
        word = await ask(self._settings.system_url, hubs=self.hubs, within_seconds=ASK_SECONDS)
        if word.is_linked(self.hubs):
            self._state = hub_spoke(self._state, asked_at)
        await asyncio.sleep(max(0.0, asked_at + ASK_SECONDS - self._clock()))

    def _write_status(self, *, force: bool = False) -> None:
        now, decision = self._clock(), self._decision
        changed = (self.hub.pid, self.hub.state, self.hub.why, decision and (decision.majority, decision.in_contact))
        written_at, before = self._written
        if not force and changed == before and now - written_at < STATUS_SECONDS:
            return
        self._written = (now, changed)
        path = Path(self._settings.status)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(self.status(now)))
        part.replace(path)

    def status(self, now: float) -> dict[str, object]:
        """What the guard knows, for the node, the supervisor and people."""
        decision = self._decision
        in_contact = () if decision is None else decision.in_contact
        return {
            "site": self._settings.site,
            "pid": os.getpid(),
            "written_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "hubs": self.hubs,
            "majority": bool(decision and decision.majority),
            "why": "" if decision is None else decision.why,
            "hub": self.hub.status(),
            "peers": {peer: self._peer_status(peer, now) | {"heard": peer in in_contact} for peer in self._addresses},
        }

    def _peer_status(self, peer: str, now: float) -> dict[str, object]:
        beat, heard_at = self._book.last(peer)
        contact_at = self._state.contact_at.get(peer)
        return {
            "age_seconds": None if contact_at is None else round(now - contact_at, 3),
            "last_packet_age_seconds": None if heard_at is None else round(now - heard_at, 3),
            "hears": [] if beat is None else list(beat.hears),
            "hub_running": bool(beat and beat.hub_running),
        }


def run_guard(path: Path) -> int:
    """The process `granslos guard --config SITE.toml`; returns its exit code (`runtime.process`)."""

    async def main(stop: asyncio.Event) -> None:
        settings = load_settings(path)
        configure(settings.site)
        await HubGuard(settings).run(stop)

    return run_main(main)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--config":
        sys.stderr.write("usage: python -m granslos.replication.hub_guard --config SITE.toml\n")
        sys.exit(EXIT_USAGE)
    sys.exit(run_guard(Path(sys.argv[2])))
