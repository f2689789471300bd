"""``POST /handover/eido`` as a process: no call is turned away, no byte of it is lost, whatever dies."""

import asyncio
import hashlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from granslos.contract.answers import Answer, rejected
from granslos.contract.commands import CommandRequest, ReceiveHandover
from granslos_adapters.eido.mapping import NOT_READ
from support.adapter_site import AdapterProcess, SiteFolder, running
from support.edge_bus import Edge, ScriptedNode, accepts
from support.eidos import CALL, INCIDENT, component, eido
from support.eventually import eventually

MODULE = "granslos_adapters.eido"
PATH = "/handover/eido"
EIDO = json.dumps(eido()).encode()


@asynccontextmanager
async def adapter(site: SiteFolder, edge: Edge, table: str = "") -> AsyncIterator[tuple[AdapterProcess, httpx.AsyncClient]]:
    async with (
        running(MODULE, site.write("eido", edge.url, table)) as process,
        httpx.AsyncClient(base_url=process.url, headers=site.headers(), timeout=10) as client,
    ):
        yield process, client


async def is_connected(client: httpx.AsyncClient) -> bool:
    return "bus" not in (await client.get("/health/ready")).json()["degraded"]


def payload(node: ScriptedNode, index: int = 0) -> ReceiveHandover:
    command = node.requests[index].payload
    assert isinstance(command, ReceiveHandover)
    return command


async def test_the_way_of_a_call(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (process, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, content=EIDO, headers={"Content-Type": "application/emergency.eido+json"})
        assert answer.status_code == 201
        assert answer.json()["durability"] == "cluster"
        assert answer.json()["resource"] == {"id": "20261121-vas-000001"}
        handover = payload(node)
        assert (handover.source_id, handover.raw) == (INCIDENT, EIDO)
        assert handover.raw_media_type == "application/emergency.eido+json"
        assert node.requests[0].actor.subject == "eido@vas"
        again = await client.post(PATH, content=EIDO)
        assert again.status_code == 201
        assert node.requests[1].command_id == node.requests[0].command_id
        metrics = (await client.get("/metrics")).text
        assert 'granslos_adapter_defects_total{adapter="eido",code="script_removed"} 2.0' in metrics
        assert "46701740605" not in process.log()
        assert "Anna" not in process.log()


@pytest.mark.parametrize(
    ("body", "status", "code", "source_id"),
    [
        (b"not json", 400, "not_json", "unreadable:"),
        (b"{}", 400, "no_id", "unreadable:"),
        (EIDO[:-30], 400, "not_json", INCIDENT),
        (json.dumps({k: v for k, v in eido().items() if k != "$id"}).encode(), 400, "no_id", CALL),
    ],
)
async def test_what_is_no_eido_is_refused_and_shown(
    site: SiteFolder, edge: Edge, body: bytes, status: int, code: str, source_id: str
) -> None:
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        handover = payload(node)
        assert handover.raw == body
        assert handover.source_id.startswith(source_id)
        assert (handover.description or "").startswith(NOT_READ)


async def test_a_message_over_the_bound_is_kept_and_shown(site: SiteFolder, edge: Edge) -> None:
    body = EIDO[:-1] + b" " * (48 << 20) + b"}"
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_big")
        handover = payload(node)
        assert handover.source_id == INCIDENT
        assert (handover.raw, handover.extra["raw"]["archived"]) == (None, True)
        digest = handover.extra["raw"]["sha256"]
        assert digest == hashlib.sha256(body).hexdigest()
        kept = next((site.folder / "data").rglob(f"{digest}.raw"))
        assert kept.read_bytes() == body


@pytest.mark.parametrize("megabytes", [1, 16])
async def test_a_large_eido_is_taken_and_its_bytes_are_kept_beside(site: SiteFolder, edge: Edge, megabytes: int) -> None:
    note = component("n1", notesActionComments="ont i bröstet " * (megabytes * 75_000))
    body = json.dumps(eido(notesComponent=[note]), ensure_ascii=False).encode()
    assert len(body) > megabytes << 20
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, content=body)
        assert answer.status_code == 201
        handover = payload(node)
        assert handover.source_id == INCIDENT
        assert handover.extra["raw"] == {
            "sha256": hashlib.sha256(body).hexdigest(),
            "bytes": len(body),
            "archived": True,
        }
        assert "raw_archived" in [defect.code for defect in handover.defects]


async def test_a_notification_with_two_eidos_becomes_two(site: SiteFolder, edge: Edge) -> None:
    other = eido() | {"$id": INCIDENT + "2"}
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, json={"event": {"notification": [eido(), other]}})
        assert answer.status_code == 201
        assert len(answer.json()["items"]) == 2
        assert {payload(node, 0).source_id, payload(node, 1).source_id} == {INCIDENT, INCIDENT + "2"}


async def test_a_node_that_does_not_understand_gets_the_bare_call(site: SiteFolder, edge: Edge) -> None:
    def picky(request: CommandRequest) -> Answer:
        command = request.payload
        assert isinstance(command, ReceiveHandover)
        return rejected(422, "invalid", "no") if command.location else Answer(status=201, durability="cluster")

    await edge.start()
    async with ScriptedNode("vas", edge.url, picky) as node, adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answer = await client.post(PATH, content=EIDO)
        assert answer.status_code == 201
        assert (payload(node, 1).source_id, payload(node, 1).raw) == (INCIDENT, EIDO)
        assert payload(node, 1).description == NOT_READ


async def test_without_nodes_the_disk_takes_it_and_delivers_it_later_once(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    async with adapter(site, edge) as (_, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        started = time.monotonic()
        answer = await client.post(PATH, content=EIDO)
        assert time.monotonic() - started < 1.5
        assert (answer.status_code, answer.json()["spooled"]) == (202, True)
        assert (await client.post(PATH, content=EIDO)).status_code == 202
        assert (await client.get("/health/ready")).json()["degraded"] == ["spool"]
        async with ScriptedNode("vas", edge.url, accepts()) as node:
            await eventually(lambda: len(node.requests) == 1, within_seconds=10)
            assert payload(node).raw == EIDO

            async def drained() -> bool:
                return (await client.get("/health/ready")).json()["degraded"] == []

            await eventually(drained, within_seconds=5)
            assert len(node.requests) == 1


async def test_what_was_spooled_survives_a_kill_also_without_an_edge(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    edge.stop()
    async with adapter(site, edge) as (process, client):
        answer = await client.post(PATH, content=EIDO)
        assert (answer.status_code, answer.json()["spooled"]) == (202, True)
        process.process.kill()
        await process.process.wait()
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge):
        await eventually(lambda: len(node.requests) == 1, within_seconds=10)
        assert (payload(node).source_id, payload(node).raw) == (INCIDENT, EIDO)


async def test_a_full_spool_sends_the_sender_elsewhere(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    edge.stop()
    async with adapter(site, edge, "spool_messages_max = 1") as (_, client):
        assert (await client.post(PATH, content=EIDO)).status_code == 202
        other = json.dumps(eido() | {"$id": INCIDENT + "2"}).encode()
        answer = await client.post(PATH, content=other)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        ready = await client.get("/health/ready")
        assert (ready.status_code, "takes_calls" in ready.json()["degraded"]) == (503, True)


async def test_the_next_site_s_node_takes_it_when_the_own_one_hangs(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    async with (
        ScriptedNode("vas", edge.url, lambda _: None),
        ScriptedNode("esk", edge.url, accepts()) as other,
        adapter(site, edge) as (_, client),
    ):
        await eventually(lambda: is_connected(client), within_seconds=5)
        started = time.monotonic()
        assert (await client.post(PATH, content=EIDO)).status_code == 201
        assert time.monotonic() - started < 1.0
        assert payload(other).source_id == INCIDENT


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
async def test_strangers_are_refused(site: SiteFolder, edge: Edge, headers: dict[str, str]) -> None:
    await edge.start()
    async with (
        running(MODULE, site.write("eido", edge.url)) as process,
        httpx.AsyncClient(base_url=process.url) as client,
    ):
        assert (await client.post(PATH, content=EIDO, headers=headers)).status_code == 401
        observer = await client.post(PATH, content=EIDO, headers=site.headers("observer"))
        assert observer.status_code == 403


async def test_a_sender_that_hangs_up_in_the_middle_is_shown(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()) as node, adapter(site, edge) as (process, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        host, port = process.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.token()}\r\nContent-Length: {len(EIDO)}\r\n\r\n"
        writer.write(head.encode() + EIDO[:600])
        await writer.drain()
        writer.close()
        await eventually(lambda: node.requests, within_seconds=5)
        assert payload(node).source_id == INCIDENT
        assert payload(node).raw == EIDO[:600]


async def test_sigterm_drains_and_ends_with_zero(site: SiteFolder, edge: Edge) -> None:
    await edge.start()
    async with ScriptedNode("vas", edge.url, accepts()), adapter(site, edge) as (process, client):
        await eventually(lambda: is_connected(client), within_seconds=5)
        answers = [asyncio.create_task(client.post(PATH, content=EIDO)) for _ in range(10)]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        process.process.send_signal(signal.SIGTERM)
        assert [answer.status_code for answer in await asyncio.gather(*answers)] == [201] * 10
        assert await process.process.wait() == 0


async def test_a_port_in_use_and_a_bad_file_end_it_with_their_codes(site: SiteFolder, edge: Edge, tmp_path: Path) -> None:
    await edge.start()

    async def code_of(config: Path) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            "--config",
            str(config),
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    assert await code_of(site.write("eido", edge.url, f"port = {edge.port}")) == 69
    assert await code_of(site.write("eido", edge.url, "port = -1")) == 78
    assert await code_of(site.write("aml", edge.url)) == 78
