"""The adapter as a whole: an emulated terminal on one side, a real bus with scripted nodes on the other."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import nats
import pytest

from granslos.contract import subjects
from granslos.contract.answers import Answer, rejected
from granslos.contract.commands import AddNote, CommandRequest, ReportUnitStatus
from granslos_adapters.rakel.alarm import Alarm
from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.lip import ShortFields, encode_short
from granslos_adapters.rakel.codec.sds import Report, Transfer, decode_sds
from granslos_adapters.rakel.codec.sds_encode import TextFields, encode_text_message, encode_text_messages
from granslos_adapters.rakel.emulator import Terminal, Vehicle
from granslos_adapters.rakel.emulator_hosts import Host, PtyHost, TcpHost
from support.adapter_site import AdapterProcess, SiteFolder, running
from support.edge_bus import Edge, ScriptedNode, edge_in
from support.eventually import eventually, never

UNIT = "319-3310"
SSI = 2_401_001
CASE = "20261121-vas-000123"
TABLE = f"""
port = 0
text_validity_seconds = 60.0
receipt_wait_seconds = 0.6
send_attempts_max = 3
units = [{{unit_id = "{UNIT}", ssi = {SSI}}}]
[adapters.rakel.link]
url = "URL"
own_ssi = 9876543
settle_seconds = 0.05
command_timeout_seconds = 0.5
send_timeout_seconds = 0.5
resync_timeout_seconds = 2.0
reopen_backoff_seconds_min = 0.05
reopen_backoff_seconds_max = 0.2
"""


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    folder = tmp_path / "edge"
    folder.mkdir()
    with edge_in(folder) as made:
        yield made


def done(request: CommandRequest) -> Answer:
    return Answer(status=200, durability="cluster", position=7, resource={"id": UNIT}, site="vas")


class World:
    """A running adapter between a terminal and a bus."""

    def __init__(self, place: Host, site: SiteFolder, process: AdapterProcess, bus: nats.NATS) -> None:
        self.place = place
        self.terminal = place.terminal
        self.site = site
        self.process = process
        self.bus = bus
        self.observations: list[tuple[str, dict[str, Any]]] = []

    async def watch(self) -> None:
        async def keep(message: Any) -> None:
            self.observations.append((message.subject, json.loads(message.data)))

        await self.bus.subscribe("granslos.v1.obs.vas.>", cb=keep)
        await self.bus.flush()

    def seen(self, kind: str) -> list[dict[str, Any]]:
        return [body for subject, body in self.observations if subject.split(".")[4] == kind]

    def texts(self) -> list[str | None]:
        return [message.text for message in self.sent() if isinstance(message, Transfer)]

    def receipts(self) -> list[Report]:
        return [message for message in self.sent() if isinstance(message, Report)]

    def sent(self) -> list[object]:
        return [decode_sds(one.service, one.data) for one in self.terminal.sent]

    async def alarm(self, alarm: Alarm) -> None:
        await self.bus.publish(subjects.alarm_subject("vas", alarm.unit_id), msgspec.json.encode(alarm))
        await self.bus.flush()

    async def get(self, path: str, role: str = "dispatcher") -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(self.process.url + path, headers=self.site.headers(role))

    async def post(self, path: str, body: object = None, role: str = "dispatcher") -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.post(self.process.url + path, json=body, headers=self.site.headers(role))


@asynccontextmanager
async def world(edge: Edge, tmp_path: Path, *, host: str = "tcp", table: str = TABLE) -> AsyncIterator[World]:
    await edge.start()
    terminal = Terminal()
    terminal.vehicles[SSI] = Vehicle(ssi=SSI)
    place: Host = TcpHost(terminal) if host == "tcp" else PtyHost(terminal, tmp_path / "tty")
    await place.plug()
    assert isinstance(place, TcpHost | PtyHost)
    site = SiteFolder(tmp_path)
    config = site.write("rakel", edge.url, table.replace("URL", place.url))
    bus = await nats.connect(edge.url)
    try:
        async with running("granslos_adapters.rakel", config) as process:
            made = World(place, site, process, bus)
            await made.watch()
            await eventually(lambda: "AT+CREG?" in terminal.commands, within_seconds=10)
            await eventually(lambda: _ready(made), within_seconds=10)
            yield made
    finally:
        await bus.close()
        await place.close()


async def _ready(made: World) -> bool:
    report = (await made.get("/health/ready")).json()
    return not {"radio", "bus"} & set(report["degraded"])


def statuses(node: ScriptedNode) -> list[tuple[str, str, str | None]]:
    return [
        (request.payload.unit_id, request.payload.status, request.payload.raw)
        for request in node.requests
        if isinstance(request.payload, ReportUnitStatus)
    ]


@pytest.mark.parametrize("host", ["tcp", "pty"])
async def test_a_key_a_position_and_an_emergency_reach_the_platform(host: str, edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path, host=host) as made, ScriptedNode("vas", edge.url, done) as node:
        await made.terminal.press(SSI, 0x8006)
        await made.terminal.deliver(SSI, encode_short(ShortFields(latitude_deg=59.6, longitude_deg=16.5)))
        await made.terminal.deliver(SSI, encode_short(ShortFields()))
        await made.terminal.press(SSI, 0)
        await eventually(lambda: len(node.requests) == 2, within_seconds=5)
        # A node that is slow to answer sends a report through the disk, behind the next one: its instant says the order.
        assert sorted(statuses(node)) == [(UNIT, "emergency", "status 0000"), (UNIT, "on_scene", "status 8006")]
        assert node.subjects[0] == "granslos.v1.cmd.vas.unit.report_status"
        await eventually(lambda: made.seen("position"), within_seconds=5)
        (position,) = made.seen("position")
        assert (position["unit_id"], round(position["latitude"], 3), round(position["longitude"], 3)) == (UNIT, 59.6, 16.5)


async def test_a_repeated_key_is_one_command(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made, ScriptedNode("vas", edge.url, done) as node:
        for _ in range(3):
            await made.terminal.press(SSI, 0x8006)
        await made.terminal.press(SSI, 0x8009)
        await eventually(lambda: len(node.requests) == 2, within_seconds=5)
        await never(lambda: len(node.requests) > 2, for_seconds=0.3)


async def test_the_vehicle_hears_received_only_after_the_report_is_safe(edge: Edge, tmp_path: Path) -> None:
    gate: list[bool] = []
    async with world(edge, tmp_path) as made:

        def closed(request: CommandRequest) -> Answer | None:
            return done(request) if gate else rejected(503, "unavailable", "not now")

        async with ScriptedNode("vas", edge.url, closed) as node:
            await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE, priority="2A"))
            await eventually(made.texts, within_seconds=5)
            gate.append(True)
            await made.terminal.deliver(SSI, encode_text_message(TextFields(text="Framme"), 42))
            await eventually(made.receipts, within_seconds=5)
            (receipt,) = made.receipts()
            assert (receipt.delivery_status, receipt.message_reference) == (0, 42)
            (note,) = [request.payload for request in node.requests if isinstance(request.payload, AddNote)]
            assert (note.incident_id, note.text) == (CASE, f"Radio {UNIT}: Framme")


async def test_without_any_node_the_disk_makes_it_safe_and_the_report_comes_later(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE))
        await eventually(made.texts, within_seconds=5)
        await made.terminal.deliver(SSI, encode_text_message(TextFields(text="Framme"), 43))
        await made.terminal.press(SSI, 0x8006)
        await eventually(made.receipts, within_seconds=5)
        async with ScriptedNode("vas", edge.url, done) as node:
            await eventually(lambda: len(node.requests) == 2, within_seconds=10)
            assert statuses(node) == [(UNIT, "on_scene", "status 8006")]


async def test_where_nothing_can_be_made_safe_no_receipt_is_sent(edge: Edge, tmp_path: Path) -> None:
    table = TABLE.replace("port = 0", "port = 0\nspool_messages_max = 1\ndeadline_seconds = 0.1")
    async with world(edge, tmp_path, table=table) as made:
        await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE))
        await eventually(made.texts, within_seconds=5)
        await made.terminal.press(SSI, 0x8006)
        await made.terminal.deliver(SSI, encode_text_message(TextFields(text="Framme"), 44))
        await eventually(lambda: _lost(made), within_seconds=5)
        assert made.receipts() == []
        # Said again when there is room, it is news.
        async with ScriptedNode("vas", edge.url, done) as node:
            await made.terminal.deliver(SSI, encode_text_message(TextFields(text="Framme"), 44))
            await eventually(made.receipts, within_seconds=10)
            assert [request.payload.text for request in node.requests if isinstance(request.payload, AddNote)] == [
                f"Radio {UNIT}: Framme"
            ]


async def _lost(made: World) -> bool:
    return bool((await made.get("/radio")).json()["undelivered"])


async def test_an_assignment_is_sent_in_parts_and_its_facts_are_told_one_by_one(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made, ScriptedNode("vas", edge.url, done):
        made.terminal.vehicles[SSI].reads = True
        long = Alarm(unit_id=UNIT, incident_id=CASE, priority="1A", description="Trafikolycka " * 15)
        await made.alarm(long)
        await eventually(lambda: {"accepted", "aired", "received", "read"} <= stages(made), within_seconds=10)
        assert len(made.terminal.sent) > 1
        assert all(one.data.length <= 668 for one in made.terminal.sent)
        await made.terminal.press(SSI, 0x8005)
        await eventually(lambda: "agreed" in stages(made), within_seconds=5)


def stages(made: World) -> set[str]:
    return {body["stage"] for body in made.seen("delivery")}


async def test_a_vehicle_that_gives_no_receipt_is_called_again_and_then_the_desk_is_told(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        made.terminal.vehicles[SSI].receives = False
        await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE))
        await eventually(lambda: "failed" in stages(made), within_seconds=10)
        assert len(made.terminal.sent) == 3
        assert len({one.data.hex() for one in made.terminal.sent}) == 1
        assert "received" not in stages(made)


async def test_what_waits_for_a_pulled_cable_goes_out_by_priority_when_it_is_back(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        await made.place.unplug()
        await eventually(lambda: _state(made, "down"), within_seconds=5)
        for number, priority in enumerate(("3", "2A", "1A")):
            await made.alarm(Alarm(unit_id=UNIT, incident_id=f"{CASE}{number}", priority=priority))
        await eventually(lambda: _waiting(made, 3), within_seconds=5)
        await made.place.plug()
        await eventually(lambda: len(made.texts()) == 3, within_seconds=10)
        assert "PRIO 1A" in str(made.texts()[0])


async def test_a_busy_network_is_tried_again(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        made.terminal.behaviour.errors["AT+CMGS"] = [42]
        await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE))
        await eventually(lambda: "received" in stages(made), within_seconds=10)


async def _state(made: World, wanted: str) -> bool:
    return bool((await made.get("/radio")).json()["state"] == wanted)


async def _waiting(made: World, wanted: int) -> bool:
    return bool((await made.get("/radio")).json()["outbox_waiting"] == wanted)


async def test_a_text_in_parts_reaches_the_case_as_one_note(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made, ScriptedNode("vas", edge.url, done) as node:
        await made.alarm(Alarm(unit_id=UNIT, incident_id=CASE))
        await eventually(made.texts, within_seconds=5)
        words = "Patienten är medveten, blodtryck 90, puls 120, vi lastar nu och kör till Västmanlands sjukhus. " * 2
        parts = encode_text_messages(TextFields(text=words), 100, 668)
        assert len(parts) > 1
        for data in reversed(parts):
            await made.terminal.deliver(SSI, data)
        await eventually(lambda: len(made.receipts()) == len(parts), within_seconds=5)
        await eventually(lambda: node.requests, within_seconds=5)
        (note,) = [request.payload for request in node.requests]
        assert isinstance(note, AddNote)
        assert note.text == f"Radio {UNIT}: {words}".rstrip() or note.text == f"Radio {UNIT}: {words}"


async def test_an_emergency_of_an_unknown_radio_stands_until_a_person_takes_it(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        await made.terminal.press(7_654_321, 0)
        await eventually(lambda: made.seen("radio"), within_seconds=5)
        (notice,) = made.seen("radio")
        assert (notice["kind"], notice["ssi"], notice["site"]) == ("emergency", 7_654_321, "vas")
        listed = (await made.get("/radio/notices")).json()
        assert listed["unplaced"] == [notice["notice_id"]]
        assert "unplaced_emergencies" in (await made.get("/health/ready")).json()["degraded"]
        assert (await made.post(f"/radio/notices/{notice['notice_id']}/settle")).status_code == 200
        assert (await made.post(f"/radio/notices/{notice['notice_id']}/settle")).status_code == 404
        assert (await made.get("/radio")).json()["unplaced_emergencies"] == 0


async def test_a_report_that_the_platform_refuses_is_shown_to_a_person(edge: Edge, tmp_path: Path) -> None:
    def refuse(request: CommandRequest) -> Answer:
        return rejected(404, "not_found", "No such unit")

    async with world(edge, tmp_path) as made, ScriptedNode("vas", edge.url, refuse):
        await made.terminal.press(SSI, 0x8006)
        await eventually(lambda: made.seen("radio"), within_seconds=5)
        assert (made.seen("radio")[0]["unit_id"], made.seen("radio")[0]["meaning"]) == (UNIT, "on_scene")


async def test_positions_of_a_unit_are_thinned_to_one_a_second_and_the_newest_wins(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        for index in range(20):
            fields = ShortFields(latitude_deg=59.0 + index / 100, longitude_deg=16.5)
            await made.terminal.deliver(SSI, encode_short(fields))
        await eventually(lambda: len(made.seen("position")) == 2, within_seconds=5)
        assert [round(one["latitude"], 2) for one in made.seen("position")] == [59.0, 59.19]
        await never(lambda: len(made.seen("position")) > 2, for_seconds=0.5)


async def test_a_text_by_hand_needs_a_role_a_unit_and_words(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        path = f"/radio/units/{UNIT}/text"
        assert (await made.post(path, {"key": "k1", "text": "Ring Västerås"})).status_code == 202
        await made.post(path, {"key": "k1", "text": "Ring Västerås"})
        await eventually(lambda: made.texts() == ["Ring Västerås"], within_seconds=5)
        assert (await made.post(path, {"key": "k1"})).status_code == 422
        assert (await made.post("/radio/units/999-1/text", {"key": "k2", "text": "x"})).status_code == 404
        assert (await made.post(path, {"key": "k3", "text": "x"}, role="observer")).status_code == 403
        assert (await made.get("/radio/notices", role="technician")).status_code == 403
        async with httpx.AsyncClient() as client:
            assert (await client.get(made.process.url + "/radio")).status_code == 401
        await never(lambda: len(made.texts()) > 1, for_seconds=0.3)


async def test_noise_and_unreadable_messages_change_nothing_and_are_counted(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made, ScriptedNode("vas", edge.url, done) as node:
        await made.terminal.say_raw(b"\r\n+CTSDS\r\n\xff\xfe\x00garbage\r\n+CTSDSR: 12,1,0,2,0,88\r\n0A\r\n")
        await made.terminal.deliver(SSI, Bits.from_hex("0A3000"))
        await made.terminal.press(SSI, 0x8006)
        await eventually(lambda: len(node.requests) == 1, within_seconds=5)
        text = (await made.get("/metrics")).text
        for code in ("truncated_line", "malformed_too_short", "truncated"):
            assert f'granslos_radio_defects_total{{code="{code}"}} 1.0' in text
        assert str(SSI) not in text
        assert str(SSI) not in made.process.log()


async def test_the_adapter_ends_in_order_when_told_to(edge: Edge, tmp_path: Path) -> None:
    async with world(edge, tmp_path) as made:
        made.process.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await made.process.process.wait() == 0


async def test_a_wrong_profile_ends_the_start_with_the_settings_code(edge: Edge, tmp_path: Path) -> None:
    await edge.start()
    site = SiteFolder(tmp_path)
    config = site.write("rakel", edge.url, 'status_profile = "none"')
    with pytest.raises(AssertionError, match="no status profile"):
        async with running("granslos_adapters.rakel", config):
            pass
