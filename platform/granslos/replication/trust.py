"""Whether the LOG is the one that this site knows: another one is neither read nor written, and a lost one is not made anew."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from granslos.contract.errors import ChainError, LogMissingError, StreamIdentityError
from granslos.projection.store import Store
from granslos.projection.transaction import SiteState
from granslos.stream.log import Log, StreamStatus


class AlarmPort(Protocol):
    """Where a technician is told."""

    def alarm(self, name: str, text: str) -> None:
        """Raise an alarm; it stays until ``clear``."""
        ...

    def clear(self, name: str) -> None:
        """End an alarm."""
        ...


class LogTrust:
    """Compares the LOG with what this site has stored of it."""

    def __init__(self, stream: Log, store: Store, state: SiteState, alarms: AlarmPort) -> None:
        self._log, self._store, self._state, self._alarms = stream, store, state, alarms
        self.replicas, self.log_bytes_max = 1, 0
        self.given = asyncio.Event()
        self.others_know_a_log: Callable[[], bool] = lambda: False
        self.on_changed: Callable[[bool], None] = lambda is_given: None

    async def look(self) -> StreamStatus:
        """Return the LOG's status; only a site that has never known a LOG, and hears of none, makes it.

        Raises:
            LogMissingError: the LOG that was here is not here any more.
            LogUnavailableError: no quorum.
            ChainError: the LOG is not the one that this site knows.
            StoreUnavailableError: a LOG seen for the first time could not be noted.
        """
        try:
            status = await self._log.status()
        except LogMissingError:
            if self._state.log_identity or self.others_know_a_log():
                self._withdraw("log_missing", "the LOG that this site knows does not exist")
                raise
            status = await self._log.ensure(self.replicas, self.log_bytes_max)
        try:
            await self._compare(status)
        except ChainError as error:
            self._withdraw("log_identity", str(error))
            raise
        if not self.given.is_set():
            self._alarms.clear("log_missing")
            self._alarms.clear("log_identity")
            self.given.set()
            self.on_changed(True)
        return status

    async def _compare(self, status: StreamStatus) -> None:
        if self._state.log_identity == "":
            async with self._store.lock:
                async with self._store.transaction() as tx:
                    tx.identity(status.identity)
                self._state.log_identity = status.identity
        elif self._state.log_identity != status.identity:
            raise StreamIdentityError(f"the LOG was made {status.identity}, this site knows {self._state.log_identity}")
        if status.last_seq < self._state.log_cursor:
            raise StreamIdentityError(f"the LOG ends at {status.last_seq}, this site has projected {self._state.log_cursor}")

    def _withdraw(self, alarm: str, text: str) -> None:
        self.given.clear()
        self._alarms.alarm(alarm, text)
        self.on_changed(False)
