"""The consoles' feed: a snapshot at N, then everything after N; a reader too slow starts again from a snapshot.

Readers hold a number into one shared ring, no queue of their own: memory does not grow with slow readers. What is sent
to all is joined once. Whatever comes in during one turn of the loop goes out together, in the LOG's order.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from structlog import get_logger

from granslos.api.conflict import redacted
from granslos.api.feed_reader import Reader, Reading, Start
from granslos.api.frames import (
    Frame,
    Heartbeat,
    Ring,
    SnapshotData,
    change_frame,
    confirmed_frame,
    live_frame,
    retold_frames,
    scope,
    sse,
)
from granslos.api.unit import with_overlay
from granslos.application.ports import Change, Confirmation, NodeState, Resource
from granslos.contract.envelope import encode
from granslos.contract.errors import StoreUnavailableError
from granslos.readmodel.queries import Queries, Snapshot
from granslos.runtime import limits, metrics

log = get_logger(__name__)
RESYNC = sse("resync", b"{}", None)
POSITION = "position"
"""Announcements of this kind, with a ``unit_id``, are gathered and sent together as ``positions``."""


class TooManyReadersError(Exception):
    """This node has as many readers as it takes."""


class FeedHub:
    """Takes changes from the node (``FeedPort``) and feeds readers; the owner runs ``run``."""

    def __init__(self, queries: Queries, state: NodeState) -> None:
        self._queries, self._state = queries, state
        self._ring = Ring(limits.FEED_RING_FRAMES_MAX, limits.FEED_RING_BYTES_MAX)
        self._inbox: list[Change | Confirmation | Frame] = []
        self._is_scheduled = False
        self._news = asyncio.Event()
        self._positions: dict[str, dict[str, Any]] = {}
        self._readers: set[Reader] = set()
        self._start: asyncio.Task[Start] | None = None
        self._start_changes = 0
        self._changes = 0
        self._joined: tuple[int, int, bool, bytes] = (0, 0, False, b"")
        self._heartbeat = b""
        self._centres = b""
        self._is_closed = False

    @property
    def readers(self) -> int:
        """Return how many readers there are."""
        return len(self._readers)

    # --- FeedPort ----------------------------------------------------------------------------------------------------

    def publish(self, change: Change) -> None:
        """Send a change to all readers; never blocks."""
        self._take(change)

    def publish_all(self, changes: Sequence[Change]) -> None:
        """Send several changes, in order."""
        for change in changes:
            self._take(change)

    def confirm(self, confirmed: Sequence[Confirmation]) -> None:
        """Tick off pending events."""
        for item in confirmed:
            self._take(item)

    def announce(self, kind: str, data: dict[str, Any]) -> None:
        """Send what is no event. Positions of units wait for the next second: only the newest of each counts."""
        unit_id = data.get("unit_id")
        if kind != POSITION or not isinstance(unit_id, str):
            self._take(live_frame(kind, data))
        elif unit_id in self._positions or len(self._positions) < limits.FEED_POSITIONS_MAX:
            self._positions[unit_id] = data

    def _take(self, item: Change | Confirmation | Frame) -> None:
        self._inbox.append(item)
        self._changes += not isinstance(item, Frame)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Encode what came in and wake the readers."""
        self._is_scheduled = False
        items, self._inbox = _in_log_order(self._inbox), []
        for item in items:
            for frame in self._frames(item):
                self._ring.append(frame)
        metrics.FEED_FRAMES.inc(len(items))
        self._news.set()
        self._news.clear()

    def _frames(self, item: Change | Confirmation | Frame) -> Sequence[Frame]:
        match item:
            case Change():
                resources = [self._live(resource) for resource in item.resources]
                is_retold = item.position is not None and self._ring.is_waiting(item.event_id)
                return retold_frames(item, resources) if is_retold else (change_frame(item, resources),)
            case Confirmation():
                return (confirmed_frame(item),)
            case Frame():
                return (item,)

    def _live(self, resource: Resource) -> Resource:
        if resource.kind != "unit":
            return resource
        return Resource(resource.kind, resource.id, with_overlay(resource.view, self._state))

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Find where the feed begins, then beat each second, for ever."""
        loop = asyncio.get_running_loop()
        has_begun = False
        while True:
            due = loop.time() + limits.FEED_HEARTBEAT_SECONDS
            if not has_begun:
                has_begun = await self._begin()
            self._beat()
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _begin(self) -> bool:
        try:
            start = await self._queries.feed_start()
        except StoreUnavailableError:
            return False
        self._ring.begin(start.position, start.pending)
        return True

    def _beat(self) -> None:
        if self._positions:
            gathered, self._positions = list(self._positions.values()), {}
            self._take(live_frame("positions", {"positions": gathered}))
        centres = encode(self._state.centre_views())
        if self._centres and centres != self._centres:
            self._take(live_frame("centres", {"centres": msgspec.Raw(centres)}))
        self._centres = centres
        beat = live_frame(
            "heartbeat",
            Heartbeat(
                position=self._state.feed_position(),
                at=datetime.now(UTC),
                data_age_seconds=round(self._state.data_age_seconds(), 3),
                island=self._state.is_island(),
            ),
        )
        self._heartbeat = beat.full
        self._take(beat)
        metrics.FEED_READERS.set(len(self._readers))
        slowest = min((reader.next for reader in self._readers), default=self._ring.next)
        metrics.FEED_BACKLOG_BYTES.set(self._ring.lag_bytes(max(slowest, self._ring.first)))

    def close(self) -> None:
        """End all readers' feeds."""
        self._is_closed = True
        self._news.set()
        self._news.clear()

    # --- reading -----------------------------------------------------------------------------------------------------

    async def read(self, reading: Reading) -> AsyncIterator[bytes]:
        """Return a reader's feed, as bytes to send; iterate it to the end or close it.

        Raises:
            TooManyReadersError: no room.
            StoreUnavailableError: there is no snapshot to begin with.
        """
        if len(self._readers) >= limits.FEED_READERS_MAX:
            raise TooManyReadersError
        reader = Reader(reading)
        first: Sequence[bytes] = ()
        if reading.after is None:
            first = _parts(await self._restart(reader))
        return self._chunks(reader, first)

    async def _chunks(self, reader: Reader, first: Sequence[bytes]) -> AsyncIterator[bytes]:
        self._readers.add(reader)
        try:
            async for data in self._opening(reader, first):
                yield data
            while not self._is_closed:
                if reader.next == self._ring.next:
                    await self._news.wait()
                elif self._is_too_slow(reader):
                    async for data in self._resync(reader):
                        yield data
                elif data := self._next_chunk(reader):
                    yield data
        finally:
            self._readers.discard(reader)

    async def _opening(self, reader: Reader, first: Sequence[bytes]) -> AsyncIterator[bytes]:
        for data in first:
            yield data
        if reader.reading.after is not None:
            async for data in self._resume(reader, reader.reading.after):
                yield data

    async def _resume(self, reader: Reader, after: int) -> AsyncIterator[bytes]:
        """Bring a reader that has everything up to ``after`` to where it can read on."""
        async for part in self._until_reached(after):
            yield part
        number = self._ring.resume_at(after) if self._state.feed_position() >= after else None
        if number is None:
            async for part in self._resync(reader):
                yield part
            return
        reader.begin(number, after, self._ring.next + len(self._inbox))
        reader.resumes_until = self._ring.next

    async def _until_reached(self, position: int) -> AsyncIterator[bytes]:
        """Send heartbeats while this site does not have what its reader has."""
        gives_up_at = time.monotonic() + limits.FEED_AHEAD_SECONDS
        sent = b""
        while self._state.feed_position() < position and time.monotonic() < gives_up_at and not self._is_closed:
            if self._heartbeat and self._heartbeat is not sent:
                sent = self._heartbeat
                yield sent
            else:
                await self._news.wait()

    async def _resync(self, reader: Reader) -> AsyncIterator[bytes]:
        """Tell a reader to forget what it has, and give it a snapshot; while there is none, heartbeats."""
        metrics.FEED_RESYNCS.inc()
        yield RESYNC
        while not self._is_closed:
            try:
                data = await self._restart(reader)
            except StoreUnavailableError:
                yield self._heartbeat or b": waiting\n\n"
                await asyncio.sleep(limits.FEED_SNAPSHOT_RETRY_SECONDS)
                continue
            for part in _parts(data):
                yield part
            return

    def _is_too_slow(self, reader: Reader) -> bool:
        """Tell whether a reader fell behind; one that resumes is behind to begin with."""
        ring = self._ring
        if reader.next < ring.first or reader.next < reader.resumes_until:
            return reader.next < ring.first
        return (
            ring.next - reader.next > limits.FEED_BACKLOG_FRAMES_MAX
            or ring.lag_bytes(reader.next) > limits.FEED_BACKLOG_BYTES_MAX
        )

    def _next_chunk(self, reader: Reader) -> bytes:
        """Return what a reader lacks, as far as one write should take; empty: nothing of it concerns it."""
        ring, is_redacted = self._ring, reader.reading.redacted
        begin, end = reader.next, self._end_of_chunk(reader.next)
        reader.next = end
        if not reader.is_steady:
            data = b"".join(reader.take(ring[n]) for n in range(begin, end))
            reader.has_read(max((ring[n].position or 0 for n in range(begin, end)), default=0))
            return data
        if self._joined[:3] != (begin, end, is_redacted):
            frames = [ring[n].redacted if is_redacted else ring[n].full for n in range(begin, end)]
            self._joined = (begin, end, is_redacted, b"".join(frames))
        return self._joined[3]

    def _end_of_chunk(self, begin: int) -> int:
        ring = self._ring
        if ring.lag_bytes(begin) <= limits.FEED_CHUNK_BYTES_MAX:
            return ring.next
        end, size = begin, 0
        while end < ring.next and (size == 0 or size + len(ring[end].full) <= limits.FEED_CHUNK_BYTES_MAX):
            size += len(ring[end].full)
            end += 1
        return end

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def _restart(self, reader: Reader) -> bytes:
        """Return a snapshot for a reader and set it behind it."""
        start = await self._fresh_start()
        reader.begin(start.number, start.snapshot.position, self._ring.next + len(self._inbox))
        reading = reader.reading
        if not reading.redacted and not reading.is_narrowed:
            return start.full
        snapshot = start.snapshot
        if reading.is_narrowed:
            scopes = [(scope(item), item) for item in snapshot.incidents]
            kept = [(s, item) for s, item in scopes if reader.matches(s.area, s.centre)]
            reader.shown = {s.id for s, _ in kept}
            snapshot = msgspec.structs.replace(snapshot, incidents=[item for _, item in kept])
        if reading.redacted:
            hidden = [redacted(item) for item in snapshot.conflicts]
            snapshot = msgspec.structs.replace(snapshot, incidents=[], units=[], operators=[], conflicts=hidden)
        return self._snapshot_frame(snapshot)

    async def _fresh_start(self) -> Start:
        """Return a snapshot with everything that was told before; read once for all who ask meanwhile."""
        wanted = self._changes
        while True:
            task = self._start
            if task is not None and not task.done() and self._start_changes < wanted:
                await asyncio.wait({task})
                continue
            if task is None or (task.done() and not self._is_usable(task, wanted)):
                self._start_changes = self._changes
                task = self._start = asyncio.create_task(self._take_snapshot())
            return await asyncio.shield(task)

    def _is_usable(self, task: asyncio.Task[Start], wanted: int) -> bool:
        if task.cancelled() or task.exception() is not None:
            return False
        start = task.result()
        age = time.monotonic() - start.taken_at
        return start.changes >= wanted and age < limits.FEED_SNAPSHOT_AGE_SECONDS and start.number >= self._ring.first

    async def _take_snapshot(self) -> Start:
        number, changes, taken_at = self._ring.next, self._changes, time.monotonic()
        snapshot = await self._queries.snapshot()
        units = [with_overlay(view, self._state) for view in snapshot.units]
        snapshot = msgspec.structs.replace(snapshot, units=units)
        return Start(number, changes, taken_at, snapshot, self._snapshot_frame(snapshot))

    def _snapshot_frame(self, snapshot: Snapshot) -> bytes:
        data = SnapshotData(
            position=snapshot.position,
            incidents=snapshot.incidents,
            units=snapshot.units,
            operators=snapshot.operators,
            conflicts=snapshot.conflicts,
            centres=self._state.centre_views(),
            site=self._state.site_view(),
        )
        return sse("snapshot", encode(data), snapshot.position)


def _parts(data: bytes) -> Sequence[bytes]:
    """Cut what is sent to one reader, so that no connection holds more than a chunk of its own."""
    size = limits.FEED_CHUNK_BYTES_MAX
    return [data] if len(data) <= size else [data[n : n + size] for n in range(0, len(data), size)]


def _in_log_order(items: list[Change | Confirmation | Frame]) -> list[Change | Confirmation | Frame]:
    """Put what is in the LOG into its order, in the places that such items had: pending ones keep theirs.

    A projected batch tells its confirmations and its news apart; an ``id:`` must not be sent before a smaller one.
    """
    slots = [n for n, item in enumerate(items) if item.position is not None]
    for slot, item in zip(slots, sorted((items[n] for n in slots), key=_position), strict=True):
        items[slot] = item
    return items


def _position(item: Change | Confirmation | Frame) -> int:
    assert item.position is not None
    return item.position
