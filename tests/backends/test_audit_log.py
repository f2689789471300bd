"""The audit on a real PostgreSQL: every row is written, however often the store goes away; lost ones are counted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from granslos.contract.errors import StoreUnavailableError
from granslos.contract.places import Actor
from granslos.readmodel.audit import AUDIT_LOST, AuditLog, AuditRow
from granslos.runtime import limits
from support.eventually import eventually
from support.postgres import database_dsn, postgres_server
from support.read_rows import Rows

__all__ = ["database_dsn", "postgres_server"]
AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ANNA = Actor(subject="anna", role="operator", centre="vas")


def row(number: int) -> AuditRow:
    return AuditRow(at=AT, actor=ANNA, action="read_incident", resource=f"/v1/incidents/{number}", outcome=200)


def lost() -> float:
    return AUDIT_LOST._value.get()


@pytest.fixture
async def rows(database_dsn: str) -> AsyncIterator[Rows]:
    made = await Rows.prepare(database_dsn)
    yield made
    await made.close()


async def written(rows: Rows) -> list[tuple[Any, ...]]:
    found = await rows.connection.execute("select subject, role, centre, action, resource, outcome from audit order by id")
    return await found.fetchall()


async def test_rows_are_written_in_order_and_in_batches(rows: Rows, database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_BATCH_ROWS_MAX", 7)
    audit = AuditLog(database_dsn)
    task = asyncio.create_task(audit.run())
    for number in range(50):
        await audit.record_reading(row(number))
    await eventually(lambda: audit.waiting == 0, within_seconds=5)
    found = await written(rows)
    assert [r[4] for r in found] == [f"/v1/incidents/{n}" for n in range(50)]
    assert found[0] == ("anna", "operator", "vas", "read_incident", "/v1/incidents/0", 200)
    task.cancel()


async def test_rows_survive_a_store_that_goes_away(rows: Rows, database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_RETRY_SECONDS", 0.05)
    audit = AuditLog(database_dsn)
    task = asyncio.create_task(audit.run())
    for number in range(20):
        audit.record_command(row(number))
        if number % 5 == 0:
            await rows.connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'granslos-audit'"
            )
        await asyncio.sleep(0)
    await eventually(lambda: audit.waiting == 0, within_seconds=5)
    assert {r[4] for r in await written(rows)} == {f"/v1/incidents/{n}" for n in range(20)}
    task.cancel()


async def test_what_waits_is_written_at_the_end(rows: Rows, database_dsn: str) -> None:
    audit = AuditLog(database_dsn)
    for number in range(3):
        audit.record_command(row(number))
    await audit.close()
    assert len(await written(rows)) == 3


async def test_a_full_queue_holds_a_reading_back_and_counts_a_command_as_lost(
    rows: Rows, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_QUEUE_ROWS_MAX", 2)
    monkeypatch.setattr(limits, "AUDIT_WAIT_SECONDS", 0.1)
    audit, before = AuditLog(database_dsn), lost()
    audit.record_command(row(1))
    audit.record_command(row(2))
    with pytest.raises(StoreUnavailableError):
        await audit.record_reading(row(3))
    audit.record_command(row(4))
    assert lost() == before + 1
    monkeypatch.setattr(limits, "AUDIT_WAIT_SECONDS", 5)
    waiting = asyncio.create_task(audit.record_reading(row(5)))
    task = asyncio.create_task(audit.run())
    await waiting
    await eventually(lambda: audit.waiting == 0, within_seconds=5)
    assert [r[4] for r in await written(rows)] == [f"/v1/incidents/{n}" for n in (1, 2, 5)]
    task.cancel()


async def test_rows_that_nobody_can_take_are_counted_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUDIT_FLUSH_SECONDS", 0.5)
    audit, before = AuditLog("postgresql://nobody@127.0.0.1:1/none"), lost()
    audit.record_command(row(1))
    await audit.close()
    assert (audit.waiting, lost()) == (0, before + 1)
