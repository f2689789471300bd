"""Where an emulated terminal can be reached: in memory, over TCP, over a pty. One suite of tests runs on all three."""

import asyncio
import os
import tty
from pathlib import Path
from typing import Protocol

from granslos_adapters.rakel.emulator import Terminal
from granslos_adapters.rakel.link import Opener
from granslos_adapters.rakel.port import DescriptorPort, MemoryPort, Port, TcpPort


class Host(Protocol):
    """A place where a terminal is plugged in."""

    terminal: Terminal

    async def plug(self) -> None:
        """Put the cable in."""

    async def unplug(self) -> None:
        """Pull the cable: the other side sees the terminal go, and cannot open it."""

    @property
    def opener(self) -> Opener:
        """What a link opens the terminal with."""

    async def close(self) -> None:
        """Stop for good."""


class MemoryHost:
    """A terminal in the same process."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._plugged = False
        self._serving: set[asyncio.Task[None]] = set()

    async def plug(self) -> None:
        """Put the cable in."""
        self._plugged = True

    async def unplug(self) -> None:
        """Pull the cable."""
        self._plugged = False
        self.terminal.unplug()

    @property
    def opener(self) -> Opener:
        """Opens one end of a pair whose other end the terminal has."""

        async def open_memory() -> Port:
            if not self._plugged:
                raise OSError("no terminal plugged in")
            ours, theirs = MemoryPort.pair()
            task = asyncio.ensure_future(self.terminal.attach(theirs))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
            return ours

        return open_memory

    async def close(self) -> None:
        """Stop for good."""
        await self.unplug()
        await asyncio.gather(*self._serving, return_exceptions=True)


class TcpHost:
    """A terminal behind a serial server on loopback; the port stays the same over unplugging."""

    def __init__(self, terminal: Terminal, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.terminal = terminal
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """URL for the link's settings; only after the first ``plug``."""
        return f"tcp://{self.host}:{self.port}"

    async def plug(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and cut the connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.terminal.unplug()

    @property
    def opener(self) -> Opener:
        """Connects."""

        async def open_tcp() -> Port:
            return await TcpPort.open(self.host, self.port)

        return open_tcp

    async def close(self) -> None:
        """Stop for good."""
        await self.unplug()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = TcpPort(reader, writer)
        task = asyncio.ensure_future(self._attach(port))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await asyncio.wait({task})

    async def _attach(self, port: TcpPort) -> None:
        try:
            if not self.terminal.attached:
                await self.terminal.attach(port)
        finally:
            port.close()


class PtyHost:
    """A terminal on a pty, reached through a symbolic link that stays the same over unplugging."""

    def __init__(self, terminal: Terminal, link: Path, *, speed: int = 38_400, rtscts: bool = False) -> None:
        """Prepare; a pty has no modem lines, so ``rtscts`` only shows that setting it does no harm."""
        self.terminal = terminal
        self.link = link
        self._speed = speed
        self._rtscts = rtscts
        self._serving: asyncio.Task[None] | None = None
        self._port: DescriptorPort | None = None
        self._slave: int | None = None

    @property
    def url(self) -> str:
        """URL for the link's settings."""
        return f"serial:{self.link}"

    async def plug(self) -> None:
        """Make the pty and point the link to it."""
        master, slave = os.openpty()
        tty.setraw(slave)
        # Kept open here, so that a link that closes the device does not make the terminal go away.
        self._slave = slave
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        self._port = DescriptorPort(master)
        self._serving = asyncio.ensure_future(self.terminal.attach(self._port))

    async def unplug(self) -> None:
        """Close the pty: the other side reads the end."""
        self.link.unlink(missing_ok=True)
        if self._port is not None:
            self._port.close()
            self._port = None
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None
        if self._slave is not None:
            os.close(self._slave)
            self._slave = None

    @property
    def opener(self) -> Opener:
        """Opens the device."""

        async def open_pty() -> Port:
            return DescriptorPort.open(str(self.link), self._speed, rtscts=self._rtscts)

        return open_pty

    async def close(self) -> None:
        """Stop for good."""
        await self.unplug()
