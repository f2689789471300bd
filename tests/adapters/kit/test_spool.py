"""The spool: what it has taken is delivered or shown to a person, whatever happens to process and disk."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from granslos.contract.answers import Answer
from granslos_adapters.kit.errors import NoNodeAnsweredError, SpoolFullError
from granslos_adapters.kit.spool import UNANSWERED_MAX, Spool, Spooled
from support.eventually import eventually

DONE = Answer(status=201, durability="cluster")


def command(number: int, size: int = 10) -> Spooled:
    return Spooled(
        aggregate="handover",
        name="receive",
        command_id=f"c{number}",
        payload=msgspec.Raw(msgspec.json.encode({"text": "x" * size, "number": number})),
    )


def spool_in(folder: Path, messages_max: int = 100, bytes_max: int = 1 << 20) -> Spool:
    return Spool("test", folder, messages_max=messages_max, bytes_max=bytes_max)


class Nodes:
    """Answers deliveries; ``away`` answers nothing, ``poison`` never answers those."""

    def __init__(self, *, away: bool = False, poison: frozenset[str] = frozenset(), answer: Answer = DONE) -> None:
        self.away = away
        self.poison = poison
        self.answer = answer
        self.taken: list[Spooled] = []

    async def deliver(self, spooled: Spooled) -> Answer:
        if self.away or spooled.command_id in self.poison:
            raise NoNodeAnsweredError("away")
        self.taken.append(spooled)
        return self.answer

    @property
    def ids(self) -> list[str]:
        return [spooled.command_id for spooled in self.taken]


async def test_a_new_process_delivers_what_the_old_one_took_in_order(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    for number in range(5):
        await spool.put(command(number))
    again, nodes = spool_in(tmp_path), Nodes()
    assert len(again) == 5
    assert await again.deliver_round(nodes.deliver)
    assert nodes.ids == ["c0", "c1", "c2", "c3", "c4"]
    assert bytes(nodes.taken[3].payload) == bytes(command(3).payload)
    assert (len(again), again.bytes_used, list(tmp_path.glob("*.command"))) == (0, 0, [])


async def test_a_resend_is_kept_once(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await asyncio.gather(*(spool.put(command(1)) for _ in range(3)))
    assert len(spool) == 1


@pytest.mark.parametrize(("messages_max", "bytes_max", "size"), [(2, 1 << 20, 10), (100, 700, 200)])
async def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path: Path, messages_max: int, bytes_max: int, size: int) -> None:
    spool = spool_in(tmp_path, messages_max, bytes_max)
    await spool.put(command(1, size))
    await spool.put(command(2, size))
    with pytest.raises(SpoolFullError):
        await spool.put(command(3, size))
    nodes = Nodes()
    await spool.deliver_round(nodes.deliver)
    assert nodes.ids == ["c1", "c2"]
    await spool.put(command(3, size))


async def test_a_disk_that_does_not_take_it_is_full_too(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = spool_in(folder)
    (folder / "aside").rmdir()
    folder.rmdir()
    with pytest.raises(SpoolFullError):
        await spool.put(command(1))
    assert len(spool) == 0


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 200])
async def test_a_damaged_file_is_set_aside_and_the_rest_goes_on(tmp_path: Path, damage: bytes) -> None:
    spool, nodes = spool_in(tmp_path), Nodes()
    await spool.put(command(1))
    await spool.put(command(2))
    first = min(tmp_path.glob("*.command"))
    first.write_bytes(damage)
    assert await spool.deliver_round(nodes.deliver)
    assert nodes.ids == ["c2"]
    assert spool.set_aside == 1
    (aside,) = (tmp_path / "aside").iterdir()
    assert aside.read_bytes() == damage
    assert spool_in(tmp_path).set_aside == 1, "also after a restart"


async def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    spool, nodes = spool_in(tmp_path), Nodes()
    await spool.put(command(1))
    (file,) = tmp_path.glob("*.command")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    await spool.deliver_round(nodes.deliver)
    assert (nodes.ids, spool.set_aside) == ([], 1)


async def test_what_was_half_written_at_a_power_loss_is_kept_aside(tmp_path: Path) -> None:
    spool_in(tmp_path)
    (tmp_path / ".0001-000001-abc.command.part").write_bytes(b"half")
    spool = spool_in(tmp_path)
    assert (len(spool), spool.set_aside) == (0, 1)


async def test_what_nodes_refuse_is_set_aside_not_lost(tmp_path: Path) -> None:
    spool, nodes = spool_in(tmp_path), Nodes(answer=Answer(status=422))
    await spool.put(command(1))
    assert await spool.deliver_round(nodes.deliver)
    assert (len(spool), spool.set_aside) == (0, 1)


async def test_nodes_away_ends_the_round_and_blames_nobody(tmp_path: Path) -> None:
    spool, nodes = spool_in(tmp_path), Nodes(away=True)
    for number in range(4):
        await spool.put(command(number))
    for _ in range(UNANSWERED_MAX * 2):
        assert not await spool.deliver_round(nodes.deliver)
    assert (len(spool), spool.set_aside) == (4, 0)
    nodes.away = False
    await spool.deliver_round(nodes.deliver)
    assert nodes.ids == ["c0", "c1", "c2", "c3"]


async def test_one_that_no_node_can_take_does_not_hold_up_the_others(tmp_path: Path) -> None:
    spool, nodes = spool_in(tmp_path), Nodes(poison=frozenset({"c0"}))
    await spool.put(command(0))
    for number in range(1, UNANSWERED_MAX + 1):
        await spool.put(command(number))
        await spool.deliver_round(nodes.deliver)
    assert nodes.ids == [f"c{number}" for number in range(1, UNANSWERED_MAX + 1)]
    assert (len(spool), spool.set_aside) == (0, 1)


async def test_the_loop_waits_for_nodes_and_for_commands(tmp_path: Path) -> None:
    spool, nodes = spool_in(tmp_path), Nodes(away=True)
    task = asyncio.create_task(spool.run(nodes.deliver))
    await spool.put(command(1))
    await eventually(lambda: len(spool) == 1, within_seconds=1)
    nodes.away = False
    await eventually(lambda: nodes.ids == ["c1"], within_seconds=3)
    await spool.put(command(2))
    await eventually(lambda: nodes.ids == ["c1", "c2"], within_seconds=3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
