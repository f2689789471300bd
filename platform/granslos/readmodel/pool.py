"""Reading connections: few, read-only, and bounded in time even where PostgreSQL hangs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from granslos.contract.errors import StoreUnavailableError
from granslos.runtime import limits

Connection = AsyncConnection[tuple[Any, ...]]
ReadPool = AsyncConnectionPool[Connection]
Result = TypeVar("Result")


async def _prepare(connection: Connection) -> None:
    await connection.set_autocommit(True)


def make_read_pool(dsn: str) -> ReadPool:
    """Make the pool, closed; ``await pool.open()`` starts connecting and does not wait for it."""
    return AsyncConnectionPool(
        dsn,
        connection_class=Connection,
        min_size=1,
        max_size=limits.READ_CONNECTIONS_MAX,
        timeout=limits.READ_TURN_SECONDS,
        reconnect_timeout=10.0,
        configure=_prepare,
        open=False,
        name="granslos-read",
        kwargs={
            "application_name": "granslos-reader",
            "connect_timeout": limits.STORE_CONNECT_TIMEOUT_SECONDS,
            "prepare_threshold": 1,
            "options": f"-c statement_timeout={limits.READ_STATEMENT_TIMEOUT_MILLISECONDS} -c default_transaction_read_only=on",
        },
    )


@asynccontextmanager
async def open_read_pool(dsn: str) -> AsyncIterator[ReadPool]:
    """Open the pool for the block. A PostgreSQL that is away is no error: readings answer so until it is back."""
    pool = make_read_pool(dsn)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close(timeout=limits.READ_TURN_SECONDS)


class Reader:
    """Runs one reading at a time on a connection of the pool."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Return what ``work`` reads.

        A hung server does not hold the caller: the reading is abandoned, and its connection given up, behind its back,
        since cancelling a query waits for the server.

        Raises:
            StoreUnavailableError: PostgreSQL is away, too busy, or does not answer in time.
        """
        task = asyncio.create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            done, _ = await asyncio.wait({task}, timeout=limits.READ_TIMEOUT_SECONDS)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise StoreUnavailableError("PostgreSQL does not answer in time")
        return await task

    async def _work(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        try:
            async with self._pool.connection() as connection:
                return await work(connection)
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise StoreUnavailableError(f"reading failed: {type(error).__name__}") from error

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Read by the caller, if it still waits.
            task.exception()
