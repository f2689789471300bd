"""Time as an argument: the only place that reads the machine's clocks."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Two clocks. Order never depends on the first; no person ever sees the second."""

    def now(self) -> datetime:
        """Return the wall clock's instant, in UTC. It may jump, and differ between sites."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed instant of this process; never goes back: for every wait and age."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the wall clock's instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return monotonic seconds, of the same origin as an asyncio loop's ``time()``."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        start: the first instant; must carry a zone.
    """

    def __init__(self, start: datetime = datetime(2026, 11, 21, 2, 13, 5, tzinfo=UTC)) -> None:
        assert start.tzinfo is not None, "an instant needs a zone"
        self._now = start.astimezone(UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        """Return the instant it was moved to, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds it was moved by, on top of a fixed start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks; ``seconds`` ≥ 0."""
        assert seconds >= 0.0, "time does not go back; set_wall() does"
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall(self, instant: datetime) -> None:
        """Let the wall clock jump, as a wrong clock does; the monotonic one is not touched."""
        assert instant.tzinfo is not None, "an instant needs a zone"
        self._now = instant.astimezone(UTC)
