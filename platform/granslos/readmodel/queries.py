"""What readers ask: rows as the projection left them, passed on as the JSON they hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from granslos.readmodel.history import RawFragment, handover_raw, incident_history, was_sent_by
from granslos.readmodel.pages import Filter, Page, Place, decode_cursor, encode_cursor, from_micros, to_micros
from granslos.readmodel.pool import Connection, Reader, ReadPool

OPEN = "state not in ('closed', 'merged')"
"""The very text of the partial index ``incident_open``."""
Conditions = list[tuple[str, Any]]


class Snapshot(msgspec.Struct, frozen=True):
    """All that a console starts from, as of one instant; ``position`` is the LOG sequence that the rows stand at."""

    position: int
    incidents: list[msgspec.Raw]
    units: list[msgspec.Raw]
    operators: list[msgspec.Raw]
    conflicts: list[msgspec.Raw]


class FeedStart(msgspec.Struct, frozen=True):
    """Where a feed begins: the rows' LOG sequence, and each site's newest own event that is not in the LOG yet."""

    position: int
    pending: dict[str, str]


class Queries:
    """Reads the read model of this site."""

    def __init__(self, pool: ReadPool) -> None:
        self._reader = Reader(pool)

    # --- lists -------------------------------------------------------------------------------------------------------

    async def incidents(self, asked: Filter) -> Page:
        """Return incidents, the last offered first.

        Raises:
            InvalidFieldError: the cursor is not one of this list.
            StoreUnavailableError: PostgreSQL does not answer.
        """
        conditions = _equal(asked, area="area", centre="centre", kind="kind")
        if asked.state == "open":
            conditions.append((OPEN, None))
        elif asked.state is None:
            conditions.append(("state <> 'merged'", None))
        else:
            conditions.append(("state = %s", asked.state))
        if asked.since is not None:
            conditions.append(("offered_at >= %s", asked.since))
        return await self._by_time("incident", "offered_at", conditions, asked)

    async def handovers(self, asked: Filter) -> Page:
        """Return handovers, the last received first; raises as ``incidents``."""
        conditions: Conditions = []
        if asked.since is not None:
            conditions.append(("received_at >= %s", asked.since))
        if asked.state is not None:
            conditions.append(("(incident_id is not null) = %s", asked.state != "received"))
        return await self._by_time("handover", "received_at", conditions, asked)

    async def conflicts(self, asked: Filter) -> Page:
        """Return clashes, the last found first; raises as ``incidents``."""
        conditions = _equal(asked, state="state", kind="kind")
        if asked.since is not None:
            conditions.append(("detected_at >= %s", asked.since))
        return await self._by_time("conflict", "detected_at", conditions, asked)

    async def units(self, asked: Filter) -> Page:
        """Return units by call sign, without what is known of them live; raises as ``incidents``."""
        conditions = _equal(asked, state="state", centre="centre", kind="kind")
        if asked.area is not None:
            conditions.append(("convert_from(view, 'UTF8')::jsonb ->> 'area' = %s", asked.area))
        return await self._by_id("unit", conditions, asked)

    async def operators(self, asked: Filter) -> Page:
        """Return operators by user id; raises as ``incidents``."""
        return await self._by_id("operator", _equal(asked, state="state", centre="centre"), asked)

    # --- single items ------------------------------------------------------------------------------------------------

    async def incident(self, incident_id: str) -> msgspec.Raw | None:
        """Return one incident, or None."""
        return await self._one("incident", incident_id)

    async def handover(self, handover_id: str) -> msgspec.Raw | None:
        """Return one handover, or None."""
        return await self._one("handover", handover_id)

    async def unit(self, unit_id: str) -> msgspec.Raw | None:
        """Return one unit, without what is known of it live, or None."""
        return await self._one("unit", unit_id)

    async def operator(self, user_id: str) -> msgspec.Raw | None:
        """Return one operator, or None."""
        return await self._one("operator", user_id)

    async def conflict(self, conflict_id: str) -> msgspec.Raw | None:
        """Return one clash, or None."""
        return await self._one("conflict", conflict_id)

    async def booking(self, booking_id: str) -> msgspec.Raw | None:
        """Return one booking (an incident of kind ``b``), or None."""
        return await self._one("incident", booking_id, " and kind = 'b'")

    async def command_seen(self, command_id: str) -> bool:
        """Tell whether a command took effect, as far as this site knows."""
        rows = await self._rows("select 1 from command where command_id = %s", [command_id])
        return bool(rows)

    # --- events ------------------------------------------------------------------------------------------------------

    async def history(self, incident_id: str, asked: Filter) -> Page | None:
        """Return an incident's events in LOG order, own pending ones last, or None; raises as ``incidents``."""
        return await self._reader.run(lambda connection: incident_history(connection, incident_id, asked))

    async def handover_raw(self, handover_id: str, fragment: int | None = None) -> RawFragment | None:
        """Return a handover's message as received: number ``fragment`` from 0, or the newest; None: no such one."""
        return await self._reader.run(lambda connection: handover_raw(connection, handover_id, fragment))

    async def was_sent_by(self, kind: str, aggregate_id: str, subject: str) -> bool:
        """Tell whether ``subject`` sent a handover (kind ``handover``) or a booking (kind ``incident``)."""
        return await self._reader.run(lambda connection: was_sent_by(connection, kind, aggregate_id, subject))

    # --- feed --------------------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """Return what a console starts from, all as of the same instant.

        Raises:
            StoreUnavailableError: PostgreSQL does not answer.
        """

        async def work(connection: Connection) -> Snapshot:
            async with connection.transaction():
                await connection.execute("set transaction isolation level repeatable read")
                position = await _fetch(connection, "select log_cursor from site_state")
                views = [await _fetch(connection, query) for query in _SNAPSHOT]
            return Snapshot(position[0][0] if position else 0, *([msgspec.Raw(row[0]) for row in rows] for rows in views))

        return await self._reader.run(work)

    async def feed_start(self) -> FeedStart:
        """Return where a feed begins after the start of the node; raises as ``snapshot``."""

        async def work(connection: Connection) -> FeedStart:
            async with connection.transaction():
                await connection.execute("set transaction isolation level repeatable read")
                at = await _fetch(connection, "select log_cursor, site from site_state")
                last = await _fetch(connection, _LAST_PENDING)
            pending = {at[0][1]: last[0][0]} if at and last and not last[0][1] else {}
            return FeedStart(at[0][0] if at else 0, pending)

        return await self._reader.run(work)

    # --- common ------------------------------------------------------------------------------------------------------

    async def _rows(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return await self._reader.run(lambda connection: _fetch(connection, query, parameters))

    async def _one(self, table: str, key: str, condition: str = "") -> msgspec.Raw | None:
        # Table and condition are constants of this class.
        rows = await self._rows(f"select view from {table} where id = %s{condition}", [key])  # noqa: S608 -- see above
        return msgspec.Raw(rows[0][0]) if rows else None

    async def _by_id(self, table: str, conditions: Conditions, asked: Filter) -> Page:
        fingerprint, count = asked.fingerprint(table), asked.count()
        if asked.cursor is not None:
            conditions = [*conditions, ("id > %s", decode_cursor(asked.cursor, fingerprint).id)]
        where, parameters = _where(conditions)
        # Table and conditions are constants of this class.
        query = f"select view, id from {table}{where} order by id limit %s"  # noqa: S608 -- see above
        rows = await self._rows(query, [*parameters, count + 1])
        more = encode_cursor(Place(fingerprint, None, rows[count - 1][1])) if len(rows) > count else None
        return Page([msgspec.Raw(row[0]) for row in rows[:count]], more)

    async def _by_time(self, table: str, column: str, conditions: Conditions, asked: Filter) -> Page:
        """Return a page by instant, the latest first; items without one (their opening is still on its way) last."""
        fingerprint, count = asked.fingerprint(table), asked.count()
        place = None if asked.cursor is None else decode_cursor(asked.cursor, fingerprint)
        rows: list[tuple[Any, ...]] = []
        if place is None or place.key is not None:
            dated = [*conditions, (f"{column} is not null", None)]
            if place is not None and place.key is not None:
                dated.append((f"({column}, id) < (%s, %s)", (from_micros(place.key), place.id)))
            rows = await self._ordered(table, column, dated, f"{column} desc, id desc", count + 1)
        if len(rows) <= count and asked.since is None:
            undated = [*conditions, (f"{column} is null", None)]
            if place is not None and place.key is None:
                undated.append(("id < %s", place.id))
            rows += await self._ordered(table, column, undated, "id desc", count + 1 - len(rows))
        more = None
        if len(rows) > count:
            last: tuple[Any, datetime | None, str] = rows[count - 1]
            more = encode_cursor(Place(fingerprint, to_micros(last[1]), last[2]))
        return Page([msgspec.Raw(row[0]) for row in rows[:count]], more)

    async def _ordered(self, table: str, column: str, conditions: Conditions, order: str, count: int) -> list[tuple[Any, ...]]:
        where, parameters = _where(conditions)
        # Table, column, conditions and order are constants of this class.
        query = f"select view, {column}, id from {table}{where} order by {order} limit %s"  # noqa: S608 -- see above
        return await self._rows(query, [*parameters, count])


_SNAPSHOT = (
    f"select view from incident where {OPEN} order by rank, offered_at, id",  # noqa: S608 -- a constant
    "select view from unit order by id",
    "select view from operator order by id",
    "select view from conflict where state <> 'acknowledged' order by detected_at, id",
)
_LAST_PENDING = (
    "select j.event_id, exists (select from event_log l where l.site = (select site from site_state) "
    "and l.generation = j.generation and l.jseq = j.jseq) from journal j "
    "order by j.generation desc, j.jseq desc limit 1"
)
"""The newest own event, and whether the LOG has it; own events reach the LOG in order."""


async def _fetch(connection: Connection, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query, parameters, binary=True)
    return await cursor.fetchall()


def _equal(asked: Filter, **columns: str) -> Conditions:
    """Return a condition for each column whose filter is given; names map filters to columns."""
    given = ((column, getattr(asked, name)) for name, column in columns.items())
    return [(f"{column} = %s", value) for column, value in given if value is not None]


def _where(conditions: Conditions) -> tuple[str, list[Any]]:
    parameters: list[Any] = []
    for _, value in conditions:
        if isinstance(value, tuple):
            parameters += value
        elif value is not None:
            parameters.append(value)
    return (" where " + " and ".join(text for text, _ in conditions) if conditions else ""), parameters
