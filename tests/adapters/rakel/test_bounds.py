"""Bounds that no other test reaches, each reached here."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from granslos.runtime.clock import ManualClock
from granslos_adapters.kit.archive import Archive
from granslos_adapters.kit.bus import NodeBus
from granslos_adapters.kit.delivery import Delivery
from granslos_adapters.kit.spool import Spool
from granslos_adapters.rakel import framing, mapping, session
from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.lip import ShortFields, encode_short
from granslos_adapters.rakel.codec.sds import decode_sds
from granslos_adapters.rakel.errors import OutboxFullError
from granslos_adapters.rakel.framing import Framer
from granslos_adapters.rakel.heard import Directory, Heard, ReceiptDue
from granslos_adapters.rakel.mapping import Mapper
from granslos_adapters.rakel.port import MemoryPort
from granslos_adapters.rakel.profile import load_profiles
from granslos_adapters.rakel.repeats import Repeats
from granslos_adapters.rakel.sender import TextOrder
from granslos_adapters.rakel.service import Nodes, Service
from granslos_adapters.rakel.session import Session
from granslos_adapters.rakel.settings import LinkSettings, RakelSettings

NOW = datetime(2026, 11, 21, 2, 13, 5, tzinfo=UTC)
Make = Callable[..., Service]


def new_mapper() -> Mapper:
    return Mapper(load_profiles((), "se-default"), Directory([]), Repeats(60))


@pytest.fixture
def service(tmp_path: Path) -> Make:
    def make(**changes: object) -> Service:
        bus = NodeBus("rakel", ["vas"], ["nats://127.0.0.1:1"])
        spool = Spool("rakel", tmp_path / "spool", messages_max=10, bytes_max=1 << 20)
        nodes = Nodes(
            bus,
            Delivery(bus, spool, deadline_seconds=0.1),
            Archive("rakel", tmp_path / "archive", bytes_max=1 << 20),
            "vas",
        )
        return Service(RakelSettings(**changes), new_mapper(), nodes, ManualClock())

    return make


def status_event(value: int) -> framing.Event:
    (event,) = Framer().feed(f"+CTSDSR: 13,7654321,0,9876543,0,16\r\n{value:04X}\r\n".encode())
    return event


async def test_more_messages_than_the_bound_slow_the_reading_down_and_none_is_lost(service: Make) -> None:
    made = service(indications_pending_max=2)
    waiting = asyncio.gather(*(made.on_event(status_event(0x9000 + index)) for index in range(4)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    taken = [await made._heard.get() for _ in range(4)]
    await waiting
    assert [one.data_hex for one in taken if isinstance(one, Heard)] == ["9000", "9001", "9002", "9003"]


async def test_only_the_newest_notices_are_kept_for_show(service: Make) -> None:
    made = service(notices_max=3)
    for value in range(0x9000, 0x9005):
        heard = Heard(source="7654321", called="", message=decode_sds(13, Bits(value, 16)), data_hex=f"{value:04X}", at=NOW)
        await made.take(heard)
    assert [notice.value for notice in made.notices] == [0x9002, 0x9003, 0x9004]


async def test_a_full_send_queue_refuses_a_text_and_drops_a_receipt(service: Make) -> None:
    made = service(send_queue_max=1)
    await made.sender.send_text(TextOrder(key="a", to="1", text="Larm"))
    with pytest.raises(OutboxFullError):
        await made.sender.send_text(TextOrder(key="b", to="1", text="Larm"))
    await made.sender.receipt(ReceiptDue("1", 0x82, 7))
    assert len(made.sender.outbox) == 1


async def test_a_listening_terminal_sends_nothing(service: Make) -> None:
    made = service(send=False)
    await made.sender.send_text(TextOrder(key="a", to="1", text="Larm"))
    await made.sender.receipt(ReceiptDue("1", 0x82, 7))
    await made.sender.ask_position("c", "1", 9_876_543)
    assert len(made.sender.outbox) == 0


def test_a_stranger_is_said_again_when_too_many_others_came() -> None:
    mapper = new_mapper()
    message = decode_sds(12, encode_short(ShortFields(latitude_deg=59.0, longitude_deg=16.0)))

    def heard(ssi: int) -> int:
        report = Heard(source=str(ssi), called="", message=message, data_hex="", at=NOW)
        return len(mapper.map(report).notices)

    assert (heard(1), heard(1)) == (1, 0)
    for ssi in range(2, mapping.STRANGERS_MAX + 2):
        assert heard(ssi) == 1
    assert heard(1) == 1


async def test_an_endless_answer_is_kept_up_to_its_bound() -> None:
    ours, theirs = MemoryPort.pair()

    async def ignore(_: framing.Event) -> None:
        pass

    talking = Session(ours, LinkSettings(settle_seconds=0.05), ignore)
    talking._poisoned = False
    reading = asyncio.ensure_future(talking.read())
    asked = asyncio.ensure_future(talking.command("AT+CNUMS?"))
    assert await theirs.read() == b"AT+CNUMS?\r\n"
    await theirs.write(b"1,123456712341234,Grupp\r\n" * (session.ANSWER_LINES_MAX + 5) + b"OK\r\n")
    answer = await asked
    assert (answer.ok, len(answer.lines)) == (True, session.ANSWER_LINES_MAX)
    theirs.close()
    await asyncio.gather(reading, return_exceptions=True)
