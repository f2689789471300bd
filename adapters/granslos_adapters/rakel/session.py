"""One conversation with a terminal: one command at a time, each with a deadline, and everything unsolicited passed on.

A command that is not answered in time *poisons* the line: its late answer must never be taken for the next command's.
The line is then synchronised (``AT`` until ``OK``, and quiet after it) before anything else is sent, and what the
terminal was told before is forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from granslos_adapters.rakel import framing
from granslos_adapters.rakel.cme import ALREADY_REGISTERED, SYNTAX, TABLE_FULL
from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.pei import (
    SELECT_STATUS,
    SELECT_TYPE_4,
    Final,
    OwnNumber,
    Registration,
    SdsSent,
    command_cmgs,
    parse_line,
)
from granslos_adapters.rakel.errors import CommandTimeoutError, LinkLostError, WrongRadioError
from granslos_adapters.rakel.port import Port
from granslos_adapters.rakel.settings import LinkSettings

SYNTAX_RETRY_SECONDS = 0.2
"""Pause before ``AT`` again while the terminal reports a syntax error."""
PROBE_SECONDS = 1.0
"""How long one ``AT`` of a synchronisation waits for its answer."""
ANSWER_LINES_MAX = 2_200
"""Lines kept of one answer; a list of 2000 groups is the longest there is."""
OVER_THE_AIR = 4
SENDING_FAILED = 5
_INDIVIDUAL = (0, 6)
_REGISTERED = (1, 5)
_CANCEL = b"\x1b"

OnEvent = Callable[[framing.Event], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """What the terminal said to a command."""

    final: Final
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.final.final == "ok"


class Accepted(msgspec.Struct, frozen=True):
    """A message was given to the terminal. ``over_the_air`` is None until the terminal says so, later."""

    final: Final
    over_the_air: bool | None = None


class _Pending:
    def __init__(self, expects: str, answered: asyncio.Future[Final]) -> None:
        self.expects = expects
        self.answered = answered
        self.lines: list[str] = []
        self.sent: SdsSent | None = None


class Session:
    """The conversation over one open port; ``read`` must run while commands are sent."""

    def __init__(self, port: Port, settings: LinkSettings, on_event: OnEvent) -> None:
        self._port = port
        self._settings = settings
        self._on_event = on_event
        self._framer = framing.Framer()
        self._lock = asyncio.Lock()
        self._pending: _Pending | None = None
        self._finals = 0
        self._service: str | None = None
        self._poisoned = False
        self._cancel_data = False
        self.registration: Registration | None = None
        self.alarms: list[str] = []
        self.late_answers = 0
        self.resyncs = 0
        self.heard_at = asyncio.get_running_loop().time()

    @property
    def in_service(self) -> bool:
        """Whether the terminal is registered in the network, as far as it has said."""
        return self.registration is None or self.registration.stat in _REGISTERED

    # --- reading ------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Read until the terminal is gone.

        Raises:
            LinkLostError: always, in the end.
        """
        while data := await self._port.read():
            self.heard_at = asyncio.get_running_loop().time()
            for event in self._framer.feed(data):
                await self._dispatch(event)
        for event in self._framer.close():
            await self._dispatch(event)
        if self._pending is not None and not self._pending.answered.done():
            self._pending.answered.set_exception(LinkLostError("the terminal is gone"))
        raise LinkLostError("the terminal is gone")

    async def _dispatch(self, event: framing.Event) -> None:
        match event:
            case framing.FinalLine(final=final):
                self._finals += 1
                if self._pending is None or self._pending.answered.done():
                    self.late_answers += 1
                else:
                    self._pending.answered.set_result(final)
            case framing.PlusLine(text=text):
                if not self._is_answer(text):
                    self._note_registration(text)
                    await self._on_event(event)
            case framing.TextLine(text=text) if self._pending is not None:
                self._keep(text)
            case framing.Echo():
                pass
            case _:
                await self._on_event(event)

    def _is_answer(self, text: str) -> bool:
        pending = self._pending
        if pending is None or not pending.expects or not text.upper().startswith(pending.expects):
            return False
        if pending.expects == "+CMGS:":
            return self._is_own_cmgs(pending, text)
        self._keep(text)
        return True

    def _is_own_cmgs(self, pending: _Pending, text: str) -> bool:
        # "+CMGS: 0,4,65" while a CMGS waits may tell of the message before; only the plain form is surely ours.
        try:
            line = parse_line(text)
        except DecodeError:
            return False
        if not isinstance(line, SdsSent) or line.sds_status in (OVER_THE_AIR, SENDING_FAILED) or pending.sent:
            return False
        pending.sent = line
        return True

    def _keep(self, text: str) -> None:
        if self._pending is not None and len(self._pending.lines) < ANSWER_LINES_MAX:
            self._pending.lines.append(text)

    def _note_registration(self, text: str) -> None:
        if text.upper().startswith("+CREG:"):
            try:
                line = parse_line(text)
            except DecodeError:
                return
            self.registration = line if isinstance(line, Registration) else self.registration

    # --- commands -----------------------------------------------------------------------------------------------

    async def command(self, text: str, *, timeout_seconds: float | None = None) -> Answer:
        """Send a command and return its answer.

        Raises:
            CommandTimeoutError: no answer; the line is poisoned.
            LinkLostError: the terminal is gone, or did not come back to its senses.
        """
        async with self._lock:
            await self._clear_poison()
            expects = text[2:].partition("?")[0] + ":" if text.endswith("?") else ""
            seconds = timeout_seconds or self._settings.command_timeout_seconds
            return await self._exchange(text, expects.upper(), seconds)

    async def send(self, called: str, data: Bits, *, status: bool = False) -> Accepted:
        """Give a message to the terminal: a status, or short data type 4.

        Raises:
            CommandTimeoutError: no answer; whether it was sent is unknown.
            LinkLostError: the terminal is gone.
        """
        wanted = SELECT_STATUS if status else SELECT_TYPE_4
        async with self._lock:
            await self._clear_poison()
            if self._service != wanted:
                selected = await self._exchange(wanted, "", self._settings.command_timeout_seconds)
                if not selected.ok:
                    return Accepted(selected.final)
                self._service = wanted
            text = command_cmgs(called, data.hex(), data.length, digits=self._settings.length_digits)
            answer = await self._exchange(text, "+CMGS:", self._settings.send_timeout_seconds)
            if answer.final.code == SYNTAX:
                self._service = None
            return Accepted(answer.final)

    async def recover(self) -> None:
        """Synchronise if the line is poisoned.

        Raises:
            LinkLostError: the terminal does not answer.
        """
        async with self._lock:
            await self._clear_poison()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    async def _exchange(self, text: str, expects: str, timeout_seconds: float) -> Answer:
        pending = self._pending = _Pending(expects, asyncio.get_running_loop().create_future())
        # Until the answer is here the line counts as poisoned, so that a cancelled caller leaves it so.
        self._poisoned = True
        self._cancel_data = expects == "+CMGS:"
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._write(text)
                final = await pending.answered
        except TimeoutError:
            raise CommandTimeoutError(f"no answer to {text.partition('=')[0]} in {timeout_seconds} s") from None
        except OSError as error:
            self._port.close()
            raise LinkLostError(f"the terminal takes no bytes: {error.strerror}") from error
        finally:
            self._pending = None
        self._poisoned = self._cancel_data = False
        return Answer(final, tuple(pending.lines))

    async def _write(self, text: str) -> None:
        command, line_break, data = text.partition("\r\n")
        if not line_break:
            await self._port.write(f"{command}\r\n".encode("latin-1"))
        elif self._settings.data_pause_seconds:
            await self._port.write(f"{command}\r\n".encode("latin-1"))
            await asyncio.sleep(self._settings.data_pause_seconds)
            await self._port.write(data.encode("latin-1"))
        else:
            await self._port.write(text.encode("latin-1"))

    async def _clear_poison(self) -> None:
        if not self._poisoned:
            return
        self._service = None
        self.resyncs += 1
        try:
            async with asyncio.timeout(self._settings.resync_timeout_seconds):
                if self._cancel_data:
                    await self._port.write(_CANCEL)
                while not await self._probe():
                    await asyncio.sleep(SYNTAX_RETRY_SECONDS)
                await self._settle()
        except (TimeoutError, OSError):
            self._port.close()
            raise LinkLostError("the terminal does not answer") from None
        self._poisoned = self._cancel_data = False

    async def _probe(self) -> bool:
        pending = self._pending = _Pending("", asyncio.get_running_loop().create_future())
        try:
            await self._port.write(b"AT\r\n")
            async with asyncio.timeout(PROBE_SECONDS):
                return (await pending.answered).final == "ok"
        except TimeoutError:
            return False
        finally:
            self._pending = None

    async def _settle(self) -> None:
        # The first OK may have been the late answer of the poisoned command; then that of AT follows at once.
        while True:
            seen = self._finals
            await asyncio.sleep(self._settings.settle_seconds)
            if self._finals == seen:
                return

    # --- start --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring the terminal into the state that everything else relies on.

        Raises:
            LinkLostError: it does not answer.
            WrongRadioError: it has another number than expected.
            CommandTimeoutError: it stopped answering on the way.
        """
        self._poisoned = True
        for text in ("ATZ", "ATE0", f"AT+CSCS={self._settings.character_set}"):
            answer = await self.command(text)
            if not answer.ok:
                self._alarm(f"{text.partition('=')[0]} refused", answer.final)
        for service in self._settings.services:
            await self._register(service)
        await self._check_number()
        await self.command("AT+CREG=2")
        for line in (await self.command("AT+CREG?")).lines:
            self._note_registration(line)

    async def _register(self, service: str) -> None:
        answer = await self.command(f"AT+CTSP={service}")
        if answer.ok or answer.final.code == ALREADY_REGISTERED:
            return
        reason = "table full" if answer.final.code == TABLE_FULL else "refused"
        self._alarm(f"service {service} {reason}", answer.final)

    async def _check_number(self) -> None:
        answer = await self.command("AT+CNUMF?")
        wanted = self._settings.own_ssi
        if wanted is None:
            return
        numbers = [_own_ssi(line) for line in answer.lines]
        known = [number for number in numbers if number is not None]
        if not answer.ok or not known:
            self._alarm("own number unknown", answer.final)
        elif wanted not in known:
            self._port.close()
            raise WrongRadioError("the terminal has another number than configured")

    def _alarm(self, text: str, final: Final) -> None:
        self.alarms.append(text)
        _log.error("terminal refuses a setting", what=text, kind=final.final, code=final.code)


def _own_ssi(line: str) -> int | None:
    try:
        parsed = parse_line(line)
    except DecodeError:
        return None
    return parsed.ssi if isinstance(parsed, OwnNumber) and parsed.number_type in _INDIVIDUAL else None
