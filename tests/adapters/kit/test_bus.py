"""The bus asks the own node first and keeps its bound whatever is dead, hung or cut."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import nats
import pytest

from granslos.contract.answers import Answer
from granslos.contract.commands import ReceiveHandover
from granslos.contract.person import PhoneNumber
from granslos.contract.places import Caller
from granslos_adapters.kit.bus import COPIES_MAX, NodeBus
from granslos_adapters.kit.errors import NoNodeAnsweredError
from support.edge_bus import Edge, ScriptedNode, accepts
from support.eventually import eventually

SITES = ("vas", "esk", "upp")
HANDOVER = ReceiveHandover(
    source="sos.example",
    source_id="urn:emergency:uid:incidentid:a1:sos.example",
    caller=Caller(number=PhoneNumber("+46701")),
)


@asynccontextmanager
async def bus_at(url: str, sites: tuple[str, ...] = SITES) -> AsyncIterator[NodeBus]:
    bus = NodeBus("eido", sites, [url])
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def scene(edge: Edge, **scripts: Callable[..., Answer | None]) -> AsyncIterator[tuple[NodeBus, dict[str, ScriptedNode]]]:
    await edge.start()
    async with AsyncExitStack() as stack:
        nodes = {
            site: await stack.enter_async_context(ScriptedNode(site, edge.url, script)) for site, script in scripts.items()
        }
        bus = await stack.enter_async_context(bus_at(edge.url))
        await eventually(lambda: bus.connected, within_seconds=3)
        yield bus, nodes


async def receive(bus: NodeBus, command_id: str = "c1", deadline_seconds: float = 0.8) -> Answer:
    return await bus.command("handover", "receive", command_id, HANDOVER, deadline_seconds=deadline_seconds)


def silent(_: object) -> None:
    return None


def unavailable(_: object) -> Answer:
    return Answer(status=503)


async def test_the_own_node_answers_and_nobody_else_is_asked(edge: Edge) -> None:
    async with scene(edge, vas=accepts(), esk=accepts()) as (bus, nodes):
        answer = await receive(bus)
        assert (answer.status, answer.durability) == (201, "cluster")
        (request,) = nodes["vas"].requests
        assert nodes["vas"].subjects == ["granslos.v1.cmd.vas.handover.receive"]
        assert request.payload == HANDOVER
        assert request.command_id == "c1"
        assert (request.actor.subject, request.actor.role) == ("eido@vas", "adapter")
        assert 0 < request.deadline_ms <= 400
        assert nodes["esk"].requests == []


@pytest.mark.parametrize("own", [unavailable, lambda _: Answer(status=504)])
async def test_a_node_that_cannot_decide_is_passed_over_at_once(edge: Edge, own: Callable[..., Answer]) -> None:
    async with scene(edge, vas=own, esk=accepts()) as (bus, nodes):
        started = time.monotonic()
        assert (await receive(bus)).status == 201
        assert time.monotonic() - started < 0.3
        assert len(nodes["esk"].requests) == 1


async def test_no_node_at_the_own_site_costs_no_wait(edge: Edge) -> None:
    async with scene(edge, upp=accepts()) as (bus, nodes):
        started = time.monotonic()
        assert (await receive(bus)).status == 201
        assert time.monotonic() - started < 0.3
        assert len(nodes["upp"].requests) == 1


async def test_a_hung_own_node_costs_its_share_and_then_only_a_moment(edge: Edge) -> None:
    async with scene(edge, vas=silent, esk=accepts()) as (bus, _):
        started = time.monotonic()
        assert (await receive(bus, "c1")).status == 201
        first = time.monotonic() - started
        assert 0.3 < first < 0.7
        started = time.monotonic()
        assert (await receive(bus, "c2")).status == 201
        assert time.monotonic() - started < 0.25, "a site that hung the last time gets no long share"


async def test_a_suspect_that_answers_is_trusted_again(edge: Edge) -> None:
    async with scene(edge, vas=silent, esk=accepts()) as (bus, nodes):
        await receive(bus, "c1")
        nodes["vas"].script = accepts()
        await receive(bus, "c2")
        asked_elsewhere = len(nodes["esk"].requests)
        await receive(bus, "c3")
        assert len(nodes["esk"].requests) == asked_elsewhere
        assert nodes["vas"].requests[-1].deadline_ms > 300


async def test_all_hung_raises_within_the_deadline(edge: Edge) -> None:
    async with scene(edge, vas=silent, esk=silent, upp=silent) as (bus, nodes):
        started = time.monotonic()
        with pytest.raises(NoNodeAnsweredError):
            await receive(bus, deadline_seconds=30)
        assert time.monotonic() - started < 1.2, "one second in all, whatever the caller asks"
        assert all(node.requests for node in nodes.values())


async def test_all_unavailable_raises_at_once(edge: Edge) -> None:
    async with scene(edge, vas=unavailable, esk=unavailable, upp=unavailable) as (bus, _):
        started = time.monotonic()
        with pytest.raises(NoNodeAnsweredError):
            await receive(bus)
        assert time.monotonic() - started < 0.3


@pytest.mark.parametrize("status", [409, 422, 403])
async def test_a_node_that_says_no_is_believed(edge: Edge, status: int) -> None:
    async with scene(edge, vas=lambda _: Answer(status=status), esk=accepts()) as (bus, nodes):
        assert (await receive(bus)).status == status
        assert nodes["esk"].requests == []


async def test_durable_at_one_site_only_goes_to_the_next_as_well(edge: Edge) -> None:
    async with scene(edge, vas=accepts("site"), esk=unavailable, upp=accepts()) as (bus, nodes):
        assert (await receive(bus)).durability == "site"
        await eventually(lambda: nodes["upp"].requests, within_seconds=3)
        assert nodes["upp"].requests[0].command_id == "c1"
        assert nodes["upp"].requests[0].payload == HANDOVER
        await bus.drain(2)


async def test_copies_under_way_are_bounded(edge: Edge) -> None:
    async with scene(edge, vas=accepts("site"), esk=silent, upp=silent) as (bus, nodes):
        for number in range(COPIES_MAX + 5):
            await receive(bus, f"c{number}")
        await eventually(lambda: len(nodes["esk"].requests) >= COPIES_MAX, within_seconds=3)
        assert len(nodes["esk"].requests) == COPIES_MAX


async def test_an_answer_that_cannot_be_read_is_no_answer(edge: Edge) -> None:
    class Garbled(ScriptedNode):
        async def _on_message(self, message: object) -> None:
            await message.respond(b"\xff{not json")

    await edge.start()
    async with Garbled("vas", edge.url, silent), ScriptedNode("esk", edge.url, accepts()), bus_at(edge.url) as bus:
        await eventually(lambda: bus.connected, within_seconds=3)
        assert (await receive(bus)).status == 201


async def test_without_an_edge_the_bus_starts_says_so_and_connects_later(edge: Edge) -> None:
    await edge.start()
    edge.stop()
    async with bus_at(edge.url) as bus:
        with pytest.raises(NoNodeAnsweredError):
            await receive(bus)
        await edge.start()
        async with ScriptedNode("vas", edge.url, accepts()):
            await eventually(lambda: bus.connected, within_seconds=3)
            assert (await receive(bus)).status == 201


async def test_an_edge_killed_and_restarted_is_used_again_and_subscriptions_live_on(edge: Edge) -> None:
    async with scene(edge, vas=accepts()) as (bus, _):
        heard: list[tuple[str, bytes]] = []

        async def hear(subject: str, data: bytes) -> None:
            heard.append((subject, data))

        await bus.subscribe("granslos.v1.alarm.vas.*", hear)
        edge.stop()
        await eventually(lambda: not bus.connected, within_seconds=3)
        with pytest.raises(NoNodeAnsweredError):
            await receive(bus)
        await edge.start()
        await eventually(lambda: bus.connected, within_seconds=3)

        async def answered() -> bool:
            return (await receive(bus)).status == 201

        async def answered_in_the_end() -> bool:
            try:
                return await answered()
            except NoNodeAnsweredError:
                return False

        await eventually(answered_in_the_end, within_seconds=5)
        sender = await nats.connect(edge.url)
        await sender.publish("granslos.v1.alarm.vas.unit", b"hello")
        await sender.flush()
        await eventually(lambda: heard, within_seconds=2)
        await sender.close()
        assert heard == [("granslos.v1.alarm.vas.unit", b"hello")]


async def test_a_frozen_edge_is_noticed_and_the_bound_holds(edge: Edge) -> None:
    async with scene(edge, vas=accepts()) as (bus, _):
        edge.freeze(True)
        started = time.monotonic()
        with pytest.raises(NoNodeAnsweredError):
            await receive(bus)
        assert time.monotonic() - started < 1.2
        await eventually(lambda: not bus.connected, within_seconds=5)
        edge.freeze(False)
        await eventually(lambda: bus.connected, within_seconds=5)
