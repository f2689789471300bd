"""Whom does our hub really reach? Asked over its own routes, when the guards' beats are in doubt.

A UDP rule in a firewall, or a hung guard elsewhere, silences beats while the hubs talk as ever; stopping a hub then
would do harm. The system account's server ping is answered by every server that a live route reaches, within
milliseconds, so an answer proves more than the monitoring page, which lists a dead route for another 3 s.
"""

import asyncio
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

ANSWER_BYTES_MAX = 1024 * 1024
PORT_DEFAULT = 4222


class HubWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub showed when it was asked.

    Attributes:
        servers: Names of the servers that answered, itself included.
        leader: Name of the leader it follows, or "" when it knows none.
    """

    servers: frozenset[str]
    leader: str

    def is_linked(self, hubs: int) -> bool:
        """Whether it has a leader and reaches a majority of that many hubs."""
        return bool(self.leader) and 2 * len(self.servers) > hubs


async def ask(system_url: str, *, hubs: int, within_seconds: float) -> HubWord:
    """Asks the hub at that URL (of a user of the system account) and gathers answers within the bound.

    Returns as soon as a leader and a majority are shown; with whatever came when the bound is over.
    """
    url = urlsplit(system_url)
    word = HubWord(servers=frozenset(), leader="")
    try:
        async with asyncio.timeout(within_seconds):
            reader, writer = await asyncio.open_connection(url.hostname, url.port or PORT_DEFAULT, limit=ANSWER_BYTES_MAX)
            try:
                own = json.loads((await reader.readline()).removeprefix(b"INFO "))["server_id"]
                writer.write(_question(unquote(url.username or ""), unquote(url.password or "")))
                while not word.is_linked(hubs):
                    word = _with(word, await _answer(reader), own)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, KeyError, EOFError):
        pass  # a hub that does not answer, or not in this protocol, has said nothing
    return word


def _question(user: str, password: str) -> bytes:
    options = {"user": user, "pass": password, "verbose": False, "pedantic": False, "headers": False}
    options |= {"name": "hub guard", "lang": "python", "version": "1", "protocol": 0}
    return b"CONNECT %s\r\nSUB _INBOX.guard 1\r\nPUB $SYS.REQ.SERVER.PING _INBOX.guard 0\r\n\r\n" % (
        json.dumps(options).encode()
    )


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next answer; other lines of the protocol are skipped."""
    while True:
        line = await reader.readline()
        if not line or line.startswith(b"-ERR"):
            raise EOFError(line.decode(errors="replace"))
        if line.startswith(b"MSG "):
            size = int(line.split()[-1])
            answer: dict[str, Any] = json.loads((await reader.readexactly(size + 2))[:size])
            return answer


def _with(word: HubWord, answer: dict[str, Any], own_id: str) -> HubWord:
    server = answer["server"]
    leader = word.leader
    if server["id"] == own_id:
        leader = answer.get("statsz", {}).get("jetstream", {}).get("meta", {}).get("leader", "")
    return HubWord(servers=word.servers | {server["name"]}, leader=leader)
