"""The servers that other tests stand on."""

import asyncio

import nats
import psycopg
import pytest
from nats.js.errors import NotFoundError

from support.eventually import eventually
from support.nats import running_edge, running_hub
from support.postgres import fresh_database, running_postgres


async def test_databases_are_fresh_durable_and_deleted() -> None:
    async with running_postgres() as server:
        async with fresh_database(server) as dsn, await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute("CREATE TABLE t (x int)")
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
                row = await (await connection.execute(f"SHOW {setting}")).fetchone()
                assert row == ("on",), setting
        async with fresh_database(server) as dsn, await psycopg.AsyncConnection.connect(dsn) as connection:
            row = await (await connection.execute("SELECT to_regclass('t')")).fetchone()
            assert row == (None,)
        async with await psycopg.AsyncConnection.connect(server.dsn()) as connection:
            row = await (await connection.execute("SELECT count(*) FROM pg_database WHERE datname ~ '^test'")).fetchone()
            assert row == (0,)


async def test_a_database_asks_for_the_password() -> None:
    async with running_postgres() as server:
        with pytest.raises(psycopg.OperationalError, match="password"):
            await psycopg.AsyncConnection.connect(server.dsn().replace(server.password, "wrong"))


async def said_to_a_stranger(port: int) -> str:
    """What a nats-server answers somebody who connects without a password."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said.decode()


async def test_hub_stores_and_refuses_strangers_and_other_sites_names() -> None:
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error))

    async with running_hub() as hub:
        assert "Authorization Violation" in await said_to_a_stranger(hub.client_port)
        connection = await nats.connect(hub.url("vas"), error_cb=note)
        stream = connection.jetstream(timeout=2)
        await stream.add_stream(name="LOG", subjects=["log.>"])
        assert (await stream.publish("log.vas.incident.1", b"x")).seq == 1
        assert (await stream.publish("log.esk.epoch.esk.calls", b"x")).seq == 2
        refused.clear()
        await connection.publish("log.esk.incident.1", b"in another's name")
        await connection.flush()
        await eventually(lambda: any("permissions violation" in text.lower() for text in refused), within_seconds=2)
        assert (await stream.stream_info("LOG")).state.messages == 2
        await connection.close()


async def test_edge_reads_the_log_but_never_writes_or_deletes_it() -> None:
    async with running_hub() as hub, running_edge("vas", hub) as edge:
        node = await nats.connect(hub.url("vas"))
        await node.jetstream().add_stream(name="LOG", subjects=["log.>"])
        await node.jetstream().publish("log.vas.incident.1", b"x")
        adapter = await nats.connect(edge.url)
        through = adapter.jetstream(domain="hub", timeout=1)

        async def read() -> bytes:
            return (await through.get_msg("LOG", seq=1)).data or b""

        async def reachable() -> bool:
            try:
                return await read() == b"x"
            except (TimeoutError, nats.errors.Error):
                return False

        await eventually(reachable, within_seconds=5)
        with pytest.raises(nats.errors.Error):
            await through.publish("log.vas.incident.1", b"past the node")
        with pytest.raises((nats.errors.Error, NotFoundError)):
            await through.delete_stream("LOG")
        assert (await node.jetstream().stream_info("LOG")).state.messages == 1
        await adapter.close()
        await node.close()
