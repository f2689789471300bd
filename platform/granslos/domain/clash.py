"""Clashes: two decisions that could not know of each other and contradict. Derived from the events, never written.

A clash's id depends on its two event ids only, its outcome on the events folded so far, so every site derives the same.
It is re-evaluated until a person acknowledges it; only that acknowledgement is an event.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from granslos.contract.envelope import derive_id
from granslos.contract.events import ConflictAcknowledged
from granslos.domain.limits import ACKNOWLEDGEMENTS_MAX, CLASHES_MAX
from granslos.domain.stamp import Stamp

LEVEL_ALARM, LEVEL_WARNING, LEVEL_NOTICE = 1, 2, 3


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """One clash. ``text`` says in words what happened and what counts; ``level`` 1 is an alarm at the desks
    concerned.
    """

    id: str
    kind: str
    level: int
    event_ids: tuple[str, ...]
    outcome: str
    text: str
    detected_at: datetime
    incident_ids: tuple[str, ...] = ()
    unit_ids: tuple[str, ...] = ()
    centres: tuple[str, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    note: str | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether a person has acknowledged it."""
        return self.acknowledged_by is not None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word on a clash; kept beside the clashes because it may be folded before the clash is derived."""

    conflict_id: str
    by: str
    at: datetime
    event_id: str
    note: str | None = None


def clash_id(*event_ids: str) -> str:
    """Return the id of the clash between these events, whatever their order."""
    return derive_id("clash", *sorted(event_ids))


def acknowledged(
    acknowledgements: tuple[Acknowledgement, ...], event: ConflictAcknowledged, stamp: Stamp
) -> tuple[Acknowledgement, ...]:
    """Add an acknowledgement. Two persons may acknowledge the same clash; the earlier by time counts, both at any
    site.
    """
    new = Acknowledgement(conflict_id=event.conflict_id, by=event.by, at=stamp.at, event_id=stamp.event_id, note=event.note)
    known = {a.conflict_id: a for a in acknowledgements}
    old = known.get(event.conflict_id)
    if old is None or (new.at, new.event_id) < (old.at, old.event_id):
        known[event.conflict_id] = new
    return tuple(sorted(known.values(), key=lambda a: (a.at, a.event_id)))[-ACKNOWLEDGEMENTS_MAX:]


def settle(clashes: Iterable[Clash], acknowledgements: tuple[Acknowledgement, ...]) -> tuple[Clash, ...]:
    """Write acknowledgements on their clashes, and keep at most ``CLASHES_MAX``, dropping settled ones first."""
    words = {a.conflict_id: a for a in acknowledgements}
    made = tuple(_settled(clash, words.get(clash.id)) for clash in clashes)
    excess = len(made) - CLASHES_MAX
    if excess <= 0:
        return made
    dropped = sorted(made, key=lambda c: (not c.is_settled, c.detected_at, c.id))[:excess]
    return tuple(clash for clash in made if clash not in dropped)


def _settled(clash: Clash, word: Acknowledgement | None) -> Clash:
    if word is None or (clash.acknowledged_by, clash.acknowledged_at, clash.note) == (word.by, word.at, word.note):
        return clash
    return msgspec.structs.replace(clash, acknowledged_by=word.by, acknowledged_at=word.at, note=word.note)


def put(clashes: tuple[Clash, ...], new: Clash) -> tuple[Clash, ...]:
    """Add a clash, or put its newest outcome in the place of the same clash unless that is settled."""
    for n, old in enumerate(clashes):
        if old.id == new.id:
            return clashes if old.is_settled else (*clashes[:n], new, *clashes[n + 1 :])
    return (*clashes, new)
