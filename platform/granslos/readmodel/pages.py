"""Pages of lists: filters, and cursors that stand at an item and not at a count, so that new items shift nothing."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from granslos.contract.errors import InvalidFieldError
from granslos.runtime import limits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is asked for. ``state`` ``open`` is all but closed and merged; merged ones come only when asked for.

    ``since`` keeps what was offered at or after it. ``limit`` is clamped to its bound.
    """

    state: str | None = None
    area: str | None = None
    centre: str | None = None
    kind: str | None = None
    since: datetime | None = None
    limit: int = limits.LIST_ITEMS_DEFAULT
    cursor: str | None = None

    def count(self, largest: int = limits.LIST_ITEMS_MAX) -> int:
        """Return the page's size."""
        return max(1, min(self.limit, largest))

    def fingerprint(self, name: str) -> str:
        """Return what ties a cursor to the list it was made for."""
        asked = (
            name,
            self.state,
            self.area,
            self.centre,
            self.kind,
            self.since and self.since.astimezone(UTC).isoformat(),
        )
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]


class Page(msgspec.Struct, frozen=True):
    """Part of a list; ``next`` is the cursor of the next part, None at the end."""

    items: list[msgspec.Raw]
    next: str | None = None


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last item of a page: its sort key, and its id. ``key`` is microseconds since 1970, a sequence, or None."""

    fingerprint: str
    key: int | None
    id: str


_decoder = msgspec.json.Decoder(Place)


def encode_cursor(place: Place) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def decode_cursor(text: str, fingerprint: str) -> Place:
    """Read a cursor of the same list.

    Raises:
        InvalidFieldError: not a cursor, or of a list with other filters.
    """
    try:
        padded = text[: limits.CURSOR_CHARACTERS_MAX] + "=" * (-len(text) % 4)
        place = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, msgspec.DecodeError):
        raise InvalidFieldError("This is not a cursor of this list", "cursor") from None
    if "\x00" in place.id or (place.key is not None and abs(place.key) >= 1 << 62):
        raise InvalidFieldError("This is not a cursor of this list", "cursor")
    if place.fingerprint != fingerprint:
        raise InvalidFieldError("This cursor belongs to a list with other filters", "cursor")
    return place


def to_micros(instant: datetime | None) -> int | None:
    """Return an instant as whole microseconds since 1970."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant.

    Raises:
        InvalidFieldError: outside of the calendar.
    """
    try:
        return _EPOCH + micros * _MICROSECOND
    except OverflowError:
        raise InvalidFieldError("This is not a cursor of this list", "cursor") from None
