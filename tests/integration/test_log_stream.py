"""The LOG's client against a real nats-server: chain check, batches, gapless reading."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from granslos.contract.errors import LogUnavailableError
from granslos.contract.subjects import log_subject
from granslos.runtime.bus import Bus
from granslos.stream.log import Log, LoggedMessage, TailMovedError
from granslos.stream.reader import LogReader
from support.nats import Hub

BYTES_MAX = 1 << 26


@pytest.fixture
async def bus(nats_hub: Hub) -> AsyncIterator[Bus]:
    async with Bus([nats_hub.url("vas")], "test") as bus:
        async with asyncio.timeout(5):
            await bus.ready.wait()
        yield bus


@pytest.fixture
async def log(bus: Bus) -> Log:
    log = Log(bus.client)
    await log.ensure(1, BYTES_MAX)
    return log


def _messages(count: int, start: int = 1) -> list[tuple[str, bytes]]:
    return [(log_subject("vas", "incident", f"i{n}"), b"%d" % n) for n in range(start, start + count)]


async def _tail(log: Log) -> int:
    last = await log.last_of_site("vas")
    return last.seq if last else 0


async def test_a_batch_enters_whole_and_returns_the_place_of_its_last(log: Log) -> None:
    before = await _tail(log)
    last = await log.append("vas", _messages(250), before)
    status = await log.status()
    assert status.last_seq == last
    found = await log.last_of_site("vas")
    assert found is not None
    assert (found.seq, found.data) == (last, b"250")


async def test_a_stale_chain_check_lets_nothing_in(log: Log) -> None:
    last = await log.append("vas", _messages(3), await _tail(log))
    for count in (1, 5):
        with pytest.raises(TailMovedError):
            await log.append("vas", _messages(count), last - 1)
    assert (await log.status()).last_seq == last


async def test_another_sites_events_do_not_disturb_a_chain(log: Log, nats_hub: Hub) -> None:
    last = await log.append("vas", _messages(2), await _tail(log))
    async with Bus([nats_hub.url("upp")], "other") as other, asyncio.timeout(5):
        await other.ready.wait()
        found = await log.last_of_site("upp")
        await Log(other.client).append("upp", [(log_subject("upp", "unit", "u1"), b"x")], found.seq if found else 0)
    await log.append("vas", _messages(2), last)


async def test_a_site_cannot_write_under_anothers_prefix(log: Log) -> None:
    with pytest.raises(LogUnavailableError):
        await log.append("esk", [(log_subject("esk", "unit", "u1"), b"x")], 0)


async def test_a_marker_under_the_prefix_fences(log: Log) -> None:
    last = await log.append("vas", _messages(1), await _tail(log))
    await log.append("vas", [("log.vas.epoch.vas.calls", b"marker")], last)
    with pytest.raises(TailMovedError):
        await log.append("vas", _messages(2), last)


async def test_reading_starts_behind_the_cursor_and_goes_on_live(bus: Bus, log: Log) -> None:
    start = await _append_many(log, 700) - 700
    got: list[LoggedMessage] = []

    async def read() -> None:
        async for batch in LogReader(bus.client).read(start):
            got.extend(batch)
            if len(got) >= 703:
                return

    async with asyncio.timeout(10):
        reading = asyncio.create_task(read())
        last = await log.append("vas", _messages(3, 900), await _tail(log))
        await reading
    assert [m.seq for m in got] == list(range(start + 1, last + 1))
    assert got[-1].data == b"902"


async def _append_many(log: Log, count: int) -> int:
    last = await _tail(log)
    for start in range(0, count, 100):
        last = await log.append("vas", _messages(min(100, count - start), start), last)
    return last


async def test_a_missing_stream_is_unavailable_not_a_hang(bus: Bus) -> None:
    with pytest.raises(LogUnavailableError):
        await Log(bus.client, stream="NONE").status()
