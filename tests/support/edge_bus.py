"""A real nats-server as a site's edge, and scripted nodes on it that answer commands as a test tells them.

A scripted node checks what the real intake checks of the envelope (decodes it as ``CommandRequest``), so an adapter
that sends something a node cannot read fails here too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from granslos.contract import subjects
from granslos.contract.answers import Answer, Durability
from granslos.contract.commands import CommandRequest
from granslos.contract.person import decode_hook, encode_hook
from support.eventually import eventually

_decoder = msgspec.json.Decoder(CommandRequest, dec_hook=decode_hook)
Script = Callable[[CommandRequest], Answer | None]
"""Gives the answer, or None for silence (a hung node)."""


class Edge:
    """One nats-server process on loopback; a restart keeps its port."""

    def __init__(self, folder: Path, binary: str) -> None:
        self._folder = folder
        self._binary = binary
        self.port = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for clients; only after the first start."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until it answers; the first time on a port that the server chooses."""
        command = [self._binary, "-a", "127.0.0.1", "-p", str(self.port), "--ports_file_dir", str(self._folder)]
        self._process = _popen(command)
        ports = self._folder / f"{Path(self._binary).name}_{self._process.pid}.ports"
        await eventually(lambda: ports.exists() and ports.stat().st_size > 0, within_seconds=10)
        self.port = int(json.loads(ports.read_text())["nats"][0].rsplit(":", 1)[1])

    def stop(self) -> None:
        """Kill it; nothing is drained."""
        if self._process is not None:
            self.freeze(False)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self, frozen: bool) -> None:
        """Stop the process without closing its sockets, or let it go on."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)


def _popen(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def edge_in(folder: Path) -> Iterator[Edge]:
    """Make an edge that is surely stopped in the end; the test starts it."""
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert binary, "nats-server is not installed; make env"
    edge = Edge(folder, binary)
    try:
        yield edge
    finally:
        edge.stop()


class ScriptedNode:
    """Answers the commands to one site, and remembers them."""

    def __init__(self, site: str, url: str, script: Script) -> None:
        self.site = site
        self.script = script
        self.requests: list[CommandRequest] = []
        self.subjects: list[str] = []
        self._url = url
        self._client: Client | None = None

    async def __aenter__(self) -> "ScriptedNode":
        self._client = await nats.connect(self._url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
        await self._client.subscribe(subjects.command_filter(self.site), cb=self._on_message)
        await self._client.flush()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await self._client.close()

    async def _on_message(self, message: Msg) -> None:
        request = _decoder.decode(message.data)
        self.requests.append(request)
        self.subjects.append(message.subject)
        answer = self.script(request)
        if answer is not None:
            await message.respond(msgspec.json.encode(answer, enc_hook=encode_hook))


def accepts(durability: Durability = "cluster") -> Script:
    """A script that says 201 to everything, with the incident that a real node would name."""
    return lambda request: Answer(
        status=201, durability=durability, position=7, resource={"id": "20261121-vas-000001"}, site="vas"
    )
