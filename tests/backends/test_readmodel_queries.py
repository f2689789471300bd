"""The readings of a node on a real PostgreSQL."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from granslos.contract.envelope import handover_id
from granslos.contract.errors import InvalidFieldError, StoreUnavailableError
from granslos.contract.events import BookingReceived, HandoverReceived, IncidentOpened, NoteAdded, UnitStatusReported
from granslos.contract.places import Location
from granslos.readmodel.pages import Filter, Place, decode_cursor, encode_cursor
from granslos.readmodel.pool import open_read_pool
from granslos.readmodel.queries import Queries
from granslos.runtime import limits
from support.eventually import eventually
from support.postgres import PostgresServer, database_dsn, postgres_server, running_postgres
from support.read_rows import EIDO, START, Rows, ids, incident_id

__all__ = ["database_dsn", "postgres_server"]


@pytest.fixture
async def rows(database_dsn: str) -> AsyncIterator[Rows]:
    made = await Rows.prepare(database_dsn)
    yield made
    await made.close()


@pytest.fixture
async def queries(rows: Rows, database_dsn: str) -> AsyncIterator[Queries]:
    async with open_read_pool(database_dsn) as pool:
        yield Queries(pool)


async def every(queries: Queries, asked: Filter) -> tuple[list[str], int]:
    """All ids of a list page by page, and how many pages that took."""
    found: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor is not None:
        page = await queries.incidents(msgspec.structs.replace(asked, cursor=cursor))
        found += ids(page.items)
        cursor = page.next
        pages += 1
    return found, pages


async def test_views_pass_through_unchanged(rows: Rows, queries: Queries) -> None:
    view = await rows.incident(1, priority="1A", test=True)
    [item] = (await queries.incidents(Filter())).items
    assert msgspec.json.decode(item, type=type(view)) == view
    assert await queries.incident(view.id) == item
    assert await queries.incident(incident_id(2)) is None


async def test_open_is_all_but_closed_and_merged_and_merged_ones_come_only_when_asked_for(rows: Rows, queries: Queries) -> None:
    for number, state in enumerate(["offered", "answered", "queued", "closed", "merged"], start=1):
        await rows.incident(number, state=state)

    async def listed(state: str | None) -> list[str]:
        return ids((await queries.incidents(Filter(state=state))).items)

    assert await listed("open") == [incident_id(n) for n in (3, 2, 1)]
    assert await listed(None) == [incident_id(n) for n in (4, 3, 2, 1)]
    assert await listed("merged") == [incident_id(5)]
    assert await listed("closed") == [incident_id(4)]
    assert await listed("nonsense") == []


async def test_filters_narrow(rows: Rows, queries: Queries) -> None:
    await rows.incident(1, area="19")
    await rows.incident(2, area="03", centre="upp")
    await rows.incident(3, area="19", kind="b")

    async def listed(**asked: object) -> list[str]:
        return ids((await queries.incidents(Filter(**asked))).items)

    assert await listed(area="03") == [incident_id(2)]
    assert await listed(centre="vas") == [incident_id(3), incident_id(1)]
    assert await listed(kind="b") == [incident_id(3)]
    assert await listed(since=START + timedelta(minutes=2)) == [incident_id(3), incident_id(2)]
    assert await listed(area="19", kind="e") == [incident_id(1)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1_000])
async def test_paging_gives_every_item_once_also_those_not_opened_yet(rows: Rows, queries: Queries, limit: int) -> None:
    for number in range(1, 6):
        await rows.incident(number)
    for number in (6, 7):
        await rows.incident(number, offered=False)
    expected = [incident_id(n) for n in (5, 4, 3, 2, 1, 7, 6)]
    found, pages = await every(queries, Filter(limit=limit))
    assert found == expected
    assert pages == -(-len(expected) // limit)


async def test_an_item_that_arrives_while_paging_shifts_nothing(rows: Rows, queries: Queries) -> None:
    for number in range(1, 5):
        await rows.incident(number)
    first = await queries.incidents(Filter(limit=2))
    await rows.incident(9)
    second = await queries.incidents(Filter(limit=2, cursor=first.next))
    assert ids(first.items) + ids(second.items) == [incident_id(n) for n in (4, 3, 2, 1)]
    assert second.next is None


async def test_a_larger_limit_is_clamped(rows: Rows, queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Filter(limit=10**9).count() == limits.LIST_ITEMS_MAX
    for number in range(1, 5):
        await rows.incident(number)
    assert Filter(limit=5).count(3) == 3
    assert len((await queries.incidents(Filter(limit=3))).items) == 3


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "åäö", "e30", "W10", "WyJhIl0", "x" * 10_000, encode_cursor(Place("another", 1, "a")), "\x00", "=="],
)
async def test_a_foreign_cursor_is_refused_by_name(queries: Queries, cursor: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        await queries.incidents(Filter(cursor=cursor))
    assert caught.value.field == "cursor"


@pytest.mark.parametrize("key", [1 << 61, -(1 << 61), 1 << 63])
async def test_a_cursor_with_an_impossible_instant_is_refused(queries: Queries, key: int) -> None:
    made = encode_cursor(Place(Filter().fingerprint("incident"), key, "a"))
    with pytest.raises(InvalidFieldError):
        await queries.incidents(Filter(cursor=made))


async def test_a_cursor_with_text_that_postgres_refuses_is_refused_before(queries: Queries) -> None:
    fingerprint = Filter().fingerprint("unit")
    with pytest.raises(InvalidFieldError):
        decode_cursor(encode_cursor(Place(fingerprint, None, "a\x00")), fingerprint)


async def test_units_and_operators_are_paged_by_id(rows: Rows, queries: Queries) -> None:
    for name in ("319-3", "319-1", "303-2"):
        await rows.unit(name, centre="upp" if name.startswith("303") else "vas")
    for name in ("bo", "anna"):
        await rows.operator(name)
    first = await queries.units(Filter(limit=2))
    rest = await queries.units(Filter(limit=2, cursor=first.next))
    assert ids(first.items) + ids(rest.items) == ["303-2", "319-1", "319-3"]
    assert ids((await queries.units(Filter(centre="upp"))).items) == ["303-2"]
    assert ids((await queries.operators(Filter(state="on_duty"))).items) == ["anna", "bo"]
    assert await queries.unit("319-9") is None
    assert await queries.operator("anna") is not None


async def test_handovers_conflicts_bookings_and_commands(rows: Rows, queries: Queries) -> None:
    waiting, opened = await rows.handover(1), await rows.handover(2, incident_id(2))
    assert ids((await queries.handovers(Filter())).items) == [opened.id, waiting.id]
    assert ids((await queries.handovers(Filter(state="received"))).items) == [waiting.id]
    assert ids((await queries.handovers(Filter(state="opened"))).items) == [opened.id]
    assert await queries.handover(waiting.id) is not None
    await rows.conflict("c1")
    await rows.conflict("c2", state="acknowledged", detected_at=START + timedelta(seconds=1))
    assert ids((await queries.conflicts(Filter())).items) == ["c2", "c1"]
    assert ids((await queries.conflicts(Filter(state="open"))).items) == ["c1"]
    assert await queries.conflict("c1") is not None
    await rows.incident(7, kind="b")
    await rows.incident(8)
    assert await queries.booking(incident_id(7)) is not None
    assert await queries.booking(incident_id(8)) is None
    assert not await queries.command_seen("x")
    await rows.command("x")
    assert await queries.command_seen("x")


async def test_a_history_is_in_log_order_with_own_pending_events_last(rows: Rows, queries: Queries) -> None:
    one, other = incident_id(1), incident_id(2)
    call = handover_id("sos", "case-1")
    await rows.incident(1, merged_from=(incident_id(3),))
    received = HandoverReceived(handover_id=call, source="sos", source_id="case-1", received_at=START, raw=b"<eido/>")
    opened = IncidentOpened(incident_id=one, centre="vas", source="sos", source_id="case-1", offered_at=START)
    expected = [
        await rows.event(received, "handover", call, actor=EIDO),
        await rows.event(opened, "incident", one, refs=[one]),
        await rows.event(UnitStatusReported(status="en_route", reported_at=START), "unit", "319-1", refs=[one]),
        await rows.event(NoteAdded(author="anna", text="sammanförd"), "incident", incident_id(3), late=True),
    ]
    await rows.event(NoteAdded(author="anna", text="annan"), "incident", other)
    expected += [
        await rows.event(UnitStatusReported(status="on_scene", reported_at=START), "unit", "319-1", refs=[one], in_log=False),
        await rows.event(NoteAdded(author="bo", text="väntar"), "incident", one, in_log=False),
    ]
    await rows.event(NoteAdded(author="bo", text=f"nämner {one}"), "incident", other, in_log=False)
    page = await queries.history(one, Filter(limit=100))
    assert page is not None
    items = [msgspec.json.decode(item) for item in page.items]
    assert [item["event_id"] for item in items] == expected
    assert [item["position"] for item in items] == [1, 2, 3, 4, None, None]
    assert [item["durability"] for item in items] == ["cluster"] * 4 + ["site"] * 2
    assert [item["verdict"] for item in items] == ["normal"] * 3 + ["late"] + ["normal"] * 2
    assert "raw" not in items[0]["payload"]
    assert items[0]["actor"] == "eido@vas"
    first = await queries.history(one, Filter(limit=3))
    assert first is not None and first.next is not None
    rest = await queries.history(one, Filter(limit=3, cursor=first.next))
    assert rest is not None and [msgspec.json.decode(i)["event_id"] for i in first.items + rest.items] == expected
    assert await queries.history(incident_id(99), Filter()) is None


async def test_a_handovers_bytes_come_back_as_received(rows: Rows, queries: Queries) -> None:
    call = handover_id("sos", "case-1")
    assert await queries.handover_raw(call) is None
    for number, raw in enumerate([b"\x00\xff first", None, "sista åäö".encode()]):
        event = HandoverReceived(
            handover_id=call, source="sos", source_id="case-1", received_at=START, raw=raw, raw_media_type="text/plain"
        )
        await rows.event(event, "handover", call, in_log=number == 0, actor=EIDO)
    newest = await queries.handover_raw(call)
    assert newest is not None and (newest.data, newest.media_type, newest.count) == (
        "sista åäö".encode(),
        "text/plain",
        2,
    )
    first = await queries.handover_raw(call, 0)
    assert first is not None and first.data == b"\x00\xff first"
    assert await queries.handover_raw(call, 2) is None


async def test_who_sent_something_is_known_from_the_log_and_the_journal(rows: Rows, queries: Queries) -> None:
    call, booked = handover_id("sos", "case-1"), incident_id(4)
    event = HandoverReceived(handover_id=call, source="sos", source_id="case-1", received_at=START)
    await rows.event(event, "handover", call, actor=EIDO)
    place = Location(latitude=59.6, longitude=16.5)
    booking = BookingReceived(
        incident_id=booked,
        source="suti",
        source_id="1",
        centre="vas",
        transport_class="stretcher",
        pickup=place,
        destination=place,
        priority="3",
    )
    await rows.event(booking, "incident", booked, actor=EIDO, in_log=False)
    assert await queries.was_sent_by("handover", call, "eido@vas")
    assert not await queries.was_sent_by("handover", call, "anna")
    assert await queries.was_sent_by("incident", booked, "eido@vas")
    assert not await queries.was_sent_by("incident", incident_id(5), "eido@vas")


async def test_a_snapshot_holds_what_is_open_with_the_position_of_the_rows(rows: Rows, queries: Queries) -> None:
    empty = await queries.snapshot()
    assert (empty.position, empty.incidents, empty.units) == (0, [], [])
    await rows.incident(1, rank=20)
    await rows.incident(2, rank=10)
    await rows.incident(3, state="closed")
    await rows.incident(4, state="merged")
    await rows.unit("319-1")
    await rows.operator("anna")
    await rows.conflict("c1")
    await rows.conflict("c2", state="acknowledged")
    await rows.cursor(42)
    found = await queries.snapshot()
    assert found.position == 42
    assert ids(found.incidents) == [incident_id(2), incident_id(1)]
    assert (ids(found.units), ids(found.operators), ids(found.conflicts)) == (["319-1"], ["anna"], ["c1"])


async def test_a_feed_starts_behind_own_events_that_the_log_does_not_have(rows: Rows, queries: Queries) -> None:
    start = await queries.feed_start()
    assert (start.position, start.pending) == (0, {})
    await rows.event(NoteAdded(author="anna", text="a"), "incident", incident_id(1))
    assert (await queries.feed_start()).pending == {}
    await rows.event(NoteAdded(author="anna", text="b"), "incident", incident_id(1), in_log=False)
    last = await rows.event(NoteAdded(author="anna", text="c"), "incident", incident_id(1), in_log=False)
    start = await queries.feed_start()
    assert (start.position, start.pending) == (1, {"vas": last})


async def test_readings_cannot_write(queries: Queries) -> None:
    with pytest.raises(StoreUnavailableError):
        await queries._rows("delete from incident returning 1", [])


async def test_a_slow_statement_is_ended_by_the_server(queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        await queries._rows("select pg_sleep(30)", [])
    assert time.monotonic() - started < limits.READ_TIMEOUT_SECONDS + 0.5


async def test_no_connection_is_free_within_the_bound(queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [asyncio.create_task(queries._rows("select pg_sleep(1.9)", [])) for _ in range(limits.READ_CONNECTIONS_MAX)]
    await eventually(lambda: all(not task.done() for task in busy), within_seconds=1)
    late = asyncio.create_task(queries._rows("select pg_sleep(1.9)", []))
    with pytest.raises(StoreUnavailableError):
        await late
    await asyncio.gather(*busy)


async def test_a_hung_or_dead_server_answers_in_bounded_time_and_heals() -> None:
    async with running_postgres() as server:
        made = await Rows.prepare(server.dsn())
        await made.incident(1)
        async with open_read_pool(server.dsn()) as pool:
            queries = Queries(pool)
            assert await queries.incident(incident_id(1)) is not None
            await _hangs(server, queries)

            async def reads() -> bool:
                try:
                    return await queries.incident(incident_id(1)) is not None
                except StoreUnavailableError:
                    return False

            await eventually(reads, within_seconds=20)
        await made.close()


async def _hangs(server: PostgresServer, queries: Queries) -> None:
    group = [int(line) for line in (await _children(server.process.pid))] + [server.process.pid]
    for pid in group:
        _signal(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            await queries.incident(incident_id(1))
        assert time.monotonic() - started < limits.READ_TIMEOUT_SECONDS + 0.5
    finally:
        for pid in group:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def _children(pid: int) -> list[str]:
    process = await asyncio.create_subprocess_exec("ps", "-o", "pid=", "--ppid", str(pid), stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().split()
