"""Joins one radio link with the nodes: what is heard goes to the platform and is then acknowledged; what the platform
wants said goes out by priority.

Order of events, for whatever would be missed if lost: decode, map, give it to the nodes (or to this adapter's disk),
and only then tell the sender's radio "received".
"""

import asyncio
from collections import deque
from datetime import datetime

import msgspec
import structlog

from granslos.runtime.clock import Clock
from granslos_adapters.kit.archive import Archive
from granslos_adapters.kit.bus import NodeBus
from granslos_adapters.kit.delivery import Delivery
from granslos_adapters.kit.errors import SpoolFullError
from granslos_adapters.rakel import framing, metrics
from granslos_adapters.rakel.codec.bits import DecodeError
from granslos_adapters.rakel.codec.concatenation import Assembler, Joined, is_part
from granslos_adapters.rakel.codec.pei import IncomingCall, SdsSent, parse_line
from granslos_adapters.rakel.codec.sds import ConcatenatedPart, Transfer, decode_sds
from granslos_adapters.rakel.heard import Heard, Notice, Order, Outcome, receipt_due
from granslos_adapters.rakel.link import Link
from granslos_adapters.rakel.mapping import Mapper
from granslos_adapters.rakel.outbox import Progress
from granslos_adapters.rakel.sender import Sender
from granslos_adapters.rakel.session import OVER_THE_AIR, SENDING_FAILED
from granslos_adapters.rakel.settings import RakelSettings

POSITION_SECONDS_MIN = 1.0
"""At most one position of a unit in this time goes out; the newest wins."""
UNPLACED_REPEAT_SECONDS = 10.0
"""An emergency that no unit could be given is said again so often, until somebody takes it."""
_log = structlog.get_logger(__name__)


class Nodes(msgspec.Struct, frozen=True):
    """The ways to the platform."""

    bus: NodeBus
    delivery: Delivery
    archive: Archive
    site: str


class Call(msgspec.Struct, frozen=True):
    """An incoming call, and when it came."""

    call: IncomingCall
    at: datetime


class Service:
    """One terminal's traffic."""

    def __init__(self, settings: RakelSettings, mapper: Mapper, nodes: Nodes, clock: Clock) -> None:
        self._settings = settings
        self._mapper = mapper
        self._nodes = nodes
        self._clock = clock
        self._heard: asyncio.Queue[Heard | Call] = asyncio.Queue(settings.indications_pending_max)
        self._assembler = Assembler(pending_max=settings.parts_pending_max, age_seconds=settings.parts_age_seconds)
        self._positions_sent: dict[str, float] = {}
        self._positions_waiting: dict[str, msgspec.Struct] = {}
        self.sender = Sender(settings, clock, self.publish_progress)
        self.notices: deque[Notice] = deque(maxlen=settings.notices_max)
        self.unplaced: dict[str, Notice] = {}
        self.undelivered = 0

    # --- from the link ------------------------------------------------------------------------------------------

    async def on_event(self, event: framing.Event) -> None:
        """Take what the terminal says unasked; waits only when the bound of pending messages is reached."""
        match event:
            case framing.ShortData():
                await self._on_short_data(event)
            case framing.PlusLine(text=text):
                await self._on_line(text)
            case framing.Malformed(reason=reason):
                metrics.DEFECTS.labels(f"malformed_{reason}").inc()
            case framing.Truncated():
                metrics.DEFECTS.labels("truncated_line").inc()
            case framing.Overlong():
                metrics.DEFECTS.labels("overlong_line").inc()
            case framing.TextLine() if event.is_hex:
                metrics.DEFECTS.labels("data_without_header").inc()
            case _:
                pass

    async def _on_short_data(self, event: framing.ShortData) -> None:
        try:
            message = decode_sds(event.header.ai_service, event.data)
        except DecodeError as error:
            metrics.DEFECTS.labels(error.code).inc()
            await self._nodes.archive.keep(event.data.octets())
            _log.warning("short data cannot be read; its bytes are kept", reason=error.code, where=error.where)
            return
        metrics.MESSAGES.labels(type(message).__name__).inc()
        await self._heard.put(
            Heard(
                source=event.header.calling,
                called=event.header.called,
                message=message,
                data_hex=event.data.hex(),
                at=self._clock.now(),
            )
        )

    async def _on_line(self, text: str) -> None:
        try:
            line = parse_line(text)
        except DecodeError as error:
            metrics.DEFECTS.labels(error.code).inc()
            return
        match line:
            case SdsSent(sds_status=status) if status in (OVER_THE_AIR, SENDING_FAILED):
                await self.sender.aired(failed=status == SENDING_FAILED)
            case IncomingCall():
                await self._heard.put(Call(line, self._clock.now()))
            case _:
                metrics.MESSAGES.labels("line").inc()

    # --- to the nodes -------------------------------------------------------------------------------------------

    async def run(self, link: Link) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work())
            group.create_task(self._tick())
            group.create_task(self.sender.run(link))

    async def _work(self) -> None:
        while True:
            heard = await self._heard.get()
            await self.take(heard)

    async def take(self, heard: Heard | Call) -> None:
        """Do what follows from one message."""
        if isinstance(heard, Call):
            await self._act(self._mapper.map_call(heard.call, heard.at))
            return
        message = heard.message
        if isinstance(message, Transfer | ConcatenatedPart) and is_part(message):
            await self._on_part(heard, message)
            return
        await self._act(self._mapper.map(heard))

    async def _on_part(self, heard: Heard, message: Transfer | ConcatenatedPart) -> None:
        # A part alone is not a message: its bytes are made safe before the sender hears that it arrived.
        kept = await self._nodes.archive.keep(bytes.fromhex(heard.data_hex + "0" * (len(heard.data_hex) % 2)))
        for joined in self._assembler.add(heard.source or "", message, self._clock.monotonic()):
            await self._on_joined(joined)
        if isinstance(message, Transfer) and kept is not None:
            receipt = receipt_due(heard, message)
            if receipt is not None:
                await self.sender.receipt(receipt)

    async def _on_joined(self, joined: Joined) -> None:
        if joined.text is None:
            metrics.MESSAGES.labels("concatenated_data").inc()
            return
        heard = Heard(
            source=joined.sender or None,
            called="",
            message=None,
            data_hex=joined.data_hex or joined.text,
            at=self._clock.now(),
        )
        await self._act(self._mapper.map_text(heard, joined.text, partial=not joined.complete))

    async def _act(self, outcome: Outcome) -> None:
        """Make everything safe, then send the receipt."""
        safe = await self._make_safe(outcome)
        if outcome.position is not None:
            await self._place(outcome.position)
        if outcome.delivery is not None:
            await self.sender.reported(outcome.delivery)
        if outcome.agreed_unit is not None:
            await self.sender.agreed(outcome.agreed_unit)
        if not safe:
            # What was not made safe must count as new when the radio says it again.
            self._mapper.forget(outcome)
        elif outcome.receipt is not None:
            await self.sender.receipt(outcome.receipt)

    async def _make_safe(self, outcome: Outcome) -> bool:
        if outcome.repeated:
            metrics.REPEATS.inc()
        safe = True
        for order in outcome.orders:
            safe = await self._give(order) and safe
        placed = bool(outcome.orders) and safe
        for notice in outcome.notices:
            safe = await self._note(notice, placed=placed) and safe
        return safe

    async def _give(self, order: Order) -> bool:
        try:
            done = await self._nodes.delivery.send(order.aggregate, order.name, order.command_id, order.payload)
        except SpoolFullError:
            self.undelivered += 1
            _log.error("report lost: no node and no room on disk", command_id=order.command_id)
            return False
        if done.answer is not None and done.status >= 400:
            code = done.answer.problem.code if done.answer.problem else "unknown"
            _log.error("report refused", command_id=order.command_id, status=done.status, code=code)
            return await self._refused(order)
        return True

    async def _refused(self, order: Order) -> bool:
        # The crew said something and the platform has no place for it: a person must see it.
        payload = order.payload
        unit_id = getattr(payload, "unit_id", None)
        emergency = getattr(payload, "status", None) == "emergency"
        return await self._note(
            Notice(
                notice_id=order.command_id,
                kind="emergency" if emergency else "status",
                at=self._clock.now(),
                unit_id=unit_id,
                meaning=str(getattr(payload, "status", order.name)),
                text=getattr(payload, "text", None),
            )
        )

    async def _note(self, notice: Notice, *, placed: bool = False) -> bool:
        own = msgspec.structs.replace(notice, site=self._nodes.site)
        self.notices.append(own)
        metrics.NOTICES.labels(own.kind).inc()
        if own.kind == "emergency" and not placed:
            self.unplaced[own.notice_id] = own
            _log.error("emergency from a radio without a unit; a person must act", notice_id=own.notice_id)
        kept = await self._nodes.archive.keep(msgspec.json.encode(own))
        await self._nodes.bus.observe("radio", own.unit_id or "unknown", own)
        return kept is not None

    def settle(self, notice_id: str) -> bool:
        """A person has taken an emergency that had no unit; tell whether there was one."""
        return self.unplaced.pop(notice_id, None) is not None

    async def _place(self, position: msgspec.Struct) -> None:
        unit_id = str(getattr(position, "unit_id", ""))
        now = self._clock.monotonic()
        if now - self._positions_sent.get(unit_id, float("-inf")) < POSITION_SECONDS_MIN:
            self._positions_waiting[unit_id] = position
            return
        self._positions_sent[unit_id] = now
        self._positions_waiting.pop(unit_id, None)
        await self._nodes.bus.observe("position", unit_id, position)

    async def _tick(self) -> None:
        """Send what waited for its second, give up parts that are too old, repeat what nobody took."""
        said_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(POSITION_SECONDS_MIN)
            for position in list(self._positions_waiting.values()):
                await self._place(position)
            for joined in self._assembler.expire(self._clock.monotonic()):
                await self._on_joined(joined)
            if self._clock.monotonic() - said_at >= UNPLACED_REPEAT_SECONDS:
                said_at = self._clock.monotonic()
                for notice in list(self.unplaced.values()):
                    await self._nodes.bus.observe("radio", notice.unit_id or "unknown", notice)

    async def publish_progress(self, progress: Progress) -> None:
        """Tell the nodes how a message fares."""
        metrics.DELIVERIES.labels(progress.stage).inc()
        if progress.stage in ("failed", "expired", "evicted"):
            _log.error("radio message not delivered", key=progress.key, stage=progress.stage, code=progress.code)
        if progress.unit_id is not None:
            await self._nodes.bus.observe("delivery", progress.unit_id, progress)
