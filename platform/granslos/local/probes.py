"""Is a server there? Asked in its own protocol, over loopback, without its client library."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

from granslos.local.limits import PROBE_TIMEOUT_SECONDS

Probe = Callable[[], Awaitable[bool]]

_POSTGRES_VERSION_3_0 = 196_608
_ANSWER_BYTES_MAX = 4096


async def first_answer(port: int, question: bytes) -> bytes:
    """Sends the question and returns what comes back first; empty when nobody is there."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(question)
                return await reader.read(_ANSWER_BYTES_MAX)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def postgres_accepts(port: int, user: str, database: str) -> Probe:
    """PostgreSQL asks the user for a password (message R); while it starts up it answers with an error (message E).

    Source: PostgreSQL documentation, "Message Formats": StartupMessage, AuthenticationSASL.
    """
    parameters = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    question = struct.pack("!ii", 8 + len(parameters), _POSTGRES_VERSION_3_0) + parameters

    async def probe() -> bool:
        return (await first_answer(port, question))[:1] == b"R"

    return probe


def nats_greets(port: int) -> Probe:
    """A nats-server sends INFO as soon as somebody connects (client protocol)."""

    async def probe() -> bool:
        return (await first_answer(port, b"")).startswith(b"INFO ")

    return probe


def http_answers(port: int, path: str) -> Probe:
    """An HTTP server answers GET with a 2xx."""
    question = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> bool:
        status_line = (await first_answer(port, question)).split(b"\r\n", 1)[0].split(b" ")
        return len(status_line) >= 2 and status_line[0].startswith(b"HTTP/1.") and status_line[1][:1] == b"2"

    return probe


def links_answer(port: int) -> Probe:
    """The control socket of the links answers a question about their state."""

    async def probe() -> bool:
        return (await first_answer(port, b'{"state":true}\n')).startswith(b'{"ok":true')

    return probe


async def always() -> bool:
    """For a process that has no port: it is ready once it runs."""
    return True
