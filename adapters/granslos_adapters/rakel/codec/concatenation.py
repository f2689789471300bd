"""Parts of long messages to whole ones: within a time, within a number, and never silently lost.

A message of which parts stay away is given up after ``age_seconds``, or when too many others wait, and comes out marked
with the gaps shown: a dispatcher should see half an address rather than nothing. The clock is an argument.
"""

from collections import OrderedDict

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.sds import ConcatenatedPart, Transfer, decode_user_data
from granslos_adapters.rakel.codec.sds import Concatenation as Header

GAP = "[…]"
"""What stands in a text for a part that never came."""

Key = tuple[str, str, int, int]
"""Sender, way of concatenation, reference, total."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A long message. ``missing`` numbers the parts that never came; ``protocol`` is that of the whole message."""

    sender: str
    protocol: int | None
    total: int
    missing: tuple[int, ...]
    text: str | None
    data_hex: str
    first_at: float

    @property
    def complete(self) -> bool:
        """Whether every part came."""
        return not self.missing


class _Pending(msgspec.Struct):
    first_at: float
    protocol: int | None
    parts: dict[int, str]


class Assembler:
    """Joins parts by (sender, reference, total)."""

    def __init__(self, *, pending_max: int, age_seconds: float) -> None:
        self._pending_max = pending_max
        self._age_seconds = age_seconds
        self._pending: OrderedDict[Key, _Pending] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, sender: str, message: Transfer | ConcatenatedPart, now: float) -> list[Joined]:
        """Take one part; return what is whole now, or given up to make room.

        Args:
            sender: SSI of the calling party; parts of different senders never join.
            message: a transfer with a user data header of several parts, or a concatenated part.
            now: seconds of a monotonic clock.
        """
        found = _part(sender, message)
        if found is None:
            return []
        key, sequence, content, protocol = found
        out = self.expire(now)
        pending = self._pending.get(key)
        if pending is None:
            if len(self._pending) >= self._pending_max:
                out.append(self._give_up(next(iter(self._pending))))
            pending = self._pending[key] = _Pending(now, None, {})
        # A repeated part is the same part; the first copy stays.
        pending.parts.setdefault(sequence, content)
        pending.protocol = pending.protocol if protocol is None else protocol
        if len(pending.parts) == key[3]:
            out.append(self._give_up(key))
        return out

    def expire(self, now: float) -> list[Joined]:
        """Give up what has waited too long."""
        late = [key for key, pending in self._pending.items() if now - pending.first_at > self._age_seconds]
        return [self._give_up(key) for key in late]

    def _give_up(self, key: Key) -> Joined:
        return _join(key, self._pending.pop(key))


def is_part(message: object) -> bool:
    """Tell whether a message is a part of a longer one."""
    return isinstance(message, Transfer | ConcatenatedPart) and _part("", message) is not None


def _part(sender: str, message: Transfer | ConcatenatedPart) -> tuple[Key, int, str, int | None] | None:
    header: Header | None = message.concatenation
    if header is not None:
        return (sender, "sds", header.reference, header.total), header.sequence, header.data_hex, header.protocol
    if isinstance(message, Transfer) and message.udh is not None and message.udh.total is not None:
        udh = message.udh
        assert udh.reference is not None and udh.total is not None and udh.sequence is not None, "decoded together"
        return (sender, "udh", udh.reference, udh.total), udh.sequence, message.text or "", message.protocol
    return None


def _join(key: Key, pending: _Pending) -> Joined:
    sender, way, _reference, total = key
    missing = tuple(number for number in range(1, total + 1) if number not in pending.parts)
    if way == "udh":
        pieces = [pending.parts.get(number, GAP) for number in range(1, total + 1)]
        text: str | None = _collapse_gaps(pieces)
        data_hex = ""
    else:
        text, data_hex = _sds_text(pending, total)
    return Joined(
        sender=sender,
        protocol=pending.protocol,
        total=total,
        missing=missing,
        text=text,
        data_hex=data_hex,
        first_at=pending.first_at,
    )


def _collapse_gaps(pieces: list[str]) -> str:
    kept = [piece for index, piece in enumerate(pieces) if piece != GAP or index == 0 or pieces[index - 1] != GAP]
    return "".join(kept)


def _sds_text(pending: _Pending, total: int) -> tuple[str | None, str]:
    """Return the text of concatenated SDS as far as it can be read, and all its bytes in order."""
    whole = "".join(pending.parts.get(number, "") for number in range(1, total + 1))
    lead = ""
    for number in range(1, total + 1):
        if number not in pending.parts:
            break
        lead += pending.parts[number]
    if pending.protocol is None or not lead:
        return None, whole
    try:
        found = decode_user_data(pending.protocol, Bits.from_hex(lead))
    except DecodeError:
        return None, whole
    if found is None:
        return None, whole
    return (found[3] if len(lead) == len(whole) and len(pending.parts) == total else found[3] + GAP), whole
