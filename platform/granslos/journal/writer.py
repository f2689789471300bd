"""The one writer of this site's journal: takes decisions in turn, commits them in groups.

A decision is a closure over the world's state, run under the write lock, so that what it saw is what it changes. All that a
group decided is committed with one fsync; one that fails, or whose rows PostgreSQL refuses, is retried alone and fails alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from structlog import get_logger

from granslos.application.decisions import Committed, Decided, Decision, Draft, Elsewhere, Listener, Seen
from granslos.application.items import Item
from granslos.application.world import World
from granslos.contract.envelope import Envelope, decode_envelope, encode, encode_payload, event_hash, event_id
from granslos.contract.errors import DecisionFailedError, StoreUnavailableError
from granslos.contract.events import GenerationStarted
from granslos.contract.places import Actor
from granslos.contract.subjects import log_subject
from granslos.domain.priorities import Scale
from granslos.domain.stamp import Rejection
from granslos.projection.changes import changes_of, show
from granslos.projection.rows import Rows, build
from granslos.projection.store import Store
from granslos.projection.transaction import SiteState
from granslos.runtime import limits, metrics
from granslos.runtime.clock import Clock

log = get_logger(__name__)
GENERATIONS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Generations after a site's first are numbered by the seconds since then, so that one begun on a restored or rebuilt store, or
out of reach of the LOG, has a number that no generation before it had."""
SERIALS_PER_SECOND = 100
"""Incident serials that a site can use in a second before it would meet those of a generation begun later the same day."""


class JournalWriter:
    """Owns the journal's head and its group commits."""

    def __init__(self, store: Store, world: World, scale: Scale, clock: Clock, state: SiteState) -> None:
        self._store, self._world, self._scale, self._clock = store, world, scale, clock
        self.state = state
        self._queue: asyncio.Queue[Decision] = asyncio.Queue(limits.WRITER_QUEUE_DECISIONS_MAX)
        self.listeners: list[Listener] = []
        self.on_store_lost: Callable[[], None] = lambda: None
        self.closed_for = {"starting"}
        """Why no commands are taken; empty: they are."""
        self.can_commit: Callable[[], bool] = lambda: True

    @property
    def queued(self) -> int:
        """Return how many decisions wait."""
        return self._queue.qsize()

    async def submit(self, decision: Decision) -> Committed:
        """Return the outcome once durable at this site.

        Raises:
            StoreUnavailableError: nothing of it was stored, or (connection lost while committing) it is unknown.
            DecisionFailedError: nothing of it was stored, because of what it is.
        """
        if self.closed_for:
            raise StoreUnavailableError(f"this site takes no commands: {', '.join(sorted(self.closed_for))}")
        if not self._store.is_connected or not self.can_commit():
            raise StoreUnavailableError("this site cannot write")
        try:
            self._queue.put_nowait(decision)
        except asyncio.QueueFull:
            metrics.WRITER_REFUSED.inc()
            raise StoreUnavailableError("too many decisions wait to be written") from None
        return await decision.done

    async def run(self) -> None:
        """Decide and commit for ever."""
        while True:
            group = [await self._queue.get()]
            metrics.WRITER_QUEUE.set(self._queue.qsize())
            while len(group) < limits.WRITER_GROUP_DECISIONS_MAX:
                try:
                    group.append(self._queue.get_nowait())
                except asyncio.QueueEmpty:
                    break
            async with self.barrier():
                await self._commit(group)

    def barrier(self) -> asyncio.Lock:
        """Return the write lock: who holds it knows that no commit is under way, and that listeners know of all before."""
        return self._store.lock

    async def _commit(self, group: list[Decision]) -> None:
        try:
            await self._attempt(group)
        except StoreUnavailableError as error:
            self._fail(group, error)
            self.on_store_lost()
        except Exception as error:  # noqa: BLE001 -- one command's bug must not take the others of its group with it
            log.warning("group_failed", decisions=len(group), reason=type(error).__name__)
            for decision in group:
                await self._alone(decision)
        except BaseException:
            self._fail(group, StoreUnavailableError("this site stops"))
            raise

    async def _alone(self, decision: Decision) -> None:
        """Try one decision of a group that failed; what the group had committed is recognised by its command id."""
        try:
            await self._attempt([decision])
        except StoreUnavailableError as error:
            self._fail([decision], error)
            self.on_store_lost()
        except Exception as error:
            metrics.DECISIONS_FAILED.inc()
            log.error("decision_failed", command_id=decision.command_id, exc_info=error)
            self._fail([decision], DecisionFailedError(type(error).__name__))

    def _fail(self, group: Sequence[Decision], error: Exception) -> None:
        for decision in group:
            if not decision.done.done():
                decision.done.set_exception(error)

    async def _attempt(self, group: list[Decision]) -> None:
        world, before = self._world, msgspec.structs.replace(self.state)
        started = self._clock.monotonic()
        world.begin()
        try:
            seen = await self._store.seen_commands([d.command_id for d in group])
            await world.prepare(key for d in group for key in d.keys)
            outcomes: list[tuple[Decision, Decided | Rejection | Elsewhere | Seen, list[Item]]] = []
            written: list[Item] = []
            commands = []
            for decision in group:
                outcome, items = await self._decide(decision, seen)
                written += items
                outcomes.append((decision, outcome, items))
                if items and isinstance(outcome, Decided):
                    status = 201 if outcome.created else 200
                    seen[decision.command_id] = (decision.command_hash, *outcome.target, status)
                    commands.append((decision.command_id, decision.command_hash, *outcome.target, status))
            rows = build(world, self._scale)
            if written:
                async with self._store.transaction() as tx:
                    tx.journal([_journal_row(item) for item in written])
                    tx.commands(commands)
                    tx.rows(rows)
                    tx.head(self.state)
                metrics.JOURNAL_COMMIT_SECONDS.observe(self._clock.monotonic() - started)
        except BaseException:
            world.rollback()
            self._restore(before)
            raise
        self._publish(written, rows)
        for decision, outcome, items in outcomes:
            if not decision.done.done():
                decision.done.set_result(self._committed(decision, outcome, items, rows))

    def _restore(self, before: SiteState) -> None:
        for field in msgspec.structs.fields(SiteState):
            setattr(self.state, field.name, getattr(before, field.name))

    async def _decide(
        self, decision: Decision, seen: dict[str, tuple[str, str, str, int]]
    ) -> tuple[Decided | Rejection | Elsewhere | Seen, list[Item]]:
        if (earlier := seen.get(decision.command_id)) is not None:
            same = not earlier[0] or earlier[0] == decision.command_hash
            await self._world.prepare([(earlier[1], earlier[2])])
            return Seen(target=(earlier[1], earlier[2]), status=earlier[3], same=same), []
        now = self._clock.now()
        serials = self.state.next_serial, self.state.serial_day
        outcome = decision.decide(self._world, now, lambda: self._next_incident_id(now))
        if not isinstance(outcome, Decided) or not outcome.drafts:
            self.state.next_serial, self.state.serial_day = serials
            return outcome, []
        items = [self._place(decision, n, draft, now) for n, draft in enumerate(outcome.drafts)]
        if outcome.created and outcome.target[0] == "incident" and self.state.next_serial != serials[0]:
            self._world.create(outcome.target)
        await self._world.prepare(self._world.keys_of(items))
        await self._world.add_pending(items)
        return outcome, items

    def _next_incident_id(self, now: datetime) -> str:
        day = now.astimezone(limits.LOCAL_ZONE).strftime("%Y%m%d")
        if day != self.state.serial_day:
            self.state.serial_day, self.state.next_serial = day, 1
        serial, self.state.next_serial = self.state.next_serial, self.state.next_serial + 1
        return f"{day}-{self.state.site}-{serial:06d}"

    def _place(self, decision: Decision, index: int, draft: Draft, now: datetime) -> Item:
        state = self.state
        envelope = Envelope(
            event_id=event_id(decision.command_id, index),
            type=type(draft.payload).__name__,
            site=state.site,
            generation=state.generation,
            jseq=state.journal_head + 1,
            prev=state.journal_hash,
            aggregate=draft.aggregate,
            id=draft.id,
            refs=draft.refs,
            centre=draft.centre,
            desk=draft.desk,
            epoch=draft.epoch,
            provisional=draft.provisional,
            base=draft.base,
            command_id=decision.command_id,
            command_hash=decision.command_hash if index == 0 else "",
            index=index,
            actor=decision.actor,
            at=now,
            payload=encode_payload(draft.payload),
        )
        body = encode(envelope)
        state.journal_head += 1
        state.journal_hash = event_hash(body)
        # Decoded again so that this site folds exactly what the others will read.
        return Item(decode_envelope(body), draft.payload, body, state.journal_hash)

    def _publish(self, items: Sequence[Item], rows: Rows) -> None:
        if not items:
            return
        changes = changes_of(items, rows, self._world)
        for listener in self.listeners:
            listener.committed(items, changes)

    def _committed(
        self, decision: Decision, outcome: Decided | Rejection | Elsewhere | Seen, items: Sequence[Item], rows: Rows
    ) -> Committed:
        if not isinstance(outcome, Decided | Seen):
            return Committed(outcome=outcome)
        kind, aggregate_id = outcome.target
        key = (kind, self._world.root(aggregate_id) if kind == "incident" else aggregate_id)
        resource = rows.resources.get(key) or show(self._world, key, self._scale)
        last = items[-1].envelope if items else None
        entry = self._world.entries.get(key)
        return Committed(
            outcome=outcome,
            generation=last.generation if last else 0,
            jseq=last.jseq if last else 0,
            event_ids=tuple(item.envelope.event_id for item in items),
            resource=resource,
            # Not only the target's: a command may have changed any of what it was decided on.
            is_pending=any(self._world.is_pending(k) for k in (key, outcome.target, *decision.keys)),
            position=entry.position if entry else None,
        )

    # --- generations -----------------------------------------------------------------------------------------------------

    async def start_generation(self, reason: str, actor: Actor, tail: tuple[int, int, str] = (0, 0, "")) -> None:
        """Begin a new generation that names its predecessor's tail. Call before anything is written.

        Args:
            reason: why, for the technician.
            actor: who.
            tail: generation, jseq and hash of this site's last event in the LOG, where that is behind no longer known here.
        """
        async with self._store.lock:
            before = msgspec.structs.replace(self.state)
            state, now = self.state, self._clock.now()
            generation, jseq, digest = max(tail, (state.generation, state.journal_head, state.journal_hash))
            day, serial = _first_serial(now) if generation else ("", 1)
            if day == state.serial_day:
                serial = max(serial, state.next_serial)
            payload = GenerationStarted(
                reason=reason,
                predecessor_generation=generation,
                predecessor_jseq=jseq,
                predecessor_hash=digest,
                serials_from=serial,
            )
            state.generation = max(generation + 1, int((now - GENERATIONS_SINCE).total_seconds())) if generation else 1
            state.journal_head, state.journal_hash = 0, "0" * 64
            state.serial_day, state.next_serial = day, serial
            decision = Decision(
                command_id=f"generation-{state.site}-{state.generation}-{int(now.timestamp())}",
                command_hash="",
                actor=actor,
                keys=(),
                decide=_never,
                done=asyncio.get_running_loop().create_future(),
            )
            item = self._place(decision, 0, Draft(aggregate="site", id=state.site, payload=payload), now)
            try:
                async with self._store.transaction() as tx:
                    tx.journal([_journal_row(item)])
                    tx.head(state)
            except BaseException:
                self._restore(before)
                raise
            for listener in self.listeners:
                listener.committed([item], [])


def _first_serial(now: datetime) -> tuple[str, int]:
    """Return the local day and the serial that a generation begun now counts from, above those of generations before it."""
    local = now.astimezone(limits.LOCAL_ZONE)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return local.strftime("%Y%m%d"), int((now - midnight).total_seconds()) * SERIALS_PER_SECOND + 1


def _never(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided:
    raise AssertionError("housekeeping decides nothing")


def _journal_row(item: Item) -> tuple[int, int, str, str, str, bytes]:
    e = item.envelope
    return (e.generation, e.jseq, e.event_id, item.hash, log_subject(e.site, e.aggregate, e.id), item.body)
