"""Who did and read what (HSLF-FS 2016:40): rows of ``audit``, written in batches, never dropped in silence."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection
from structlog import get_logger

from granslos.contract.errors import StoreUnavailableError
from granslos.contract.places import Actor
from granslos.runtime import limits

log = get_logger(__name__)

AUDIT_ROWS = Counter("granslos_audit_rows_total", "Audit rows written.")
AUDIT_WAITING = Gauge("granslos_audit_waiting_rows", "Audit rows that wait to be written.")
AUDIT_LOST = Counter("granslos_audit_lost_rows_total", "Audit rows that could not be kept; a person must act.")
AUDIT_FAILURES = Counter("granslos_audit_failures_total", "Inserts of audit rows that failed and are tried again.")

_INSERT = (
    "insert into audit (at, subject, role, centre, action, resource, command_id, outcome) select * from "
    "unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[])"
)


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One access. ``resource`` names what by ids only; ``outcome`` is the HTTP status."""

    at: datetime
    actor: Actor
    action: str
    resource: str
    outcome: int
    command_id: str | None = None

    def columns(self) -> tuple[Any, ...]:
        """Return the row as stored."""
        actor = self.actor
        who = (self.at, actor.subject, actor.role, actor.centre)
        return (*who, self.action, self.resource, self.command_id, self.outcome)


class AuditLog:
    """Keeps rows in a bounded queue and writes them; the owner runs ``run`` and ends with ``close``.

    A killed process loses what waits: what one insert takes, milliseconds. Commands have their trace in the journal
    besides; a reading's answer is not held back by the disk, only by a full queue.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: deque[AuditRow] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def waiting(self) -> int:
        """Return how many rows are not written yet."""
        return len(self._waiting)

    async def record_reading(self, row: AuditRow) -> None:
        """Keep the row of a reading, before its answer goes out.

        Raises:
            StoreUnavailableError: no room within the bound; the reading must not be answered.
        """
        while len(self._waiting) >= limits.AUDIT_QUEUE_ROWS_MAX:
            self._room.clear()
            try:
                async with asyncio.timeout(limits.AUDIT_WAIT_SECONDS):
                    await self._room.wait()
            except TimeoutError:
                raise StoreUnavailableError("access cannot be recorded") from None
        self._keep(row)

    def record_command(self, row: AuditRow) -> None:
        """Keep the row of a command after its effect, which the journal holds too; without room it counts as lost."""
        if len(self._waiting) >= limits.AUDIT_QUEUE_ROWS_MAX:
            self._lose(1, "no room")
            return
        self._keep(row)

    def _keep(self, row: AuditRow) -> None:
        self._waiting.append(row)
        AUDIT_WAITING.set(len(self._waiting))
        self._news.set()

    def _lose(self, count: int, reason: str) -> None:
        AUDIT_LOST.inc(count)
        log.error("audit_rows_lost", count=count, reason=reason)

    async def run(self) -> None:
        """Write rows for ever; PostgreSQL may come and go."""
        while True:
            try:
                await self._write_until_lost()
            except (psycopg.Error, OSError, TimeoutError) as error:
                AUDIT_FAILURES.inc()
                log.warning("audit_not_written", waiting=len(self._waiting), reason=type(error).__name__)
            await asyncio.sleep(limits.AUDIT_RETRY_SECONDS)

    async def close(self) -> None:
        """Write what waits, within the bound; what cannot be written is counted as lost."""
        try:
            async with asyncio.timeout(limits.AUDIT_FLUSH_SECONDS):
                while self._waiting:
                    async with await self._connect() as connection:
                        await self._write(connection)
        except (psycopg.Error, OSError, TimeoutError):
            self._lose(len(self._waiting), "PostgreSQL is away at the end")
            self._waiting.clear()

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=limits.STORE_CONNECT_TIMEOUT_SECONDS,
            prepare_threshold=1,
            application_name="granslos-audit",
            options=f"-c statement_timeout={limits.STORE_STATEMENT_TIMEOUT_MILLISECONDS}",
        )

    async def _write_until_lost(self) -> None:
        async with await self._connect() as connection:
            while True:
                self._news.clear()
                if not self._waiting:
                    await self._news.wait()
                await self._write(connection)

    async def _write(self, connection: AsyncConnection[Any]) -> None:
        rows = [self._waiting[n].columns() for n in range(min(len(self._waiting), limits.AUDIT_BATCH_ROWS_MAX))]
        if not rows:
            return
        async with asyncio.timeout(limits.STORE_COMMIT_TIMEOUT_SECONDS):
            await connection.execute(_INSERT, _columns(rows))
        for _ in rows:
            self._waiting.popleft()
        AUDIT_ROWS.inc(len(rows))
        AUDIT_WAITING.set(len(self._waiting))
        self._room.set()


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
