"""Moves desks between sites: by itself when a site is lost, by a person's key, by the region's timer, or as planned.

A desk moves by one epoch marker in the LOG, compare-and-set under the loser's prefix; only a majority can write it, so an
island never takes over anybody for good. A refused taker reads again and gives up if the epoch moved. A call desk is served
provisionally from the moment its site is lost, because calls merge as facts; a dispatch desk only once its marker is
projected here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec
from structlog import get_logger

from granslos.contract.commands import DeskName
from granslos.contract.envelope import (
    ZERO_HASH,
    Envelope,
    decode_envelope,
    decode_payload,
    derive_id,
    encode,
    encode_payload,
    event_hash,
)
from granslos.contract.errors import LogUnavailableError
from granslos.contract.events import DeskMoved
from granslos.contract.places import Actor
from granslos.contract.subjects import epoch_subject
from granslos.domain.centre import Centre, successor
from granslos.replication.desks import Desk, Desks
from granslos.replication.presence import Presence
from granslos.runtime import limits, metrics
from granslos.runtime.clock import Clock
from granslos.stream.log import Log, TailMovedError

log = get_logger(__name__)
Why = Literal["takeover", "planned", "handback", "drill"]
SYSTEM = Actor(subject="system", role="system")


class Watch(Protocol):
    """What the takeover needs to know of the site's present."""

    presence: Presence

    def staff(self) -> dict[str, int]:
        """Return operators on duty by centre, as far as known here."""
        ...

    def is_island(self) -> bool:
        """Tell whether this site behaves as an island."""
        ...


class Wanted(msgspec.Struct, frozen=True):
    """A desk that this site is to take over, and why."""

    centre: str
    desk: DeskName
    why: Why
    by: Actor
    reason: str | None = None


def due(desks: Desks, watch: Watch, lost_since: Mapping[str, float], now: float, timer: float | None) -> tuple[Desk, ...]:
    """Return the desks of lost sites that this site should serve. Pure.

    A call desk at once, a dispatch desk after ``timer`` seconds (None: only by a person's key).
    """
    if watch.is_island():
        return ()
    found = []
    alive = watch.presence.alive(now)
    centres: Sequence[Centre] = tuple(desks.centres.values())
    for desk in desks.all():
        since = lost_since.get(desk.authority)
        if since is None or desk.authority == desks.site or not watch.presence.is_silent(desk.authority, now):
            # One that beats again is not robbed, even before its link is trusted.
            continue
        if desk.desk == "dispatch" and (timer is None or now - since < timer):
            continue
        others = [site for site in alive if site not in lost_since]
        if heir(desk, centres, others, watch.staff()) == desks.site:
            found.append(desk)
    return tuple(found)


def heir(desk: Desk, centres: Sequence[Centre], alive: Sequence[str], staff: Mapping[str, int]) -> str | None:
    """Return the site that is to serve a lost desk: the centre's own site first, when it is back, then its succession."""
    home = next((c.site for c in centres if c.code == desk.centre), None)
    if home in alive and home != desk.authority:
        return home
    return successor(centres, desk.centre, "calls" if desk.desk == "calls" else "dispatch", alive, staff)


class Takeover:
    """One task: watches who is lost, claims, writes markers; and serves the supervisors' keys."""

    def __init__(self, desks: Desks, watch: Watch, stream: Log, clock: Clock, timer: float | None) -> None:
        self._desks, self._watch, self._log, self._clock, self._timer = desks, watch, stream, clock, timer
        self.lost_since: dict[str, float] = {}
        self.queued: dict[tuple[str, str], Wanted] = {}
        self._wake = asyncio.Event()
        self.on_moved: Callable[[Desk], None] = lambda desk: None
        self.projected_to: Callable[[int, float], Awaitable[bool]]

    # --- watching ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Note who is lost and who is back; claim lost call desks. Call at every presence tick; does not block."""
        self._note_lost(now)
        self._release()
        if not self._desks.serving_enabled:
            return
        for desk in due(self._desks, self._watch, self.lost_since, now, self._timer):
            key = (desk.centre, desk.desk)
            if desk.desk == "calls" and key not in self._desks.claims():
                self._desks.claim(desk.centre, desk.desk, self._clock.now())
                log.warning("call_desk_claimed", centre=desk.centre, lost=desk.authority)
                self.on_moved(self._desks.desk(*key))
            if key not in self.queued:
                self.want(Wanted(desk.centre, "calls" if desk.desk == "calls" else "dispatch", "takeover", SYSTEM))

    def _note_lost(self, now: float) -> None:
        presence = self._watch.presence
        for site in presence.others:
            if presence.is_lost(site, now):
                if site not in self.lost_since:
                    self.lost_since[site] = now
                    log.warning("site_lost", lost=site, age=presence.age(site, now))
            elif site in self.lost_since and presence.is_back(site, now):
                log.info("site_back", back=site, seconds=round(now - self.lost_since.pop(site), 1))

    def _release(self) -> None:
        """Drop claims and wishes whose site is back, or for which this site is no longer fit."""
        island = self._watch.is_island()
        for key in tuple(self._desks.claims()):
            authority = self._desks.desk(*key).authority
            if island or authority not in self.lost_since:
                self._desks.unclaim(*key)
                log.info("call_desk_released", centre=key[0])
        for key, wanted in tuple(self.queued.items()):
            authority = self._desks.desk(*key).authority
            if authority == self._desks.site or (wanted.by is SYSTEM and authority not in self.lost_since):
                del self.queued[key]

    def want(self, wanted: Wanted) -> None:
        """Queue a takeover; it is done as soon as the LOG has a leader."""
        self.queued[wanted.centre, wanted.desk] = wanted
        self._wake.set()

    # --- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write the queued markers for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for wanted in tuple(self.queued.values()):
                try:
                    await self.take(wanted)
                except LogUnavailableError as error:
                    log.debug("takeover_waits", centre=wanted.centre, desk=wanted.desk, reason=str(error))
            if self.queued:
                await asyncio.sleep(limits.TAKEOVER_RETRY_SECONDS)
                self._wake.set()

    async def take(self, wanted: Wanted) -> bool:
        """Write one marker under the loser's prefix; False when the desk moved elsewhere meanwhile.

        Raises:
            LogUnavailableError: no leader; nothing is decided.
        """
        key = (wanted.centre, wanted.desk)
        desk = self._desks.desk(*key)
        if desk.authority == self._desks.site:
            self.queued.pop(key, None)
            return True
        if not self._is_fit(wanted, desk):
            return False
        tail = await self._log.last_of_site(desk.authority)
        # A marker that moved the desk before stands under the loser's prefix too, at or before its tail: with all of that
        # projected here, the chain check at the tail makes this marker the only one of its epoch.
        if tail is not None and not await self.projected_to(tail.seq, limits.TAKEOVER_PROJECTION_SECONDS):
            raise LogUnavailableError(f"not projected up to {tail.seq} yet")
        known = self._desks.desk(*key)
        if (known.authority, known.epoch) != (desk.authority, desk.epoch):
            return known.authority == self._desks.site
        marker = self.marker(desk, wanted, self._desks.site, tail_of(tail.data if tail else None))
        try:
            seq = await self._log.append(
                desk.authority,
                [(epoch_subject(desk.authority, *key), encode(marker))],
                tail.seq if tail else 0,
            )
        except TailMovedError:
            # Its site, or another taker, wrote meanwhile: read again before trying again.
            log.info("marker_refused", centre=wanted.centre, desk=wanted.desk)
            return False
        self.queued.pop(key, None)
        metrics.TAKEOVERS.labels(wanted.desk, wanted.why).inc()
        log.warning("desk_taken", centre=wanted.centre, desk=wanted.desk, loser=desk.authority, position=seq)
        return await self.projected_to(seq, limits.TAKEOVER_PROJECTION_SECONDS)

    def _is_fit(self, wanted: Wanted, desk: Desk) -> bool:
        """Tell whether a takeover is to be written now; drop what is not wanted any more.

        A person's wish outlives an island.
        """
        key = (wanted.centre, wanted.desk)
        if self._watch.is_island():
            if wanted.by is SYSTEM:
                self.queued.pop(key, None)
            return False
        if not self._watch.presence.is_silent(desk.authority, self._clock.monotonic()):
            # It came back while the wish waited: a living site lets go of a desk as planned, or keeps it.
            log.info("takeover_dropped", centre=wanted.centre, desk=wanted.desk, back=desk.authority)
            self.queued.pop(key, None)
            return False
        return True

    def marker(self, desk: Desk, wanted: Wanted, holder: str, tail: tuple[int, int, str]) -> Envelope:
        """Return the epoch marker that moves ``desk`` to ``holder``; ``tail`` is the loser's last journal event in the LOG."""
        generation, jseq, digest = tail
        now = self._clock.now()
        payload = DeskMoved(
            centre=desk.centre,
            desk=wanted.desk,
            epoch=desk.epoch + 1,
            holder=holder,
            loser=desk.authority,
            why=wanted.why,
            by=wanted.by.subject,
            at=now,
            reason=wanted.reason,
            tail_generation=generation,
            tail_jseq=jseq,
            tail_hash=digest,
        )
        return marker_envelope(payload, self._desks.site, wanted.by, now)


def marker_envelope(payload: DeskMoved, site: str, actor: Actor, now: datetime) -> Envelope:
    """Wrap a marker: it belongs to no journal, so its generation and jseq are 0."""
    return Envelope(
        event_id=derive_id("marker", payload.centre, payload.desk, payload.epoch, payload.holder),
        type=DeskMoved.__name__,
        site=site,
        generation=0,
        jseq=0,
        prev=ZERO_HASH,
        aggregate="centre",
        id=payload.centre,
        command_id=f"marker-{payload.centre}-{payload.desk}-{payload.epoch}-{payload.holder}",
        actor=actor,
        at=now,
        payload=encode_payload(payload),
    )


def tail_of(data: bytes | None) -> tuple[int, int, str]:
    """Return generation, jseq and hash of the last journal event, from a site's last message (which may be a marker)."""
    if data is None:
        return 0, 0, ZERO_HASH
    envelope = decode_envelope(data)
    if not envelope.is_marker:
        return envelope.generation, envelope.jseq, event_hash(data)
    earlier = decode_payload(envelope)
    assert isinstance(earlier, DeskMoved)
    return earlier.tail_generation, earlier.tail_jseq, earlier.tail_hash
