"""LOG to rows and ``event_log``, with the cursor in the same transaction.

Refuses gaps and wrong hashes; parks what it cannot read and what breaks its fold; marks what is late (an older epoch than its
desk had at its place in the LOG) and what repeats a command that another journal brought before.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from structlog import get_logger

from granslos.application.items import NOT_A_TWIN, TWIN_OTHER, TWIN_SAME, Item, Key
from granslos.application.ports import Change, Confirmation, Tick
from granslos.application.world import World
from granslos.contract.envelope import Envelope, decode_envelope, decode_payload, event_hash
from granslos.contract.errors import ChainError, ContractError, GapError, StoreUnavailableError
from granslos.contract.events import DeskMoved, GenerationStarted
from granslos.contract.subjects import log_subject
from granslos.domain.priorities import Scale
from granslos.domain.topics import topics
from granslos.projection.changes import changes_of
from granslos.projection.rows import Rows, build
from granslos.projection.store import Store
from granslos.projection.transaction import ParkingRow, SiteState, Transaction
from granslos.runtime import metrics
from granslos.stream.log import LoggedMessage

log = get_logger(__name__)
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Tail(msgspec.Struct, frozen=True):
    """The last journal event of a site that this site has projected."""

    generation: int = 0
    jseq: int = 0
    hash: str = "0" * 64


class Reader(Protocol):
    """Yields the LOG after a cursor in order, without gaps."""

    def read(self, cursor: int) -> AsyncIterator[list[LoggedMessage]]:
        """Yield batches until the session breaks."""
        ...


class Parked(msgspec.Struct, frozen=True):
    """An event that this release cannot read, or (``is_readable``) cannot fold or store."""

    message: LoggedMessage
    event_id: str
    type: str
    topics: tuple[Key, ...]
    reason: str
    envelope: Envelope | None
    is_readable: bool = False


class Checked(msgspec.Struct):
    """A batch that was read and checked, and what is known after it."""

    messages: Sequence[LoggedMessage]
    items: list[Item] = []
    parked: list[Parked] = []
    tails: dict[str, Tail] = {}
    epochs: dict[tuple[str, str], int] = {}


class Projector:
    """Applies batches; the reading loop is the node's."""

    def __init__(self, store: Store, world: World, scale: Scale, state: SiteState) -> None:
        self._store, self._world, self._scale, self._state = store, world, scale, state
        self.tails: dict[str, Tail] = {}
        self.epochs: dict[tuple[str, str], int] = {}
        self.parked: set[Key] = set()
        self.parked_count = 0
        self.on_changes: Callable[[Sequence[Change]], None] = lambda changes: None
        self.on_confirmed: Callable[[Sequence[Confirmation]], None] = lambda confirmed: None
        self.on_desk_moved: Callable[[DeskMoved, int], None] = lambda marker, seq: None

    @property
    def cursor(self) -> int:
        """Return the LOG sequence that rows and ``event_log`` stand at."""
        return self._state.log_cursor

    async def restore(self, sites: Sequence[str]) -> None:
        """Read what the checks need from ``event_log``."""
        for site in sites:
            self.tails[site] = Tail(*await self._store.last_of_site(site))
        self.parked, self.parked_count = await self._store.parked_topics(), await self._store.parked_count()

    async def apply(self, messages: Sequence[LoggedMessage]) -> None:
        """Project one batch.

        Raises:
            ChainError: an event is missing or does not follow its predecessor; nothing of the batch was applied.
            StoreUnavailableError: nothing was applied.
        """
        async with self._store.lock:
            started = time.monotonic()
            fresh = [m for m in messages if m.seq > self._state.log_cursor]
            if not fresh:
                return
            if fresh[0].seq != self._state.log_cursor + 1:
                raise GapError(f"the LOG goes from {self._state.log_cursor} to {fresh[0].seq}")
            checked = self._read(fresh)
            try:
                await self._commit(checked)
            except (StoreUnavailableError, ChainError):
                raise
            except Exception as error:  # noqa: BLE001 -- one event's bug must not stop the LOG at this site
                log.warning("batch_failed", messages=len(fresh), reason=type(error).__name__)
                for message in fresh:
                    await self._alone(message)
            metrics.PROJECTION_SECONDS.observe(time.monotonic() - started)

    async def _alone(self, message: LoggedMessage) -> None:
        """Project one message of a batch that failed; it is parked when it fails again."""
        checked = self._read([message])
        try:
            await self._commit(checked)
        except (StoreUnavailableError, ChainError):
            raise
        except Exception as error:
            log.error("event_breaks_fold", log_seq=message.seq, exc_info=error)
            e = checked.items[0].envelope
            keys = topics(e.type, e.aggregate, e.id, checked.items[0].payload)
            parked = Parked(message, e.event_id, e.type, keys, type(error).__name__, e, is_readable=True)
            await self._commit(Checked([message], [], [parked], checked.tails, checked.epochs))

    # --- reading and checking ----------------------------------------------------------------------------------------

    def _read(self, messages: Sequence[LoggedMessage]) -> Checked:
        checked = Checked(messages)
        for message in messages:
            try:
                envelope = decode_envelope(message.data)
            except ContractError as error:
                checked.parked.append(Parked(message, f"unreadable-{message.seq}", "?", (), str(error), None))
                continue
            digest = event_hash(message.data)
            self._check_chain(envelope, digest, checked.tails)
            try:
                payload = decode_payload(envelope)
            except ContractError as error:
                keys = topics(envelope.type, envelope.aggregate, envelope.id, None)
                checked.parked.append(Parked(message, envelope.event_id, envelope.type, keys, str(error), envelope))
                continue
            late = self._judge(envelope, checked.epochs)
            checked.items.append(Item(envelope, payload, message.data, digest, late, message.seq))
            if isinstance(payload, DeskMoved):
                key = (payload.centre, payload.desk)
                checked.epochs[key] = max(self._epoch(key, checked.epochs), payload.epoch)
        return checked

    def _epoch(self, key: tuple[str, str], newer: Mapping[tuple[str, str], int]) -> int:
        return max(newer.get(key, 0), self.epochs.get(key, 0))

    def _check_chain(self, envelope: Envelope, digest: str, newer: dict[str, Tail]) -> None:
        if envelope.is_marker:
            return
        tail = newer.get(envelope.site) or self.tails.get(envelope.site, Tail())
        new_generation = envelope.type == GenerationStarted.__name__ and envelope.generation > tail.generation
        if new_generation and envelope.jseq == 1:
            pass
        elif (envelope.generation, envelope.jseq) != (tail.generation, tail.jseq + 1):
            raise GapError(
                f"{envelope.site}: ({envelope.generation}, {envelope.jseq}) follows ({tail.generation}, {tail.jseq})"
            )
        elif envelope.prev != tail.hash:
            raise ChainError(f"{envelope.site}: ({envelope.generation}, {envelope.jseq}) does not hold its predecessor's hash")
        newer[envelope.site] = Tail(envelope.generation, envelope.jseq, digest)

    def _judge(self, envelope: Envelope, newer: Mapping[tuple[str, str], int]) -> bool:
        if envelope.desk is None or envelope.centre is None or envelope.epoch is None:
            return False
        return envelope.epoch < self._epoch((envelope.centre, envelope.desk), newer)

    async def _twins(self, items: Sequence[Item]) -> list[Item]:
        """Mark the events whose id the LOG has brought before."""
        known = await self._store.logged_payloads([item.envelope.event_id for item in items])
        seen: dict[str, bytes] = {}
        for event_id, body in known.items():
            seen[event_id] = bytes(decode_envelope(body).payload)
        marked: list[Item] = []
        for item in items:
            payload = bytes(item.envelope.payload)
            earlier = seen.setdefault(item.envelope.event_id, payload)
            twin = NOT_A_TWIN
            if earlier is not payload:
                twin = TWIN_SAME if earlier == payload else TWIN_OTHER
            marked.append(msgspec.structs.replace(item, twin=twin) if twin else item)
        return marked

    # --- committing --------------------------------------------------------------------------------------------------

    async def _commit(self, checked: Checked) -> None:
        """Commit a batch whole or not at all; what this site knows changes only with it."""
        world, parked = self._world, checked.parked
        cursor = checked.messages[-1].seq
        world.begin()
        try:
            items = await self._twins(checked.items)
            await world.prepare(world.keys_of(items))
            was_pending = {(i.envelope.site, i.envelope.event_id) for i in items} & set(world.pending)
            lost = self._lost(items)
            await world.prepare(world.keys_of(lost))
            world.forget([*lost, *self._pending_of(parked)])
            await world.apply(items)
            rows = build(world, self._scale)
            async with self._store.transaction() as tx:
                self._write(tx, items, parked, rows, cursor)
                tx.park([*map(_parking_row, parked), *map(_lost_row, lost)])
        except BaseException:
            world.rollback()
            raise
        self._state.log_cursor = cursor
        self.tails.update(checked.tails)
        self.epochs.update(checked.epochs)
        self.parked.update(key for p in parked for key in p.topics)
        self.parked_count += len(parked) + len(lost)
        metrics.PROJECTED_EVENTS.inc(len(items))
        metrics.PARKED_EVENTS.inc(len(parked) + len(lost))
        metrics.PARKED_NOW.set(self.parked_count)
        metrics.CONFLICTS_OPEN.set(len(self._world.conflicted))
        for p in parked:
            log.error("event_parked", type=p.type, event_id=p.event_id, log_seq=p.message.seq, reason=p.reason[:200])
        for item in lost:
            e = item.envelope
            log.error("event_lost_with_its_site", lost=e.site, type=e.type, event_id=e.event_id, generation=e.generation)
        self._tell(items, rows, was_pending)

    def _lost(self, items: Sequence[Item]) -> list[Item]:
        """Return what a site told of, did not bring into the LOG, and lost: it goes on with a new generation."""
        started = {i.envelope.site: i.envelope.generation for i in items if isinstance(i.payload, GenerationStarted)}
        started.pop(self._state.site, None)
        brought = {(i.envelope.site, i.envelope.event_id) for i in items}
        return [
            pending
            for mark, pending in self._world.pending.items()
            if pending.envelope.generation < started.get(mark[0], 0) and mark not in brought
        ]

    def _pending_of(self, parked: Sequence[Parked]) -> list[Item]:
        marks = [(p.envelope.site, p.event_id) for p in parked if p.envelope is not None]
        return [self._world.pending[mark] for mark in marks if mark in self._world.pending]

    def _write(self, tx: Transaction, items: Sequence[Item], parked: Sequence[Parked], rows: Rows, cursor: int) -> None:
        log_rows = [_log_row(item) for item in items]
        log_rows += [_parked_row(p) for p in parked]
        tx.log(log_rows)
        own = [item for item in items if item.envelope.site == self._state.site and not item.envelope.is_marker]
        # Refills the journal after a restore; otherwise all of these are there already.
        tx.refill([_journal_row(item) for item in own])
        tx.commands([_command_row(item) for item in items if item.envelope.index == 0 and not item.envelope.is_marker])
        tx.rows(rows)
        tx.cursor(cursor)

    def _tell(self, items: Sequence[Item], rows: Rows, was_pending: set[tuple[str, str]]) -> None:
        for item in items:
            if isinstance(item.payload, DeskMoved):
                self.on_desk_moved(item.payload, item.log_seq or 0)
        # The LOG's order may not be the order in which events were pending: then a confirmed event changes more than marks.
        changed = {key for key, content in rows.contents.items() if self._world.told.get(key) != content}
        changes = changes_of(items, rows, self._world)
        confirmed: list[Confirmation] = []
        news: list[Change] = []
        for item, change in zip(items, changes, strict=True):
            # A late event or a twin counts otherwise in the LOG than it did while pending: its views are told in full.
            plain = not item.late and not item.twin and not any((r.kind, r.id) in changed for r in change.resources)
            if plain and (item.envelope.site, item.envelope.event_id) in was_pending:
                confirmed.append(Confirmation(change.event_id, item.log_seq or 0, _ticks(change, rows.ticks)))
            else:
                news.append(change)
        if confirmed:
            self.on_confirmed(confirmed)
        if news:
            self.on_changes(news)


def _ticks(change: Change, ticks: Mapping[Key, Tick]) -> tuple[Tick, ...]:
    return tuple(ticks[r.kind, r.id] for r in change.resources if (r.kind, r.id) in ticks)


def _log_row(item: Item) -> tuple[Any, ...]:
    e = item.envelope
    keys = topics(e.type, e.aggregate, e.id, item.payload)
    return (
        item.log_seq,
        e.site,
        e.generation,
        e.jseq,
        e.event_id,
        e.type,
        e.command_id,
        e.at,
        item.late,
        item.twin,
        _joined(keys),
        item.hash,
        item.body,
    )


def _joined(keys: Sequence[Key]) -> str:
    return " ".join(f"{kind}:{aggregate_id}" for kind, aggregate_id in keys)


def _parked_row(parked: Parked) -> tuple[Any, ...]:
    e = parked.envelope
    if e is None:
        seq, data = parked.message.seq, parked.message.data
        return (seq, "?", 0, 0, parked.event_id, "?", "", _UNKNOWN_TIME, False, 0, "", event_hash(data), data)
    # What breaks a fold must not be folded again with its aggregates.
    keys = "" if parked.is_readable else _joined(parked.topics)
    digest = event_hash(parked.message.data)
    place = (parked.message.seq, e.site, e.generation, e.jseq)
    return (*place, e.event_id, e.type, e.command_id, e.at, False, 0, keys, digest, parked.message.data)


def _parking_row(parked: Parked) -> ParkingRow:
    reason = parked.reason[:500].replace("\0", "")
    return (parked.event_id, parked.message.seq, parked.type, _joined(parked.topics), reason, parked.message.data)


def parking_row(item: Item, reason: str) -> ParkingRow:
    """Return the row that parks an event of the LOG that breaks its fold."""
    e = item.envelope
    return (e.event_id, item.log_seq, e.type, _joined(topics(e.type, e.aggregate, e.id, item.payload)), reason, item.body)


def _lost_row(item: Item) -> ParkingRow:
    """Keep an event that its own site lost: without topics, it stops nobody from deciding."""
    e = item.envelope
    return (f"{e.event_id}@{e.site}", None, e.type, "", "lost with its site's journal", item.body)


def _journal_row(item: Item) -> tuple[int, int, str, str, str, bytes]:
    e = item.envelope
    return (e.generation, e.jseq, e.event_id, item.hash, log_subject(e.site, e.aggregate, e.id), item.body)


def _command_row(item: Item) -> tuple[str, str, str, str, int]:
    e = item.envelope
    return (e.command_id, e.command_hash, e.aggregate, e.id, 200)
