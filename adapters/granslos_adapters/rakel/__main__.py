"""``python -m granslos_adapters.rakel --config SITE.toml``: the Rakel adapter of a site."""

import sys

import msgspec
import structlog

from granslos.contract import subjects
from granslos.runtime.clock import SystemClock
from granslos_adapters.kit.app import Adapter, main
from granslos_adapters.rakel import http, metrics
from granslos_adapters.rakel.alarm import Alarm, alarm_text
from granslos_adapters.rakel.codec.sds_encode import NoRoomError
from granslos_adapters.rakel.errors import OutboxFullError
from granslos_adapters.rakel.heard import Directory
from granslos_adapters.rakel.link import Link, LinkState, opener_for
from granslos_adapters.rakel.mapping import Mapper
from granslos_adapters.rakel.outbox import Priority
from granslos_adapters.rakel.profile import load_profiles
from granslos_adapters.rakel.repeats import Repeats
from granslos_adapters.rakel.sender import TextOrder
from granslos_adapters.rakel.service import Nodes, Service
from granslos_adapters.rakel.settings import RakelSettings

_log = structlog.get_logger(__name__)
_alarms = msgspec.json.Decoder(Alarm)


class Alarms:
    """Takes assignments from the bus and has them said to the unit's radio."""

    def __init__(self, service: Service, mapper: Mapper, directory: Directory) -> None:
        self._service = service
        self._mapper = mapper
        self._directory = directory

    async def take(self, _subject: str, data: bytes) -> None:
        """Queue the text of one assignment, or of its end."""
        try:
            alarm = _alarms.decode(data)
        except msgspec.DecodeError as error:
            _log.error("assignment cannot be read", reason=type(error).__name__)
            return
        self._mapper.assigned(alarm.unit_id, None if alarm.ended else alarm.incident_id)
        address = self._directory.of_unit(alarm.unit_id)
        if address is None:
            metrics.DEFECTS.labels("unit_without_radio").inc()
            _log.warning("unit has no radio here", unit_id=alarm.unit_id)
            return
        order = TextOrder(
            key=f"{alarm.assignment_id or alarm.incident_id}:{'end' if alarm.ended else 'start'}:{alarm.unit_id}",
            to=str(address.ssi),
            text=alarm_text(alarm),
            priority=Priority.ASSIGNMENT_1A if alarm.priority == "1A" else Priority.ASSIGNMENT,
            unit_id=alarm.unit_id,
        )
        try:
            await self._service.sender.send_text(order)
        except (OutboxFullError, NoRoomError) as error:
            _log.error("assignment cannot be sent", unit_id=alarm.unit_id, reason=type(error).__name__)


def build(adapter: Adapter[RakelSettings]) -> None:
    """Put the radio together with what every adapter has."""
    settings = adapter.settings
    site = adapter.site.site.code
    profiles = load_profiles(settings.status_profile_files, settings.status_profile)
    if not profiles.is_verified():
        _log.warning("status profile is not verified by the organisation", profile=settings.status_profile)
    directory = Directory(settings.units)
    mapper = Mapper(profiles, directory, Repeats(settings.duplicate_window_seconds))
    nodes = Nodes(adapter.bus, adapter.delivery, adapter.archive, site)
    service = Service(settings, mapper, nodes, SystemClock())
    alarms = Alarms(service, mapper, directory)
    health = adapter.health
    health.register("unplaced_emergencies", lambda: (not service.unplaced, f"{len(service.unplaced)} to be taken"))
    health.register("profile", lambda: (profiles.is_verified(), f"{settings.status_profile}"))
    if not settings.link.url:
        health.register("radio", lambda: (False, "no terminal configured"))
        return
    link = Link(opener_for(settings.link), settings.link, service.on_event)
    health.register("radio", lambda: (link.state is LinkState.UP, f"{link.state.value} {link.reason}".strip()))
    metrics.LINK_UP.set_function(lambda: float(link.state is LinkState.UP))
    adapter.handlers.extend(http.handlers(http.Radio(link, service, directory), adapter.verifier))

    async def listen() -> None:
        pattern = subjects.alarm_subject(site, "unit").rpartition(".")[0] + ".*"
        await adapter.bus.subscribe(pattern, alarms.take)
        await service.run(link)

    adapter.services.extend([link.run, listen])


if __name__ == "__main__":
    sys.exit(main("rakel", RakelSettings, build))
