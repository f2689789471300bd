r"""``python -m granslos_adapters.rakel.emulate --listen 127.0.0.1:0``: a terminal over TCP, driven by lines on stdin.

For the demo and for drills. Prints ``ready emulator tcp://…``, then one JSON object for each message that the adapter
sends. It takes one JSON object a line:

    {"do": "status", "from": 2401001, "value": 32773}
    {"do": "position", "from": 2401001, "latitude": 59.6, "longitude": 16.5, "speed_kmh": 40, "direction_deg": 90}
    {"do": "no_fix", "from": 2401001}
    {"do": "emergency", "from": 2401001}
    {"do": "text", "from": 2401001, "text": "framme om 5"}
    {"do": "vehicle", "ssi": 2401001, "receives": true, "reads": false}
    {"do": "unplug"}   {"do": "plug"}
    {"do": "raw", "data": "\r\n+CTSDS"}
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from granslos_adapters.rakel.codec import sds_encode
from granslos_adapters.rakel.codec.bits import DecodeError
from granslos_adapters.rakel.codec.lip import ShortFields, encode_short
from granslos_adapters.rakel.codec.lip_tables import REASON_DISTANCE, REASON_EMERGENCY
from granslos_adapters.rakel.codec.sds import SERVICE_STATUS, SimpleText, Transfer, decode_sds
from granslos_adapters.rakel.emulator import DEFAULT_SSI, Sent, Terminal, Vehicle
from granslos_adapters.rakel.emulator_hosts import TcpHost

LINE_BYTES_MAX = 65_536


class Emulation:
    """A terminal on TCP and the commands that drive it."""

    def __init__(self, host: TcpHost) -> None:
        self.host = host
        self.terminal = host.terminal
        self._reference = 0

    async def do(self, wish: dict[str, Any]) -> None:
        """Carry out one wish.

        Raises:
            KeyError: a field is missing, or nobody can do that.
        """
        source = int(wish.get("from", 0))
        match wish["do"]:
            case "status":
                await self.terminal.press(source, int(wish["value"]))
            case "emergency":
                await self.terminal.press(source, 0)
                await self.terminal.deliver(source, encode_short(ShortFields(reason_code=REASON_EMERGENCY)))
            case "position" | "no_fix":
                await self.terminal.deliver(source, encode_short(_position(wish)))
            case "text":
                self._reference = (self._reference + 1) % 256
                fields = sds_encode.TextFields(text=str(wish["text"]))
                await self.terminal.deliver(source, sds_encode.encode_text_message(fields, self._reference))
            case "vehicle":
                vehicle = msgspec.convert({k: v for k, v in wish.items() if k != "do"}, Vehicle)
                self.terminal.vehicles[vehicle.ssi] = vehicle
            case _:
                await self._cable(wish)

    async def _cable(self, wish: dict[str, Any]) -> None:
        match wish["do"]:
            case "unplug":
                await self.host.unplug()
            case "plug":
                await self.host.plug()
            case "raw":
                await self.terminal.say_raw(str(wish["data"]).encode("latin-1"))
            case other:
                raise KeyError(f"nobody can {other}")


def _position(wish: dict[str, Any]) -> ShortFields:
    if wish["do"] == "no_fix":
        return ShortFields()
    return ShortFields(
        latitude_deg=float(wish["latitude"]),
        longitude_deg=float(wish["longitude"]),
        accuracy_m=float(wish.get("accuracy_m", 10.0)),
        speed_kmh=wish.get("speed_kmh"),
        direction_deg=wish.get("direction_deg"),
        reason_code=REASON_DISTANCE,
    )


def describe(message: Sent) -> dict[str, Any]:
    """Return what the adapter sent, as JSON can say it."""
    out: dict[str, Any] = {"to": message.called, "service": message.service, "hex": message.data.hex()}
    try:
        sds = decode_sds(message.service, message.data)
    except DecodeError:
        return out
    if isinstance(sds, Transfer | SimpleText):
        out["text"] = sds.text
    if message.service == SERVICE_STATUS:
        out["value"] = message.data.value
    return out


async def run(listen: str, ssi: int) -> None:
    """Emulate until stdin ends."""
    name, _, port = listen.rpartition(":")
    terminal = Terminal(ssi)
    host = TcpHost(terminal, host=name, port=int(port))
    emulation = Emulation(host)
    terminal.on_sent = lambda message: _say(msgspec.json.encode(describe(message)).decode())
    await host.plug()
    _say(f"ready emulator {host.url}")
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            await _obey(emulation, line)
    finally:
        await host.close()


async def _obey(emulation: Emulation, line: bytes) -> None:
    try:
        await emulation.do(msgspec.json.decode(line, type=dict[str, Any]))
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError, AssertionError) as error:
        _say(msgspec.json.encode({"error": str(error)}).decode())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the emulator; return its exit code."""
    parser = argparse.ArgumentParser(prog="granslos_adapters.rakel.emulate", description="An emulated TETRA terminal.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address and port (0: any free one)")
    parser.add_argument("--ssi", type=int, default=DEFAULT_SSI, help="the terminal's own number")
    arguments = parser.parse_args(argv)
    asyncio.run(run(arguments.listen, arguments.ssi))
    return 0


if __name__ == "__main__":
    sys.exit(main())
