"""The emulator as a program of its own: what the demo drives."""

import asyncio
import json
import sys
from typing import Any

import pytest

from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.sds_encode import TextFields, encode_text_message
from granslos_adapters.rakel.framing import Event, ShortData
from granslos_adapters.rakel.link import Link, LinkState, opener_for
from granslos_adapters.rakel.settings import LinkSettings
from support.eventually import eventually


async def test_the_emulator_obeys_lines_and_says_what_the_adapter_sends() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "granslos_adapters.rakel.emulate",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ready = (await process.stdout.readline()).decode().split()
    assert ready[:2] == ["ready", "emulator"]
    heard: list[str] = []

    async def on_event(event: Event) -> None:
        if isinstance(event, ShortData):
            heard.append(event.hex)

    def wish(**fields: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(fields).encode() + b"\n")

    settings = LinkSettings(url=ready[2], settle_seconds=0.05, reopen_backoff_seconds_min=0.05)
    link = Link(opener_for(settings), settings, on_event)
    running = asyncio.ensure_future(link.run())
    try:
        async with asyncio.timeout(10):
            await link.until_up()
        wish(do="vehicle", ssi=2401001, receives=True)
        wish(do="status", **{"from": 2401001}, value=32773)
        wish(do="position", **{"from": 2401001}, latitude=59.6, longitude=16.5, speed_kmh=40, direction_deg=90)
        wish(do="no_fix", **{"from": 2401001})
        wish(do="emergency", **{"from": 2401001})
        wish(do="text", **{"from": 2401001}, text="framme om 5")
        wish(do="raw", data="\r\n+CTSDS\r\n")
        await eventually(lambda: len(heard) == 6, within_seconds=5)
        assert heard[0] == "8005"
        assert heard[2] == "0A30000000000007FFE81"
        assert heard[3] == "0000"
        await link.send("2401001", encode_text_message(TextFields(text="Larm"), 7))
        said = json.loads(await process.stdout.readline())
        assert (said["to"], said["text"]) == ("2401001", "Larm")
        await eventually(lambda: heard[-1] == "82100007", within_seconds=5)
        await link.send("2401001", Bits(0x800B, 16), status=True)
        assert json.loads(await process.stdout.readline())["value"] == 0x800B
        wish(do="fly")
        assert "nobody can fly" in json.loads(await process.stdout.readline())["error"]
        wish(do="unplug")
        await eventually(lambda: link.state is LinkState.DOWN, within_seconds=5)
        wish(do="plug")
        await eventually(lambda: link.state is LinkState.UP, within_seconds=5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


@pytest.mark.parametrize("arguments", [["--ssi", "x"], ["--what"]])
async def test_wrong_arguments_end_it(arguments: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "granslos_adapters.rakel.emulate", *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 2
