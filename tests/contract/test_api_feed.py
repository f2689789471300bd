"""The feed: a snapshot and what follows make the next snapshot, whoever reads, resumes, is slow or comes late."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from granslos.api.feed import Reading
from granslos.application.ports import Change, Confirmation, Resource, Tick
from granslos.contract.envelope import encode
from granslos.contract.errors import StoreUnavailableError
from granslos.contract.events import NoteAdded
from granslos.contract.views import View
from granslos.readmodel.queries import Queries
from granslos.runtime import limits
from support.api_node import ApiNode
from support.eventually import eventually, never
from support.read_rows import START, Rows, incident_id
from support.verify_feed import (
    AGAIN,
    Frame,
    Mirror,
    mirrored,
    open_feed,
    read_frames,
    snapshot_resources,
    take_snapshot,
    verified_feed,
)


class Core:
    """Commits as a site does: rows first, then word to the feed; own events are pending until the LOG has them."""

    def __init__(self, node: ApiNode, rows: Rows) -> None:
        self.node, self.rows = node, rows
        self.versions: dict[int, int] = {}
        self.positions: dict[int, int] = {}
        self.fields: dict[int, dict[str, Any]] = {}
        self.pending: list[tuple[str, int]] = []
        self.events = 0
        self.lock = asyncio.Lock()

    async def own(self, number: int, **fields: Any) -> str:
        """An event of this site on an incident."""
        async with self.lock:
            event_id = self._next(number)
            self.pending.append((event_id, number))
            view = await self._write(number, **fields)
            self._publish(event_id, number, None, view)
            return event_id

    async def foreign(self, number: int, **fields: Any) -> int:
        """An event of another site, as the LOG brings it."""
        async with self.lock:
            event_id = self._next(number)
            position = self.node.state.position + 1
            self.positions[number] = position
            view = await self._write(number, position, **fields)
            self._publish(event_id, number, position, view)
            return position

    async def confirm(self, count: int = 1) -> int:
        """The LOG has the oldest own events."""
        async with self.lock:
            return await self._confirm(count)

    async def _confirm(self, count: int) -> int:
        done, self.pending = self.pending[:count], self.pending[count:]
        ticks = []
        for event_id, number in done:
            position = self.node.state.position + 1
            self.positions[number] = position
            view = await self._write(number, position)
            self.node.state.position = position
            tick = Tick("incident", view.id, view.durability, position, self.versions[number])
            ticks.append(Confirmation(event_id, position, (tick,)))
        self.node.feed.confirm(ticks)
        return self.node.state.position

    def _next(self, number: int) -> str:
        self.events += 1
        self.versions[number] = self.versions.get(number, 0) + 1
        return f"change-{self.events}"

    async def _write(self, number: int, position: int | None = None, **fields: Any) -> View:
        waits = any(n == number for _, n in self.pending)
        given: dict[str, Any] = {
            "description": f"v{self.versions[number]}",
            "durability": "site" if waits else "cluster",
            "position": self.positions.get(number),
            "version": self.versions[number],
        }
        async with self.rows.connection.transaction():
            kept = self.fields.setdefault(number, {})
            kept.update(fields)
            view = await self.rows.incident(number, **(given | kept))
            if position is not None:
                await self.rows.cursor(position)
        return view

    def _publish(self, event_id: str, number: int, position: int | None, view: View) -> None:
        self.node.state.position = max(self.node.state.position, position or 0)
        self.node.feed.publish(
            Change(
                event_id=event_id,
                type="NoteAdded",
                at=START + timedelta(seconds=self.events),
                site="vas" if position is None else "upp",
                position=position,
                durability="site" if position is None else "cluster",
                resources=(Resource("incident", incident_id(number), msgspec.Raw(encode(view))),),
            )
        )


@pytest.fixture
def core(node: ApiNode, rows: Rows) -> Core:
    return Core(node, rows)


@pytest.fixture
async def url(node: ApiNode) -> AsyncIterator[str]:
    async with node.served() as address:
        yield address


async def test_a_snapshot_holds_all_and_changes_follow_with_their_place(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    await core.rows.unit("319-1")
    async with verified_feed(url, node.headers()) as mirror:
        first = mirror.frames[0]
        assert (first.event, first.id) == ("snapshot", 1)
        wanted = {"position", "incidents", "units", "operators", "conflicts", "centres", "site"}
        assert first.data.keys() == wanted
        assert first.data["units"][0]["assignable"] is True
        await core.own(2)
        await core.confirm()
        await core.foreign(1)
        await eventually(lambda: mirror.position == 3, within_seconds=5)
        change, confirmed, foreign = [frame for frame in mirror.frames if frame.event in ("change", "confirmed")]
        assert (change.id, change.data["position"], change.data["durability"]) == (None, None, "site")
        assert change.data["changes"][0]["resource"]["durability"] == "site"
        assert (confirmed.event, confirmed.id, confirmed.data["event_id"]) == ("confirmed", 2, change.data["event_id"])
        assert (foreign.event, foreign.id, foreign.data["site"]) == ("change", 3, "upp")
        assert mirror.resources["incident"][incident_id(2)]["durability"] == "cluster"


async def test_a_heartbeat_comes_each_second_with_position_and_age(node: ApiNode, url: str) -> None:
    node.state.position, node.state.island = 7, True
    async with mirrored(url, node.headers()) as mirror:
        beats: list[Frame] = []

        def two() -> bool:
            beats[:] = [frame for frame in mirror.frames if frame.event == "heartbeat"]
            return len(beats) >= 2

        await eventually(two, within_seconds=3)
    assert {k: v for k, v in beats[0].data.items() if k != "at"} == {
        "position": 7,
        "data_age_seconds": 0.25,
        "island": True,
    }
    assert beats[0].id is None


async def test_the_logs_order_holds_where_confirmations_are_told_first(node: ApiNode, core: Core, url: str) -> None:
    async with mirrored(url, node.headers()) as mirror:
        await core.own(1)
        hub = node.feed
        hub.confirm([Confirmation("change-1", 2), Confirmation("other", 4)])
        change = Change("e3", "NoteAdded", START, "upp", 3, "cluster", ())
        hub.publish(msgspec.structs.replace(change, event_id="e1", position=1))
        hub.publish(change)
        await eventually(lambda: mirror.position == 4, within_seconds=5)
        assert [frame.id for frame in mirror.frames if frame.id] == [1, 2, 3, 4]


# --- resuming -------------------------------------------------------------------------------------------------------


async def test_a_reader_resumes_without_a_snapshot_and_misses_nothing(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    async with mirrored(url, node.headers()) as mirror:
        await core.foreign(2)
        await eventually(lambda: mirror.position == 2, within_seconds=5)
    for number in (1, 3, 4):
        await core.foreign(number)
    await core.own(5)
    seen = len(mirror.frames)
    async with mirrored(url, node.headers(), after=mirror.position, mirror=mirror):
        await eventually(lambda: incident_id(5) in mirror.resources["incident"], within_seconds=5)
        events = [(f.event, f.id) for f in mirror.frames[seen:] if f.event != "heartbeat"]
        assert events == [("change", 3), ("change", 4), ("change", 5), ("change", None)]
        assert not mirror.difference(snapshot_resources(await take_snapshot(url, node.headers())))


async def test_the_address_resumes_as_the_header_does(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    await core.foreign(2)
    async with httpx.AsyncClient(base_url=url) as client:
        response = await open_feed(client, node.headers(), query="after=1")
        frame = await anext(read_frames(response.aiter_bytes()))
        await response.aclose()
        assert (frame.event, frame.id) == ("change", 2)
        for headers, query in (
            ({"Last-Event-ID": "x"}, ""),
            ({}, "after=-1"),
            ({}, "after=x"),
            ({}, f"after={1 << 63}"),
        ):
            response = await open_feed(client, node.headers() | headers, query=query)
            assert response.status_code == 422


async def test_what_is_pending_here_reaches_a_reader_that_comes_from_another_site(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    await core.own(1)
    position = await core.foreign(1)
    elsewhere = Mirror(position=position)
    async with mirrored(url, node.headers(), after=position, mirror=elsewhere):
        await eventually(lambda: incident_id(1) in elsewhere.resources["incident"], within_seconds=5)
        await core.confirm()
        await eventually(lambda: elsewhere.position == position + 1, within_seconds=5)
        assert not elsewhere.difference(snapshot_resources(await take_snapshot(url, node.headers())))
    again = [f for f in elsewhere.frames if f.event == "change" and f.data["event_id"].endswith(AGAIN)]
    assert [frame.id for frame in again] == [None], "a newer view is sent again behind the older one"


async def test_a_reader_that_saw_an_event_elsewhere_does_not_fall_back_behind_it(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    await core.foreign(1)
    event_id = await core.own(1)
    now = snapshot_resources(await take_snapshot(url, node.headers()))
    mirror = Mirror(position=1, resources=now, seen={event_id: None})
    async with mirrored(url, node.headers(), after=1, mirror=mirror):
        await core.foreign(2)
        await eventually(lambda: mirror.position == 3, within_seconds=5)
        assert not mirror.difference(snapshot_resources(await take_snapshot(url, node.headers())))


async def test_an_event_that_another_site_told_first_has_its_effect_all_the_same(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    mirror = Mirror(position=1, seen={"change-3": None})
    async with mirrored(url, node.headers(), after=1, mirror=mirror):
        await core.foreign(1)
        await core.own(1)
        await core.foreign(2)
        await eventually(lambda: mirror.position == 3, within_seconds=5)
        assert not mirror.difference(snapshot_resources(await take_snapshot(url, node.headers())))
    assert mirror.doubles == 1


async def test_an_event_that_the_log_gave_another_effect_is_told_again_and_never_dropped(
    node: ApiNode, core: Core, url: str
) -> None:
    async with mirrored(url, node.headers()) as mirror:
        event_id = await core.own(1)
        node.state.position = 1
        view = await core.rows.incident(1, description="annan följd", durability="cluster", position=1, version=1)
        await core.rows.cursor(1)
        resource = Resource("incident", view.id, msgspec.Raw(encode(view)))
        node.feed.publish(Change(event_id, "NoteAdded", START, "vas", 1, "cluster", (resource,)))
        await eventually(lambda: mirror.position == 1, within_seconds=5)
        await eventually(lambda: mirror.frames[-1].event in ("change", "heartbeat"), within_seconds=5)
        assert not mirror.difference(snapshot_resources(await take_snapshot(url, node.headers())))
    told = [(f.event, f.id, f.data["event_id"]) for f in mirror.frames if f.event in ("change", "confirmed")]
    assert told == [("change", None, event_id), ("confirmed", 1, event_id), ("change", None, event_id + AGAIN)]
    assert mirror.doubles == 0


async def test_a_site_behind_its_reader_beats_until_it_has_what_the_reader_has(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1)
    mirror = Mirror(position=3)
    async with mirrored(url, node.headers(), after=3, mirror=mirror):
        await eventually(lambda: len(mirror.frames) >= 2, within_seconds=4)
        assert {frame.event for frame in mirror.frames} == {"heartbeat"}
        await core.foreign(1)
        await core.foreign(1)
        await core.foreign(2)
        await eventually(lambda: mirror.position == 4, within_seconds=4)
        assert [frame.id for frame in mirror.frames if frame.event != "heartbeat"] == [4]


async def test_a_reader_from_a_future_that_does_not_come_starts_again(
    node: ApiNode, core: Core, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_AHEAD_SECONDS", 0.3)
    await core.foreign(1)
    mirror = Mirror(position=0)
    async with mirrored(url, node.headers(), after=1_000_000, mirror=mirror):
        await eventually(lambda: mirror.position == 1, within_seconds=4)
        assert [f.event for f in mirror.frames if f.event != "heartbeat"] == ["resync", "snapshot"]


async def test_what_the_ring_forgot_is_answered_with_resync(
    node: ApiNode, core: Core, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.feed._ring, "_frames_max", 4)
    for _ in range(10):
        await core.foreign(1)
    mirror = Mirror(position=2)
    async with mirrored(url, node.headers(), after=2, mirror=mirror):
        await eventually(lambda: mirror.position == 10, within_seconds=4)
        assert [f.event for f in mirror.frames if f.event != "heartbeat"] == ["resync", "snapshot"]


async def test_after_a_restart_events_that_the_log_lacks_still_stop_resuming(node: ApiNode, core: Core, rows: Rows) -> None:
    await core.foreign(1)
    pending = await rows.event(NoteAdded(author="anna", text="a"), "incident", incident_id(1), in_log=False)
    async with node.served() as url:
        mirror = Mirror(position=0)
        async with mirrored(url, node.headers(), after=1, mirror=mirror):
            await eventually(lambda: mirror.position == 1, within_seconds=4)
        assert "snapshot" in {frame.event for frame in mirror.frames}
        node.state.position = 2
        node.feed.confirm([Confirmation(pending, 2)])
        late = Mirror(position=2)
        async with mirrored(url, node.headers(), after=2, mirror=late):
            await core.foreign(1)
            await eventually(lambda: late.position == 3, within_seconds=4)
        assert "snapshot" not in {frame.event for frame in late.frames}


# --- many, slow, narrow, technical ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_happens_every_reader_ends_with_the_same_picture(
    node: ApiNode, core: Core, url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(limits, "FEED_SNAPSHOT_AGE_SECONDS", 0.05)

    mirrors = [Mirror() for _ in range(3)]
    async with verified_feed(url, node.headers()):
        await asyncio.gather(*(comes_and_goes(node, core, mirror, chance, url) for mirror in mirrors))
        await core.confirm(len(core.pending))
        for mirror in mirrors:
            async with mirrored(url, node.headers(), after=mirror.position, mirror=mirror):

                async def equal(mirror: Mirror = mirror) -> bool:
                    difference = mirror.difference(snapshot_resources(await take_snapshot(url, node.headers())))
                    assert not difference, difference
                    return True

                await eventually(equal, within_seconds=5)


async def comes_and_goes(node: ApiNode, core: Core, mirror: Mirror, chance: random.Random, url: str) -> None:
    """A reader that is cut off again and again, and resumes."""
    after = None
    for _ in range(6):
        async with mirrored(url, node.headers(), after=after, mirror=mirror):
            for _ in range(chance.randint(1, 8)):
                await step(core, chance)
        after = mirror.position


async def step(core: Core, chance: random.Random) -> None:
    """Something happens."""
    number, way = chance.randint(1, 5), chance.random()
    if way < 0.4:
        await core.own(number, state=chance.choice(["offered", "answered", "closed"]))
    elif way < 0.7:
        await core.foreign(number)
    elif core.pending:
        await core.confirm(chance.randint(1, len(core.pending)))


async def drain(chunks: AsyncIterator[bytes]) -> list[Frame]:
    """All frames of a feed that has been closed."""
    return [frame async for frame in read_frames(chunks)]


async def test_a_reader_too_slow_starts_again_and_holds_no_memory(
    node: ApiNode, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_BACKLOG_FRAMES_MAX", 10)
    hub = node.feed
    slow = await hub.read(Reading())
    await anext(slow)
    for _ in range(11):
        await core.foreign(1)
    await asyncio.sleep(0)
    rest = [await anext(slow), await anext(slow)]
    hub.close()
    frames = [frame async for frame in read_frames(_given(rest))]
    assert [frame.event for frame in frames] == ["resync", "snapshot"]
    assert frames[1].id == 11
    assert [frame async for frame in slow] == []
    assert hub.readers == 0


async def test_a_backlog_of_bytes_counts_too(node: ApiNode, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_BACKLOG_BYTES_MAX", 5_000)
    slow = await node.feed.read(Reading())
    await anext(slow)
    await core.foreign(1, category="x" * 200)
    await core.foreign(1, notes=(), language="y" * 6_000)
    await asyncio.sleep(0)
    assert b"event: resync" in await anext(slow)
    await slow.aclose()


async def _given(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_large_snapshot_and_a_large_backlog_are_sent_in_parts(
    node: ApiNode, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_CHUNK_BYTES_MAX", 1_000)
    await core.foreign(1)
    chunks = await node.feed.read(Reading())
    parts = [await anext(chunks)]
    while b"\n\n" not in parts[-1]:
        parts.append(await anext(chunks))
    assert len(parts) > 2 and max(map(len, parts)) <= 1_000
    for _ in range(3):
        await core.foreign(1)
    await asyncio.sleep(0)
    later = [await anext(chunks) for _ in range(3)]
    frames = [frame async for frame in read_frames(_given(parts + later))]
    assert [frame.id for frame in frames] == [1, 2, 3, 4]
    await chunks.aclose()


async def test_more_readers_than_the_bound_are_sent_elsewhere(node: ApiNode, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_READERS_MAX", 2)
    async with httpx.AsyncClient(base_url=url) as client:
        async with mirrored(url, node.headers()), mirrored(url, node.headers()):
            response = await open_feed(client, node.headers())
            assert (response.status_code, response.json()["code"]) == (503, "busy")
        await eventually(lambda: node.feed.readers == 0, within_seconds=3)
        async with mirrored(url, node.headers()):
            assert node.feed.readers == 1


async def test_two_hundred_consoles_that_come_at_once_cost_one_snapshot(
    node: ApiNode, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.foreign(1)
    taken = 0
    original = Queries.snapshot

    async def counted(self: Queries) -> Any:
        nonlocal taken
        taken += 1
        return await original(self)

    monkeypatch.setattr(Queries, "snapshot", counted)
    chunks = await asyncio.gather(*(node.feed.read(Reading()) for _ in range(200)))
    first = [await anext(reader) for reader in chunks]
    assert taken == 1
    assert all(data is first[0] for data in first), "the same bytes"
    node.feed.close()
    assert [await drain(reader) for reader in chunks] == [[]] * 200


async def test_readers_get_the_same_bytes(node: ApiNode, core: Core) -> None:
    readers = [await node.feed.read(Reading()) for _ in range(20)]
    for reader in readers:
        await anext(reader)
    await core.foreign(1)
    await asyncio.sleep(0)
    chunks = [await anext(reader) for reader in readers]
    assert all(chunk is chunks[0] for chunk in chunks)
    node.feed.close()
    for reader in readers:
        await drain(reader)


async def test_a_technician_reads_a_feed_without_patients(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1, description="Bröstsmärta på Storgatan")
    await core.rows.unit("319-1")
    await core.rows.operator("anna")
    await core.rows.conflict("c1")
    async with mirrored(url, node.headers("technician")) as mirror:
        conflict = msgspec.Raw(encode(await core.rows.conflict("c2", text="Storgatan")))
        resources = (
            Resource("incident", incident_id(1), msgspec.Raw(b'{"id":"i","description":"Storgatan"}')),
            Resource("conflict", "c2", conflict),
        )
        node.feed.publish(Change("e9", "NoteAdded", START, "upp", 2, "cluster", resources))
        node.feed.announce("rumour", {"text": "Storgatan"})
        node.feed.announce("island", {"island": True})
        await eventually(lambda: mirror.frames[-1].event == "island", within_seconds=5)
    snapshot = mirror.frames[0].data
    assert (snapshot["incidents"], snapshot["units"], snapshot["operators"]) == ([], [], [])
    assert snapshot["conflicts"][0]["text"] == ""
    assert snapshot["centres"][0]["code"] == "vas"
    change = next(frame for frame in mirror.frames if frame.event == "change")
    assert [item["kind"] for item in change.data["changes"]] == ["conflict"]
    assert "Storgatan" not in repr([frame.data for frame in mirror.frames])
    assert "rumour" not in {frame.event for frame in mirror.frames}


async def test_a_feed_may_be_narrowed_to_an_area_or_a_centre(node: ApiNode, core: Core, url: str) -> None:
    await core.foreign(1, area="19")
    await core.foreign(2, area="03", centre="upp")
    async with mirrored(url, node.headers(), query="area=19") as mirror:
        assert set(mirror.resources["incident"]) == {incident_id(1)}
        await core.foreign(2, area="03")
        await core.foreign(3, area="19")
        await core.foreign(1, area="03")
        await core.foreign(1, area="03")
        await core.foreign(4, area="19")
        await eventually(lambda: mirror.position == 7, within_seconds=5)
        assert [frame.id for frame in mirror.frames if frame.event == "change"] == [4, 5, 7]
    async with mirrored(url, node.headers(), query="centre=upp") as mirror:
        assert set(mirror.resources["incident"]) == {incident_id(2)}


async def test_positions_of_units_are_gathered_and_only_the_newest_counts(
    node: ApiNode, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_POSITIONS_MAX", 2)
    async with mirrored(url, node.headers()) as mirror:
        for n in range(10):
            for unit in ("319-1", "319-2", "319-3"):
                node.feed.announce("position", {"unit_id": unit, "latitude": 59.0 + n})

        def sent() -> list[Frame]:
            return [frame for frame in mirror.frames if frame.event == "positions"]

        await eventually(sent, within_seconds=3)
        assert sent()[0].data["positions"] == [
            {"unit_id": "319-1", "latitude": 68.0},
            {"unit_id": "319-2", "latitude": 68.0},
        ]


async def test_desks_that_move_are_told(node: ApiNode, url: str) -> None:
    async with mirrored(url, node.headers()) as mirror:
        await eventually(lambda: any(f.event == "heartbeat" for f in mirror.frames), within_seconds=3)
        [centre] = node.state.centres
        node.state.centres = (msgspec.structs.replace(centre, state="taken over"),)
        await eventually(lambda: any(f.event == "centres" for f in mirror.frames), within_seconds=3)
        await never(lambda: sum(f.event == "centres" for f in mirror.frames) > 1, for_seconds=1.2)


async def test_handovers_are_read_at_their_address_not_in_the_feed(node: ApiNode, core: Core, url: str) -> None:
    async with mirrored(url, node.headers()) as mirror:
        resource = Resource("handover", "h", msgspec.Raw(b'{"id":"h"}'))
        node.feed.publish(Change("e1", "HandoverReceived", START, "upp", 1, "cluster", (resource,)))
        await eventually(lambda: mirror.position == 1, within_seconds=3)
        assert mirror.frames[-1].data.get("changes", []) == []


async def test_a_stop_ends_all_feeds_at_once(node: ApiNode) -> None:
    async with node.served() as url, httpx.AsyncClient(base_url=url) as client:
        response = await open_feed(client, node.headers())
        chunks = response.aiter_bytes()
        await anext(chunks)
        node.feed.close()
        async with asyncio.timeout(2):
            assert not [frame async for frame in read_frames(chunks) if frame.event == "snapshot"]
        await response.aclose()


async def test_without_a_store_a_new_reader_goes_elsewhere_and_one_that_reads_waits(
    node: ApiNode, core: Core, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_SNAPSHOT_AGE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "FEED_SNAPSHOT_RETRY_SECONDS", 0.05)
    original, is_away = Queries.snapshot, True

    async def sometimes(self: Queries) -> Any:
        if is_away:
            raise StoreUnavailableError("away")
        return await original(self)

    monkeypatch.setattr(Queries, "snapshot", sometimes)
    await core.foreign(1)
    async with httpx.AsyncClient(base_url=url) as client:
        response = await open_feed(client, node.headers())
        assert response.status_code == 503
    mirror = Mirror(position=0)
    monkeypatch.setattr(node.feed._ring, "_floor", 1)
    async with mirrored(url, node.headers(), after=0, mirror=mirror):
        await eventually(lambda: len(mirror.frames) >= 2, within_seconds=4)
        assert {frame.event for frame in mirror.frames} == {"resync", "heartbeat"}
        is_away = False
        await eventually(lambda: mirror.position == 1, within_seconds=4)
