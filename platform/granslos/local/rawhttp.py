"""The smallest HTTP/1.1 client that is fair in a benchmark: one keep-alive connection, no parsing beyond what is needed."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class RawHttp:
    """One connection to one node."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {self._host}\r\nAuthorization: Bearer {token}\r\n"
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "RawHttp":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: bytes, command_id: str, more: str = "") -> tuple[int, bytes]:
        """Send one POST; return status and body. ``more``: further header lines, each with its CRLF."""
        head = (
            f"POST {path} HTTP/1.1\r\n{self._head}{more}Idempotency-Key: {command_id}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        return await self._response()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Send one GET; return status and body."""
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())
        return await self._response()

    async def _response(self) -> tuple[int, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        return status, await self._reader.readexactly(length)

    async def frames(self, path: str) -> AsyncIterator[dict[str, str]]:
        """Read an event stream for ever; yield its frames as fields."""
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}Accept: text/event-stream\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        chunked = "transfer-encoding: chunked" in head
        rest = b""
        while True:
            rest += await self._chunk() if chunked else await self._reader.read(65_536)
            *whole, rest = rest.split(b"\n\n")
            for frame in whole:
                yield _fields(frame)

    async def _chunk(self) -> bytes:
        size = int((await self._reader.readline()).split(b";")[0], 16)
        data = await self._reader.readexactly(size)
        await self._reader.readexactly(2)
        return data


def _fields(frame: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in frame.decode().split("\n"):
        name, _, value = line.partition(":")
        fields[name] = fields.get(name, "") + value.removeprefix(" ")
    return fields
