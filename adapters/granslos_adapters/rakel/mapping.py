"""What was heard on the radio, in the platform's words: reports, positions, notes, notices. No I/O; time is an
argument.

An emergency is recognised in three ways before any profile: status value 0, a location report with reason 2, a call of
priority 15. A number without a meaning and a radio without a unit are shown as they are, never dropped.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from granslos.contract.commands import AddNote, CrewStatus, ReportUnitStatus
from granslos.contract.places import Position
from granslos_adapters.rakel.codec import lip_tables as lip
from granslos_adapters.rakel.codec.lip import Report as LocationReport
from granslos_adapters.rakel.codec.lip import ShortReport as ShortLocation
from granslos_adapters.rakel.codec.lip_long import LongReport as LongLocation
from granslos_adapters.rakel.codec.location_system import VendorLocation
from granslos_adapters.rakel.codec.pei import CALL_PRIORITY_EMERGENCY, IncomingCall
from granslos_adapters.rakel.codec.sds import Report, SimpleText, Transfer
from granslos_adapters.rakel.codec.status import ShortReport as ShortReceipt
from granslos_adapters.rakel.codec.status import Status
from granslos_adapters.rakel.heard import (
    DeliveryReport,
    Directory,
    Heard,
    Notice,
    Order,
    Outcome,
    receipt_due,
    ssi_of,
)
from granslos_adapters.rakel.profile import Profiles
from granslos_adapters.rakel.repeats import Repeats

WALKING_KMH = 3.0
"""Below this speed a direction means nothing."""
AGE_SECONDS: tuple[int, ...] = (0, 300, 1_800, 1_800)
"""By time elapsed code: how old a position may be at worst. Unknown counts as half an hour."""
NOTE_CHARACTERS_MAX = 8_000
STRANGERS_MAX = 10_000
"""Radios without a unit that are remembered as said."""
_SHORT_RECEIPT_STATUS = (0x51, 0x52, 0x00, 0x02)
"""Delivery status that a short report's type stands for."""
_AGREES = frozenset({"acknowledged", "en_route"})
_WARNINGS = {
    lip.REASON_SERVICE_LOSS: "service_loss",
    lip.REASON_LOW_BATTERY: "low_battery",
    lip.REASON_POSITION_LOST: "position_lost",
}
_PACKET_SEPARATOR = "\x13"

TextReader = Callable[[str], str | None]
"""Turns an organisation's own text format into words for a person; None where a text is not of that format."""


def readable_packet(text: str) -> str | None:
    """Show a packet of fields (separator 0x13) as a line; its templates are configured by each organisation."""
    if _PACKET_SEPARATOR not in text:
        return None
    return " | ".join(field.strip() or "-" for field in text.split(_PACKET_SEPARATOR))


class Mapper:
    """Maps messages; it remembers what was said before, and which incident a unit works on."""

    def __init__(
        self,
        profiles: Profiles,
        directory: Directory,
        repeats: Repeats,
        *,
        text_readers: tuple[TextReader, ...] = (readable_packet,),
    ) -> None:
        self._profiles = profiles
        self._directory = directory
        self._repeats = repeats
        self._text_readers = text_readers
        self._incidents: dict[str, str] = {}
        self._strangers: OrderedDict[int, None] = OrderedDict()

    def forget(self, outcome: Outcome) -> None:
        """Forget that an outcome's messages were heard: they could not be made safe, so a repetition is news."""
        for identity in (*(order.command_id for order in outcome.orders), *(one.notice_id for one in outcome.notices)):
            self._repeats.forget(identity)

    def assigned(self, unit_id: str, incident_id: str | None) -> None:
        """Note which incident a unit works on; texts from it become notes there."""
        if incident_id is None:
            self._incidents.pop(unit_id, None)
        else:
            self._incidents[unit_id] = incident_id

    def map(self, heard: Heard) -> Outcome:
        """Return what follows from a message."""
        match heard.message:
            case Status(value=value):
                return self._status(heard, value)
            case ShortReceipt(report_type=kind, message_reference=reference):
                return self._delivery(heard, reference, _SHORT_RECEIPT_STATUS[kind])
            case Report(message_reference=reference, delivery_status=status):
                return self._delivery(heard, reference, status)
            case SimpleText(text=text):
                return self._text(heard, text)
            case Transfer() as transfer:
                return self._transfer(heard, transfer)
            case ShortLocation() | LongLocation() as report:
                return self._location(heard, report)
            case _:
                return Outcome()

    def map_text(self, heard: Heard, text: str, *, partial: bool = False) -> Outcome:
        """Return what follows from a text that was joined from parts."""
        return self._text(heard, text, partial=partial)

    def map_call(self, call: IncomingCall, at: datetime) -> Outcome:
        """Return what follows from a call: only an emergency call matters here, voice is the radio desk's."""
        if call.priority != CALL_PRIORITY_EMERGENCY:
            return Outcome()
        return self._emergency(call.calling or None, at, "call priority 15")

    # --- one kind each --------------------------------------------------------------------------------------------

    def _status(self, heard: Heard, value: int, via: str = "status") -> Outcome:
        address = self._directory.by_number(heard.source)
        meaning = self._profiles.meaning(value, address.profile if address else None)
        raw = f"{via} {meaning.raw}"
        if meaning.is_emergency:
            return self._emergency(heard.source, heard.at, raw)
        told = self._repeats.tell(_source_key(heard.source), "status", meaning.raw, heard.at.timestamp())
        if told.repeated:
            return Outcome(repeated=True)
        orders = () if address is None else self._orders(told.id, address.unit_id, meaning.statuses, heard.at, raw)
        notice = Notice(
            notice_id=told.id,
            kind="status" if address else "unknown_radio",
            at=heard.at,
            unit_id=address.unit_id if address else None,
            ssi=ssi_of(heard.source),
            value=value,
            raw=meaning.raw,
            meaning=meaning.meaning,
            label=meaning.label,
            bearer=heard.bearer,
        )
        agrees = address is not None and bool(_AGREES & set(meaning.statuses))
        return Outcome(
            orders=orders,
            notices=() if orders else (notice,),
            agreed_unit=address.unit_id if address and agrees else None,
        )

    def _orders(
        self, identity: str, unit_id: str, statuses: tuple[CrewStatus, ...], at: datetime, raw: str
    ) -> tuple[Order, ...]:
        # Whole seconds: two sites that hear the same radio must say the same thing.
        instant = at.replace(microsecond=0)
        return tuple(
            Order(
                aggregate="unit",
                name="report_status",
                command_id=identity if index == 0 else f"{identity}.{index}",
                payload=ReportUnitStatus(unit_id=unit_id, status=status, at=instant, source="rakel", raw=raw),
            )
            for index, status in enumerate(statuses)
        )

    def _emergency(self, source: str | None, at: datetime, raw: str) -> Outcome:
        # One kind for all ways: a red button sends a status, a location report and a call at once.
        told = self._repeats.tell(_source_key(source), "emergency", "emergency", at.timestamp())
        if told.repeated:
            return Outcome(repeated=True)
        address = self._directory.by_number(source)
        notice = Notice(
            notice_id=told.id,
            kind="emergency",
            at=at,
            unit_id=address.unit_id if address else None,
            ssi=ssi_of(source),
            raw=raw,
            meaning="emergency",
            label="nödanrop",
        )
        orders = () if address is None else self._orders(told.id, address.unit_id, ("emergency",), at, raw)
        return Outcome(orders=orders, notices=(notice,))

    def _delivery(self, heard: Heard, reference: int, status: int) -> Outcome:
        return Outcome(delivery=DeliveryReport(heard.source, reference, status) if heard.source else None)

    def _transfer(self, heard: Heard, transfer: Transfer) -> Outcome:
        outcome = Outcome()
        if transfer.text is not None:
            outcome = self._text(heard, transfer.text)
        elif transfer.location is not None:
            outcome = self._vendor_location(heard, transfer.location)
        return msgspec.structs.replace(outcome, receipt=receipt_due(heard, transfer))

    def _text(self, heard: Heard, text: str, *, partial: bool = False) -> Outcome:
        told = self._repeats.tell(_source_key(heard.source), "text", heard.data_hex, heard.at.timestamp())
        if told.repeated:
            return Outcome(repeated=True)
        address = self._directory.by_number(heard.source)
        shown = _printable(self._read(text))
        incident_id = self._incidents.get(address.unit_id) if address else None
        if address is not None and incident_id is not None and shown.strip():
            note = AddNote(incident_id=incident_id, text=f"Radio {address.unit_id}: {shown}"[:NOTE_CHARACTERS_MAX])
            order = Order(aggregate="incident", name="add_note", command_id=told.id, payload=note)
            return Outcome(orders=(order,))
        notice = Notice(
            notice_id=told.id,
            kind="partial_text" if partial else ("text" if address else "unknown_radio"),
            at=heard.at,
            unit_id=address.unit_id if address else None,
            ssi=ssi_of(heard.source),
            text=shown[:NOTE_CHARACTERS_MAX],
            bearer=heard.bearer,
        )
        return Outcome(notices=(notice,))

    def _read(self, text: str) -> str:
        for reader in self._text_readers:
            words = reader(text)
            if words is not None:
                return words
        return text

    def _location(self, heard: Heard, report: LocationReport) -> Outcome:
        address = self._directory.by_number(heard.source)
        other = self._beside_position(heard, report)
        if address is None:
            stranger = self._stranger(heard)
            return msgspec.structs.replace(other, notices=other.notices or stranger)
        return msgspec.structs.replace(other, position=_position(heard, report, address.unit_id))

    def _stranger(self, heard: Heard) -> tuple[Notice, ...]:
        """Say once that a radio sends positions and belongs to no unit."""
        ssi = ssi_of(heard.source)
        if ssi is None or ssi in self._strangers:
            return ()
        self._strangers[ssi] = None
        if len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)
        told = self._repeats.tell(str(ssi), "stranger", "position", heard.at.timestamp())
        return (Notice(notice_id=told.id, kind="unknown_radio", at=heard.at, ssi=ssi, bearer=heard.bearer),)

    def _beside_position(self, heard: Heard, report: LocationReport) -> Outcome:
        if report.reason_code == lip.REASON_EMERGENCY:
            return self._emergency(heard.source, heard.at, "lip reason 2")
        value = report.status_value if isinstance(report, LongLocation) else None
        if value is not None:
            return self._status(heard, value)
        warning = _WARNINGS.get(report.reason_code if report.reason_code is not None else -1)
        if warning is None:
            return Outcome()
        told = self._repeats.tell(_source_key(heard.source), "warning", warning, heard.at.timestamp())
        if told.repeated:
            return Outcome(repeated=True)
        address = self._directory.by_number(heard.source)
        notice = Notice(
            notice_id=told.id,
            kind="warning",
            at=heard.at,
            unit_id=address.unit_id if address else None,
            ssi=ssi_of(heard.source),
            meaning=warning,
            bearer=heard.bearer,
        )
        return Outcome(notices=(notice,))

    def _vendor_location(self, heard: Heard, location: VendorLocation) -> Outcome:
        address = self._directory.by_number(heard.source)
        if address is None or location.latitude_deg is None or location.longitude_deg is None:
            return Outcome()
        return Outcome(
            position=Position(
                unit_id=address.unit_id,
                latitude=location.latitude_deg,
                longitude=location.longitude_deg,
                at=heard.at,
                source=heard.bearer,
            )
        )


def _position(heard: Heard, report: LocationReport, unit_id: str) -> Position | None:
    if not report.has_fix or report.latitude_deg is None or report.longitude_deg is None:
        return None
    speed = report.speed_kmh
    moving = speed is not None and speed >= WALKING_KMH
    age = AGE_SECONDS[report.time_elapsed_code or 0]
    return Position(
        unit_id=unit_id,
        latitude=report.latitude_deg,
        longitude=report.longitude_deg,
        at=heard.at - timedelta(seconds=age),
        radius_m=_radius(report),
        speed_m_s=None if speed is None else speed / 3.6,
        heading_deg=report.direction_deg if moving else None,
        source=heard.bearer,
    )


def _radius(report: LocationReport) -> float | None:
    if isinstance(report, ShortLocation):
        return lip.POSITION_ERROR_M[report.position_error_code]
    if report.position_error_code is not None:
        return lip.POSITION_ERROR_M[report.position_error_code]
    return report.horizontal_uncertainty_m or report.half_major_axis_m


def _source_key(number: str | None) -> str:
    ssi = ssi_of(number)
    return "unknown" if ssi is None else str(ssi)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character in "\t\n" else " " for character in text)
