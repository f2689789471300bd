"""The projector on a real PostgreSQL: gaps and wrong hashes refused whole, poison parked, lateness judged, rebuild equal."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from granslos.application.world import World
from granslos.contract.envelope import ZERO_HASH, Envelope, encode, encode_payload, event_hash, handover_id
from granslos.contract.errors import ChainError, GapError
from granslos.contract.events import (
    DeskMoved,
    Event,
    GenerationStarted,
    HandoverReceived,
    IncidentAnswered,
    IncidentOpened,
    NoteAdded,
    desk_of,
)
from granslos.contract.places import Actor
from granslos.domain.priorities import default_scale
from granslos.journal.migrate import migrate
from granslos.projection.projector import Projector
from granslos.projection.rebuild import rebuild
from granslos.projection.store import Store
from granslos.projection.verify import verify
from granslos.replication.takeover import marker_envelope
from granslos.stream.log import LoggedMessage

AT = datetime(2026, 11, 21, 2, 13, 5, tzinfo=UTC)
ACTOR = Actor(subject="anna", role="operator")
INCIDENT = "20261121-vas-000001"
HANDOVER = handover_id("sos", "1")


class Chronicle:
    """A LOG in the making: journals of sites, chained, interleaved."""

    def __init__(self) -> None:
        self.messages: list[LoggedMessage] = []
        self._tails: dict[str, tuple[int, str]] = {}

    def add(self, site: str, aggregate: str, aggregate_id: str, payload: Event, **more: Any) -> None:
        """Append the next event of a site's journal."""
        jseq, prev = self._tails.get(site, (0, ZERO_HASH))
        desk = desk_of(type(payload).__name__)
        envelope = Envelope(
            event_id=f"{site}{jseq + 1}",
            type=more.pop("type", type(payload).__name__),
            site=site,
            generation=1,
            jseq=jseq + 1 + more.pop("skip", 0),
            prev=more.pop("prev", prev),
            aggregate=aggregate,
            id=aggregate_id,
            centre="vas" if desk else None,
            desk=desk,
            epoch=more.pop("epoch", 0) if desk else None,
            command_id=f"c-{site}-{jseq + 1}",
            actor=ACTOR,
            at=AT + timedelta(seconds=len(self.messages)),
            payload=encode_payload(payload),
            **more,
        )
        self.put(encode(envelope))
        self._tails[site] = (jseq + 1, event_hash(self.messages[-1].data))

    def put(self, data: bytes) -> None:
        """Append any bytes."""
        self.messages.append(LoggedMessage(len(self.messages) + 1, "log.x.y.z", data))


def opened() -> Chronicle:
    """One call at Västerås, answered; a note from Uppsala."""
    log = Chronicle()
    log.add("vas", "site", "vas", GenerationStarted(reason="first_start"))
    log.add("upp", "site", "upp", GenerationStarted(reason="first_start"))
    received = HandoverReceived(handover_id=HANDOVER, source="sos", source_id="1", received_at=AT)
    log.add("vas", "handover", HANDOVER, received)
    opening = IncidentOpened(
        incident_id=INCIDENT, centre="vas", area="19", handover_id=HANDOVER, source="sos", source_id="1", offered_at=AT
    )
    log.add("vas", "incident", INCIDENT, opening)
    log.add("vas", "incident", INCIDENT, IncidentAnswered(operator="anna"))
    log.add("upp", "incident", INCIDENT, NoteAdded(author="bo", text="dörren är öppen"))
    return log


@pytest.fixture
async def dsn(database_dsn: str) -> str:
    migrate(database_dsn)
    return database_dsn


@pytest.fixture
async def projector(dsn: str) -> AsyncIterator[Projector]:
    store = Store(dsn)
    await store.connect()
    made = Projector(store, World(store), default_scale(), await store.site_state("esk"))
    await made.restore(["esk", "upp", "vas"])
    yield made
    await store.close()


async def _rows(dsn: str, table: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute(f"select * from {table} order by 1")).fetchall()


async def _view(dsn: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((await _rows(dsn, "incident"))[0][-1])
    return found


async def test_rows_and_cursor_go_together_and_a_rebuild_gives_the_same(projector: Projector, dsn: str) -> None:
    await projector.apply(opened().messages)
    assert projector.cursor == 6
    view = await _view(dsn)
    assert (view["state"], view["answered_by"], len(view["notes"])) == ("answered", "anna", 1)
    before = {table: await _rows(dsn, table) for table in ("incident", "handover")}
    done = await rebuild(dsn, "esk", default_scale())
    assert (done.events, done.position) == (6, 6)
    assert {table: await _rows(dsn, table) for table in before} == before
    assert await verify(dsn) == []


async def test_how_a_log_is_cut_into_batches_makes_no_difference(projector: Projector, dsn: str) -> None:
    for message in opened().messages:
        await projector.apply([message])
    one_by_one = await _rows(dsn, "incident")
    await rebuild(dsn, "esk", default_scale())
    assert await _rows(dsn, "incident") == one_by_one


async def test_a_gap_in_the_log_is_refused_whole(projector: Projector, dsn: str) -> None:
    messages = opened().messages
    await projector.apply(messages[:2])
    with pytest.raises(GapError):
        await projector.apply(messages[3:])
    assert (projector.cursor, await _rows(dsn, "handover")) == (2, [])
    await projector.apply(messages[2:])
    assert projector.cursor == 6


async def test_a_gap_in_a_journal_is_refused(projector: Projector, dsn: str) -> None:
    log = opened()
    log.add("upp", "incident", INCIDENT, NoteAdded(author="bo", text="två"), skip=1)
    with pytest.raises(GapError):
        await projector.apply(log.messages)
    assert await _rows(dsn, "event_log") == []


async def test_a_wrong_hash_is_refused(projector: Projector, dsn: str) -> None:
    log = opened()
    log.add("upp", "incident", INCIDENT, NoteAdded(author="bo", text="två"), prev="f" * 64)
    with pytest.raises(ChainError):
        await projector.apply(log.messages)
    assert await _rows(dsn, "event_log") == []


async def test_poison_is_parked_and_the_rest_goes_on(projector: Projector, dsn: str) -> None:
    log = opened()
    log.put(b"\xffnot json")
    log.add("upp", "incident", INCIDENT, NoteAdded(author="bo", text="ny sort"), type="IncidentDreamt")
    log.add("vas", "incident", INCIDENT, NoteAdded(author="anna", text="sist"))
    await projector.apply(log.messages)
    assert projector.cursor == 9
    assert [note["text"] for note in (await _view(dsn))["notes"]] == ["dörren är öppen", "sist"]
    assert ("incident", INCIDENT) in projector.parked
    assert projector.parked_count == 2
    assert len(await _rows(dsn, "event_log")) == 9


async def test_a_decision_of_an_older_epoch_is_late_at_its_place_in_the_log(projector: Projector, dsn: str) -> None:
    log = opened()
    moved = DeskMoved(centre="vas", desk="calls", epoch=1, holder="upp", loser="vas", why="takeover", by="system", at=AT)
    log.put(encode(marker_envelope(moved, "upp", ACTOR, AT)))
    log.add("vas", "incident", INCIDENT, IncidentAnswered(operator="cecilia"))
    log.add("vas", "incident", INCIDENT, NoteAdded(author="anna", text="ett faktum"))
    await projector.apply(log.messages)
    late = {row[0]: row[8] for row in await _rows(dsn, "event_log")}
    assert {seq for seq, is_late in late.items() if is_late} == {8}
    view = await _view(dsn)
    assert view["answered_by"] == "anna"
    assert [note["text"] for note in view["notes"]] == ["dörren är öppen", "ett faktum"]


async def test_a_fragment_that_comes_after_its_opening_is_no_loss(projector: Projector, dsn: str) -> None:
    messages = opened().messages
    late_note = Chronicle()
    late_note.add("upp", "site", "upp", GenerationStarted(reason="first_start"))
    late_note.add("upp", "incident", INCIDENT, NoteAdded(author="bo", text="före öppningen"))
    vas_only = [m for m in messages if msgspec.json.decode(m.data)["site"] == "vas"]
    order = [*late_note.messages, *vas_only]
    await projector.apply([LoggedMessage(n, m.subject, m.data) for n, m in enumerate(order, 1)])
    assert [note["text"] for note in (await _view(dsn))["notes"]] == ["före öppningen"]
