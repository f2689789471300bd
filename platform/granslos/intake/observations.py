"""Takes observations from the bus: newest wins, lossy by design, never journalled."""

from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.msg import Msg

from granslos.contract.places import Position
from granslos.contract.subjects import observation_filter
from granslos.runtime import limits, metrics
from granslos.runtime.bus import Bus

_positions = msgspec.json.Decoder(Position)
_notices = msgspec.json.Decoder(dict[str, Any])
NOTICES = ("radio", "delivery")
"""What radio adapters say that is neither a status nor a position: unknown numbers, warnings, and how a text fares."""


class Observations:
    """Hands positions on to whoever keeps the newest, and radio notices to the consoles.

    Args:
        keep: takes a position; False when it is no news.
        announce: takes a kind and its data, for the feed.
    """

    def __init__(self, keep: Callable[[Position], bool], announce: Callable[[str, dict[str, Any]], None]) -> None:
        self._keep, self._announce = keep, announce

    async def listen(self, bus: Bus) -> None:
        """Listen on one connection."""
        await bus.subscribe(observation_filter("position"), self._take)
        for kind in NOTICES:
            await bus.subscribe(observation_filter(kind), self._notice)

    async def _take(self, message: Msg) -> None:
        try:
            position = _positions.decode(message.data)
        except msgspec.DecodeError:
            metrics.OBSERVATIONS.labels("invalid").inc()
            return
        metrics.OBSERVATIONS.labels("kept" if self._keep(position) else "stale").inc()

    async def _notice(self, message: Msg) -> None:
        if len(message.data) > limits.NOTICE_BYTES_MAX:
            metrics.OBSERVATIONS.labels("invalid").inc()
            return
        try:
            data = _notices.decode(message.data)
        except msgspec.DecodeError:
            metrics.OBSERVATIONS.labels("invalid").inc()
            return
        metrics.OBSERVATIONS.labels("kept").inc()
        self._announce(message.subject.split(".")[4], data)
