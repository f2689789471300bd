"""Migrating a real PostgreSQL: whole, again, at once, behind a lock, and past this release."""

import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from granslos.contract.errors import StoreUnavailableError
from granslos.journal.migrate import current_revision, find_migrations, migrate, newest_revision

TABLES = {"journal", "event_log", "command", "incident", "unit", "parked_event", "audit", "site_state"}
PROGRAM = "import sys; from granslos.journal.migrate import migrate; migrate(sys.argv[1])"


def _tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


@pytest.fixture
def next_release(tmp_path: Path) -> Iterator[Path]:
    """The migrations of a release that adds a column."""
    directory = tmp_path / "migrations"
    shutil.copytree(find_migrations(), directory, ignore=shutil.ignore_patterns("__pycache__"))
    number = int(newest_revision(directory))
    previous, revision = f"{number:04d}", f"{number + 1:04d}"
    template = (directory / "versions/0001_create_journal_and_read_model.py").read_text()
    template = template.replace('"0001"', f'"{revision}"').replace("= None", f'= "{previous}"')
    (directory / f"versions/{revision}_add_colour.py").write_text(template)
    (directory / f"versions/{revision}_add_colour.sql").write_text("alter table unit add column colour text;")
    return directory


async def test_an_empty_database_gets_the_whole_schema(database_dsn: str) -> None:
    assert current_revision(database_dsn) == ""
    migrate(database_dsn)
    assert _tables(database_dsn) >= TABLES
    assert current_revision(database_dsn) == newest_revision(find_migrations())


async def test_a_database_at_the_newest_revision_costs_one_query(database_dsn: str) -> None:
    migrate(database_dsn)
    started = time.perf_counter()
    migrate(database_dsn)
    assert time.perf_counter() - started < 0.5


async def test_two_processes_may_migrate_at_once(database_dsn: str) -> None:
    both = [await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, database_dsn) for _ in range(2)]
    assert [await process.wait() for process in both] == [0, 0]
    assert _tables(database_dsn) >= TABLES
    with psycopg.connect(database_dsn) as connection:
        assert connection.execute("select count(*) from schema_version").fetchone() == (1,)


async def test_a_locked_table_is_given_up_in_time_and_the_schema_stays_whole(
    database_dsn: str, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("granslos.runtime.limits.MIGRATION_RETRY_SECONDS", 0.01)
    migrate(database_dsn)
    before = current_revision(database_dsn)
    with psycopg.connect(database_dsn) as reader:
        # An ordinary reader in an open transaction is enough to make `alter table` wait.
        reader.execute("select * from unit")
        started = time.perf_counter()
        with pytest.raises(StoreUnavailableError, match="locked"):
            migrate(database_dsn, lock_timeout_ms=50, directory=next_release)
        assert time.perf_counter() - started < 10
        assert current_revision(database_dsn) == before
    migrate(database_dsn, lock_timeout_ms=50, directory=next_release)
    assert current_revision(database_dsn) == newest_revision(next_release) > before


async def test_a_database_that_a_newer_release_migrated_is_left_alone(database_dsn: str, next_release: Path) -> None:
    migrate(database_dsn, directory=next_release)
    migrate(database_dsn)
    assert current_revision(database_dsn) == newest_revision(next_release)


async def test_a_broken_revision_leaves_nothing_behind(database_dsn: str, next_release: Path) -> None:
    (sql,) = (next_release / "versions").glob("*_add_colour.sql")
    sql.write_text("create table half (id integer); select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database_dsn, directory=next_release)
    assert "half" not in _tables(database_dsn)
    assert current_revision(database_dsn) == newest_revision(find_migrations())


def test_a_server_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(StoreUnavailableError):
        migrate("postgresql://granslos@127.0.0.1:1/granslos")
