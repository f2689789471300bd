"""Measures what was done, from the incidents' rows (a ``KpiPort``)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from granslos.contract.person import decode_hook
from granslos.contract.views import IncidentView
from granslos.domain.kpi import KpiRecord, Measure, measures
from granslos.domain.priorities import Scale
from granslos.readmodel.pool import Connection, Reader, ReadPool
from granslos.runtime import limits

_views = msgspec.json.Decoder(IncidentView, dec_hook=decode_hook)


class Asked(Protocol):
    """Which cases to measure: offered in [``since``, ``until``), of a centre or an area, or all."""

    @property
    def since(self) -> datetime | None:
        """Return the first instant."""
        ...

    @property
    def until(self) -> datetime | None:
        """Return the instant before which a case was offered."""
        ...

    @property
    def centre(self) -> str | None:
        """Return the centre."""
        ...

    @property
    def area(self) -> str | None:
        """Return the county."""
        ...


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """Measures with what they are of; ``truncated`` when there were more cases than one answer measures."""

    since: datetime | None
    until: datetime | None
    centre: str | None
    area: str | None
    incidents: int
    truncated: bool
    measures: tuple[Measure, ...]


class KpiQueries:
    """Reads this site's read model."""

    def __init__(self, pool: ReadPool, scale: Scale) -> None:
        self._reader, self._scale = Reader(pool), scale

    async def kpi(self, query: Asked) -> Kpi:
        """Return the measures of the cases asked for.

        Raises:
            StoreUnavailableError: PostgreSQL does not answer.
        """
        rows = await self._reader.run(lambda connection: _fetch(connection, query))
        records = [record_of(_views.decode(row[0])) for row in rows[: limits.KPI_INCIDENTS_MAX]]
        return Kpi(
            since=query.since,
            until=query.until,
            centre=query.centre,
            area=query.area,
            incidents=len(records),
            truncated=len(rows) > limits.KPI_INCIDENTS_MAX,
            measures=measures(records, self._scale),
        )


async def _fetch(connection: Connection, asked: Asked) -> Sequence[tuple[Any, ...]]:
    cursor = await connection.execute(
        "select view from incident where state <> 'merged' and (%s::timestamptz is null or offered_at >= %s) "
        "and (%s::timestamptz is null or offered_at < %s) and (%s::text is null or centre = %s) "
        "and (%s::text is null or area = %s) order by offered_at desc limit %s",
        [
            *(asked.since, asked.since, asked.until, asked.until),
            *(asked.centre, asked.centre, asked.area, asked.area),
            limits.KPI_INCIDENTS_MAX + 1,
        ],
    )
    return await cursor.fetchall()


def record_of(view: IncidentView) -> KpiRecord:
    """Return what the formulas need of an incident."""
    alarmed = view.t_alarmed
    before = [a.priority for a in view.assessments if alarmed is None or a.at <= alarmed]
    return KpiRecord(
        incident_id=view.id,
        area=view.area,
        centres=tuple(_distinct((view.answered_centre, view.centre))),
        operator=view.answered_by,
        from_112=view.kind == "e",
        test=view.test,
        priority=view.priority,
        recommended_priority=view.recommended_priority,
        override_reason=view.override_reason,
        priority_at_alarm=(before[-1] if before else view.priority) if alarmed is not None else None,
        priorities=tuple(a.priority for a in view.assessments),
        t_offered=view.t_offered,
        t_answered=view.t_answered,
        t_prioritised=view.t_prioritised,
        t_queued=view.t_queued,
        t_alarmed=alarmed,
        t_on_scene=view.t_on_scene,
    )


def _distinct(codes: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(code for code in codes if code))
