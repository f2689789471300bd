"""Fixtures of the tests of what outsiders rely on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.api_node import ApiNode, api_node
from support.postgres import database_dsn, postgres_server
from support.read_rows import Rows

__all__ = ["database_dsn", "postgres_server"]


@pytest.fixture
async def rows(database_dsn: str) -> AsyncIterator[Rows]:
    made = await Rows.prepare(database_dsn)
    yield made
    await made.close()


@pytest.fixture
async def node(rows: Rows, database_dsn: str, tmp_path: Path) -> AsyncIterator[ApiNode]:
    async with api_node(database_dsn, tmp_path) as made:
        yield made
