"""A LOG in memory for tests of the domain: sites decide on what they have seen, the LOG orders, every state is a fold."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from granslos.contract.envelope import derive_id, event_id
from granslos.contract.events import Event, desk_of
from granslos.contract.person import decode_hook, encode_hook
from granslos.contract.places import Actor, Role
from granslos.domain.priorities import default_scale
from granslos.domain.stamp import Context, Rejection, Stamp
from granslos.domain.topics import STATE_TYPES, fold, topics

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCALE = default_scale()


def at(seconds: float) -> datetime:
    """Return noon plus ``seconds``."""
    return NOON + timedelta(seconds=seconds)


def context(
    subject: str = "op1", *, seconds: float = 0, command_id: str = "c", site: str = "vas", role: Role = "operator"
) -> Context:
    """Return what a decision by ``subject`` may know."""
    actor = Actor(subject=subject, role=role, centre="vas")
    return Context(now=at(seconds), actor=actor, site=site, command_id=command_id, scale=SCALE)


@dataclass
class Entry:
    """One event with its stamp; ``aggregate`` and ``id`` are those it was decided on."""

    aggregate: str
    id: str
    event: Event
    stamp: Stamp


@dataclass
class Chronicle:
    """Events in LOG order. Folds them as a node does: each topic by itself, members of a case into its root too."""

    entries: list[Entry] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def write(self, aggregate: str, aggregate_id: str, event: Event, seconds: float = 0, **more: Any) -> str:
        """Append an event; returns its id. ``more`` overrides the stamp (site, base, late, provisional, epoch, actor)."""
        entry = self.entry(aggregate, aggregate_id, event, seconds, **more)
        self.entries.append(entry)
        return entry.stamp.event_id

    def entry(self, aggregate: str, aggregate_id: str, event: Event, seconds: float = 0, **more: Any) -> Entry:
        """Make an entry without appending it. A decision's base is the last one here, unless given."""
        self.count += 1
        command = str(more.pop("command_id", f"c{self.count}"))
        desk = desk_of(type(event).__name__)
        if desk is not None and "base" not in more:
            more["base"] = getattr(self.state(aggregate, aggregate_id), "last_decision", None)
        fields: dict[str, Any] = {
            "event_id": event_id(command, 0),
            "command_id": command,
            "site": "vas",
            "at": at(seconds),
            "actor": "op1",
            "role": "operator",
            "centre": "vas" if desk else None,
            "desk": desk,
            "epoch": 0 if desk else None,
            "order": len(self.entries) + 1,
            "aggregate_id": aggregate_id,
        }
        return Entry(aggregate, aggregate_id, event, Stamp(**{**fields, **more}))

    def state(self, kind: str, aggregate_id: str) -> Any:
        """Return an aggregate's state."""
        members = {aggregate_id}
        while more := {m for m, p in self.parents.items() if p in members} - members:
            members |= more
        return folded(kind, aggregate_id, self.entries, members)


def folded(kind: str, aggregate_id: str, entries: Iterable[Entry], members: Iterable[str] = ()) -> Any:
    """Fold ``entries`` into one aggregate, those of ``members`` included."""
    wanted = {(kind, member) for member in (aggregate_id, *members)}
    state = None
    for entry in entries:
        found = topics(type(entry.event).__name__, entry.aggregate, entry.id, entry.event)
        if wanted & set(found):
            stamp = msgspec.structs.replace(entry.stamp, fold_id=aggregate_id)
            state = fold(kind, state, entry.event, stamp)
    return state


def roundtrip(kind: str, state: Any) -> Any:
    """Return ``state`` written to and read from a row."""
    packed = msgspec.msgpack.encode(state, enc_hook=encode_hook)
    return msgspec.msgpack.decode(packed, type=STATE_TYPES[kind], dec_hook=decode_hook)


def accepted(outcome: tuple[Any, ...] | Rejection) -> tuple[Any, ...]:
    """Return the events of a decision that must not be a rejection."""
    assert not isinstance(outcome, Rejection), outcome
    return outcome


def refused(outcome: tuple[Any, ...] | Rejection) -> str:
    """Return the code of a decision that must be a rejection."""
    assert isinstance(outcome, Rejection), outcome
    return outcome.code


def assignment_id(command_id: str) -> str:
    """Return the id of the assignment a command makes."""
    return derive_id("assignment", command_id)
