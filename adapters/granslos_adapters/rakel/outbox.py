"""What waits to be sent over the radio, and how each message fares. Pure: the clock is an argument.

Five facts are kept apart, because they are five different promises: the terminal took it (``accepted``), it went over
the air (``aired``), the vehicle's radio has it (``received``), a person opened it (``read``), a person agreed
(``agreed``). None is ever deduced from another. Nothing disappears silently: expiry, eviction and failure each make a
``Progress``.
"""

from collections import OrderedDict, deque
from enum import IntEnum
from typing import Literal

import msgspec

from granslos_adapters.rakel.cme import Remedy
from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.sds_tables import DELIVERY, delivery_class
from granslos_adapters.rakel.errors import OutboxFullError

BUSY_SECONDS = (1.0, 2.0, 4.0)
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
OUT_OF_SERVICE_SECONDS = 2.0
PERSON_SECONDS = 10.0
"""Pause while a person must act (SIM, mode): the message waits, its validity runs."""

ON_AIR_MAX = 64
"""Parts of which the terminal may still say that they went over the air; some terminals never do."""
_WAITING_HEALS = frozenset({Remedy.OUT_OF_SERVICE, Remedy.PERSON, Remedy.MODE, Remedy.LINK_DOWN})
"""What costs no attempt: only the message's validity runs."""

Stage = Literal["accepted", "aired", "received", "read", "agreed", "failed", "expired", "evicted"]


class Priority(IntEnum):
    """Order of sending; the smallest first."""

    EMERGENCY = 0
    ASSIGNMENT_1A = 1
    ASSIGNMENT = 2
    RECEIPT = 3
    POSITION_REQUEST = 4


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """When each fact was learnt, in seconds of the same clock; None: not learnt."""

    accepted_at: float | None = None
    aired_at: float | None = None
    received_at: float | None = None
    read_at: float | None = None
    agreed_at: float | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something to send: one or more parts to one number.

    ``references`` are the SDS-TL references of the parts, empty where no receipt is possible. ``wants_receipt``: send
    again when none comes. ``expires_at`` is in seconds of the outbox's clock.
    """

    key: str
    to: str
    parts: tuple[Bits, ...]
    references: tuple[int, ...] = ()
    status: bool = False
    priority: Priority
    wants_receipt: bool = False
    expires_at: float
    unit_id: str | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A message has come further, or will come no further. ``code`` is a delivery status or an error of the
    terminal.
    """

    key: str
    to: str
    unit_id: str | None
    stage: Stage
    facts: Facts
    code: int | None = None
    text: str = ""


class Attempt(msgspec.Struct, frozen=True):
    """Send this now."""

    key: str
    index: int
    to: str
    data: Bits
    status: bool


class _Part(msgspec.Struct):
    data: Bits
    reference: int | None
    next_at: float
    attempts: int = 0
    waiting: bool = True
    accepted: bool = False
    aired: bool = False
    received: bool = False
    read: bool = False


class _Item(msgspec.Struct):
    message: Message
    order: int
    parts: list[_Part]
    facts: Facts
    receipt_due: float | None = None


class Outbox:
    """A bounded queue by priority, with the delivery facts of what has been sent and is still valid."""

    def __init__(self, *, queue_max: int, attempts_max: int, receipt_wait_seconds: float) -> None:
        self._queue_max = queue_max
        self._attempts_max = attempts_max
        self._receipt_wait_seconds = receipt_wait_seconds
        self._items: OrderedDict[str, _Item] = OrderedDict()
        self._on_air: deque[tuple[str, int]] = deque(maxlen=ON_AIR_MAX)
        self._order = 0
        self._references: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waiting(self) -> int:
        """Messages of which a part has still to be sent."""
        return sum(any(part.waiting for part in item.parts) for item in self._items.values())

    def reserve(self, to: str, count: int) -> int:
        """Return the first of ``count`` consecutive references for messages to ``to``, none of them in use."""
        used = {part.reference for item in self._items.values() if item.message.to == to for part in item.parts}
        start = self._references.get(to, 0)
        for step in range(256):
            first = (start + step) % 256
            if not used & {(first + index) % 256 for index in range(count)}:
                self._references[to] = (first + count) % 256
                return first
        raise OutboxFullError(f"no {count} free message references for one receiver")

    def put(self, message: Message, now: float) -> list[Progress]:
        """Queue a message. The same key again is the same message.

        Raises:
            OutboxFullError: the bound is reached and nothing less urgent waits.
        """
        if message.key in self._items:
            return []
        evicted = self._make_room(message.priority) if len(self._items) >= self._queue_max else []
        references: tuple[int | None, ...] = message.references or (None,) * len(message.parts)
        assert len(references) == len(message.parts), "a reference for each part"
        self._order += 1
        parts = [_Part(data, reference, now) for data, reference in zip(message.parts, references, strict=True)]
        self._items[message.key] = _Item(message, self._order, parts, Facts())
        return evicted

    def next(self, now: float) -> Attempt | None:
        """Return what to send now, the most urgent first, then the oldest."""
        ready = [
            (item.message.priority, item.order, index, item)
            for item in self._items.values()
            for index, part in enumerate(item.parts)
            if part.waiting and part.next_at <= now and item.message.expires_at > now
        ]
        if not ready:
            return None
        _, _, index, item = min(ready, key=lambda entry: entry[:3])
        part = item.parts[index]
        return Attempt(item.message.key, index, item.message.to, part.data, item.message.status)

    def next_at(self) -> float | None:
        """Return when something is due next: a part, a receipt or an expiry; None when nothing is."""
        times = [part.next_at for item in self._items.values() for part in item.parts if part.waiting]
        times += [item.message.expires_at for item in self._items.values()]
        times += [item.receipt_due for item in self._items.values() if item.receipt_due is not None]
        return min(times, default=None)

    def started(self, attempt: Attempt) -> None:
        """A part is being given to the terminal: from now on anything may be heard of it, in any order."""
        item = self._items.get(attempt.key)
        if item is not None:
            item.parts[attempt.index].attempts += 1
            self._on_air.append((attempt.key, attempt.index))

    def accepted(self, attempt: Attempt, now: float) -> list[Progress]:
        """The terminal took a part."""
        item = self._items.get(attempt.key)
        if item is None:
            return []
        part = item.parts[attempt.index]
        part.waiting, part.accepted = False, True
        unsent = any(other.waiting for other in item.parts)
        if item.message.wants_receipt and not unsent and item.facts.received_at is None:
            item.receipt_due = now + self._receipt_wait_seconds
        return self._advance(item, "accepted", now)

    def aired(self, now: float, *, failed: bool = False) -> list[Progress]:
        """The terminal says that the oldest part it was given went over the air, or failed to."""
        if not self._on_air:
            return []
        key, index = self._on_air.popleft()
        item = self._items.get(key)
        if item is None:
            return []
        if failed:
            attempt = Attempt(key, index, item.message.to, item.parts[index].data, item.message.status)
            return self.failed(attempt, Remedy.RETRY, now)
        item.parts[index].aired = True
        return self._advance(item, "aired", now)

    def failed(self, attempt: Attempt, remedy: Remedy, now: float, code: int | None = None) -> list[Progress]:
        """The terminal refused a part, or did not answer."""
        if (attempt.key, attempt.index) in self._on_air:
            self._on_air.remove((attempt.key, attempt.index))
        item = self._items.get(attempt.key)
        if item is None or item.parts[attempt.index].received:
            return []
        part = item.parts[attempt.index]
        if remedy is Remedy.DONE:
            return self.accepted(attempt, now)
        if remedy in _WAITING_HEALS:
            part.attempts -= 1
        if remedy in (Remedy.SETTINGS, Remedy.DEFECT) or part.attempts >= self._attempts_max:
            return [self._end(item, "failed", code, remedy.value)]
        part.waiting = True
        part.next_at = now + _pause(remedy, part.attempts)
        return []

    def reported(self, source: str, reference: int, status: int, now: float) -> list[Progress]:
        """A receipt came (SDS-REPORT or its short form) for a part that we sent to ``source``."""
        found = self._find(source, reference)
        if found is None:
            return []
        item, part = found
        kind = delivery_class(status)
        if kind == "failed":
            return [self._end(item, "failed", status, DELIVERY.get(status, ""))]
        if kind != "delivered" or status in (0x04, 0x05):
            return []
        part.received = True
        part.waiting = False
        part.read = part.read or status in (0x02, 0x03)
        progress = self._advance(item, "received", now)
        return progress + self._advance(item, "read", now)

    def agreed(self, unit_id: str, now: float) -> list[Progress]:
        """A person in the unit agreed (a status key); it settles what was sent to the unit."""
        out = []
        for item in list(self._items.values()):
            if item.message.unit_id == unit_id and item.facts.accepted_at is not None:
                item.facts = msgspec.structs.replace(item.facts, agreed_at=now)
                out.append(self._end(item, "agreed"))
        return out

    def expire(self, now: float) -> list[Progress]:
        """Give up what is no longer valid; send again what no receipt came for."""
        out = []
        for item in list(self._items.values()):
            if item.message.expires_at <= now:
                self._drop(item)
                if _is_unfinished(item):
                    out.append(_progress(item, "expired"))
            elif item.receipt_due is not None and item.receipt_due <= now:
                out += self._again(item, now)
        return out

    def _again(self, item: _Item, now: float) -> list[Progress]:
        item.receipt_due = None
        missing = [part for part in item.parts if not part.received]
        if any(part.attempts >= self._attempts_max for part in missing):
            return [self._end(item, "failed", None, "no receipt")]
        for part in missing:
            part.waiting, part.next_at = True, now
        return []

    def _advance(self, item: _Item, stage: Literal["accepted", "aired", "received", "read"], now: float) -> list[Progress]:
        field = f"{stage}_at"
        if getattr(item.facts, field) is not None or not all(getattr(part, stage) for part in item.parts):
            return []
        item.facts = msgspec.structs.replace(item.facts, **{field: now})
        if stage == "received":
            item.receipt_due = None
        progress = [_progress(item, stage)]
        if not item.message.wants_receipt and stage == "accepted":
            self._drop(item)
        return progress

    def _find(self, source: str, reference: int) -> tuple[_Item, _Part] | None:
        wanted = int(source[-8:]) if source.isdigit() else None
        for item in reversed(self._items.values()):
            if wanted is not None and item.message.to.isdigit() and int(item.message.to[-8:]) == wanted:
                for part in item.parts:
                    if part.reference == reference and part.attempts:
                        return item, part
        return None

    def _make_room(self, priority: Priority) -> list[Progress]:
        worst = max(self._items.values(), key=lambda item: (item.message.priority, item.order))
        if worst.message.priority <= priority:
            raise OutboxFullError("the send queue is full")
        return [self._end(worst, "evicted")]

    def _end(self, item: _Item, stage: Stage, code: int | None = None, text: str = "") -> Progress:
        self._drop(item)
        return _progress(item, stage, code, text)

    def _drop(self, item: _Item) -> None:
        self._items.pop(item.message.key, None)


def _is_unfinished(item: _Item) -> bool:
    return item.facts.accepted_at is None or (item.message.wants_receipt and item.facts.received_at is None)


def _progress(item: _Item, stage: Stage, code: int | None = None, text: str = "") -> Progress:
    message = item.message
    return Progress(
        key=message.key, to=message.to, unit_id=message.unit_id, stage=stage, facts=item.facts, code=code, text=text
    )


def _pause(remedy: Remedy, attempts: int) -> float:
    match remedy:
        case Remedy.BUSY:
            return BUSY_SECONDS[min(max(attempts, 1), len(BUSY_SECONDS)) - 1]
        case Remedy.OUT_OF_SERVICE | Remedy.LINK_DOWN:
            return OUT_OF_SERVICE_SECONDS
        case Remedy.PERSON | Remedy.MODE:
            return PERSON_SECONDS
        case _:
            return RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1]
