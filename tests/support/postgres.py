"""A real PostgreSQL for tests, as the sites run it (fsync on), and fresh databases on it.

    async with running_postgres() as server, fresh_database(server) as dsn: ...

or the fixtures `postgres_server` (one per session) and `database_dsn` (one per test), taken into a conftest with
`pytest_plugins = ["support.postgres"]`.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from granslos.local import postgres
from granslos.local.probes import Probe, postgres_accepts
from granslos.replication.guard_child import end, spawn
from support.eventually import eventually

PORTS = range(12_000, 19_000)
"""Below the ephemeral ports and the blocks of local clusters; a port that is taken is found out by starting."""
ATTEMPTS = 10


@dataclass(frozen=True)
class PostgresServer:
    """A running server; its default database is empty."""

    port: int
    password: str
    process: subprocess.Popen[bytes]

    def dsn(self, database: str = postgres.DATABASE) -> str:
        """The connection string of one of its databases."""
        return f"postgresql://{postgres.ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def open_directory(prefix: str) -> Iterator[Path]:
    """A directory that the account of PostgreSQL can enter too; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp" if os.access("/var/tmp", os.W_OK) else None))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


async def _started(directory: Path) -> PostgresServer:
    account = postgres.unprivileged_account()
    postgres.refuse_hidden(directory, account)
    binaries = postgres.runnable_binaries(postgres.find_binaries(), account, directory / "binaries")
    password = uuid.uuid4().hex
    log = directory / "postgres.log"
    maker = postgres.Maker(binaries=binaries, account=account, directory=directory / "made", password=password, log=log)
    await maker.make_template()
    for _ in range(ATTEMPTS):
        port = random.choice(PORTS)
        process = spawn(postgres.server(binaries, account, maker.template, port, log))
        accepts = postgres_accepts(port, postgres.ROLE, postgres.DATABASE)

        await eventually(partial(_ready_or_over, process, accepts), within_seconds=20)
        if process.poll() is None:
            return PostgresServer(port=port, password=password, process=process)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")


async def _ready_or_over(process: subprocess.Popen[bytes], accepts: Probe) -> bool:
    return process.poll() is not None or await accepts()


@contextlib.asynccontextmanager
async def running_postgres() -> AsyncIterator[PostgresServer]:
    """A server with a cluster of its own; ends and is deleted with the block."""
    with open_directory("granslos-postgres-") as directory:
        server = await _started(directory)
        try:
            yield server
        finally:
            await end(server.process, signal.SIGQUIT, within_seconds=10)


@contextlib.asynccontextmanager
async def fresh_database(server: PostgresServer, template: str = "template0") -> AsyncIterator[str]:
    """An empty database, or a copy of a template database that nobody is connected to; yields its dsn."""
    name = f"test_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True) as connection:
        await connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield server.dsn(name)
    finally:
        async with await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True) as connection:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session."""
    with open_directory("granslos-postgres-") as directory:
        server = asyncio.run(_started(directory))
        try:
            yield server
        finally:
            asyncio.run(end(server.process, signal.SIGQUIT, within_seconds=10))


@pytest.fixture
async def database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """An empty database for one test."""
    async with fresh_database(postgres_server) as dsn:
        yield dsn
