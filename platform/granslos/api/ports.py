"""What the API needs from others, named by what they guarantee."""

from datetime import datetime
from typing import Any, Protocol

import msgspec

from granslos.readmodel.audit import AuditRow


class AuditPort(Protocol):
    """Keeps a trace of every access to patient data."""

    async def record_reading(self, row: AuditRow) -> None:
        """Keep the row before the answer goes out; raises StoreUnavailableError when there is no room in time."""
        ...

    def record_command(self, row: AuditRow) -> None:
        """Keep the row after a command's effect; never raises."""
        ...


class KpiQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which cases to measure: answered in [``since``, ``until``), of a centre or an area, or all."""

    since: datetime | None = None
    until: datetime | None = None
    centre: str | None = None
    area: str | None = None


class KpiPort(Protocol):
    """Measures what was done."""

    async def kpi(self, query: KpiQuery) -> Any:
        """Return measures as a contract struct or as plain data; raises StoreUnavailableError."""
        ...


class RecommendationPort(Protocol):
    """Proposes units for an incident, with reasons."""

    async def recommendations(self, incident_id: str) -> list[Any] | None:
        """Return units, the one to propose first, or None for an unknown incident; raises StoreUnavailableError."""
        ...
