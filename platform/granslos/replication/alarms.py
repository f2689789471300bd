"""Tells the radio adapters at this site's edge of assignments that this site has decided, and of their ends.

Only after the commit, and only what it decided itself: one site sends, the desk's authority. What is not delivered is not lost:
the assignment stands, and the crew's missing acknowledgement is what the dispatcher sees.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from structlog import get_logger

from granslos.application.items import Item
from granslos.application.ports import Change
from granslos.application.world import World
from granslos.contract.errors import UnavailableError
from granslos.contract.events import AssignmentCancelled, UnitAssigned
from granslos.contract.subjects import alarm_subject
from granslos.domain.handover import summary
from granslos.runtime import limits
from granslos.runtime.bus import Bus

log = get_logger(__name__)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's new assignment, or its end. No name, no number; the adapter's profile decides what goes over the air."""

    unit_id: str
    incident_id: str
    assignment_id: str
    ended: bool = False
    reason: str | None = None
    priority: str | None = None
    category: str | None = None
    description: str | None = None
    address: str | None = None


class Alarms:
    """A ``Listener`` of the writer, and the task that sends."""

    def __init__(self, site: str, world: World, edge: Bus) -> None:
        self._site, self._world, self._edge = site, world, edge
        self._waiting: asyncio.Queue[Alarm] = asyncio.Queue(limits.ALARMS_WAITING_MAX)

    def committed(self, items: Sequence[Item], changes: Sequence[Change]) -> None:
        """Take note of what was decided."""
        for item in items:
            alarm = self._alarm(item)
            if alarm is not None and not self._waiting.full():
                self._waiting.put_nowait(alarm)

    def _alarm(self, item: Item) -> Alarm | None:
        match item.payload:
            case UnitAssigned() as given:
                state = self._world.state("incident", self._world.root(given.incident_id))
                handovers = (self._world.state("handover", h) for h in (state.handover_ids if state else ()))
                facts = next((summary(h) for h in handovers if h is not None), None)
                place = facts.location if facts else None
                return Alarm(
                    unit_id=item.envelope.id,
                    incident_id=given.incident_id,
                    assignment_id=given.assignment_id,
                    priority=given.priority,
                    category=(state.category if state else None) or (facts.category if facts else None),
                    description=facts.description if facts else None,
                    address=place.address.reveal() if place and place.address else None,
                )
            case AssignmentCancelled() as ended:
                return Alarm(
                    unit_id=item.envelope.id,
                    incident_id=ended.incident_id,
                    assignment_id=ended.assignment_id,
                    ended=True,
                    reason=ended.reason,
                )
            case _:
                return None

    async def run(self) -> None:
        """Send for ever."""
        while True:
            alarm = await self._waiting.get()
            try:
                await self._edge.publish(alarm_subject(self._site, alarm.unit_id), msgspec.json.encode(alarm))
            except UnavailableError as error:
                log.warning("alarm_not_sent", unit=alarm.unit_id, incident_id=alarm.incident_id, reason=str(error))
