"""One site's core: everything that makes its node a member of the whole, without HTTP.

Start: rows and journal into memory; the LOG's tail checked against the journal (another one, or no LOG, starts a new
generation); everything in the LOG projected, as far as it can be read; only then commands are taken, the journal is forwarded,
and this site's desks are served. A store that lost what it had acknowledged is a start of its own.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from structlog import get_logger

from granslos.application.decisions import Known
from granslos.application.items import Item
from granslos.application.ports import Change, Confirmation
from granslos.application.world import World
from granslos.contract.envelope import KNOWN_TYPES
from granslos.contract.errors import (
    ChainError,
    ForeignTailError,
    LogUnavailableError,
    StoreUnavailableError,
)
from granslos.contract.events import DeskMoved
from granslos.domain.centre import DESKS
from granslos.journal.writer import JournalWriter
from granslos.projection.pending import show_pending
from granslos.projection.projector import Projector, Tail
from granslos.projection.rows import build
from granslos.projection.store import Store
from granslos.projection.transaction import SiteState
from granslos.replication.beats import Beats
from granslos.replication.desks import Desks
from granslos.replication.forwarder import Forwarder
from granslos.replication.fresh import Fresh
from granslos.replication.takeover import SYSTEM, Takeover, tail_of
from granslos.replication.trust import LogTrust
from granslos.runtime import limits, metrics
from granslos.runtime.bus import Bus
from granslos.runtime.clock import Clock
from granslos.stream.log import Log, StreamStatus
from granslos.stream.reader import LogReader

log = get_logger(__name__)


class SiteCore:
    """All parts of a site's node below HTTP, wired.

    Args:
        known: this site's code, scale, centres, map.
        sites: all sites' codes.
        dsn: of this site's PostgreSQL: one connection to write, and one for the forwarder to read the journal.
        hub: connection to the LOG's cluster.
        clock: the node's.
    """

    def __init__(self, known: Known, sites: Sequence[str], dsn: str, hub: Bus, clock: Clock) -> None:
        self.known, self.sites, self.clock = known, tuple(sites), clock
        self.store, self.journal_source, self.hub = Store(dsn), Store(dsn), hub
        self.world = World(self.store)
        self.state = SiteState(site=known.site)
        self.desks = Desks(known.site, known.centres.values())
        self.log = Log(hub.client)
        self.reader = LogReader(hub.client)
        self.writer = JournalWriter(self.store, self.world, known.scale, clock, self.state)
        self.projector = Projector(self.store, self.world, known.scale, self.state)
        self.forwarder = Forwarder(known.site, self.journal_source, self.log)
        self.beats: Beats
        self.takeover: Takeover
        self.fresh: Fresh
        self.alarms: dict[str, str] = {}
        self.log_status: StreamStatus | None = None
        self.publish: Callable[[Sequence[Change]], None] = lambda changes: None
        self.confirm: Callable[[Sequence[Confirmation]], None] = lambda confirmed: None
        self._advanced = asyncio.Condition()
        self._reload = asyncio.Event()
        self.trust = LogTrust(self.log, self.store, self.state, self)
        self._joined = self._went_back = False

    def wire(self, beats: Beats, takeover: Takeover, fresh: Fresh) -> None:
        """Connect the parts to each other."""
        self.beats, self.takeover, self.fresh = beats, takeover, fresh
        self.writer.listeners += [self.forwarder, fresh, self]
        self.writer.on_store_lost = self._reload.set
        self.writer.can_commit = beats.can_commit
        self.trust.others_know_a_log = beats.presence.knows_log
        self.trust.on_changed = self._trust_changed
        self.projector.on_changes = self._projected
        self.projector.on_confirmed = self._confirmed
        self.projector.on_desk_moved = self._desk_moved
        self.forwarder.on_fenced = lambda marker: self._desk_moved(marker, 0)
        self.forwarder.on_halted = self._halted
        self.forwarder.projected = self._own_tail
        takeover.projected_to = self.projected_to
        fresh.show = self._show
        beats.on_tick.append(takeover.tick)

    def committed(self, items: Sequence[Item], changes: Sequence[Change]) -> None:
        """Tell readers of this site's own commits (a ``Listener``)."""
        self.beats.note_commit()
        metrics.JOURNAL_EVENTS.inc(len(items))
        self.publish(changes)

    def alarm(self, name: str, text: str) -> None:
        """Raise an alarm that a technician must see; it stays until ``clear``."""
        if self.alarms.get(name) != text:
            log.error("alarm", alarm=name, reason=text)
        self.alarms[name] = text

    def clear(self, name: str) -> None:
        """End an alarm."""
        if self.alarms.pop(name, None) is not None:
            log.info("alarm_over", alarm=name)

    # --- loading -----------------------------------------------------------------------------------------------------

    async def load(self) -> bool:
        """Read rows and journal into memory, as a start or after the store was away.

        Returns:
            Whether the store has everything that this process had made durable in it. If not, it was restored under it: no
            command is taken any more until ``join`` was called.

        Raises:
            StoreUnavailableError: PostgreSQL does not answer; the store is closed.
        """
        if not self.journal_source.is_connected:
            await self.journal_source.connect()
        # Under the lock from the first byte: nobody writes on what this process believed before.
        async with self.store.lock:
            try:
                await self.store.connect()
                is_whole = await self._read_store()
                await self.store.probe()
            except BaseException:
                self.store.drop()
                raise
        self.beats.note_commit()
        metrics.STORE_CONNECTED.set(1)
        return is_whole

    async def _read_store(self) -> bool:
        known = (self.state.generation, self.state.journal_head)
        stored = await self.store.site_state(self.known.site)
        is_whole = (stored.generation, stored.journal_head) >= known
        if not is_whole:
            self._close()
        for field in msgspec.structs.fields(SiteState):
            setattr(self.state, field.name, getattr(stored, field.name))
        self.world.clear()
        await self.projector.restore(self.sites)
        self.world.conflicted = await self.store.conflict_owners()
        await self._load_desks()
        pending = await self.store.journal_pending()
        self.forwarder.resume_at((self.state.generation, self.state.journal_head))
        self.world.begin()
        keys = [key for kind in ("unit", "operator") for key in await self.store.keys_of(kind)]
        keys += await self.store.live_incidents()
        doubtful = [
            key
            for kind in ("incident", "handover", "unit", "operator")
            for key in await self.store.keys_of(kind, only_pending=True)
        ]
        await self.world.prepare([*keys, *doubtful, *self.world.keys_of(pending)])
        await self.world.add_pending(pending)
        self.world.dirty.update(doubtful)
        rows = build(self.world, self.known.scale)
        async with self.store.transaction() as tx:
            tx.rows(rows)
        self.world.begin()
        return is_whole

    def _close(self) -> None:
        """Take no commands, forward nothing, serve no desk, until the journal was checked against the LOG."""
        self._joined = False
        self.writer.closed_for.add("starting")
        self.desks.serving_enabled = False
        self.forwarder.hold()

    def _open(self) -> None:
        self._joined = True
        self.writer.closed_for.discard("starting")
        self.desks.serving_enabled = True
        if self.trust.given.is_set():
            self.forwarder.start()

    def _trust_changed(self, is_given: bool) -> None:
        if not is_given:
            self.forwarder.hold()
        elif self._joined:
            self.forwarder.start()

    def _own_tail(self) -> tuple[int, int]:
        tail = self.projector.tails.get(self.known.site, Tail())
        return tail.generation, tail.jseq

    async def _load_desks(self) -> None:
        await self.world.prepare([("centre", code) for code in self.known.centres])
        for code in self.known.centres:
            state = self.world.folded("centre", code)
            for name in DESKS:
                held = state.desk(name) if state is not None else None
                if held is not None and held.epoch > 0:
                    self.projector.epochs[code, name] = held.epoch
                    self.desks.restore(code, held)

    async def keep_store(self) -> None:
        """Reconnect and load again for ever whenever the store was lost."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            metrics.STORE_CONNECTED.set(0)
            self.alarm("store_lost", "PostgreSQL does not answer")
            try:
                is_whole = await self.load()
            except StoreUnavailableError:
                self._reload.set()
                await asyncio.sleep(limits.STORE_RETRY_SECONDS)
                continue
            except BaseException:
                self._reload.set()
                raise
            self.clear("store_lost")
            self._went_back = self._went_back or not is_whole
            if self._went_back:
                await self._join_again()

    async def _join_again(self) -> None:
        self.alarm("store_went_back", "PostgreSQL lost events that this site had acknowledged")
        try:
            await self.join(limits.START_LOG_PATIENCE_SECONDS, "store_went_back")
        except StoreUnavailableError:
            self._reload.set()
        else:
            self._went_back = False

    # --- joining the LOG -----------------------------------------------------------------------------------------------

    async def join(self, patience: float, reason: str | None = None) -> None:
        """Check this journal against the LOG and project all of it, or start as an island; then take commands.

        Args:
            patience: seconds to wait for the LOG before going on without it.
            reason: why a new generation is to be started whatever the LOG says.
        """
        status = await self._first_status(patience)
        tail = (0, 0, "")
        if status is None:
            reason = reason or "log_unreadable_at_start"
        else:
            reason, tail = await self._checked(reason)
            if not await self.projected_to(status.last_seq, limits.START_PROJECTION_SECONDS):
                self.alarm("start_behind", f"not projected up to {status.last_seq} in time")
        if reason is not None:
            await self.writer.start_generation(reason, SYSTEM, tail)
        self._open()

    async def _checked(self, reason: str | None) -> tuple[str | None, tuple[int, int, str]]:
        """Return why a new generation is to be started, if one is, and this site's tail in the LOG."""
        if self.state.generation == 0:
            reason = reason or "first_start"
        try:
            message = await self.log.last_of_site(self.known.site)
            tail = tail_of(message.data if message else None)
            await self.forwarder.find_cursor()
        except ForeignTailError as error:
            log.warning("journal_behind_log", reason=str(error))
            return reason or "tail_not_in_journal", tail
        except LogUnavailableError:
            return reason or "log_unreadable_at_start", (0, 0, "")
        return reason, tail

    async def _first_status(self, patience: float) -> StreamStatus | None:
        """Return the LOG's status, or None when it cannot be read in time or is not the one that this site knows."""
        try:
            async with asyncio.timeout(patience):
                await self.hub.ready.wait()
                while True:
                    try:
                        self.log_status = await self.trust.look()
                    except LogUnavailableError:
                        await asyncio.sleep(limits.FORWARDER_RETRY_SECONDS)
                    else:
                        return self.log_status
        except (TimeoutError, ChainError):
            return None

    # --- following the LOG ---------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Project the LOG for ever, as long as it is the one that this site knows."""
        while True:
            try:
                await self.hub.ready.wait()
                await self.trust.given.wait()
                async for batch in self.reader.read(self.state.log_cursor):
                    if not self.trust.given.is_set():
                        break
                    await self.projector.apply(batch)
                    self.beats.note_commit()
                    self.clear("log_broken")
                    async with self._advanced:
                        self._advanced.notify_all()
            except LogUnavailableError as error:
                log.debug("reader_retries", reason=str(error))
            except StoreUnavailableError:
                self._reload.set()
            except ChainError as error:
                metrics.CHAIN_ERRORS.inc()
                self.alarm("log_broken", str(error))
            await asyncio.sleep(limits.FORWARDER_RETRY_SECONDS)

    async def watch_log(self) -> None:
        """Ask the LOG's leader for its status for ever; a stream of another identity is neither read nor written."""
        while True:
            if not (self.store.is_connected and self.journal_source.is_connected):
                self._reload.set()
            try:
                await self.hub.ready.wait()
                self.log_status = status = await self.trust.look()
                metrics.LOG_LAG_EVENTS.set(max(0, status.last_seq - self.state.log_cursor))
                metrics.LOG_LEADER_KNOWN.set(1)
                metrics.LOG_BYTES.set(status.bytes)
                metrics.LOG_REPLICAS_CURRENT.set(status.replicas_current)
                if self.trust.log_bytes_max:
                    metrics.LOG_BYTES_RATIO.set(status.bytes / self.trust.log_bytes_max)
            except (LogUnavailableError, ChainError):
                self.log_status = None
                metrics.LOG_LEADER_KNOWN.set(0)
            except StoreUnavailableError:
                self._reload.set()
            await asyncio.sleep(limits.LOG_STATUS_SECONDS)

    async def projected_to(self, position: int, timeout: float) -> bool:
        """Wait until rows stand at ``position``; False after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout), self._advanced:
                await self._advanced.wait_for(lambda: self.state.log_cursor >= position)
                return True
        except TimeoutError:
            return False

    def _projected(self, changes: Sequence[Change]) -> None:
        metrics.LOG_POSITION.set(self.state.log_cursor)
        self.publish(changes)

    def _halted(self, reason: str) -> None:
        metrics.FORWARDER_HALTED.set(1)
        self.alarm("forwarder_halted", reason)

    def _confirmed(self, confirmed: Sequence[Confirmation]) -> None:
        self.confirm(confirmed)

    def _desk_moved(self, marker: DeskMoved, seq: int) -> None:
        if seq and marker.loser == self.known.site:
            # Whoever wrote it: the own tail in the LOG is another one now.
            self.forwarder.reread()
        if self.desks.moved(marker, seq):
            log.warning(
                "desk_moved",
                centre=marker.centre,
                desk=marker.desk,
                loser=marker.loser,
                holder=marker.holder,
                epoch=marker.epoch,
            )
            self.takeover.on_moved(self.desks.desk(marker.centre, marker.desk))

    async def _show(self, items: Sequence[Item]) -> None:
        known = [item for item in items if item.envelope.type in KNOWN_TYPES]
        try:
            self.publish(await show_pending(self.store, self.world, self.known.scale, self.projector, known))
        except StoreUnavailableError:
            self._reload.set()

    async def tidy(self) -> None:
        """Forget idle aggregates for ever."""
        while True:
            await asyncio.sleep(limits.WORLD_TRIM_SECONDS)
            async with self.store.lock:
                self.world.begin()
                self.world.trim(limits.WORLD_ENTRIES_MAX)
