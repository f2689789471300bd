"""One console on the feed: what it asked for, where it stands, and which frames it is to get."""

import msgspec

from granslos.api.frames import Frame
from granslos.readmodel.queries import Snapshot


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader asks for. ``after``: it has everything up to this LOG position. ``redacted``: no patient data."""

    after: int | None = None
    redacted: bool = False
    area: str | None = None
    centre: str | None = None

    @property
    def is_narrowed(self) -> bool:
        """Tell whether it wants some incidents only."""
        return self.area is not None or self.centre is not None


class Start(msgspec.Struct, frozen=True):
    """A snapshot and the number of the first frame after it."""

    number: int
    changes: int
    taken_at: float
    snapshot: Snapshot
    full: bytes


class Reader:
    """Where one reader stands: the next frame's number, and the LOG position that it is known to have (-1: all before).

    Until it has read past what it may have had before (``window_until``), ``touched`` holds the resources that it was
    sent: of those it is sent every later view too, also of events that it has, or it would fall back behind them.
    """

    __slots__ = ("known", "next", "reading", "resumes_until", "shown", "touched", "window_until")

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.next = 0
        self.known = -1
        self.resumes_until = 0
        self.window_until = 0
        self.touched: set[tuple[str, str]] = set()
        self.shown: set[str] = set()

    def begin(self, number: int, known: int, window_until: int) -> None:
        """Set it before a frame, with everything up to a LOG position."""
        self.next, self.known, self.window_until = number, known, window_until
        self.touched.clear()

    @property
    def is_steady(self) -> bool:
        """Tell whether all frames go to it as they go to everybody."""
        return self.known < 0 and not self.reading.is_narrowed

    def take(self, frame: Frame) -> bytes:
        """Return what of a frame it is to be sent."""
        if not self.wants(frame):
            return b""
        if frame.position is not None and frame.position <= self.known:
            return b"" if self.touched.isdisjoint(frame.keys) else frame.again(self.reading.redacted)
        if self.known >= 0:
            self.touched.update(frame.keys)
        return frame.redacted if self.reading.redacted else frame.full

    def has_read(self, position: int) -> None:
        """Note the LOG position of what it was sent: behind the window, what comes now is new to it."""
        if self.next >= self.window_until and position > self.known:
            self.known = -1
            self.touched.clear()

    def wants(self, frame: Frame) -> bool:
        """Tell whether a frame concerns it; an incident that moved out of its area does still, once."""
        if not self.reading.is_narrowed or not frame.scopes:
            return True
        wanted = False
        for item in frame.scopes:
            inside = frame.kind == "change" and self.matches(item.area, item.centre)
            wanted = wanted or inside or item.id in self.shown
            if inside:
                self.shown.add(item.id)
            elif frame.kind == "change":
                self.shown.discard(item.id)
        return wanted

    def matches(self, area: str | None, centre: str | None) -> bool:
        """Tell whether an incident of this area and centre is asked for."""
        reading = self.reading
        return reading.area in (None, area) and reading.centre in (None, centre)
