"""Connections to NATS that are always meant to be there: made in the background, noticed dead within three seconds.

A node must start, and an island must work, while no server answers; so opening never waits. Subscriptions asked for before
the first contact are made at it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from structlog import get_logger

from granslos.contract.errors import UnavailableError
from granslos.runtime import limits

log = get_logger(__name__)
Handler = Callable[[Msg], Awaitable[None]]


class Bus:
    """One connection, to the first server of ``urls`` that answers.

    Args:
        urls: own server first.
        name: what the server's monitoring shows.
    """

    def __init__(self, urls: Sequence[str], name: str) -> None:
        self._urls, self._name = list(urls), name
        self.client = Client()
        self._wanted: list[tuple[str, str, Handler]] = []
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self._away_logged = False

    @property
    def is_connected(self) -> bool:
        """Tell whether a server is believed to answer."""
        return self.ready.is_set() and self.client.is_connected

    async def __aenter__(self) -> "Bus":
        self._task = asyncio.create_task(self._open(), name=f"bus-{self._name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if not self.ready.is_set():
            # Never connected: there is nothing to close, and nats-py insists on a connection.
            return
        with contextlib.suppress(NatsError, TimeoutError, OSError):
            async with asyncio.timeout(1.0):
                await self.client.close()

    async def _open(self) -> None:
        """Try for ever: whatever made an attempt fail, a later one may succeed."""
        while True:
            try:
                await self._connect()
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("bus_not_opened", bus=self._name, reason=type(error).__name__)
                with contextlib.suppress(NatsError, OSError, TimeoutError):
                    await self.client.close()
                await asyncio.sleep(limits.BUS_RETRY_SECONDS)
            else:
                break
        self.ready.set()
        await self._on_back()

    async def _connect(self) -> None:
        await self.client.connect(
            servers=self._urls,
            name=self._name,
            dont_randomize=True,
            connect_timeout=1,
            ping_interval=1,
            max_outstanding_pings=2,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # nats-py says int, and sleeps any number
            max_reconnect_attempts=-1,
            error_cb=self._on_error,
            disconnected_cb=self._on_away,
            reconnected_cb=self._on_back,
        )
        for subject, queue, handler in self._wanted:
            await self.client.subscribe(subject, queue=queue, cb=handler)

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> None:
        """Listen on a subject, from now or from the first contact on."""
        self._wanted.append((subject, queue, handler))
        if self.ready.is_set():
            await self.client.subscribe(subject, queue=queue, cb=handler)

    async def publish(self, subject: str, data: bytes) -> None:
        """Send and forget.

        Raises:
            UnavailableError: no server; nothing was sent.
        """
        if not self.is_connected:
            raise UnavailableError(f"{self._name} is not connected")
        try:
            await self.client.publish(subject, data)
        except NatsError as error:
            raise UnavailableError(type(error).__name__) from error

    async def request(self, subject: str, data: bytes, timeout: float) -> bytes:
        """Ask, and return the first reply.

        Raises:
            UnavailableError: no server, nobody listens, or no reply in time.
        """
        if not self.is_connected:
            raise UnavailableError(f"{self._name} is not connected")
        try:
            reply = await self.client.request(subject, data, timeout=timeout)
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(type(error).__name__) from error
        return reply.data

    async def _on_error(self, error: Exception) -> None:
        log.debug("bus_error", bus=self._name, reason=type(error).__name__)

    async def _on_away(self) -> None:
        if not self._away_logged:
            log.warning("bus_away", bus=self._name)
        self._away_logged = True

    async def _on_back(self) -> None:
        if self._away_logged:
            log.info("bus_back", bus=self._name)
        self._away_logged = False
