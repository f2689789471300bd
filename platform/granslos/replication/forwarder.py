"""Copies this site's journal into the LOG, in order and exactly once, however often it or the hubs are killed.

Its cursor is the last own message in the LOG, read from the LOG's leader at every start and after every error; its batches
carry a chain check against that message. It never continues on a LOG whose last own event is not in its journal.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from structlog import get_logger

from granslos.application.items import Item
from granslos.application.ports import Change
from granslos.contract.envelope import decode_envelope, decode_payload, event_hash
from granslos.contract.errors import ForeignTailError, LogUnavailableError, StoreUnavailableError
from granslos.contract.events import DeskMoved
from granslos.contract.subjects import log_subject
from granslos.projection.transaction import JournalRow
from granslos.runtime import limits, metrics
from granslos.stream.log import Log, TailMovedError

log = get_logger(__name__)


class Cursor(msgspec.Struct, frozen=True):
    """Where the forwarder stands: its last journal event in the LOG, and the LOG sequence of its last own message."""

    generation: int
    jseq: int
    log_seq: int
    hash: str = "0" * 64


class JournalSource(Protocol):
    """Reads the journal, on a connection of its own: forwarding must not wait for the write lock."""

    async def journal_after(self, generation: int, jseq: int, count_max: int) -> list[JournalRow]:
        """Return the journal after a place, in order."""
        ...

    async def journal_hash(self, generation: int, jseq: int) -> str | None:
        """Return the hash of a journal event, or None."""
        ...


class Forwarder:
    """One task; listens to the writer, tells waiting commands when they are in the LOG."""

    def __init__(self, site: str, source: JournalSource, stream: Log) -> None:
        self._site, self._source, self._log = site, source, stream
        self._fresh: deque[JournalRow] = deque(maxlen=limits.FORWARDER_MEMORY_EVENTS_MAX)
        self._wake = asyncio.Event()
        self._waiting: dict[tuple[int, int], asyncio.Future[int]] = {}
        self.cursor: Cursor | None = None
        self.head: tuple[int, int] = (0, 0)
        self.on_fenced: Callable[[DeskMoved], None] = lambda marker: None
        self.on_halted: Callable[[str], None] = lambda reason: None
        self.projected: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """The last own journal event that this site has read from the LOG."""
        self.halted: str | None = None
        self._marker_follows = False
        self._behind_since: float | None = None
        self._away_since: float | None = None
        self._paused = asyncio.Event()
        self._paused.set()
        self._idle = asyncio.Event()
        self._may_run = asyncio.Event()
        self._is_stale = False
        self._short_since: float | None = None

    # --- from the site ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Forward from now on: the journal was checked against the LOG, or begins a generation that the LOG cannot know."""
        self.halted = None
        self._may_run.set()
        self.reread()

    def hold(self) -> None:
        """Forward nothing until ``start``: the LOG, or the journal, is not the one that it was."""
        self._may_run.clear()
        self._away_since = self._away_since or asyncio.get_running_loop().time()
        self.reread()

    def resume_at(self, head: tuple[int, int]) -> None:
        """Take the journal's head as the store has it, which may hold more than was told (a commit in doubt that landed)."""
        self.head = head
        self._fresh.clear()
        self.reread()

    def reread(self) -> None:
        """Read the own tail in the LOG again: somebody else wrote under this site's prefix, or an append is in doubt."""
        self._is_stale = True
        self._idle.clear()
        self._wake.set()

    # --- from the writer ---------------------------------------------------------------------------------------------

    def committed(self, items: Sequence[Item], changes: Sequence[Change]) -> None:
        """Take newly journalled events (a ``Listener``)."""
        for item in items:
            e = item.envelope
            self._fresh.append((e.generation, e.jseq, e.event_id, item.hash, log_subject(e.site, e.aggregate, e.id), item.body))
            self.head = (e.generation, e.jseq)
        if self._behind_since is None:
            self._behind_since = asyncio.get_running_loop().time()
        self._idle.clear()
        self._wake.set()

    @property
    def backlog(self) -> int:
        """Return how many journal events are not known to be in the LOG (exact within a generation)."""
        if self.cursor is None or self.cursor.generation != self.head[0]:
            return self.head[1]
        return self.head[1] - self.cursor.jseq

    def backlog_age(self, now: float) -> float:
        """Return for how many seconds there has been a backlog without progress; ``now`` is the loop's monotonic time."""
        return 0.0 if self.backlog == 0 or self._behind_since is None else max(0.0, now - self._behind_since)

    def _is_cut_off(self) -> bool:
        """Tell whether the LOG has been away for longer than an answer would wait: then no answer waits for it."""
        since = self._away_since
        return since is not None and asyncio.get_running_loop().time() - since > limits.FORWARDER_AWAY_SECONDS

    async def in_log(self, generation: int, jseq: int, timeout: float) -> int | None:
        """Wait until a journal event is in the LOG.

        Returns:
            Its LOG sequence; 0 when it is there but only the projector knows where; None after ``timeout`` seconds.
        """
        if self.cursor and (generation, jseq) <= (self.cursor.generation, self.cursor.jseq):
            return self.cursor.log_seq if jseq == self.cursor.jseq and not self._marker_follows else 0
        if timeout <= 0 or self._is_cut_off():
            return None
        key = (generation, jseq)
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(future)
        except TimeoutError:
            return None
        finally:
            if not future.done():
                self._waiting.pop(key, None)

    # --- planned takeover --------------------------------------------------------------------------------------------

    async def drained(self, timeout: float) -> bool:
        """Wait until all that is journalled is in the LOG; False after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
                return True
        except TimeoutError:
            return False

    async def append_marker(self, subject: str, marker: bytes) -> int:
        """Append an epoch marker behind the journal's tail, with this site's own chain check.

        Raises:
            LogUnavailableError: not drained, or no leader.
            TailMovedError: somebody was faster.
        """
        if self.cursor is None or not self._idle.is_set():
            raise LogUnavailableError("the journal is not drained")
        self._paused.clear()
        try:
            seq = await self._log.append(self._site, [(subject, marker)], self.cursor.log_seq)
        except (TailMovedError, LogUnavailableError):
            self.reread()
            raise
        else:
            self.cursor = msgspec.structs.replace(self.cursor, log_seq=seq)
            self._marker_follows = True
            return seq
        finally:
            self._paused.set()
            self._wake.set()

    # --- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Forward for ever, while it may; halts (and says so) only on a foreign tail."""
        while True:
            await self._may_run.wait()
            try:
                await self._session()
            except TailMovedError:
                metrics.FORWARDER_CHAIN_CHECKS_FAILED.inc()
            except (LogUnavailableError, StoreUnavailableError) as error:
                metrics.FORWARDER_RETRIES.inc()
                self._away_since = self._away_since or asyncio.get_running_loop().time()
                log.debug("forwarder_retries", reason=str(error))
                await asyncio.sleep(limits.FORWARDER_RETRY_SECONDS)
            except ForeignTailError as error:
                self.halted = str(error)
                self.hold()
                log.error("forwarder_halted", reason=str(error))
                self.on_halted(str(error))

    async def find_cursor(self) -> Cursor:
        """Read this site's tail in the LOG and check that it is in the journal.

        Raises:
            LogUnavailableError: no leader.
            ForeignTailError: the tail is not in the journal of the running generation.
        """
        projected = self.projected()
        message = await self._log.last_of_site(self._site)
        if message is None:
            self._check_projected(Cursor(0, 0, 0), projected)
            return Cursor(0, 0, 0)
        envelope = decode_envelope(message.data)
        if envelope.is_marker:
            marker = decode_payload(envelope)
            assert isinstance(marker, DeskMoved)
            self.on_fenced(marker)
            found = Cursor(marker.tail_generation, marker.tail_jseq, message.seq, marker.tail_hash)
            self._marker_follows = True
        else:
            found = Cursor(envelope.generation, envelope.jseq, message.seq, event_hash(message.data))
        self._check_projected(found, projected)
        await self._check(found)
        return found

    def _check_projected(self, tail: Cursor, projected: tuple[int, int]) -> None:
        """Refuse a LOG that has less of this site than was read from it: nothing is sent into it a second time.

        A leader that was elected a moment ago may still say so; one that goes on saying so has lost events, or is another LOG.
        """
        if (tail.generation, tail.jseq) >= projected:
            self._short_since = None
            return
        now = asyncio.get_running_loop().time()
        self._short_since = self._short_since or now
        text = f"the LOG ends for this site at ({tail.generation}, {tail.jseq}), {projected} was read from it"
        if now - self._short_since < limits.FORWARDER_SHORT_LOG_SECONDS:
            raise LogUnavailableError(text)
        raise ForeignTailError(text)

    async def _check(self, tail: Cursor) -> None:
        if tail.jseq == 0:
            return
        own = await self._source.journal_hash(tail.generation, tail.jseq)
        if own == tail.hash:
            return
        if own is None and tail.generation < self.head[0]:
            log.warning("forwarder_tail_of_lost_generation", generation=tail.generation, jseq=tail.jseq)
            return
        raise ForeignTailError(f"the LOG's last own event ({tail.generation}, {tail.jseq}) is not in this journal")

    async def _session(self) -> None:
        """Forward until the tail is to be read again."""
        self._is_stale = False
        self.cursor = cursor = await self.find_cursor()
        self._away_since = None
        self._settle(cursor)
        while not self._is_tail_old():
            await self._paused.wait()
            assert self.cursor is not None
            batch = await self._next(self.cursor)
            if not batch:
                self._wake.clear()
                if self._is_tail_old() or await self._next(self.cursor) or self._wake.is_set():
                    continue
                self._idle.set()
                await self._wake.wait()
                continue
            messages = [(row[4], row[5]) for row in batch]
            last = await self._log.append(self._site, messages, self.cursor.log_seq)
            metrics.FORWARDED_EVENTS.inc(len(batch))
            self._advance(batch, last)

    def _is_tail_old(self) -> bool:
        return self._is_stale

    def _advance(self, batch: Sequence[JournalRow], last: int) -> None:
        first = last - len(batch) + 1
        for n, row in enumerate(batch):
            future = self._waiting.pop((row[0], row[1]), None)
            if future is not None and not future.done():
                future.set_result(first + n)
        generation, jseq, _, digest, _, _ = batch[-1]
        self.cursor = Cursor(generation, jseq, last, digest)
        self._marker_follows = False
        self._behind_since = asyncio.get_running_loop().time() if self.backlog else None
        metrics.JOURNAL_BACKLOG_EVENTS.set(self.backlog)

    def _settle(self, cursor: Cursor) -> None:
        """Answer those who wait for events that turn out to be in the LOG; their exact place is the projector's to tell."""
        for key in [k for k in self._waiting if k <= (cursor.generation, cursor.jseq)]:
            future = self._waiting.pop(key)
            if not future.done():
                future.set_result(0)

    async def _next(self, cursor: Cursor) -> list[JournalRow]:
        place = (cursor.generation, cursor.jseq)
        if place >= self.head:
            self._forget(place)
            return []
        self._forget(place)
        if self._fresh and self._follows(place, self._fresh[0]):
            return _bounded(self._fresh)
        rows = await self._source.journal_after(*place, limits.FORWARDER_BATCH_EVENTS_MAX)
        return _bounded(rows)

    def _forget(self, place: tuple[int, int]) -> None:
        with contextlib.suppress(IndexError):
            while (self._fresh[0][0], self._fresh[0][1]) <= place:
                self._fresh.popleft()

    @staticmethod
    def _follows(place: tuple[int, int], row: JournalRow) -> bool:
        return (row[0], row[1]) == (place[0], place[1] + 1)


def _bounded(rows: Sequence[JournalRow] | deque[JournalRow]) -> list[JournalRow]:
    """Return the first rows within the batch's bounds of events and bytes; at least one."""
    batch: list[JournalRow] = []
    size = 0
    for row in rows:
        size += len(row[5]) + len(row[4]) + limits.LOG_MESSAGE_OVERHEAD_BYTES
        if batch and (len(batch) >= limits.FORWARDER_BATCH_EVENTS_MAX or size > limits.FORWARDER_BATCH_BYTES_MAX):
            break
        batch.append(row)
    return batch
