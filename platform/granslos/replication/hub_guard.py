"""The hub guard: runs a site's hub as its child and stops it while it could do harm.

    python -m granslos.replication.hub_guard --config SITE.toml

It beats to the other hubs' guards over UDP whether or not its hub runs, so that a cold start of all does not wait for
itself. What it decides is in `guard_core`; what it knows it writes to a status file. If the guard is killed, its hub
dies with it, and both come back together.
"""

import asyncio
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
import uvloop

from granslos.contract.errors import SettingsError
from granslos.replication.guard_beats import KEY_BYTES_MIN, Beat, BeatBook, opened, sealed
from granslos.replication.guard_core import BEAT_SECONDS, Decision, GuardState, decide, heard, hub_spoke
from granslos.replication.guard_hub import GuardedHub
from granslos.replication.guard_word import ask

TICK_SECONDS = 0.05
STATUS_SECONDS = 1.0
ANSWER_GAP_SECONDS = 0.05
"""Between two beats sent out of turn to greet somebody."""
ASK_SECONDS = 0.25
"""Between two questions to the hub; also the bound of one."""
EXIT_CANNOT_CREATE = 73
EXIT_SETTINGS = 78
"""As sysexits.h has them: the port cannot be had, a bad site file."""
RECEIVE_BUFFER_BYTES = 64 * 1024

Address = tuple[str, int]
log = structlog.get_logger("hub_guard")


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard needs of the site file.

    Attributes:
        site: Code of this site or witness.
        listen: `host:port` for beats.
        peers: Code → `host:port` of every other hub's guard, witness included.
        key_file: File with the key that all guards share, at least 16 bytes as hex.
        status: File for the status; replaced by rename each second and at every change.
        binary, config: The nats-server and its configuration.
        system_url: URL of a user of the hub's system account; "" does without the hub's own word.
        hold_file: While this file exists the hub is kept down; "" for none.
    """

    site: str
    listen: str
    peers: dict[str, str]
    key_file: str
    status: str
    binary: str
    config: str
    system_url: str = ""
    hold_file: str = ""


def load_settings(path: Path) -> GuardSettings:
    """Reads the [site], [hub] and [guard] tables of a site file.

    Raises:
        SettingsError: Something is missing or of the wrong kind.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        flat = document["guard"] | document["hub"] | {"site": document["site"]["code"]}
        settings = msgspec.convert(flat, type=GuardSettings)
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if settings.site in settings.peers:
        raise SettingsError(f"{path}: [guard] peers names this site itself")
    return settings


def load_key(path: Path) -> bytes:
    """Reads the guards' shared key.

    Raises:
        SettingsError: It is missing, no hex, or too short.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if len(key) < KEY_BYTES_MIN:
        raise SettingsError(f"{path}: a guard key has at least {KEY_BYTES_MIN} bytes, this one {len(key)}")
    return key


def split_address(text: str) -> Address:
    """Splits `host:port`."""
    host, _, port = text.rpartition(":")
    return host, int(port)


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
            log.info("guards in contact", site=self._settings.site, peers=decision.in_contact, why=decision.why)
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


async def guard(settings: GuardSettings) -> None:
    """Runs a guard until SIGTERM or SIGINT."""
    until = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    await HubGuard(settings).run(until)


def run_guard(path: Path) -> int:
    """The process `granslos guard --config SITE.toml`; returns its exit code."""
    try:
        uvloop.run(guard(load_settings(path)))
    except SettingsError as error:
        sys.stderr.write(f"guard: {error}\n")
        return EXIT_SETTINGS
    except OSError as error:
        sys.stderr.write(f"guard: {error}\n")
        return EXIT_CANNOT_CREATE
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--config":
        sys.stderr.write("usage: python -m granslos.replication.hub_guard --config SITE.toml\n")
        sys.exit(EXIT_SETTINGS)
    sys.exit(run_guard(Path(sys.argv[2])))
