"""What other sites have committed and the LOG has not brought yet: told at once over core NATS, shown as pending.

In quiet times the LOG brings everything within milliseconds, so events are held for a moment first and cost nothing; during
an election they are shown, and nobody is blind. The LOG alone orders: nothing of this is written to ``event_log``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from nats.aio.msg import Msg
from structlog import get_logger

from granslos.application.items import Item
from granslos.application.ports import Change
from granslos.contract.errors import UnavailableError
from granslos.contract.subjects import FRESH, fresh_subject
from granslos.projection.projector import Tail
from granslos.projection.store import stored_item
from granslos.runtime import limits
from granslos.runtime.bus import Bus
from granslos.runtime.clock import Clock

log = get_logger(__name__)


class Fresh:
    """Tells and hears fresh events (a ``Listener`` of the writer)."""

    def __init__(self, site: str, connection: Bus, tails: Mapping[str, Tail], clock: Clock) -> None:
        self._site, self._connection, self._tails, self._clock = site, connection, tails, clock
        self._held: deque[tuple[float, Item]] = deque()
        self._told: asyncio.Queue[bytes] = asyncio.Queue(limits.FRESH_EVENTS_MAX)
        self.show: Callable[[Sequence[Item]], Awaitable[None]]

    def committed(self, items: Sequence[Item], changes: Sequence[Change]) -> None:
        """Tell the others, as far as they can be reached; the LOG brings what this cannot."""
        for item in items:
            if not self._told.full():
                self._told.put_nowait(item.body)

    async def subscribe(self) -> None:
        """Listen to the other sites."""
        await self._connection.subscribe(FRESH, self._take)

    async def _take(self, message: Msg) -> None:
        if message.subject == fresh_subject(self._site) or len(self._held) >= limits.FRESH_EVENTS_MAX:
            return
        item = stored_item(None, False, 0, message.data)
        if item is not None:
            self._held.append((self._clock.monotonic(), item))

    def _is_known(self, item: Item) -> bool:
        tail = self._tails.get(item.envelope.site, Tail())
        return (item.envelope.generation, item.envelope.jseq) <= (tail.generation, tail.jseq)

    async def send(self) -> None:
        """Send for ever."""
        while True:
            body = await self._told.get()
            try:
                await self._connection.publish(fresh_subject(self._site), body)
            except UnavailableError as error:
                log.debug("fresh_not_sent", reason=type(error).__name__)

    async def run(self) -> None:
        """Show for ever what the LOG does not bring in time."""
        while True:
            await asyncio.sleep(limits.FRESH_HOLD_SECONDS / 3)
            due: list[Item] = []
            now = self._clock.monotonic()
            while self._held and now - self._held[0][0] >= limits.FRESH_HOLD_SECONDS:
                _, item = self._held.popleft()
                if not self._is_known(item):
                    due.append(item)
            if due:
                await self.show(due)
