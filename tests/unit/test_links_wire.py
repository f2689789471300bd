"""The forwarders on real sockets: what passes, what hangs, what waits."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from granslos.local import link_wire
from granslos.local.limits import LINK_BUFFER_BYTES, LINK_CONNECTIONS_MAX
from granslos.local.link_wire import TcpLink, UdpLink, Way
from support.eventually import eventually, never

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@dataclass
class Net:
    """A service at one site and a link to it from another."""

    link: TcpLink
    there: Way
    back: Way
    port: int
    accepted: list[asyncio.StreamWriter] = field(default_factory=list)

    def set(self, *, there: bool = True, back: bool = True, delay: float = 0.0) -> None:
        self.there.change(is_open=there, delay_seconds=delay, loss=0.0)
        self.back.change(is_open=back, delay_seconds=delay, loss=0.0)
        self.link.changed()

    async def call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@contextlib.asynccontextmanager
async def net(handler: Handler = echo) -> AsyncIterator[Net]:
    accepted: list[asyncio.StreamWriter] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        with contextlib.suppress(ConnectionError):
            await handler(reader, writer)

    service = await asyncio.start_server(noting, "127.0.0.1", 0)
    there, back = Way(), Way()
    async with asyncio.TaskGroup() as group:
        link = TcpLink((there, back), service.sockets[0].getsockname()[:2], group)
        listener = await link.listen(("127.0.0.1", 0))
        made = Net(link, there, back, listener.sockets[0].getsockname()[1], accepted)
        try:
            yield made
        finally:
            made.set()
            for connection in tuple(link.connections):
                connection.abort()
            listener.close()
            service.close()
            await eventually(lambda: not link.connections, within_seconds=2)
            for writer in accepted:
                writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    return await reader.readexactly(len(data))


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_bytes_pass_unchanged_and_the_end_of_the_stream_too() -> None:
    async with net() as one:
        reader, writer = await one.call()
        data = random.Random(1).randbytes(5_000_000)

        async def send() -> None:
            for start in range(0, len(data), 100_000):
                writer.write(data[start : start + 100_000])
                await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        assert await reader.read(-1) == data
        await sending
        await closed(writer)
        await eventually(lambda: not one.link.connections, within_seconds=2)
        assert one.there.bytes == one.back.bytes == len(data)
        assert not one.there.pipes and not one.back.pipes


async def test_a_cut_freezes_and_healing_goes_on_with_the_same_connection() -> None:
    async with net() as one:
        reader, writer = await one.call()
        assert await exchange(reader, writer, b"before") == b"before"
        one.set(there=False, back=False)
        writer.write(b"while cut")
        answer = asyncio.create_task(reader.readexactly(len(b"while cut")))
        await never(answer.done, for_seconds=0.3)
        assert not writer.is_closing() and not reader.at_eof()
        one.set()
        assert await asyncio.wait_for(answer, 1) == b"while cut"
        assert len(one.accepted) == 1
        await closed(writer)


async def test_a_one_way_cut_stops_one_direction() -> None:
    async with net() as one:
        reader, writer = await one.call()
        assert await exchange(reader, writer, b"1") == b"1"
        one.set(there=False)
        one.accepted[0].write(b"from the service")
        assert await asyncio.wait_for(reader.readexactly(16), 1) == b"from the service"
        writer.write(b"2")
        answer = asyncio.create_task(reader.readexactly(1))
        await never(answer.done, for_seconds=0.2)
        one.set()
        assert await asyncio.wait_for(answer, 1) == b"2"
        await closed(writer)


@pytest.mark.parametrize(("there", "back"), [(False, False), (False, True), (True, False)])
async def test_a_new_connection_hangs_in_a_cut_and_is_made_by_healing(there: bool, back: bool) -> None:
    async with net() as one:
        one.set(there=there, back=back)
        reader, writer = await one.call()
        writer.write(b"hello")
        answer = asyncio.create_task(reader.readexactly(5))
        await never(lambda: answer.done() or one.accepted, for_seconds=0.2)
        assert len(one.link.waiting) == 1
        one.set()
        assert await asyncio.wait_for(answer, 1) == b"hello"
        assert not one.link.waiting
        await closed(writer)


async def test_a_caller_who_gave_up_in_a_cut_is_never_connected() -> None:
    async with net() as one:
        one.set(there=False, back=False)
        _, writer = await one.call()
        await eventually(lambda: len(one.link.waiting) == 1, within_seconds=1)
        writer.write(b"nobody will read this")
        await closed(writer)
        one.link.sweep()
        await eventually(lambda: not one.link.connections and not one.link.waiting, within_seconds=1)
        _, other = await one.call()
        await eventually(lambda: len(one.link.waiting) == 1, within_seconds=1)
        await closed(other)
        one.set()
        await eventually(lambda: not one.link.connections, within_seconds=1)
        assert not one.accepted


async def test_the_news_of_a_closed_end_waits_for_the_healing() -> None:
    async with net() as one:
        reader, writer = await one.call()
        assert await exchange(reader, writer, b"x") == b"x"
        one.set(there=False, back=False)
        await closed(writer)
        service = one.accepted[0]
        await never(service.is_closing, for_seconds=0.2)
        one.link.sweep()
        assert one.link.connections, "the service's end is still open"
        one.set()
        await eventually(lambda: not one.link.connections, within_seconds=1)


async def test_a_service_that_is_not_there_refuses() -> None:
    async with net() as one:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            one.link.target = unused.getsockname()
            reader, writer = await one.call()
            assert await asyncio.wait_for(reader.read(), 1) == b""
            await closed(writer)
        await eventually(lambda: not one.link.connections, within_seconds=1)
        assert not one.there.pipes and not one.back.pipes


async def test_delay_is_kept_in_both_directions_and_order_too() -> None:
    async with net() as one:
        one.set(delay=0.05)
        loop = asyncio.get_running_loop()
        reader, writer = await one.call()
        assert await exchange(reader, writer, b"handshake") == b"handshake"
        round_trips = []
        for number in range(5):
            started = loop.time()
            assert await exchange(reader, writer, b"%d" % number) == b"%d" % number
            round_trips.append(loop.time() - started)
        assert 0.099 <= min(round_trips) < 0.15
        text = b"".join(b"%d " % number for number in range(2000))
        for word in text.split():
            writer.write(word + b" ")
        assert await reader.readexactly(len(text)) == text
        one.set()
        started = loop.time()
        for _ in range(10):
            assert await exchange(reader, writer, b"fast again") == b"fast again"
        assert loop.time() - started < 10 * 0.1, "ten round trips in less than one delayed one each"
        await closed(writer)


async def test_a_first_answer_over_a_slow_link_takes_two_round_trips() -> None:
    async with net() as one:
        one.set(delay=0.03)
        started = asyncio.get_running_loop().time()
        reader, writer = await one.call()
        assert await exchange(reader, writer, b"x") == b"x"
        assert 0.118 <= asyncio.get_running_loop().time() - started < 1
        await closed(writer)


async def test_a_reader_too_slow_holds_back_the_writer() -> None:
    never_reads = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        await never_reads.wait()

    async with net(deaf) as one:
        _, writer = await one.call()
        writer.transport.set_write_buffer_limits(high=0)
        for _ in range(400):
            writer.write(bytes(100_000))
            drained = asyncio.create_task(writer.drain())
            if not (await asyncio.wait([drained], timeout=0.3))[0]:
                break
        else:
            pytest.fail("somebody buffers without bound: 40 MB went to a reader that reads nothing")
        drained.cancel()
        never_reads.set()
        writer.transport.abort()


async def test_what_is_in_flight_is_bounded() -> None:
    async with net() as one:
        one.set(delay=0.3)
        _, writer = await one.call()
        connection = next(iter(one.link.connections))
        await eventually(lambda: one.accepted, within_seconds=5)
        writer.write(bytes(8 * LINK_BUFFER_BYTES))
        await eventually(lambda: connection.out.queued_bytes >= LINK_BUFFER_BYTES, within_seconds=2)
        await never(lambda: connection.out.queued_bytes > 2 * LINK_BUFFER_BYTES, for_seconds=0.2)
        writer.transport.abort()


async def test_connections_of_a_link_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_wire, "LINK_CONNECTIONS_MAX", 3)
    assert LINK_CONNECTIONS_MAX > 100
    async with net() as one:
        calls = [await one.call() for _ in range(3)]
        for reader, writer in calls:
            assert await exchange(reader, writer, b"x") == b"x"
        reader, writer = await one.call()
        assert await asyncio.wait_for(reader.read(), 1) == b""
        for each in (*(writer for _, writer in calls), writer):
            await closed(each)


class Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append((asyncio.get_running_loop().time(), data))


async def test_datagrams_pass_are_cut_lost_and_delayed() -> None:
    loop = asyncio.get_running_loop()
    ear_transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    way = Way()
    relay, _ = await loop.create_datagram_endpoint(
        lambda: UdpLink(way, ear_transport.get_extra_info("sockname"), random.Random(7)), local_addr=("127.0.0.1", 0)
    )
    mouth, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=relay.get_extra_info("sockname"))
    mouth.sendto(b"one")
    await eventually(lambda: [data for _, data in ear.heard] == [b"one"], within_seconds=1)
    way.change(is_open=False, delay_seconds=0, loss=0)
    mouth.sendto(b"cut")
    await eventually(lambda: way.datagrams_dropped == 1, within_seconds=1)
    way.change(is_open=True, delay_seconds=0.1, loss=0)
    started = loop.time()
    mouth.sendto(b"late")
    await eventually(lambda: len(ear.heard) == 2, within_seconds=1)
    assert ear.heard[1][1] == b"late" and 0.099 <= ear.heard[1][0] - started < 1
    way.change(is_open=True, delay_seconds=0, loss=0.5)
    for _ in range(200):
        mouth.sendto(b"x")
        await asyncio.sleep(0)
    await eventually(lambda: way.datagrams + way.datagrams_dropped == 203, within_seconds=1)
    assert 60 < way.datagrams_dropped < 140
    for transport in (mouth, relay, ear_transport):
        transport.close()
