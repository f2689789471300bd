"""Sends by priority what the platform wants said, and keeps each message's delivery facts until it is settled."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from granslos.runtime.clock import Clock
from granslos_adapters.rakel import metrics
from granslos_adapters.rakel.cme import Remedy, remedy
from granslos_adapters.rakel.codec.lip import encode_position_request
from granslos_adapters.rakel.codec.sds_encode import TextFields, encode_report, encode_text_messages, references_needed
from granslos_adapters.rakel.codec.sds_tables import DELIVERY_RECEIVED
from granslos_adapters.rakel.codec.text import LATIN_1, UTF_16
from granslos_adapters.rakel.errors import CommandTimeoutError, LinkLostError, OutboxFullError
from granslos_adapters.rakel.heard import DeliveryReport, ReceiptDue
from granslos_adapters.rakel.link import Link, LinkState
from granslos_adapters.rakel.outbox import Attempt, Message, Outbox, Priority, Progress
from granslos_adapters.rakel.settings import RakelSettings

WAIT_SECONDS_MAX = 0.5
"""The sender looks at its queue at least so often; it is woken for anything new."""
RECEIPT_VALID_SECONDS = 60.0
POSITION_REQUEST_VALID_SECONDS = 60.0
RECEIVED_AND_READ = 3

OnProgress = Callable[[Progress], Awaitable[None]]
_log = structlog.get_logger(__name__)


class TextOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A text for a unit's radio. The same ``key`` again is the same text."""

    key: str
    to: str
    text: str
    priority: Priority = Priority.ASSIGNMENT
    unit_id: str | None = None


class Sender:
    """The outgoing side of one terminal."""

    def __init__(self, settings: RakelSettings, clock: Clock, on_progress: OnProgress) -> None:
        self._settings = settings
        self._clock = clock
        self._on_progress = on_progress
        self._woken = asyncio.Event()
        self._serial = 0
        self.outbox = Outbox(
            queue_max=settings.send_queue_max,
            attempts_max=settings.send_attempts_max,
            receipt_wait_seconds=settings.receipt_wait_seconds,
        )

    async def send_text(self, order: TextOrder) -> None:
        """Queue a text; parts are made as the terminal's bound needs. Receipts are asked for, sending is tried again.

        Raises:
            OutboxFullError: nothing less urgent could make room.
            NoRoomError: the text is too long to be sent at all.
        """
        fields = TextFields(
            text=order.text,
            coding=UTF_16 if self._settings.always_unicode else LATIN_1,
            immediate=self._settings.immediate_text,
            delivery_report_request=RECEIVED_AND_READ,
            validity_seconds=self._settings.text_validity_seconds,
        )
        count = references_needed(fields, self._settings.pdu_bits_max)
        first = self.outbox.reserve(order.to, count)
        message = Message(
            key=order.key,
            to=order.to,
            parts=tuple(encode_text_messages(fields, first, self._settings.pdu_bits_max)),
            references=tuple((first + index) % 256 for index in range(count)),
            priority=order.priority,
            wants_receipt=True,
            expires_at=self._clock.monotonic() + self._settings.text_validity_seconds,
            unit_id=order.unit_id,
        )
        await self._put(message)

    async def receipt(self, due: ReceiptDue) -> None:
        """Queue the receipt "received"; a full queue drops it, and the sender's radio will ask again."""
        self._serial += 1
        message = Message(
            key=f"receipt-{self._serial}",
            to=due.to,
            parts=(encode_report(due.protocol, DELIVERY_RECEIVED, due.reference),),
            priority=Priority.RECEIPT,
            expires_at=self._clock.monotonic() + RECEIPT_VALID_SECONDS,
        )
        try:
            await self._put(message)
        except OutboxFullError:
            metrics.DEFECTS.labels("receipt_dropped").inc()

    async def ask_position(self, key: str, to: str, answer_to_ssi: int) -> None:
        """Queue a request for a vehicle's position.

        Raises:
            OutboxFullError: nothing less urgent could make room.
        """
        message = Message(
            key=key,
            to=to,
            parts=(encode_position_request(answer_to_ssi),),
            priority=Priority.POSITION_REQUEST,
            expires_at=self._clock.monotonic() + POSITION_REQUEST_VALID_SECONDS,
        )
        await self._put(message)

    async def reported(self, report: DeliveryReport) -> None:
        """A receipt for something that we sent has come."""
        await self._tell(self.outbox.reported(report.source, report.reference, report.status, self._clock.monotonic()))

    async def agreed(self, unit_id: str) -> None:
        """A person in the unit has agreed."""
        await self._tell(self.outbox.agreed(unit_id, self._clock.monotonic()))

    async def aired(self, *, failed: bool) -> None:
        """The terminal says whether a message went over the air."""
        await self._tell(self.outbox.aired(self._clock.monotonic(), failed=failed))
        self._woken.set()

    async def run(self, link: Link) -> None:
        """Send until cancelled."""
        while True:
            now = self._clock.monotonic()
            await self._tell(self.outbox.expire(now))
            metrics.OUTBOX.set(len(self.outbox))
            ready = link.state in (LinkState.UP, LinkState.OUT_OF_SERVICE)
            attempt = self.outbox.next(now) if ready else None
            if attempt is None:
                await self._wait(now)
            else:
                await self._try(link, attempt)

    async def _put(self, message: Message) -> None:
        if not self._settings.send:
            return
        await self._tell(self.outbox.put(message, self._clock.monotonic()))
        self._woken.set()

    async def _wait(self, now: float) -> None:
        due = self.outbox.next_at()
        seconds = WAIT_SECONDS_MAX if due is None else min(WAIT_SECONDS_MAX, max(0.01, due - now))
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _try(self, link: Link, attempt: Attempt) -> None:
        self.outbox.started(attempt)
        try:
            accepted = await link.send(attempt.to, attempt.data, status=attempt.status)
        except LinkLostError:
            await self._tell(self.outbox.failed(attempt, Remedy.LINK_DOWN, self._clock.monotonic()))
            return
        except CommandTimeoutError:
            # Whether it went out is unknown: said again with the same reference, a radio shows it once.
            await self._tell(self.outbox.failed(attempt, Remedy.RETRY, self._clock.monotonic()))
            return
        now = self._clock.monotonic()
        if accepted.final.final == "ok":
            await self._tell(self.outbox.accepted(attempt, now))
            return
        code = accepted.final.code
        what = remedy(code)
        _log.warning("terminal refuses a message", code=code, remedy=what.value)
        await self._tell(self.outbox.failed(attempt, what, now, code))
        if what is Remedy.LINK_DOWN:
            link.drop("the terminal's interface is not ours")

    async def _tell(self, progress: list[Progress]) -> None:
        for one in progress:
            await self._on_progress(one)
