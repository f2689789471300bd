"""A TETRA terminal that is none: answers AT commands, takes and gives short data, and misbehaves exactly as told.

For tests, demo and drills. It knows vehicles only as numbers: what one sends is injected, what is sent to one is
kept, and a vehicle that ``answers`` returns the receipts that a real radio would.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from granslos_adapters.rakel.codec import sds_encode
from granslos_adapters.rakel.codec.bits import Bits, DecodeError
from granslos_adapters.rakel.codec.sds import SERVICE_STATUS, SERVICE_TYPE_4, Transfer, decode_sds
from granslos_adapters.rakel.codec.sds_tables import DELIVERY_CONSUMED, DELIVERY_RECEIVED
from granslos_adapters.rakel.codec.status import encode_short_report
from granslos_adapters.rakel.port import Port

DEFAULT_SSI = 9_876_543
_CTRL_Z, _ESCAPE = 0x1A, 0x1B
_COMMAND_BYTES_MAX = 4_096


class Behaviour(msgspec.Struct, kw_only=True):
    """How the terminal behaves. Prefixes are of commands, e.g. ``AT+CMGS``; counters run down as they are used.

    silent: how many commands with a prefix get no answer at all.
    late_seconds: answers to a prefix come so much later.
    errors: error codes to answer, one after the other; then it obeys.
    interleave: lines to say between a command and its answer, once.
    bytes_per_write: cuts what is said into pieces of so many bytes.
    echo: repeats commands until ``ATE0``.
    reports_air: tells with ``+CMGS: 0,4,n`` that a message went over the air.
    """

    silent: dict[str, int] = msgspec.field(default_factory=dict)
    late_seconds: dict[str, float] = msgspec.field(default_factory=dict)
    errors: dict[str, list[int]] = msgspec.field(default_factory=dict)
    interleave: dict[str, list[str]] = msgspec.field(default_factory=dict)
    bytes_per_write: int | None = None
    echo: bool = True
    reports_air: bool = True
    registered: bool = True


class Sent(msgspec.Struct, frozen=True):
    """A message that the terminal took: a status (service 13) or short data (service 12)."""

    called: str
    service: int
    data: Bits


class Vehicle(msgspec.Struct, kw_only=True):
    """A radio in a vehicle. ``receives`` and ``reads``: it sends receipts that are asked for."""

    ssi: int
    receives: bool = True
    reads: bool = False
    short_reports: bool = False


class Terminal:
    """One terminal; it keeps its memory over unplugging, like a radio whose cable is pulled."""

    def __init__(self, ssi: int = DEFAULT_SSI, *, mcc: int = 240, mnc: int = 1) -> None:
        self.ssi = ssi
        self.tsi = f"{mcc:04d}{mnc:05d}{ssi:08d}"
        self.behaviour = Behaviour()
        self.commands: list[str] = []
        self.sent: list[Sent] = []
        self.vehicles: dict[int, Vehicle] = {}
        self.on_sent: Callable[[Sent], None] | None = None
        self._port: Port | None = None
        self._services: set[str] = set()
        self._service = SERVICE_TYPE_4
        self._air_reference = 0
        self._awaiting_data: tuple[str, int] | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._speaking = asyncio.Lock()
        self._backlog: deque[bytes] = deque(maxlen=1_000)

    # --- what vehicles and the network do -----------------------------------------------------------------------

    async def press(self, calling: int, value: int) -> None:
        """A crew presses a status key."""
        await self.deliver(calling, Bits(value, 16), service=SERVICE_STATUS)

    async def deliver(self, calling: int | str, data: Bits, *, service: int = SERVICE_TYPE_4) -> None:
        """Short data arrives over the air."""
        header = f"+CTSDSR: {service},{calling},0,{self.ssi},0,{data.length}"
        await self.say(header, data.hex())

    async def say(self, *lines: str) -> None:
        """Say lines, each between line breaks of its own, in one go."""
        await self._write("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"))

    async def say_raw(self, data: bytes) -> None:
        """Say bytes as they are: cut lines, noise, a recording."""
        await self._write(data)

    # --- the cable ----------------------------------------------------------------------------------------------

    async def attach(self, port: Port) -> None:
        """Serve one connection until it is gone."""
        self._port = port
        self._awaiting_data = None
        line = bytearray()
        try:
            while self._backlog:
                await self._write(self._backlog.popleft())
            while data := await port.read():
                for octet in data:
                    await self._take(octet, line)
        except OSError:
            return
        finally:
            self._port = None
            for task in self._later:
                task.cancel()

    def unplug(self) -> None:
        """Pull the cable."""
        if self._port is not None:
            self._port.close()

    @property
    def attached(self) -> bool:
        """Whether a cable is in."""
        return self._port is not None

    # --- commands -----------------------------------------------------------------------------------------------

    async def _take(self, octet: int, line: bytearray) -> None:
        if octet == _ESCAPE:
            self._awaiting_data = None
            line.clear()
        elif octet == _CTRL_Z and self._awaiting_data is not None:
            (called, bits), self._awaiting_data = self._awaiting_data, None
            text = line.decode("latin-1").strip()
            line.clear()
            if self.behaviour.echo:
                await self._write(f"{text}\r\n".encode("latin-1"))
            await self._on_data(called, bits, text)
        elif octet in (0x0A, 0x0D):
            text = line.decode("latin-1").strip()
            line.clear()
            if text and self._awaiting_data is None:
                await self._on_command(text)
        elif len(line) < _COMMAND_BYTES_MAX:
            line.append(octet)

    async def _on_command(self, text: str) -> None:
        self.commands.append(text)
        if self.behaviour.echo:
            await self._write(f"{text}\r\n".encode("latin-1"))
        if text.upper().startswith("AT+CMGS=") and "?" not in text:
            called, _, bits = text.partition("=")[2].partition(",")
            if bits.isdigit():
                self._awaiting_data = (called, int(bits))
                return
        await self._answer(text, lambda: self._run(text))

    async def _on_data(self, called: str, bits: int, text: str) -> None:
        try:
            data = Bits.from_hex(text, bits)
        except DecodeError:
            await self._answer("AT+CMGS", lambda: ["+CME ERROR: 35"])
            return
        message = Sent(called, self._service, data)
        accepted = await self._answer("AT+CMGS", lambda: ["+CMGS: 0", "OK"])
        if accepted:
            self._soon(self._over_the_air(message))

    async def _answer(self, command: str, run: Callable[[], list[str]]) -> bool:
        """Answer as the behaviour wants; tell whether the command was carried out."""
        behaviour = self.behaviour
        silent = _prefix(behaviour.silent, command)
        if silent is not None and behaviour.silent[silent] > 0:
            behaviour.silent[silent] -= 1
            return False
        errors = _prefix(behaviour.errors, command)
        code = behaviour.errors[errors].pop(0) if errors is not None and behaviour.errors[errors] else None
        lines = run() if code is None else [f"+CME ERROR: {code}"]
        between = _prefix(behaviour.interleave, command)
        if between is not None:
            await self.say(*behaviour.interleave.pop(between))
        late = _prefix(behaviour.late_seconds, command)
        if late is not None:
            # Not awaited: a real terminal goes on listening while it is slow to answer.
            self._soon(self._say_later(behaviour.late_seconds.pop(late), lines))
        else:
            await self.say(*lines)
        return code is None

    def _run(self, text: str) -> list[str]:
        name, _, argument = text.upper().partition("=")
        if name == "AT+CTSP" and argument:
            if argument in self._services:
                return ["+CME ERROR: 38"]
            self._services.add(argument)
            return ["OK"]
        if name == "AT+CTSDS" and argument:
            self._service = int(argument.partition(",")[0])
            return ["OK"]
        if name in ("ATE0", "ATE1"):
            self.behaviour.echo = name == "ATE1"
            return ["OK"]
        return self._queries().get(text.upper(), ["OK"] if name in _ACCEPTED else ["+CME ERROR: 4"])

    def _queries(self) -> dict[str, list[str]]:
        registered = "1" if self.behaviour.registered else "2"
        return {
            "AT+CNUMF?": [f"+CNUMF: 6,{self.tsi}", "OK"],
            "AT+CREG?": [f"+CREG: {registered},1101,{self.tsi[:9]}", "OK"],
            "AT+CSQ?": ["+CSQ: 21,99", "OK"],
            "AT+GMI?": ["+GMI: GRANSLOS", "OK"],
            "AT+GMM?": ["+GMM: 54009,EMULATOR,1.0", "OK"],
            "AT+CMGS=?": ["+CMGS: (0-16777214),(8-1184)", "OK"],
        }

    # --- the air ------------------------------------------------------------------------------------------------

    async def _over_the_air(self, message: Sent) -> None:
        self._air_reference = (self._air_reference + 1) % 256
        self.sent.append(message)
        if self.on_sent is not None:
            self.on_sent(message)
        if self.behaviour.reports_air:
            await self.say(f"+CMGS: 0,4,{self._air_reference}")
        await self._receipts(message)

    async def _receipts(self, message: Sent) -> None:
        vehicle = self.vehicles.get(int(message.called[-8:])) if message.called.isdigit() else None
        if vehicle is None or message.service != SERVICE_TYPE_4:
            return
        try:
            sds = decode_sds(SERVICE_TYPE_4, message.data)
        except DecodeError:
            return
        if not isinstance(sds, Transfer):
            return
        if vehicle.receives and sds.delivery_report_request & 1:
            await self._receipt(vehicle, sds, DELIVERY_RECEIVED)
        if vehicle.reads and sds.delivery_report_request & 2:
            await self._receipt(vehicle, sds, DELIVERY_CONSUMED)

    async def _receipt(self, vehicle: Vehicle, sds: Transfer, status: int) -> None:
        if vehicle.short_reports and sds.short_form_report_allowed:
            report_type = 2 if status == DELIVERY_RECEIVED else 3
            data = encode_short_report(report_type, sds.message_reference)
            await self.deliver(vehicle.ssi, data, service=SERVICE_STATUS)
        else:
            report = sds_encode.encode_report(sds.protocol, status, sds.message_reference)
            await self.deliver(vehicle.ssi, report)

    # --- writing ------------------------------------------------------------------------------------------------

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled():
            task.exception()  # a pulled cable is no news

    async def _say_later(self, seconds: float, lines: list[str]) -> None:
        await asyncio.sleep(seconds)
        await self.say(*lines)

    async def _write(self, data: bytes) -> None:
        async with self._speaking:
            port = self._port
            if port is None:
                self._backlog.append(data)
                return
            step = self.behaviour.bytes_per_write or len(data) or 1
            for start in range(0, len(data), step):
                await port.write(data[start : start + step])
                if step < len(data):
                    await asyncio.sleep(0)


def _prefix(prefixes: Iterable[str], command: str) -> str | None:
    return next((prefix for prefix in prefixes if command.upper().startswith(prefix)), None)


_ACCEPTED = frozenset({"AT", "ATZ", "AT+CSCS", "AT+CREG", "AT+CTOM", "AT+CTGS"})
