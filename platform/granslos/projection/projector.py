"""LOG to rows and ``event_log``, with the cursor in the same transaction.

Refuses gaps and wrong hashes; parks what it cannot read; marks what is late (an older epoch than its desk had at its place
in the LOG) and what repeats a command that another journal brought before.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import psycopg
from structlog import get_logger

from granslos.application.items import NOT_A_TWIN, TWIN_OTHER, TWIN_SAME, Item, Key
from granslos.application.ports import Change, Confirmation, Tick
from granslos.application.world import World
from granslos.contract.envelope import Envelope, decode_envelope, decode_payload, event_hash
from granslos.contract.errors import ChainError, ContractError, GapError
from granslos.contract.events import DeskMoved, GenerationStarted
from granslos.contract.subjects import log_subject
from granslos.domain.priorities import Scale
from granslos.domain.topics import topics
from granslos.projection.changes import changes_of
from granslos.projection.rows import Rows, build
from granslos.projection.store import Store
from granslos.projection.transaction import SiteState, Transaction
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
    """An event that this release cannot read."""

    message: LoggedMessage
    event_id: str
    type: str
    topics: tuple[Key, ...]
    reason: str
    envelope: Envelope | None


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
        self.parked = await self._store.parked_topics()
        self.parked_count = len(self.parked)

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
            tails, epochs = dict(self.tails), dict(self.epochs)
            items, parked = self._read(fresh)
            try:
                await self._commit(fresh, items, parked)
            except BaseException:
                self.tails, self.epochs = tails, epochs
                raise
            metrics.PROJECTION_SECONDS.observe(time.monotonic() - started)

    # --- reading and checking ----------------------------------------------------------------------------------------

    def _read(self, messages: Sequence[LoggedMessage]) -> tuple[list[Item], list[Parked]]:
        items: list[Item] = []
        parked: list[Parked] = []
        for message in messages:
            try:
                envelope = decode_envelope(message.data)
            except ContractError as error:
                parked.append(Parked(message, f"unreadable-{message.seq}", "?", (), str(error), None))
                continue
            digest = event_hash(message.data)
            self._check_chain(envelope, digest)
            try:
                payload = decode_payload(envelope)
            except ContractError as error:
                keys = topics(envelope.type, envelope.aggregate, envelope.id, None)
                parked.append(Parked(message, envelope.event_id, envelope.type, keys, str(error), envelope))
                continue
            late = self._judge(envelope)
            items.append(Item(envelope, payload, message.data, digest, late, message.seq))
            if isinstance(payload, DeskMoved):
                key = (payload.centre, payload.desk)
                self.epochs[key] = max(self.epochs.get(key, 0), payload.epoch)
        return items, parked

    def _check_chain(self, envelope: Envelope, digest: str) -> None:
        if envelope.is_marker:
            return
        tail = self.tails.get(envelope.site, Tail())
        new_generation = envelope.type == GenerationStarted.__name__ and envelope.generation > tail.generation
        if new_generation and envelope.jseq == 1:
            pass
        elif (envelope.generation, envelope.jseq) != (tail.generation, tail.jseq + 1):
            raise GapError(
                f"{envelope.site}: ({envelope.generation}, {envelope.jseq}) follows ({tail.generation}, {tail.jseq})"
            )
        elif envelope.prev != tail.hash:
            raise ChainError(f"{envelope.site}: ({envelope.generation}, {envelope.jseq}) does not hold its predecessor's hash")
        self.tails[envelope.site] = Tail(envelope.generation, envelope.jseq, digest)

    def _judge(self, envelope: Envelope) -> bool:
        if envelope.desk is None or envelope.centre is None or envelope.epoch is None:
            return False
        return envelope.epoch < self.epochs.get((envelope.centre, envelope.desk), 0)

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

    async def _commit(self, messages: Sequence[LoggedMessage], items: list[Item], parked: list[Parked]) -> None:
        world = self._world
        after = msgspec.structs.replace(self._state, log_cursor=messages[-1].seq)
        world.begin()
        try:
            items = await self._twins(items)
            await world.prepare(world.keys_of(items))
            was_pending = {(i.envelope.site, i.envelope.event_id) for i in items} & set(world.pending)
            await world.apply(items)
            rows = build(world, self._scale)
            async with self._store.transaction() as tx:
                self._write(tx, items, parked, rows, after)
        except psycopg.DataError as error:
            world.rollback()
            cause = error.diag.message_primary or type(error).__name__
            raise ChainError(f"the store refused a batch after {self._state.log_cursor}: {cause}") from error
        except BaseException:
            world.rollback()
            raise
        self._state.log_cursor = after.log_cursor
        self.parked.update(key for p in parked for key in p.topics)
        self.parked_count += len(parked)
        metrics.PROJECTED_EVENTS.inc(len(items))
        metrics.PARKED_EVENTS.inc(len(parked))
        metrics.PARKED_NOW.set(self.parked_count)
        metrics.CONFLICTS_OPEN.set(len(self._world.conflicted))
        for p in parked:
            log.error("event_parked", type=p.type, event_id=p.event_id, log_seq=p.message.seq, reason=p.reason[:200])
        self._tell(items, rows, was_pending)

    def _write(self, tx: Transaction, items: Sequence[Item], parked: Sequence[Parked], rows: Rows, after: SiteState) -> None:
        log_rows = [_log_row(item) for item in items]
        log_rows += [_parked_row(p) for p in parked]
        tx.log(log_rows)
        tx.park([(p.event_id, p.message.seq, p.type, _joined(p.topics), p.reason[:500], p.message.data) for p in parked])
        own = [item for item in items if item.envelope.site == self._state.site and not item.envelope.is_marker]
        # Refills the journal after a restore; otherwise all of these are there already.
        tx.journal([_journal_row(item) for item in own])
        tx.commands([_command_row(item) for item in items if item.envelope.index == 0 and not item.envelope.is_marker])
        tx.rows(rows)
        tx.state(after)

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
    keys = _joined(parked.topics)
    digest = event_hash(parked.message.data)
    place = (parked.message.seq, e.site, e.generation, e.jseq)
    return (*place, e.event_id, e.type, e.command_id, e.at, False, 0, keys, digest, parked.message.data)


def _journal_row(item: Item) -> tuple[int, int, str, str, str, bytes]:
    e = item.envelope
    return (e.generation, e.jseq, e.event_id, item.hash, log_subject(e.site, e.aggregate, e.id), item.body)


def _command_row(item: Item) -> tuple[str, str, str, str, int]:
    e = item.envelope
    return (e.command_id, e.command_hash, e.aggregate, e.id, 200)
