"""The fold in memory: one event, one fold, whatever order cases are found to belong together in."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any

import pytest

from granslos.application.items import TWIN_OTHER, Item, Key, Stored
from granslos.application.world import World
from granslos.contract.envelope import ZERO_HASH, Envelope, decode_envelope, encode, encode_payload, event_hash, handover_id
from granslos.contract.events import Event, HandoverReceived, IncidentAnswered, IncidentOpened, NoteAdded, desk_of
from granslos.contract.places import Actor
from granslos.domain.topics import topics
from granslos.domain.unit import AssignmentState

AT = datetime(2026, 11, 21, 2, 13, 5, tzinfo=UTC)
HANDOVER = handover_id("sos", "1")
ONE, TWO = "20261121-vas-000001", "20261121-upp-000001"


class Rows:
    """What a site has stored: its rows, and its copy of the LOG."""

    def __init__(self) -> None:
        self.log: list[Item] = []
        self.stored: dict[Key, Stored] = {}
        self.merged: dict[str, str] = {}

    def keep(self, world: World) -> None:
        """Store what a commit would."""
        for key in world.dirty:
            entry = world.entries[key]
            if entry.folded is not None:
                self.stored[key] = Stored(entry.folded, entry.count, entry.position)
            if key[0] == "incident" and world.root(key[1]) != key[1]:
                self.merged[key[1]] = world.root(key[1])
            else:
                self.merged.pop(key[1], None)

    async def load(self, keys: Sequence[Key]) -> Mapping[Key, Stored]:
        return {key: self.stored[key] for key in keys if key in self.stored}

    async def load_assignments(self, incident_ids: Sequence[str]) -> Sequence[AssignmentState]:
        return []

    async def load_merged(self, incident_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        return [(m, r) for m, r in self.merged.items() if m in incident_ids or r in incident_ids]

    async def load_events(self, keys: Sequence[Key]) -> Sequence[Item]:
        wanted = set(keys)
        return [i for i in self.log if wanted & set(topics(i.envelope.type, i.envelope.aggregate, i.envelope.id, i.payload))]


def item(site: str, jseq: int, aggregate: str, aggregate_id: str, payload: Event, **more: Any) -> Item:
    """An event as journalled; not in the LOG yet."""
    desk = desk_of(type(payload).__name__)
    envelope = Envelope(
        event_id=more.pop("event_id", f"{site}-{jseq}"),
        type=type(payload).__name__,
        site=site,
        generation=1,
        jseq=jseq,
        prev=ZERO_HASH,
        aggregate=aggregate,
        id=aggregate_id,
        centre="vas" if desk else None,
        desk=desk,
        epoch=0 if desk else None,
        command_id=f"c-{site}-{jseq}",
        actor=Actor(subject="anna", role="operator"),
        at=AT + timedelta(seconds=jseq),
        payload=encode_payload(payload),
        **more,
    )
    body = encode(envelope)
    return Item(decode_envelope(body), payload, body, event_hash(body))


def opened(site: str, jseq: int, incident_id: str) -> Item:
    """An opening of the one handover."""
    payload = IncidentOpened(
        incident_id=incident_id, centre="vas", handover_id=HANDOVER, source="sos", source_id="1", offered_at=AT
    )
    return item(site, jseq, "incident", incident_id, payload, provisional=site == "upp", event_id="open")


RECEIVED = HandoverReceived(handover_id=HANDOVER, source="sos", source_id="1", received_at=AT)
EVENTS = {
    "vas": [
        item("vas", 1, "handover", HANDOVER, RECEIVED),
        opened("vas", 2, ONE),
        item("vas", 3, "incident", ONE, IncidentAnswered(operator="anna")),
    ],
    "upp": [
        opened("upp", 1, TWO),
        item("upp", 2, "incident", TWO, NoteAdded(author="bo", text="hos oss")),
        item("upp", 3, "incident", TWO, IncidentAnswered(operator="bo")),
    ],
}


def in_log(order: str) -> list[Item]:
    """The two journals interleaved: each letter takes the next event of its site."""
    left = {"v": list(EVENTS["vas"]), "u": list(EVENTS["upp"])}
    items = [left[letter].pop(0) for letter in order]
    # Both sites opened it by the same command: the second in the LOG repeats its event id, with another incident.
    second = [n for n, i in enumerate(items, 1) if isinstance(i.payload, IncidentOpened)][1:]
    twin = dict.fromkeys(second, TWIN_OTHER)
    return [Item(i.envelope, i.payload, i.body, i.hash, False, n, twin.get(n, 0)) for n, i in enumerate(items, 1)]


async def start(rows: Rows, pending: Sequence[str], done: set[tuple[str, str]]) -> World:
    """Start a site: its live rows, and the journals that it holds and the LOG does not."""
    world = World(rows)
    world.begin()
    await world.prepare(rows.stored)
    for site in pending:
        for event in EVENTS[site]:
            if (site, event.envelope.event_id) not in done:
                await world.prepare(world.keys_of([event]))
                await world.add_pending([event])
    rows.keep(world)
    return world


async def project(order: str, pending: Sequence[str], batch: int, restart: int = 99) -> World:
    """Fold a LOG in batches, with these journals pending from the start; the site restarts after so many events."""
    rows, done = Rows(), set[tuple[str, str]]()
    world = await start(rows, pending, done)
    log = in_log(order)
    for at in range(0, len(log), batch):
        part = log[at : at + batch]
        world.begin()
        await world.prepare(world.keys_of(part))
        await world.apply(part)
        rows.keep(world)
        rows.log += part
        done |= {(one.envelope.site, one.envelope.event_id) for one in part}
        if at <= restart < at + batch:
            world = await start(rows, pending, done)
    return world


ORDERS = sorted({"".join(p) for p in permutations("vvvuuu")})


@pytest.mark.parametrize("order", ORDERS)
async def test_every_site_and_every_batching_folds_the_same_case_once(order: str) -> None:
    first = ONE if order.index("v", order.index("v") + 1) < order.index("u") else TWO
    found = set()
    for pending in ((), ("vas",), ("upp",), ("vas", "upp"), ("upp", "vas")):
        for batch, restart in product((1, 2, 6), (0, 1, 2, 3, 4, 99)):
            world = await project(order, pending, batch, restart)
            assert not world.pending
            assert world.root(ONE) == world.root(TWO) == first
            entry = world.entries["incident", first]
            assert entry.current == entry.folded
            assert entry.count == 5, f"{pending}, batches of {batch}, restart after {restart}"
            assert len(entry.folded.sources) == 2
            assert len(entry.folded.notes) == 1
            found.add(repr(entry.folded))
    assert len(found) == 1


async def test_a_rollback_leaves_nothing_behind() -> None:
    world = await project("vvv", (), 3)
    before = {key: entry.snapshot() for key, entry in world.entries.items()}
    world.begin()
    await world.prepare(world.keys_of(EVENTS["upp"]))
    await world.add_pending(EVENTS["upp"])
    assert world.root(TWO) == ONE
    world.rollback()
    assert world.root(TWO) == TWO
    assert not world.pending
    assert {key: entry.snapshot() for key, entry in world.entries.items() if key in before} == before
