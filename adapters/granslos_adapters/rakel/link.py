"""The radio link: opens the terminal, starts a session, keeps it alive, opens again with bounded back-off.

Transports are ``serial:`` (a device or a pty) and ``tcp:`` (a serial server). A connectivity server of the network's
maker (TCS, SDTS) would be another class with ``send`` and ``run``: everything above speaks of (calling, called,
service, bits, time) only.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from urllib.parse import urlsplit

import structlog

from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.errors import CommandTimeoutError, LinkLostError, WrongRadioError
from granslos_adapters.rakel.port import DescriptorPort, Port, TcpPort
from granslos_adapters.rakel.session import Accepted, OnEvent, Session
from granslos_adapters.rakel.settings import LinkSettings

Opener = Callable[[], Awaitable[Port]]
_log = structlog.get_logger(__name__)


class LinkState(Enum):
    """What a technician sees of a terminal."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    OUT_OF_SERVICE = "out_of_service"
    WRONG_RADIO = "wrong_radio"


class Link:
    """One terminal for the life of the process."""

    def __init__(
        self, opener: Opener, settings: LinkSettings, on_event: OnEvent, *, jitter: Callable[[], float] = random.random
    ) -> None:
        """Prepare; ``run`` opens.

        Args:
            opener: opens the port, raises OSError.
            settings: the terminal's settings.
            on_event: takes what the terminal says unasked; it may slow the reading down but must not send itself.
            jitter: a number between 0 and 1, so that two sites do not reopen in step.
        """
        self._opener = opener
        self._settings = settings
        self._on_event = on_event
        self._jitter = jitter
        self._session: Session | None = None
        self._state = LinkState.DOWN
        self._up = asyncio.Event()
        self.reopened = 0
        self.reason = "not opened yet"

    @property
    def state(self) -> LinkState:
        """The state now."""
        if self._state is LinkState.UP and self._session is not None and not self._session.in_service:
            return LinkState.OUT_OF_SERVICE
        return self._state

    @property
    def session(self) -> Session | None:
        """The conversation going on, if any."""
        return self._session

    @property
    def quiet_seconds(self) -> float | None:
        """Time since the terminal last said anything; None without a terminal."""
        return None if self._session is None else asyncio.get_running_loop().time() - self._session.heard_at

    async def until_up(self) -> None:
        """Wait until messages can be sent."""
        await self._up.wait()

    async def send(self, called: str, data: Bits, *, status: bool = False) -> Accepted:
        """Give a message to the terminal.

        Raises:
            LinkLostError: there is none now.
            CommandTimeoutError: it did not answer.
        """
        if self._session is None or not self._up.is_set():
            raise LinkLostError("the terminal is not up")
        return await self._session.send(called, data, status=status)

    def drop(self, reason: str) -> None:
        """Close the terminal now; ``run`` opens it again."""
        _log.warning("radio link is closed by us", reason=reason)
        if self._session is not None:
            self._session.close()

    async def run(self) -> None:
        """Keep the link until cancelled."""
        pause = self._settings.reopen_backoff_seconds_min
        while True:
            was_up = await self._one_session()
            # A TaskGroup of Python 3.11 that fails in the instant of our own cancellation swallows the latter.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            pause = self._settings.reopen_backoff_seconds_min if was_up else pause
            await asyncio.sleep(pause * (0.5 + 0.5 * self._jitter()))
            pause = min(2 * pause, self._settings.reopen_backoff_seconds_max)
            self.reopened += 1

    async def _one_session(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.open_timeout_seconds):
                port = await self._opener()
        except (OSError, TimeoutError) as error:
            self._set_down(LinkState.DOWN, f"cannot be opened: {type(error).__name__}")
            return False
        session = self._session = Session(port, self._settings, self._on_event)
        self._state = LinkState.STARTING
        was_up = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(session.read())
                await session.start()
                was_up = True
                self._set_up()
                await self._watch(session)
        except* (LinkLostError, CommandTimeoutError) as group_error:
            causes = _causes(group_error)
            wrong = any(isinstance(cause, WrongRadioError) for cause in causes)
            self._set_down(LinkState.WRONG_RADIO if wrong else LinkState.DOWN, str(causes[0]))
        finally:
            self._up.clear()
            session.close()
            self._session = None
        return was_up

    async def _watch(self, session: Session) -> None:
        while True:
            quiet = asyncio.get_running_loop().time() - session.heard_at
            if quiet < self._settings.quiet_seconds_max:
                await asyncio.sleep(self._settings.quiet_seconds_max - quiet)
                continue
            try:
                await session.command("AT+CREG?")
            except CommandTimeoutError:
                await session.recover()

    def _set_up(self) -> None:
        _log.info("radio link is up")
        self._state = LinkState.UP
        self.reason = ""
        self._up.set()

    def _set_down(self, state: LinkState, reason: str) -> None:
        # Said once per loss, not at each attempt.
        if self._state in (LinkState.UP, LinkState.STARTING) or self.reason != reason:
            _log.warning("radio link is down", state=state.value, reason=reason)
        self._state = state
        self.reason = reason


def opener_for(settings: LinkSettings) -> Opener:
    """Return what opens the terminal that ``settings.url`` names.

    Raises:
        ValueError: neither ``serial:`` nor ``tcp:``.
    """
    scheme, _, rest = settings.url.partition(":")
    if scheme == "serial":

        async def open_serial() -> Port:
            return DescriptorPort.open(rest, settings.speed, rtscts=settings.rtscts)

        return open_serial
    if scheme == "tcp":
        address = urlsplit(settings.url)
        host, port = address.hostname or "", address.port or 0

        async def open_tcp() -> Port:
            return await TcpPort.open(host, port)

        return open_tcp
    raise ValueError(f"no transport for {scheme!r}")


def _causes(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    flat: list[BaseException] = []
    for cause in group.exceptions:
        flat.extend(_causes(cause) if isinstance(cause, BaseExceptionGroup) else [cause])
    return flat
