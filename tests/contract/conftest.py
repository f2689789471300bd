"""Fixtures of the tests of what outsiders rely on: one database for all, emptied before each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from support.api_node import ApiNode, api_node
from support.postgres import PostgresServer, postgres_server
from support.read_rows import Rows

__all__ = ["postgres_server"]


@pytest.fixture(scope="session")
def contract_dsn(postgres_server: PostgresServer) -> str:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute("create database contract template template0")
    dsn = postgres_server.dsn("contract")

    async def prepare() -> None:
        rows = await Rows.prepare(dsn)
        await rows.close()

    asyncio.run(prepare())
    return dsn


@pytest.fixture
async def rows(contract_dsn: str) -> AsyncIterator[Rows]:
    made = await Rows.emptied(contract_dsn)
    yield made
    await made.close()


@pytest.fixture
async def node(rows: Rows, contract_dsn: str, tmp_path: Path) -> AsyncIterator[ApiNode]:
    async with api_node(contract_dsn, tmp_path) as made:
        yield made
