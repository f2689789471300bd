"""An event with all that folding it needs, and how an aggregate is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from granslos.contract.envelope import Envelope, derive_id
from granslos.contract.events import (
    AssignmentCancelled,
    Event,
    IncidentMerged,
    IncidentOpened,
    UnitAssigned,
    UnitStatusReported,
)
from granslos.domain.stamp import Stamp
from granslos.domain.topics import fold
from granslos.domain.unit import AssignmentState

Key = tuple[str, str]
NOT_A_TWIN, TWIN_SAME, TWIN_OTHER = 0, 1, 2
"""Whether another journal brought an event of this id before: with the same payload, or with another."""
PENDING_ORDER = 1 << 62
"""Fold order of pending events starts here, above every LOG sequence."""
RECENT_EVENTS_MAX = 64
"""How many folded event ids an aggregate remembers to recognise twins among pending events."""


class Item(msgspec.Struct, frozen=True):
    """An event with all that folding it needs."""

    envelope: Envelope
    payload: Event
    body: bytes
    hash: str
    late: bool = False
    log_seq: int | None = None
    twin: int = NOT_A_TWIN

    def stamp(self, order: int, fold_id: str) -> Stamp:
        """Return what the fold of aggregate ``fold_id`` may know of this event."""
        e = self.envelope
        return Stamp(
            event_id=e.event_id if self.twin != TWIN_OTHER else derive_id(e.event_id, e.site),
            command_id=e.command_id,
            site=e.site,
            at=e.at,
            actor=e.actor.subject,
            role=e.actor.role,
            centre=e.centre,
            desk=e.desk,
            epoch=e.epoch,
            provisional=e.provisional,
            late=self.late,
            base=e.base,
            order=order,
            aggregate_id=e.id,
            fold_id=fold_id,
        )


class Stored(msgspec.Struct, frozen=True):
    """An aggregate as its row keeps it: the fold of the LOG, how many events that is, and the last one's place."""

    state: Any
    count: int
    position: int | None


class Loader(Protocol):
    """Reads what memory does not hold. Every answer is as of the rows' cursor."""

    async def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        """Return the stored aggregates among ``keys``; those never folded are left out."""
        ...

    async def load_assignments(self, incident_ids: Sequence[str]) -> Sequence[AssignmentState]:
        """Return all assignments of these incidents."""
        ...

    async def load_merged(self, incident_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return (member, root) of incidents merged into one of these."""
        ...

    async def load_events(self, keys: Sequence[Key]) -> Sequence[Item]:
        """Return the LOG's events of these aggregates, in LOG order."""
        ...


class Entry:
    """One aggregate in memory."""

    __slots__ = ("count", "current", "folded", "key", "pending", "position", "recent")

    def __init__(self, key: Key, stored: Stored | None = None) -> None:
        self.key = key
        self.folded: Any = stored.state if stored else None
        self.current: Any = self.folded
        self.count = stored.count if stored else 0
        self.position = stored.position if stored else None
        self.pending: tuple[Item, ...] = ()
        self.recent: tuple[tuple[str, int], ...] = ()

    @property
    def version(self) -> int:
        """Return the number of events in the current state."""
        return self.count + len(self.pending)

    def snapshot(self) -> tuple[Any, ...]:
        """Return all that a rollback needs; states are immutable, so this is cheap."""
        return (self.folded, self.current, self.count, self.position, self.pending, self.recent)

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Undo to ``saved``."""
        self.folded, self.current, self.count, self.position, self.pending, self.recent = saved

    def pend(self, item: Item) -> None:
        """Put an event that is not in the LOG yet on top."""
        self.pending = (*self.pending, item)
        self.refresh()

    def take(self, item: Item) -> None:
        """Fold the LOG's next event, and what is pending on top of it again."""
        assert item.log_seq is not None
        e = item.envelope
        self.pending = tuple(p for p in self.pending if (p.envelope.event_id, p.envelope.site) != (e.event_id, e.site))
        if item.twin != TWIN_SAME:
            self.folded = fold(self.key[0], self.folded, item.payload, item.stamp(item.log_seq, self.key[1]))
            self.recent = (*self.recent[-RECENT_EVENTS_MAX + 1 :], (e.event_id, hash(bytes(e.payload))))
        self.count += 1
        self.position = item.log_seq
        self.refresh()

    def refresh(self) -> None:
        """Fold the pending events on top of the LOG's state."""
        state = self.folded
        known = dict(self.recent)
        for n, item in enumerate(self.pending):
            if known.get(item.envelope.event_id) == hash(bytes(item.envelope.payload)):
                continue
            state = fold(self.key[0], state, item.payload, item.stamp(PENDING_ORDER + n, self.key[1]))
        self.current = state


def incidents_of(payload: Event) -> tuple[str, ...]:
    """Return the incidents that an event names."""
    match payload:
        case UnitAssigned() | AssignmentCancelled() | IncidentOpened():
            return (payload.incident_id,)
        case UnitStatusReported():
            return (payload.incident_id,) if payload.incident_id else ()
        case IncidentMerged():
            return (payload.into,)
        case _:
            return ()
