"""Takes observations from the bus: newest wins, lossy by design, never journalled."""

from collections.abc import Callable

import msgspec
from nats.aio.msg import Msg

from granslos.contract.places import Position
from granslos.contract.subjects import OBSERVATIONS
from granslos.runtime import metrics
from granslos.runtime.bus import Bus

_decoder = msgspec.json.Decoder(Position)


class Observations:
    """Hands positions on.

    Args:
        keep: takes a position; False when it is no news.
    """

    def __init__(self, keep: Callable[[Position], bool]) -> None:
        self._keep = keep

    async def listen(self, bus: Bus) -> None:
        """Listen on one connection."""
        await bus.subscribe(OBSERVATIONS, self._take)

    async def _take(self, message: Msg) -> None:
        try:
            position = _decoder.decode(message.data)
        except msgspec.DecodeError:
            metrics.OBSERVATIONS.labels("invalid").inc()
            return
        metrics.OBSERVATIONS.labels("kept" if self._keep(position) else "stale").inc()
