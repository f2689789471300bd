"""The bytes to and from a terminal: a serial device, TCP to a serial server, or memory; all behind one small interface.

Serial devices are driven directly over their file descriptor (termios), so a real port, a USB modem and a pty work
alike.
"""

import asyncio
import fcntl
import os
import termios
import tty
from typing import Protocol

READ_BYTES = 4_096
SPEEDS = {speed: getattr(termios, f"B{speed}") for speed in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)}
"""Line speeds in bit/s."""


class Port(Protocol):
    """One open connection to a terminal."""

    async def read(self) -> bytes:
        """Return the next bytes; empty when the terminal is gone."""

    async def write(self, data: bytes) -> None:
        """Hand over all bytes.

        Raises:
            OSError: the terminal is gone.
        """

    def close(self) -> None:
        """Let go of the terminal; a waiting read returns empty."""


class TcpPort:
    """A serial server (raw TCP)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> "TcpPort":
        """Connect.

        Raises:
            OSError: nobody listens.
        """
        return cls(*await asyncio.open_connection(host, port))

    async def read(self) -> bytes:
        """Return the next bytes; empty when the connection is gone."""
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Hand over all bytes."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class DescriptorPort:
    """A character device: a serial line, or either end of a pty."""

    def __init__(self, descriptor: int) -> None:
        """Take over an open descriptor; it is closed by ``close``."""
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._closed = asyncio.Event()

    @classmethod
    def open(cls, device: str, speed: int, *, rtscts: bool) -> "DescriptorPort":
        """Open a serial device for this process alone: raw, 8N1.

        Raises:
            OSError: no such device, no permission, or another process has it.
        """
        descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _configure(descriptor, speed, rtscts=rtscts)
        except (OSError, termios.error) as error:
            os.close(descriptor)
            raise OSError(f"{device} cannot be used: {error}") from error
        return cls(descriptor)

    async def read(self) -> bytes:
        """Return the next bytes; empty when the device is gone."""
        while not self._closed.is_set():
            try:
                return os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                await self._ready(writing=False)
            except OSError:  # EIO: unplugged, or the other end of the pty is closed
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Hand over all bytes.

        Raises:
            OSError: the device is gone.
        """
        view = memoryview(data)
        while view:
            if self._closed.is_set():
                raise OSError("the port is closed")
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._ready(writing=True)

    def close(self) -> None:
        """Close the device; waiting calls return."""
        if not self._closed.is_set():
            self._closed.set()
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._descriptor)
            loop.remove_writer(self._descriptor)
            os.close(self._descriptor)

    async def _ready(self, *, writing: bool) -> None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        add(self._descriptor, woken.set)
        waits = [asyncio.ensure_future(woken.wait()), asyncio.ensure_future(self._closed.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            if not self._closed.is_set():
                remove(self._descriptor)


class MemoryPort:
    """One end of a pair in memory; for tests and for terminals emulated in the same process."""

    def __init__(self) -> None:
        self._incoming = asyncio.Queue[bytes]()
        self._other: MemoryPort | None = None
        self._gone = False

    def take(self, data: bytes) -> None:
        """Receive bytes from the other end."""
        self._incoming.put_nowait(data)

    def end(self) -> None:
        """Learn that the other end is closed."""
        if not self._gone:
            self._gone = True
            self._incoming.put_nowait(b"")

    @classmethod
    def pair(cls) -> "tuple[MemoryPort, MemoryPort]":
        """Return both ends."""
        one, other = cls(), cls()
        one._other, other._other = other, one
        return one, other

    async def read(self) -> bytes:
        """Return the next bytes; empty when the other end is closed."""
        if self._gone and self._incoming.empty():
            return b""
        return await self._incoming.get()

    async def write(self, data: bytes) -> None:
        """Hand over all bytes."""
        if self._gone or self._other is None:
            raise OSError("the other end is gone")
        if data:
            self._other.take(bytes(data))

    def close(self) -> None:
        """Close both directions."""
        self.end()
        if self._other is not None:
            self._other.end()


def _configure(descriptor: int, speed: int, *, rtscts: bool) -> None:
    tty.setraw(descriptor, termios.TCSANOW)
    attributes = termios.tcgetattr(descriptor)
    attributes[2] = attributes[2] & ~(termios.CSTOPB | termios.PARENB | termios.CSIZE) | termios.CS8
    attributes[2] |= termios.CREAD | termios.CLOCAL
    attributes[2] = attributes[2] | termios.CRTSCTS if rtscts else attributes[2] & ~termios.CRTSCTS
    attributes[4] = attributes[5] = SPEEDS[speed]
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
    termios.tcflush(descriptor, termios.TCIOFLUSH)
