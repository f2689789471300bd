"""Frames of the feed: encoded once, the same bytes for every reader; and the ring that keeps them for resuming."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from granslos.api.conflict import redacted
from granslos.application.ports import Change, Confirmation, Resource
from granslos.contract.answers import Durability
from granslos.contract.envelope import encode

FrameKind = Literal["change", "confirmed", "live"]
FEED_KINDS = frozenset({"incident", "unit", "operator", "conflict", "centre"})
"""Kinds of resources that readers keep; a handover is read at its own address."""
TECHNICAL_ANNOUNCEMENTS = frozenset({"heartbeat", "centres", "island", "takeover", "desk", "site"})
"""Announcements without anything about a patient or a crew."""
AGAIN = "~again"
"""Ends the event id of a change whose views are to be taken even by a reader that has seen the event.

It is sent where an older view of the same resource had to be: to one who resumes, or comes from another site.
"""


class ChangedResource(msgspec.Struct, frozen=True):
    """A resource as it is after an event."""

    kind: str
    id: str
    resource: msgspec.Raw


class ChangeData(msgspec.Struct, frozen=True):
    """``event: change``. ``position`` null: not in the LOG yet; ``confirmed`` follows with the same ``event_id``."""

    event_id: str
    type: str
    at: datetime
    site: str
    position: int | None
    durability: Durability
    changes: Sequence[ChangedResource]


class SnapshotData(msgspec.Struct, frozen=True):
    """``event: snapshot``: everything open, as of LOG ``position`` and with what is pending at this site on top."""

    position: int
    incidents: Sequence[msgspec.Raw]
    units: Sequence[msgspec.Raw]
    operators: Sequence[msgspec.Raw]
    conflicts: Sequence[msgspec.Raw]
    centres: Any
    site: Any


class Heartbeat(msgspec.Struct, frozen=True):
    """``event: heartbeat``, each second. ``at`` is this site's wall clock: timers count from it, no browser's."""

    position: int
    at: datetime
    data_age_seconds: float
    island: bool


class Scope(msgspec.Struct, frozen=True):
    """Of an incident, what a reader may choose by."""

    id: str
    area: str | None = None
    centre: str | None = None


class Frame:
    """One event of the feed. ``end`` is how many bytes the feed has sent with it since its start."""

    __slots__ = (
        "_redacted",
        "confirmed_at",
        "data",
        "end",
        "event_id",
        "full",
        "is_retold",
        "keys",
        "kind",
        "name",
        "position",
        "scopes",
        "site",
    )

    def __init__(self, kind: FrameKind, name: str, data: bytes, position: int | None = None) -> None:
        self.kind, self.name, self.data, self.position = kind, name, data, position
        self.full = sse(name, data, position)
        self.event_id = ""
        self.site = ""
        self.is_retold = False
        self.confirmed_at: int | None = position
        self.scopes: tuple[Scope, ...] = ()
        self.keys: frozenset[tuple[str, str]] = frozenset()
        self.end = 0
        self._redacted: bytes | None = None

    @property
    def is_pending(self) -> bool:
        """Tell whether it is a change that the LOG did not have when it was sent."""
        return self.kind == "change" and self.position is None

    def is_needed_after(self, position: int) -> bool:
        """Tell whether a reader that has everything up to ``position`` lacks it."""
        if self.kind == "live":
            return False
        if self.position is None:
            return self.confirmed_at is None or self.confirmed_at > position
        return self.position > position

    def again(self, is_redacted: bool) -> bytes:
        """Return it for a reader that has the event already: without ``id:``, and not to be dropped as a double."""
        source = self.redacted if is_redacted else self.full
        if self.is_retold:
            return source
        data = source[source.index(b"data: ") + 6 : -2]
        if self.kind == "change":
            head = b'{"event_id":"' + self.event_id.encode()
            assert data.startswith(head + b'"'), "the event id stands first"
            data = head + AGAIN.encode() + data[len(head) :]
        return sse(self.name, data, None)

    @property
    def redacted(self) -> bytes:
        """Return it without patient data; empty: nothing is left."""
        if self._redacted is None:
            self._redacted = self._redact()
        return self._redacted

    def _redact(self) -> bytes:
        if self.kind == "confirmed":
            return self.full
        if self.kind == "live":
            return self.full if self.name in TECHNICAL_ANNOUNCEMENTS else b""
        change = msgspec.json.decode(self.data, type=ChangeData)
        kept = [_technical(item) for item in change.changes if item.kind in ("conflict", "centre")]
        position = None if self.is_retold else self.position
        return sse(self.name, encode(msgspec.structs.replace(change, changes=kept)), position)


def _technical(item: ChangedResource) -> ChangedResource:
    if item.kind != "conflict":
        return item
    return ChangedResource(item.kind, item.id, redacted(item.resource))


def sse(name: str, data: bytes, position: int | None) -> bytes:
    """Return a frame of ``text/event-stream``; ``data`` has no line break, as JSON of msgspec has none."""
    assert b"\n" not in data and b"\r" not in data, "one line of data"
    identifier = b"" if position is None else b"id: %d\n" % position
    return b"event: " + name.encode() + b"\n" + identifier + b"data: " + data + b"\n\n"


def change_frame(change: Change, resources: Iterable[Resource]) -> Frame:
    """Encode a change."""
    kept = [ChangedResource(r.kind, r.id, r.view) for r in resources if r.kind in FEED_KINDS]
    data = ChangeData(
        event_id=change.event_id,
        type=change.type,
        at=change.at,
        site=change.site,
        position=change.position,
        durability=change.durability,
        changes=kept,
    )
    frame = Frame("change", "change", encode(data), change.position)
    frame.event_id, frame.site = change.event_id, change.site
    frame.keys = frozenset((item.kind, item.id) for item in kept)
    frame.scopes = tuple(scope(item.resource) for item in kept if item.kind == "incident")
    return frame


def retold_frames(change: Change, resources: Iterable[Resource]) -> tuple[Frame, Frame]:
    """Encode an event that was told while pending, and that the LOG gave another effect than it had then.

    It is ticked off, and its resources are sent under another event id, so that nobody drops them as a double.
    """
    told = change_frame(change, resources)
    told.full, told.event_id, told.is_retold = told.again(False), told.event_id + AGAIN, True
    told.data = told.full[told.full.index(b"data: ") + 6 : -2]
    return confirmed_frame(Confirmation(change.event_id, told.position or 0)), told


def confirmed_frame(confirmed: Confirmation) -> Frame:
    """Encode a confirmation."""
    frame = Frame("confirmed", "confirmed", encode(confirmed), confirmed.position)
    frame.event_id = confirmed.event_id
    frame.keys = frozenset((tick.kind, tick.id) for tick in confirmed.ticks)
    frame.scopes = tuple(Scope(tick.id) for tick in confirmed.ticks if tick.kind == "incident")
    return frame


def live_frame(name: str, data: Any) -> Frame:
    """Encode an announcement that is no event."""
    return Frame("live", name, encode(data))


def scope(view: msgspec.Raw) -> Scope:
    """Return what an incident may be chosen by."""
    return msgspec.json.decode(view, type=Scope)


class Ring:
    """The newest frames, by number, bounded in count and bytes; knows from where a reader can be brought up to date."""

    def __init__(self, frames_max: int, bytes_max: int) -> None:
        self._frames_max, self._bytes_max = frames_max, bytes_max
        self._frames: dict[int, Frame] = {}
        self._pending: dict[str, Frame] = {}
        self.first = self.next = 0
        self.total = 0
        self._evicted = 0
        self.position = 0
        self._floor = 0
        self._has_begun = False
        self._blind: dict[str, str] = {}

    def __getitem__(self, number: int) -> Frame:
        return self._frames[number]

    def begin(self, position: int, pending: Mapping[str, str]) -> None:
        """Say where the feed begins: what came before ``position`` is not in the ring.

        Nor are the events of each site up to the one in ``pending``, which the LOG lacks still: until it has them,
        nobody can be brought up to date from here.
        """
        self._floor, self._has_begun = max(position, self._floor), True
        self.position = max(position, self.position)
        known = {frame.event_id for frame in self._frames.values()}
        self._blind |= {site: event_id for site, event_id in pending.items() if event_id not in known}

    def is_waiting(self, event_id: str) -> bool:
        """Tell whether an event was told while pending, and the LOG has not brought it yet."""
        return event_id in self._pending

    def append(self, frame: Frame) -> None:
        """Add a frame; the oldest go when there is no room."""
        self._confirm(frame)
        self.total += len(frame.full)
        frame.end = self.total
        self._frames[self.next] = frame
        self.next += 1
        if frame.is_pending:
            self._pending[frame.event_id] = frame
        if frame.position is not None:
            self.position = max(self.position, frame.position)
        while self.next - self.first > self._frames_max or self.total - self._evicted > self._bytes_max:
            self._evict()

    def _confirm(self, frame: Frame) -> None:
        """Note that the LOG has an event that was pending."""
        if frame.position is None:
            return
        waiting = self._pending.pop(frame.event_id, None)
        if waiting is not None:
            waiting.confirmed_at = frame.position
            return
        # The last one of a site that the ring forgot while it was pending: from here on all of that site's are known.
        for site, event_id in list(self._blind.items()):
            if event_id == frame.event_id:
                del self._blind[site]
        if frame.kind == "confirmed":
            self._floor = max(self._floor, frame.position)

    def _evict(self) -> None:
        frame = self._frames.pop(self.first)
        self.first += 1
        self._evicted = frame.end
        if frame.is_pending and frame.confirmed_at is None:
            self._pending.pop(frame.event_id, None)
            self._blind[frame.site] = frame.event_id
        elif frame.confirmed_at is not None:
            self._floor = max(self._floor, frame.confirmed_at)

    def resume_at(self, position: int) -> int | None:
        """Return the number of the first frame that a reader with everything up to ``position`` lacks, or ``next``.

        None: what it lacks is not all here.
        """
        if not self._has_begun or self._blind or position < self._floor:
            return None
        needed = (n for n in range(self.first, self.next) if self._frames[n].is_needed_after(position))
        return next(needed, self.next)

    def lag_bytes(self, number: int) -> int:
        """Return how many bytes of frames from ``number`` on there are."""
        if number >= self.next:
            return 0
        return self.total - (self._frames[number - 1].end if number > self.first else self._evicted)
