"""Rows of the read model, journal and LOG copy, written by hand: for tests of what reads them."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from granslos.contract.envelope import Envelope, encode, encode_payload, event_hash, handover_id
from granslos.contract.events import Event
from granslos.contract.places import Actor
from granslos.contract.views import ConflictView, HandoverView, IncidentView, OperatorView, SourceView, UnitView

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
START = datetime(2026, 11, 21, 2, 0, 0, tzinfo=UTC)
ANNA = Actor(subject="anna", role="operator", centre="vas")
EIDO = Actor(subject="eido@vas", role="adapter")


@functools.cache
def schema() -> str:
    """All migrations, in order."""
    return "\n".join(file.read_text() for file in sorted(MIGRATIONS.glob("*.sql")))


def incident_id(number: int) -> str:
    """The id of the incident with that serial."""
    return f"20261121-vas-{number:06d}"


class Rows:
    """Writes rows on one connection; each call is committed at once."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self.jseq = 0
        self.log_seq = 0
        self.prev = "0" * 64

    @classmethod
    async def prepare(cls, dsn: str) -> "Rows":
        """Makes the tables in an empty database."""
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        await connection.execute(schema())
        await connection.execute("insert into site_state (site) values ('vas')")
        return cls(connection)

    @classmethod
    async def emptied(cls, dsn: str) -> "Rows":
        """Empties the tables of a database that was prepared before."""
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        found = await connection.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = [name for (name,) in await found.fetchall() if name != "site_state"]
        async with connection.transaction():
            for table in tables:
                await connection.execute(f"delete from {table}")
            await connection.execute("update site_state set log_cursor = 0")
        return cls(connection)

    async def close(self) -> None:
        """Ends the connection."""
        await self.connection.close()

    async def _put(self, table: str, **columns: Any) -> None:
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
        query = f"insert into {table} ({names}) values ({marks}) on conflict (id) do update set {updates}"
        await self.connection.execute(query, list(columns.values()))

    async def incident(self, number: int, *, rank: int = 10, offered: bool = True, **fields: Any) -> IncidentView:
        """An incident, offered ``number`` minutes after the start."""
        at = START + timedelta(minutes=number) if offered else None
        given: dict[str, Any] = {
            "id": incident_id(number),
            "kind": "e",
            "state": "offered",
            "centre": "vas",
            "area": "19",
            "source": "sos",
            "source_id": f"case-{number}",
            "sources": (
                SourceView(handover_id=handover_id("sos", f"case-{number}"), source="sos", source_id=f"case-{number}"),
            ),
            "description": "Bröstsmärta",
            "durability": "cluster",
            "position": number,
            "t_offered": at,
        } | fields
        view = IncidentView(**given)
        await self._put(
            "incident",
            id=view.id,
            kind=view.kind,
            state=view.state,
            centre=view.centre,
            area=view.area,
            priority=view.priority,
            rank=rank,
            source=view.source,
            source_id=view.source_id,
            merged_into=view.merged_into,
            offered_at=at,
            view=encode(view),
        )
        return view

    async def handover(self, number: int, incident: str | None = None) -> HandoverView:
        """A handover, received ``number`` minutes after the start."""
        own = handover_id("sos", f"case-{number}")
        state = "received" if incident is None else "opened"
        view = HandoverView(id=own, source="sos", source_id=f"case-{number}", state=state, incident_id=incident)
        await self._put(
            "handover",
            id=own,
            source=view.source,
            source_id=view.source_id,
            incident_id=incident,
            received_at=START + timedelta(minutes=number),
            view=encode(view),
        )
        return view

    async def unit(self, name: str, **fields: Any) -> UnitView:
        """A unit."""
        view = UnitView(**({"id": name, "kind": "ambulance", "centre": "vas", "state": "available"} | fields))
        await self._put("unit", id=name, kind=view.kind, centre=view.centre, state=view.state, view=encode(view))
        return view

    async def operator(self, name: str, **fields: Any) -> OperatorView:
        """An operator."""
        view = OperatorView(**({"id": name, "centre": "vas", "state": "on_duty"} | fields))
        await self._put("operator", id=name, centre=view.centre, state=view.state, view=encode(view))
        return view

    async def conflict(self, name: str, **fields: Any) -> ConflictView:
        """A clash."""
        given = {
            "kind": "unit_twice",
            "state": "open",
            "outcome": "kept",
            "text": "Enheten fick två ärenden",
            "note": "läst",
        }
        view = ConflictView(id=name, **(given | {"detected_at": START} | fields))
        await self._put(
            "conflict",
            id=name,
            kind=view.kind,
            state=view.state,
            owner="incident:x",
            detected_at=view.detected_at,
            view=encode(view),
        )
        return view

    async def event(
        self,
        payload: Event,
        aggregate: str,
        key: str,
        *,
        in_log: bool = True,
        refs: Sequence[str] = (),
        actor: Actor = ANNA,
        late: bool = False,
        twin: int = 0,
    ) -> str:
        """Journals an event of this site, and puts it into the LOG copy unless it is still pending; returns its id."""
        self.jseq += 1
        envelope = Envelope(
            event_id=f"event-{self.jseq}",
            type=type(payload).__name__,
            site="vas",
            generation=1,
            jseq=self.jseq,
            prev=self.prev,
            aggregate=aggregate,
            id=key,
            refs=tuple(refs),
            command_id=f"command-{self.jseq}",
            actor=actor,
            at=START + timedelta(seconds=self.jseq),
            payload=encode_payload(payload),
        )
        body = encode(envelope)
        self.prev = event_hash(body)
        await self.connection.execute(
            "insert into journal (generation, jseq, event_id, hash, subject, body) values (1, %s, %s, %s, 'log.vas', %s)",
            [self.jseq, envelope.event_id, self.prev, body],
        )
        if in_log:
            self.log_seq += 1
            topics = [f"{aggregate}:{key}", *(f"incident:{ref}" for ref in refs if ref != key)]
            await self.connection.execute(
                "insert into event_log (log_seq, site, generation, jseq, event_id, type, command_id, at, late, twin, "
                "topics, hash, body) values (%s, 'vas', 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    self.log_seq,
                    self.jseq,
                    envelope.event_id,
                    envelope.type,
                    envelope.command_id,
                    envelope.at,
                    late,
                    twin,
                    topics,
                    self.prev,
                    body,
                ],
            )
            await self.cursor(self.log_seq)
        return envelope.event_id

    async def cursor(self, position: int) -> None:
        """Moves the rows' LOG sequence."""
        await self.connection.execute("update site_state set log_cursor = %s", [position])

    async def command(self, command_id: str) -> None:
        """A command that took effect."""
        await self.connection.execute(
            "insert into command (command_id, command_hash, aggregate, aggregate_id) values (%s, '', 'incident', 'x')",
            [command_id],
        )


def ids(items: Sequence[msgspec.Raw]) -> list[str]:
    """The ids of resources, in order."""
    return [msgspec.json.decode(item)["id"] for item in items]
