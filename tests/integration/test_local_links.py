"""The links as a process: ports, control socket, and a state that outlives it."""

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from granslos.local.errors import LocalError
from granslos.local.limits import LINK_CONTROL_LINE_BYTES_MAX
from granslos.local.links import LinkControl, LinkPlan, LinksConfig, address
from granslos.local.probes import links_answer
from granslos.replication.guard_child import Child, end, exit_of, spawn
from support.eventually import eventually, never


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; a clash ends the links with an error, which fails the test clearly."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def write_config(directory: Path, target: int, delay_ms: float = 0.0) -> tuple[Path, LinksConfig]:
    control, listen = free_ports(2)
    config = LinksConfig(
        control=f"127.0.0.1:{control}",
        state=str(directory / "state.json"),
        sites=("esk", "vas"),
        links=(
            LinkPlan(
                from_site="esk",
                to_site="vas",
                service="http",
                kind="tcp",
                listen=f"127.0.0.1:{listen}",
                target=f"127.0.0.1:{target}",
            ),
        ),
        delay_ms=delay_ms,
    )
    path = directory / "links.json"
    path.write_bytes(msgspec.json.encode(config))
    return path, config


@contextlib.asynccontextmanager
async def running(path: Path, config: LinksConfig) -> AsyncIterator[LinkControl]:
    process = spawn(Child(command=(sys.executable, "-m", "granslos.local.links", str(path)), log=path.with_suffix(".log")))
    try:
        await eventually(links_answer(address(config.control)[1]), within_seconds=10)
        yield LinkControl(config.control)
    finally:
        assert await end(process, 15, within_seconds=3) == 0


@contextlib.asynccontextmanager
async def shouting_service() -> AsyncIterator[int]:
    """Answers each line in upper case."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_cut_and_heal_over_the_control_socket(tmp_path: Path) -> None:
    async with shouting_service() as port:
        path, config = write_config(tmp_path, port)
        async with running(path, config) as control:
            reader, writer = await asyncio.open_connection(*address(config.links[0].listen))
            writer.write(b"one\n")
            assert await asyncio.wait_for(reader.readline(), 2) == b"ONE\n"
            assert (await control.cut("esk", "vas"))["cut"] == [["esk", "vas"], ["vas", "esk"]]
            writer.write(b"two\n")
            answer = asyncio.create_task(reader.readline())
            await never(answer.done, for_seconds=0.3)
            state = await control.heal()
            assert state["cut"] == [] and state["connections"] == 1
            assert await asyncio.wait_for(answer, 2) == b"TWO\n"
            writer.close()
            await writer.wait_closed()


async def test_the_delay_is_that_of_the_configuration_and_of_commands(tmp_path: Path) -> None:
    async def fastest_round_trip() -> float:
        reader, writer = await asyncio.open_connection(*address(config.links[0].listen))
        times = []
        for _ in range(6):
            started = asyncio.get_running_loop().time()
            writer.write(b"x\n")
            assert await asyncio.wait_for(reader.readline(), 5) == b"X\n"
            times.append(asyncio.get_running_loop().time() - started)
        writer.close()
        await writer.wait_closed()
        return min(times)

    async with shouting_service() as port:
        path, config = write_config(tmp_path, port, delay_ms=10)
        async with running(path, config) as control:
            assert 0.0195 <= await fastest_round_trip() < 0.030
            await control.delay(2.5)
            assert 0.0048 <= await fastest_round_trip() < 0.010
            await control.delay(0)
            assert await fastest_round_trip() < 0.005


async def test_a_restarted_process_cuts_what_was_cut(tmp_path: Path) -> None:
    path, config = write_config(tmp_path, 9, delay_ms=3)
    async with running(path, config) as control:
        await control.isolate("vas")
        await control.loss(0.25)
    async with running(path, config) as control:
        state = await control.state()
        assert len(state["cut"]) == 2
        assert state["delay_ms"] == [["esk", "vas", 3.0], ["vas", "esk", 3.0]]
        assert state["loss"] == [["esk", "vas", 0.25], ["vas", "esk", 0.25]]
        with pytest.raises(LocalError, match="'xxx' is none of"):
            await control.isolate("xxx")


@pytest.mark.parametrize(
    "said", [b'POST / HTTP/1.1\r\n\r\n{"isolate": "esk"}\n', b'{"cut": 3}\n', b'{"unknown": 1}\n', b"[]\n", b"\xff\n"]
)
async def test_what_is_no_command_ends_the_conversation(tmp_path: Path, said: bytes) -> None:
    path, config = write_config(tmp_path, 9)
    async with running(path, config) as control:
        reader, writer = await asyncio.open_connection(*address(config.control))
        writer.write(said)
        answer = json.loads((await asyncio.wait_for(reader.read(), 2)).splitlines()[0])
        assert answer["ok"] is False and answer["error"]
        writer.close()
        assert (await control.state())["cut"] == []


async def test_a_command_line_is_bounded(tmp_path: Path) -> None:
    path, config = write_config(tmp_path, 9)
    async with running(path, config) as control:
        reader, writer = await asyncio.open_connection(*address(config.control))
        writer.write(b"x" * (LINK_CONTROL_LINE_BYTES_MAX * 3))
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
        assert (await control.state())["cut"] == []


async def test_a_taken_port_ends_the_process_with_a_reason(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        path, config = write_config(tmp_path, 9)
        config = msgspec.structs.replace(config, control=f"127.0.0.1:{taken.getsockname()[1]}")
        path.write_bytes(msgspec.json.encode(config))
        log = tmp_path / "links.log"
        process = spawn(Child(command=(sys.executable, "-m", "granslos.local.links", str(path)), log=log))
        async with asyncio.timeout(10):
            assert await exit_of(process) == 2
        assert "address already in use" in log.read_text()
