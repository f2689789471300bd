"""Sends and hears presence beats over both connections, probes the store, and keeps the time of the site's own loop."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import uuid4

import msgspec
from nats.aio.msg import Msg
from structlog import get_logger

from granslos.contract.envelope import KNOWN_TYPES
from granslos.contract.errors import StoreUnavailableError, UnavailableError
from granslos.contract.presence import Beat, DeskClaim
from granslos.contract.subjects import BEATS, beat_subject
from granslos.projection.store import Store
from granslos.replication.desks import Desks
from granslos.replication.presence import Presence
from granslos.runtime import limits, metrics
from granslos.runtime.bus import Bus
from granslos.runtime.clock import Clock

log = get_logger(__name__)
_decoder = msgspec.json.Decoder(Beat)
_READS = tuple(sorted(KNOWN_TYPES))


class BeatSource(msgspec.Struct, kw_only=True):
    """Where a beat's contents come from."""

    staff: Callable[[], dict[str, int]]
    free_staff: Callable[[], dict[str, int]]
    log_position: Callable[[], int]
    backlog: Callable[[], int]
    version: str
    draining: Callable[[], bool]


class Beats:
    """Two tasks: beating (with the tick of everything that watches), and probing."""

    def __init__(self, site: str, connections: Sequence[Bus], presence: Presence, desks: Desks, clock: Clock) -> None:
        self._site, self._connections, self.presence = site, connections, presence
        self._desks, self._clock = desks, clock
        self._instance = uuid4().hex
        self._counter = 0
        self._stalls_told = 0
        self.blocked = False
        self._committed_at = float("-inf")
        self.source: BeatSource
        self.on_tick: list[Callable[[float], None]] = []
        self.clock_offsets: dict[str, float] = {}

    async def subscribe(self) -> None:
        """Listen on all connections; a beat that comes twice counts once."""
        for connection in self._connections:
            await connection.subscribe(BEATS, self._take)

    async def _take(self, message: Msg) -> None:
        try:
            beat = _decoder.decode(message.data)
        except msgspec.DecodeError:
            return
        if beat.site != self._site:
            self.presence.receive(beat, self._clock.monotonic())
            self.clock_offsets[beat.site] = (self._clock.now() - beat.at).total_seconds()

    def note_commit(self) -> None:
        """Note that the store has just committed with fsync: as good as a probe."""
        self._committed_at = self._clock.monotonic()

    def can_commit(self) -> bool:
        """Tell whether something was fsynced here within the bound."""
        return not self.blocked and self._clock.monotonic() - self._committed_at <= limits.PRESENCE_PROBE_AGE_SECONDS

    async def run(self) -> None:
        """Beat and tick for ever."""
        while True:
            now = self._clock.monotonic()
            self.presence.tick(now)
            for tick in self.on_tick:
                tick(now)
            await self._send(now)
            self._measure(now)
            await asyncio.sleep(limits.PRESENCE_BEAT_SECONDS)

    async def _send(self, now: float) -> None:
        self._counter += 1
        claims = [DeskClaim(centre=d.centre, desk=d.desk, epoch=d.epoch) for d in self._desks.served_here()]
        claims += [
            DeskClaim(centre=c, desk=d, epoch=self._desks.desk(c, d).epoch, provisional=True) for c, d in self._desks.claims()
        ]
        beat = Beat(
            site=self._site,
            instance=self._instance,
            counter=self._counter,
            at=self._clock.now(),
            can_commit=self.can_commit() and self._desks.serving_enabled,
            island=self.presence.is_island(now),
            heard=self.presence.heard(now),
            staff=self.source.staff(),
            free_staff=self.source.free_staff(),
            desks=tuple(claims),
            log_position=self.source.log_position(),
            backlog=self.source.backlog(),
            version=self.source.version,
            reads=_READS,
            draining=self.source.draining(),
        )
        data = msgspec.json.encode(beat)
        for connection in self._connections:
            if connection.is_connected:
                try:
                    await connection.publish(beat_subject(self._site), data)
                except UnavailableError as error:
                    log.debug("beat_not_sent", reason=type(error).__name__)

    def _measure(self, now: float) -> None:
        metrics.ISLAND.set(self.presence.is_island(now))
        metrics.LOOP_STALLS.inc(self.presence.stalls - self._stalls_told)
        self._stalls_told = self.presence.stalls
        for desk in ("calls", "dispatch"):
            metrics.DESKS_SERVED.labels(desk).set(sum(1 for d in self._desks.served_here() if d.desk == desk))
        for centre, count in self.source.staff().items():
            metrics.OPERATORS_ON_DUTY.labels(centre).set(count)
        if self.clock_offsets:
            metrics.CLOCK_OFFSET_SECONDS.set(sorted(self.clock_offsets.values())[len(self.clock_offsets) // 2])
        metrics.SITES_HEARD.set(len(self.presence.heard(now)))
        for site in self.presence.others:
            age = self.presence.age(site, now)
            if age is not None:
                metrics.BEAT_AGE_SECONDS.labels(site).set(age)

    async def probe(self, store: Store) -> None:
        """Prove for ever that this site can commit, whenever nothing else has proved it lately."""
        while True:
            await asyncio.sleep(limits.PRESENCE_PROBE_SECONDS / 2)
            if self._clock.monotonic() - self._committed_at < limits.PRESENCE_PROBE_SECONDS:
                continue
            try:
                async with store.lock:
                    await store.probe()
            except StoreUnavailableError as error:
                log.debug("probe_failed", reason=str(error))
            else:
                self.note_commit()
