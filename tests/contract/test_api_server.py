"""The server: a taken port ends it, a stop drains it, and what is too much is sent elsewhere."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from granslos.api.server import PortInUseError, bind, serve
from granslos.contract.answers import Answer
from granslos.contract.commands import CommandRequest
from granslos.runtime import limits
from support.api_node import ApiNode, taken
from support.eventually import eventually
from support.pacing import pause
from support.read_rows import incident_id
from support.verify_feed import Frame, open_feed, read_frames

ONE = f"/v1/incidents/{incident_id(1)}"


async def test_a_port_in_use_ends_the_process_before_anything_is_served(node: ApiNode) -> None:
    with bind("127.0.0.1", 0) as taken_port:
        port = taken_port.getsockname()[1]
        ready = asyncio.Event()
        with pytest.raises(PortInUseError, match=str(port)):
            await serve(node.app, "127.0.0.1", port, ready)
        assert not ready.is_set()
    with pytest.raises(PortInUseError):
        bind("192.0.2.1", 0)


async def test_a_stop_lets_requests_end_and_feeds_go(node: ApiNode) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slowly(request: CommandRequest) -> Answer:
        entered.set()
        await leave.wait()
        return await taken(request)

    node.commands.answering = slowly
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    ready = asyncio.Event()
    server = asyncio.create_task(serve(node.app, "127.0.0.1", port, ready))
    async with asyncio.timeout(5):
        await ready.wait()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=node.headers()) as client:
        feed = await open_feed(client, node.headers())
        answer = asyncio.create_task(client.post(f"{ONE}/answer"))
        await entered.wait()
        server.cancel()
        await eventually(lambda: node.feed.readers == 0, within_seconds=2)
        leave.set()
        assert (await answer).status_code == 200
        await feed.aclose()
    await asyncio.wait({server}, timeout=limits.HTTP_DRAIN_SECONDS + 2)
    assert server.cancelled()
    with bind("127.0.0.1", port):
        pass


async def sent(url: str, data: bytes, pause_seconds: float = 0.0) -> bytes:
    """Sends bytes, and one each pause; returns what came until the server closed the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)

    async def drip() -> None:
        while pause_seconds:
            writer.write(b"x")
            await pause(pause_seconds)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize("part", [b"X: ", b"X: y\r\n"])
async def test_a_head_without_end_is_refused(node: ApiNode, part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_BYTES_MAX", 2_000)
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
    filler = b"X: " + b"y" * (2 * limits.HTTP_HEAD_BYTES_MAX) if part == b"X: " else part * limits.HTTP_HEAD_BYTES_MAX
    async with node.served() as url:
        assert (await sent(url, head + filler)).startswith(b"HTTP/1.1 400 ")
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/health/live", headers={"X": "x" * 1_500})).status_code == 200


async def test_a_head_that_does_not_come_ends_the_connection(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_SECONDS", 0.3)
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
    async with node.served() as url:
        assert await sent(url, b"") == b""
        assert await sent(url, request, pause_seconds=0.05) == b""
        answer = await sent(url, request + b"\r\n" + request, pause_seconds=0.05)
        assert answer.startswith(b"HTTP/1.1 200 ")
        async with httpx.AsyncClient(base_url=url) as client:
            feed = await open_feed(client, node.headers())
            beats = [frame async for frame in _some(feed, 2)]
            assert beats[-1].event == "heartbeat", "a feed outlives the time for a head"
            await feed.aclose()


async def _some(feed: httpx.Response, count: int) -> AsyncIterator[Frame]:
    async for frame in read_frames(feed.aiter_bytes()):
        yield frame
        count -= 1
        if not count:
            return


async def test_more_requests_than_the_bound_are_sent_elsewhere(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_REQUESTS_MAX", 2)
    async with node.served() as url, httpx.AsyncClient(base_url=url) as client:
        first = await open_feed(client, node.headers())
        second = await open_feed(client, node.headers())
        assert 503 in {first.status_code, second.status_code, (await client.get("/health/live")).status_code}
        await first.aclose()
        await second.aclose()
