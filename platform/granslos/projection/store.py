"""This site's PostgreSQL as the one place where events and their effect are committed together.

One connection, one writer at a time (``lock``). Losing the connection makes the store unavailable: what was not
acknowledged is dropped, and the owner reloads everything after ``connect`` succeeds again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, waiting
from psycopg.abc import PQGen
from psycopg.rows import tuple_row
from psycopg.types.array import ListBinaryDumper

from granslos.application.items import TWIN_OTHER, Item, Key, Stored
from granslos.contract.envelope import decode_envelope, decode_payload, event_hash
from granslos.contract.errors import ContractError, StoreUnavailableError
from granslos.domain.topics import topics
from granslos.domain.unit import AssignmentState
from granslos.projection import rows as row_sql
from granslos.projection.transaction import STATE_COLUMNS, JournalRow, SiteState, Transaction
from granslos.runtime import limits

Result = TypeVar("Result")
_STATE_SELECT = "select site, " + ", ".join(STATE_COLUMNS) + " from site_state"  # noqa: S608 -- names from a constant


class _Connection(AsyncConnection[Any]):
    """A connection whose waiting can be given up at once.

    psycopg's own asks the server to cancel first, and waits up to ten seconds for one that hangs; here the connection is
    thrown away in that case, and the write lock is free again.
    """

    async def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


class Store:
    """The write connection of one site."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: AsyncConnection[Any] | None = None
        self.lock = asyncio.Lock()
        self.events_until: int | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether the connection is believed to work."""
        return self._connection is not None and not self._connection.closed

    async def connect(self) -> None:
        """Open the write connection.

        Raises:
            StoreUnavailableError: PostgreSQL does not answer within the bound.
        """
        await self.close()
        try:
            self._connection = await _Connection.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=limits.STORE_CONNECT_TIMEOUT_SECONDS,
                row_factory=tuple_row,
                prepare_threshold=1,
                application_name="granslos-writer",
                options=f"-c statement_timeout={limits.STORE_STATEMENT_TIMEOUT_MILLISECONDS} -c synchronous_commit=on",
            )
            # psycopg writes text arrays by quoting each element with a regular expression: binary costs a third.
            self._connection.adapters.register_dumper(list, ListBinaryDumper)
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise StoreUnavailableError(f"PostgreSQL does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connection, if open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def drop(self) -> None:
        """Give the connection up without waiting for a hung server: what the owner knows of the rows may be wrong."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    def _require(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            raise StoreUnavailableError("PostgreSQL is not connected")
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Commit everything that the block collects with one fsync, or nothing.

        Raises:
            StoreUnavailableError: the commit failed or its outcome is unknown.
        """
        connection = self._require()
        transaction = Transaction()
        yield transaction
        made = transaction.statement()
        if made is None:
            return
        try:
            async with asyncio.timeout(limits.STORE_COMMIT_TIMEOUT_SECONDS):
                await AsyncRawCursor(connection).execute(made[0], made[1])
        except psycopg.DataError:
            raise
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._give_up(connection)
            raise StoreUnavailableError(f"commit failed: {type(error).__name__}") from error

    def _give_up(self, connection: AsyncConnection[Any]) -> None:
        """Drop the connection that failed, and no other that was made meanwhile."""
        if self._connection is connection:
            self._connection = None
        connection.pgconn.finish()

    async def _read(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        connection = self._require()
        try:
            async with asyncio.timeout(limits.STORE_COMMIT_TIMEOUT_SECONDS):
                cursor = await connection.execute(query, parameters, binary=True)
                return await cursor.fetchall()
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._give_up(connection)
            raise StoreUnavailableError(f"read failed: {type(error).__name__}") from error

    # --- site state --------------------------------------------------------------------------------------------------

    async def site_state(self, site: str) -> SiteState:
        """Return where this site stands; makes the row at the first start."""
        await self._read("insert into site_state (site) values (%s) on conflict do nothing returning 1", [site])
        found = await self._read(_STATE_SELECT, [])
        return SiteState(site=found[0][0], **dict(zip(STATE_COLUMNS, found[0][1:], strict=True)))

    async def probe(self) -> None:
        """Commit a probe row with fsync: proof that this site can make something durable now."""
        async with self.transaction() as tx:
            tx.probe()

    # --- loader (application.items.Loader) ----------------------------------------------------------------------------

    async def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        """Return the stored aggregates among ``keys``."""
        by_kind: dict[str, list[str]] = {}
        for kind, aggregate_id in keys:
            if kind in row_sql.COLUMNS:
                by_kind.setdefault(kind, []).append(aggregate_id)
        if not by_kind:
            return {}
        # The names are keys of the constant above.
        query = " union all ".join(
            f"select '{kind}', id, folded from {kind} where id = any(%s) and folded is not null"  # noqa: S608 -- see above
            for kind in by_kind
        )
        found = await self._read(query, list(by_kind.values()))
        return {(kind, aggregate_id): row_sql.unpack(kind, folded) for kind, aggregate_id, folded in found}

    async def load_assignments(self, incident_ids: Sequence[str]) -> Sequence[AssignmentState]:
        """Return all assignments of these incidents."""
        found = await self._read("select folded from assignment where incident_id = any(%s)", [list(incident_ids)])
        return [row_sql.unpack_assignment(row[0]) for row in found]

    async def load_merged(self, incident_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return (member, root) of the incidents merged into one of these, or one of these into another."""
        ids = list(incident_ids)
        found = await self._read(
            "select id, merged_into from incident where merged_into is not null and (merged_into = any(%s) or id = any(%s))",
            [ids, ids],
        )
        return [(row[0], row[1]) for row in found]

    async def load_events(self, keys: Sequence[Key]) -> Sequence[Item]:
        """Return the LOG's events of these aggregates, in LOG order; parked ones are left out."""
        found = await self._read(
            "select log_seq, late, twin, body from event_log where topics && %s and (%s::bigint is null or log_seq <= %s) "
            "order by log_seq",
            [[f"{kind}:{aggregate_id}" for kind, aggregate_id in keys], self.events_until, self.events_until],
        )
        return [item for row in found if (item := stored_item(*row)) is not None]

    async def seen_commands(self, command_ids: Sequence[str]) -> dict[str, tuple[str, str, str, int]]:
        """Return hash, aggregate, aggregate id and status of the commands among these that took effect."""
        found = await self._read(
            "select command_id, command_hash, aggregate, aggregate_id, status from command where command_id = any(%s)",
            [list(command_ids)],
        )
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in found}

    async def logged_payloads(self, event_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the first LOG body of each of these event ids that is in ``event_log``."""
        found = await self._read(
            "select distinct on (event_id) event_id, body from event_log where event_id = any(%s) order by event_id, log_seq",
            [list(event_ids)],
        )
        return {row[0]: row[1] for row in found}

    async def conflict_owner(self, conflict_id: str) -> Key | None:
        """Return the aggregate whose fold found a clash, or None."""
        self._require()
        async with self.lock:
            found = await self._read("select owner from conflict where id = %s", [conflict_id])
        if not found:
            return None
        kind, _, aggregate_id = found[0][0].partition(":")
        return kind, aggregate_id

    async def events_after(self, cursor: int, count_max: int) -> list[Item]:
        """Return the readable events of ``event_log`` after a LOG sequence, in order; the rebuild's source."""
        found = await self._read(
            "select log_seq, late, twin, body from event_log where log_seq > %s order by log_seq limit %s",
            [cursor, count_max],
        )
        return [item for row in found if (item := stored_item(*row)) is not None]

    async def last_logged(self, cursor: int, count_max: int) -> int:
        """Return the LOG sequence that a batch of ``count_max`` after ``cursor`` ends at (``cursor`` when there is none)."""
        found = await self._read(
            "select max(log_seq) from (select log_seq from event_log where log_seq > %s order by log_seq limit %s) as batch",
            [cursor, count_max],
        )
        return found[0][0] or cursor

    async def forget_read_model(self) -> None:
        """Empty the read model; only inside a rebuild's transaction."""
        for table in ("incident", "handover", "unit", "operator", "centre", "conflict", "assignment"):
            await self._require().execute(f"delete from {table}")  # noqa: S608 -- names from the line above

    @asynccontextmanager
    async def outer_transaction(self) -> AsyncIterator[None]:
        """Hold one transaction over many steps (the rebuild); the steps become savepoints."""
        async with self._require().transaction():
            yield

    # --- journal -------------------------------------------------------------------------------------------------------

    async def journal_after(self, generation: int, jseq: int, count_max: int) -> list[JournalRow]:
        """Return this site's journal after a place, in order, at most ``count_max`` rows."""
        found = await self._read(
            "select generation, jseq, event_id, hash, subject, body from journal "
            "where (generation, jseq) > (%s, %s) order by generation, jseq limit %s",
            [generation, jseq, count_max],
        )
        return [tuple(row) for row in found]

    async def journal_hash(self, generation: int, jseq: int) -> str | None:
        """Return the hash of a journal event, or None when it is not in this journal."""
        found = await self._read("select hash from journal where generation = %s and jseq = %s", [generation, jseq])
        return found[0][0] if found else None

    async def journal_pending(self) -> list[Item]:
        """Return the journal's events that ``event_log`` does not have yet, in order."""
        found = await self._read(
            "select j.body from journal j where not exists (select from event_log l where l.site = "
            "(select site from site_state) and l.generation = j.generation and l.jseq = j.jseq) "
            "order by j.generation, j.jseq",
            [],
        )
        return [item for row in found if (item := stored_item(None, False, 0, row[0])) is not None]

    async def parked_topics(self) -> set[Key]:
        """Return the aggregates that have parked events."""
        found = await self._read("select distinct unnest(topics) from parked_event", [])
        return {(row[0].split(":", 1)[0], row[0].split(":", 1)[1]) for row in found}

    async def unpark(self, items: Sequence[Item]) -> None:
        """Take events back that were parked, and that this release has folded now."""
        places = [item.log_seq for item in items]
        freed = await self._read("delete from parked_event where log_seq = any(%s) returning log_seq", [places])
        for item in (item for item in items if (item.log_seq,) in freed):
            keys = topics(item.envelope.type, item.envelope.aggregate, item.envelope.id, item.payload)
            await self._set_topics(item, [f"{kind}:{aggregate_id}" for kind, aggregate_id in keys])

    async def hide(self, item: Item) -> None:
        """Keep an event that breaks its fold from being folded again with its aggregates."""
        await self._set_topics(item, [])

    async def _set_topics(self, item: Item, keys: list[str]) -> None:
        query = "update event_log set topics = %s::text[] where log_seq = %s returning 1"
        await self._read(query, [keys, item.log_seq])

    async def parked_count(self) -> int:
        """Return how many events are parked."""
        return int((await self._read("select count(*) from parked_event", []))[0][0])

    async def conflict_owners(self) -> set[str]:
        """Return the aggregates (``kind:id``) that have conflict rows."""
        return {row[0] for row in await self._read("select distinct owner from conflict", [])}

    async def last_of_site(self, site: str) -> tuple[int, int, str]:
        """Return generation, jseq and hash of the last journal event of ``site`` in ``event_log`` (zeros when none)."""
        found = await self._read(
            "select generation, jseq, hash from event_log where site = %s and jseq > 0 "
            "order by generation desc, jseq desc limit 1",
            [site],
        )
        return (found[0][0], found[0][1], found[0][2]) if found else (0, 0, "0" * 64)

    async def keys_of(self, kind: str, only_pending: bool = False) -> list[Key]:
        """Return the keys of all stored aggregates of a kind."""
        assert kind in row_sql.COLUMNS
        condition = " where pending" if only_pending else ""
        found = await self._read(f"select id from {kind}{condition}", [])  # noqa: S608 -- kind is checked above
        return [(kind, row[0]) for row in found]

    async def live_incidents(self) -> list[Key]:
        """Return the keys of all incidents that are neither closed nor merged."""
        found = await self._read("select id from incident where state not in ('closed', 'merged')", [])
        return [("incident", row[0]) for row in found]


def stored_item(log_seq: int | None, late: bool, twin: int, body: bytes) -> Item | None:
    """Rebuild an item from its stored bytes; None when this release cannot read it (it is parked)."""
    try:
        envelope = decode_envelope(body)
        payload = decode_payload(envelope)
    except ContractError:
        return None
    assert twin <= TWIN_OTHER
    return Item(envelope, payload, bytes(body), event_hash(body), late, log_seq, twin)
