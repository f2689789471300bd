"""`granslos demo` as a process: the ready line, signals, kills, second starts."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from granslos.local.process_tree import descendants, is_alive
from support.eventually import eventually
from support.postgres import open_directory

DEMO = """
import asyncio, pathlib, sys
from granslos.local.demo import DemoOptions, run_demo
base = int(sys.argv[3]) if len(sys.argv) > 3 else None
options = DemoOptions(directory=pathlib.Path(sys.argv[1]), sites=int(sys.argv[2]) or None, base_port=base, nodes=False)
sys.exit(asyncio.run(run_demo(options)))
"""
READY_SECONDS = 10
STOP_SECONDS = 20


class Demo:
    """A running demo."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self.process, self.directory = process, directory

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), READY_SECONDS)).decode()

    async def result(self, within_seconds: float = STOP_SECONDS) -> tuple[int, str, str]:
        out, err = await asyncio.wait_for(self.process.communicate(), within_seconds)
        return self.process.returncode or 0, out.decode(), err.decode()

    def run_document(self) -> dict[str, object]:
        document: dict[str, object] = json.loads((self.directory / "run.json").read_bytes())
        return document


async def start(directory: Path, sites: int = 1, *more: str) -> Demo:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DEMO, str(directory), str(sites), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    return Demo(process, directory)


@contextlib.asynccontextmanager
async def demo(directory: Path, sites: int = 1, *more: str) -> AsyncIterator[Demo]:
    """A demo that is ready; killed when a test forgets to stop it."""
    one = await start(directory, sites, *more)
    try:
        assert (await one.line()).startswith("granslos ready: ")
        yield one
    finally:
        if one.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
            await one.process.communicate()


@pytest.mark.parametrize(("signal_number", "to_the_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
async def test_a_signal_stops_everything_and_leaves_nothing(signal_number: int, to_the_group: bool) -> None:
    with open_directory("granslos-demo-") as directory:
        async with demo(directory, sites=2) as one:
            children = descendants(one.process.pid)
            assert len(children) > 10
            (os.killpg if to_the_group else os.kill)(one.process.pid, signal_number)
            status, rest, _ = await one.result()
            assert (status, rest) == (0, ""), "the ready line is printed once"
            assert not any(map(is_alive, children))
            assert not (directory / "run.json").exists()


async def test_the_ready_line_and_the_run_file_say_the_same() -> None:
    with open_directory("granslos-demo-") as directory:
        one = await start(directory, 3)
        line = await one.line()
        document = one.run_document()
        sites = document["sites"]
        assert isinstance(sites, list) and [site["code"] for site in sites] == ["esk", "vas", "upp"]
        assert line == f"granslos ready: 3 sites, console {sites[0]['http']}/ (run.json: {directory / 'run.json'})\n"
        assert [site["name"] for site in sites] == ["eskilstuna", "vasteras", "uppsala"]
        assert [site["areas"] for site in sites] == [["04"], ["19"], ["03"]]
        assert set(sites[0]["pids"]) == {"hub", "edge", "postgres", "node", "guard"}
        assert document["supervisor"] == one.process.pid and "witness" not in document
        links = document["links"]
        assert isinstance(links, dict) and is_alive(links["pid"])
        assert isinstance(document["tokens"], dict) and len(document["tokens"]) == 6
        assert (directory / "run.json").stat().st_mode & 0o077 == 0
        one.process.terminate()
        assert (await one.result())[0] == 0


async def test_a_signal_while_it_starts_stops_it_too() -> None:
    with open_directory("granslos-demo-") as directory:
        one = await start(directory, 3)
        await eventually(lambda: len(descendants(one.process.pid)) >= 3, within_seconds=10)
        one.process.send_signal(signal.SIGINT)
        status, out, err = await one.result()
        assert (status, out) == (0, ""), err
        async with demo(directory, sites=0) as again:
            again.process.terminate()
            assert (await again.result())[0] == 0


async def test_killed_without_warning_it_leaves_no_orphan_and_starts_again_with_its_data() -> None:
    with open_directory("granslos-demo-") as directory:
        async with demo(directory) as one:
            dsn = one.run_document()["sites"][0]["postgres_dsn"]
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                await connection.execute("CREATE TABLE kept AS SELECT 7 AS x")
            children = descendants(one.process.pid)
            one.process.kill()
            await one.result()
            await eventually(lambda: not any(map(is_alive, children)), within_seconds=6)
        started = time.monotonic()
        async with demo(directory, sites=0) as again:
            assert time.monotonic() - started < READY_SECONDS
            assert again.run_document()["sites"][0]["postgres_dsn"] == dsn
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                assert await (await connection.execute("SELECT x FROM kept")).fetchone() == (7,)
            again.process.terminate()
            assert (await again.result())[0] == 0


async def test_a_base_port_is_kept_to_the_letter_and_a_second_demo_on_the_directory_is_refused_in_one_line() -> None:
    with open_directory("granslos-demo-") as directory:
        async with demo(directory, 1, "19400") as one:
            site = one.run_document()["sites"][0]
            assert site["http"] == "http://127.0.0.1:19400"
            assert ":19403/" in site["postgres_dsn"]
            other = await start(directory)
            status, out, err = await other.result()
            assert (status, out) == (2, "")
            assert err == f"granslos demo: {directory} is in use by process {one.process.pid}; stop that one first\n"
            assert one.process.returncode is None
            assert (directory / "run.json").exists()
            one.process.terminate()
            assert (await one.result())[0] == 0


async def test_what_a_killed_postgres_leaves_behind_is_collected() -> None:
    with open_directory("granslos-demo-") as directory:
        async with demo(directory) as one:
            old = pid_of(one, "postgres")
            assert old is not None
            os.kill(old, signal.SIGKILL)
            await eventually(lambda: pid_of(one, "postgres") not in (None, old), within_seconds=5)
            await eventually(lambda: all(map(is_alive, descendants(one.process.pid))), within_seconds=4)
            one.process.terminate()
            assert (await one.result())[0] == 0


def pid_of(one: Demo, process: str) -> int | None:
    """From run.json, of the first site."""
    pids: dict[str, int | None] = one.run_document()["sites"][0]["pids"]
    return pids[process]
