"""The network between the sites of one machine, as a process: `python -m granslos.local.links CONFIG.json`.

Everything that goes from one site to another passes here, UDP too, so that a cut is a real cut. What can be cut and
how is in `link_state`; the state is kept in a file, so that a restarted process cuts what was cut before.
"""

import asyncio
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from granslos.local.errors import LocalError
from granslos.local.limits import (
    LINK_CONTROL_LINE_BYTES_MAX,
    LINK_CONTROL_TIMEOUT_SECONDS,
    LINK_SWEEP_SECONDS,
)
from granslos.local.link_state import (
    CommandError,
    LinkCommand,
    LinkState,
    Pair,
    apply,
    describe,
    restored,
)
from granslos.local.link_wire import TcpLink, UdpLink, Way

EXIT_CANNOT_START = 2


class LinkPlan(msgspec.Struct, frozen=True, kw_only=True, rename={"from_site": "from", "to_site": "to"}):
    """One link: who calls from which address what service of whom."""

    from_site: str
    to_site: str
    service: str
    kind: str
    listen: str
    target: str


class LinksConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of the links process.

    Attributes:
        control: Address `host:port` of the control socket, on loopback.
        state: File that keeps what is cut.
        sites: Codes of all sites, witness included.
        links: Every link.
        delay_ms: One-way delay of all links at a first start, in milliseconds.
        seed: Of the dice that lose datagrams.
    """

    control: str
    state: str
    sites: tuple[str, ...]
    links: tuple[LinkPlan, ...]
    delay_ms: float = 0.0
    seed: int = 0


def address(text: str) -> tuple[str, int]:
    """Splits `host:port`."""
    host, _, port = text.rpartition(":")
    return host, int(port)


class Links:
    """The running network: ways, links, and the control socket that changes them."""

    def __init__(self, config: LinksConfig) -> None:
        self._config = config
        self._ways: dict[Pair, Way] = {(a, b): Way() for a in config.sites for b in config.sites if a != b}
        self._tcp: list[TcpLink] = []
        self.state = LinkState(sites=config.sites)

    async def run(self, until: asyncio.Event) -> None:
        """Serves until told to stop.

        Raises:
            OSError: A port is in use.
        """
        self._become(self._kept_state())
        async with asyncio.TaskGroup() as group:
            listeners = [await self._open(plan, group) for plan in self._config.links]
            control = await asyncio.start_server(
                self._control, *address(self._config.control), limit=LINK_CONTROL_LINE_BYTES_MAX
            )
            sweeper = group.create_task(self._sweep())
            await until.wait()
            sweeper.cancel()
            for listener in [*listeners, control]:
                listener.close()
            for connection in [connection for link in self._tcp for connection in link.connections]:
                connection.abort()

    async def _open(self, plan: LinkPlan, group: asyncio.TaskGroup) -> asyncio.Server | asyncio.DatagramTransport:
        there, back = self._ways[plan.from_site, plan.to_site], self._ways[plan.to_site, plan.from_site]
        if plan.kind == "udp":
            dice = random.Random(f"{self._config.seed} {plan.from_site} {plan.to_site}")
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: UdpLink(there, address(plan.target), dice), local_addr=address(plan.listen)
            )
            return transport
        link = TcpLink((there, back), address(plan.target), group)
        self._tcp.append(link)
        return await link.listen(address(plan.listen))

    def _kept_state(self) -> LinkState:
        try:
            kept = msgspec.json.decode(Path(self._config.state).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            delay = self._config.delay_ms
            return apply(self.state, LinkCommand(delay_ms=delay)) if delay else self.state
        return restored(self._config.sites, kept)

    def command(self, line: bytes) -> dict[str, Any]:
        """Obeys one line of the control socket and says what holds now.

        Raises:
            CommandError: The line is no command.
        """
        try:
            command = msgspec.json.decode(line, type=LinkCommand)
        except msgspec.DecodeError as error:
            raise CommandError(str(error)) from error
        state = apply(self.state, command)
        if state != self.state:
            self._become(state)
            kept = Path(self._config.state)
            part = kept.with_suffix(".part")
            part.write_bytes(msgspec.json.encode(describe(state)))
            part.replace(kept)
        return describe(state) | self._counts()

    def _become(self, state: LinkState) -> None:
        self.state = state
        for pair, way in self._ways.items():
            delay = state.delay_ms.get(pair, 0.0) / 1000
            way.change(is_open=pair not in state.cut, delay_seconds=delay, loss=state.loss.get(pair, 0.0))
        for link in self._tcp:
            link.changed()

    def _counts(self) -> dict[str, int]:
        ways = self._ways.values()
        return {
            "connections": sum(len(link.connections) for link in self._tcp),
            "waiting": sum(len(link.waiting) for link in self._tcp),
            "bytes": sum(way.bytes for way in ways),
            "datagrams": sum(way.datagrams for way in ways),
            "datagrams_dropped": sum(way.datagrams_dropped for way in ways),
        }

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client. The first line that is no command ends it, so a web page's request cannot smuggle one in."""
        try:
            while line := await reader.readline():
                try:
                    answer: dict[str, Any] = {"ok": True, "state": self.command(line)}
                except CommandError as error:
                    answer = {"ok": False, "error": str(error)}
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
                if not answer["ok"]:
                    break
        except (OSError, ValueError):  # the client went away, or its line is longer than the limit
            pass
        finally:
            writer.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(LINK_SWEEP_SECONDS)
            if self.state.cut:
                for link in self._tcp:
                    if not link.is_open:
                        link.sweep()


class LinkControl:
    """Changes the network between the sites; for drills and tests.

    Every method returns the state after it, as `link_state.describe` gives it with counters beside.
    """

    def __init__(self, control: str) -> None:
        self._address = address(control)

    async def cut(self, a: str, b: str, *, one_way: bool = False) -> dict[str, Any]:
        """Cuts two sites from each other, or only what goes from `a` to `b`."""
        return await self._ask({"cut": [a, b], "one_way": one_way})

    async def isolate(self, site: str) -> dict[str, Any]:
        """Cuts a site from all others."""
        return await self._ask({"isolate": site})

    async def split(self, side: set[str], other: set[str]) -> dict[str, Any]:
        """Cuts every site of one side from every site of the other."""
        for a in side:
            for b in other:
                await self.cut(a, b)
        return await self.state()

    async def heal(self, a: str = "all", b: str | None = None) -> dict[str, Any]:
        """Heals a pair, all links of one site, or (without arguments) everything; delays stay."""
        return await self._ask({"heal": a if b is None else [a, b]})

    async def delay(self, milliseconds: float, between: tuple[str, str] | None = None) -> dict[str, Any]:
        """Sets the one-way delay, of all links or between two sites."""
        return await self._ask({"delay_ms": milliseconds, "between": between})

    async def loss(self, share: float, between: tuple[str, str] | None = None) -> dict[str, Any]:
        """Sets the share of datagrams lost, of all links or between two sites."""
        return await self._ask({"loss": share, "between": between})

    async def state(self) -> dict[str, Any]:
        """What is cut, slow or lossy, and the counters."""
        return await self._ask({"state": True})

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(LINK_CONTROL_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(*self._address)
            try:
                writer.write(msgspec.json.encode(command) + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        if not line:
            raise LocalError("the links ended while they were asked")
        answer = msgspec.json.decode(line)
        if not answer["ok"]:
            raise LocalError(f"the links refused: {answer['error']}")
        state: dict[str, Any] = answer["state"]
        return state


async def serve(config: LinksConfig) -> None:
    """Runs the links until SIGTERM or SIGINT."""
    until = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    await Links(config).run(until)


def main(arguments: list[str]) -> int:
    """The process: one argument, the path of its configuration."""
    if len(arguments) != 1:
        print("usage: python -m granslos.local.links CONFIG.json", file=sys.stderr)
        return EXIT_CANNOT_START
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
    status = 0
    try:
        uvloop.run(serve(msgspec.json.decode(Path(arguments[0]).read_bytes(), type=LinksConfig)))
    except* (OSError, msgspec.DecodeError) as errors:
        print(f"links: {[str(error) for error in errors.exceptions]}", file=sys.stderr)
        status = EXIT_CANNOT_START
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
