"""The link against an emulated terminal that behaves or misbehaves: in memory, over TCP, over a pty, one suite."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.codec.lip import ShortFields, encode_short
from granslos_adapters.rakel.emulator import DEFAULT_SSI, Terminal
from granslos_adapters.rakel.emulator_hosts import Host, MemoryHost, PtyHost, TcpHost
from granslos_adapters.rakel.errors import CommandTimeoutError, LinkLostError
from granslos_adapters.rakel.framing import Event, Malformed, PlusLine, ShortData
from granslos_adapters.rakel.link import Link, LinkState, opener_for
from granslos_adapters.rakel.settings import LinkSettings
from support.eventually import eventually, never

STATUS = Bits(0x800B, 16)
QUICK = LinkSettings(
    own_ssi=DEFAULT_SSI,
    command_timeout_seconds=0.4,
    send_timeout_seconds=0.4,
    resync_timeout_seconds=1.5,
    settle_seconds=0.1,
    reopen_backoff_seconds_min=0.05,
    reopen_backoff_seconds_max=0.2,
)


class Bench:
    """A link and the terminal it speaks to."""

    def __init__(self, host: Host, settings: LinkSettings) -> None:
        self.host = host
        self.terminal = host.terminal
        self.events: list[Event] = []
        self.link = Link(host.opener, settings, self.on_event)

    async def on_event(self, event: Event) -> None:
        self.events.append(event)

    def heard(self) -> list[tuple[str | None, str]]:
        return [(event.header.calling, event.hex) for event in self.events if isinstance(event, ShortData)]

    async def up(self) -> None:
        async with asyncio.timeout(10):
            await self.link.until_up()

    async def down(self) -> None:
        await eventually(lambda: self.link.state is LinkState.DOWN, within_seconds=10)


Start = Callable[..., Any]


@pytest.fixture(params=["memory", "tcp", "pty"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def start(settings: LinkSettings = QUICK, *, wait: bool = True) -> AsyncIterator[Bench]:
        terminal = Terminal()
        makers: dict[str, Callable[[], Host]] = {
            "memory": lambda: MemoryHost(terminal),
            "tcp": lambda: TcpHost(terminal),
            "pty": lambda: PtyHost(terminal, tmp_path / "tty", rtscts=settings.rtscts),
        }
        made = Bench(makers[request.param](), settings)
        await made.host.plug()
        running = asyncio.ensure_future(made.link.run())
        try:
            if wait:
                await made.up()
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await made.host.close()

    return start


async def test_a_start_registers_all_services_and_checks_whose_radio_it_is(bench: Start) -> None:
    async with bench() as made:
        assert made.link.state is LinkState.UP
        said = made.terminal.commands
        assert said[:4] == ["AT", "ATZ", "ATE0", "AT+CSCS=8859-1"]
        assert [f"AT+CTSP={service}" for service in QUICK.services] == said[4:12]
        assert said[12:] == ["AT+CNUMF?", "AT+CREG=2", "AT+CREG?"]


async def test_a_status_is_sent_as_the_standard_says(bench: Start) -> None:
    async with bench() as made:
        accepted = await made.link.send("1234567", STATUS, status=True)
        assert accepted.final.final == "ok"
        await eventually(lambda: made.terminal.sent, within_seconds=2)
        assert (made.terminal.sent[0].called, made.terminal.sent[0].service) == ("1234567", 13)
        assert made.terminal.commands[-2:] == ["AT+CTSDS=13,0", "AT+CMGS=1234567,16"]
        # What the terminal says later, over the air, is passed on and not taken for an answer.
        await eventually(lambda: [e for e in made.events if isinstance(e, PlusLine)], within_seconds=2)


async def test_the_service_is_chosen_once_and_again_when_it_changes(bench: Start) -> None:
    async with bench() as made:
        for status in (True, True, False, False, True):
            await made.link.send("1234567", STATUS, status=status)
        chosen = [command for command in made.terminal.commands if command.startswith("AT+CTSDS")]
        assert chosen == ["AT+CTSDS=13,0", "AT+CTSDS=12,0,0,0,1", "AT+CTSDS=13,0"]


async def test_what_vehicles_send_is_heard_in_order(bench: Start) -> None:
    async with bench() as made:
        for index in range(200):
            await made.terminal.press(1_000_000 + index, 0x8003 + index % 5)
        await eventually(lambda: len(made.heard()) == 200, within_seconds=5)
        assert [int(source or "") for source, _ in made.heard()] == [1_000_000 + index for index in range(200)]


async def test_one_byte_at_a_time_is_heard_the_same(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.bytes_per_write = 1
        await made.terminal.deliver(1_234_567, encode_short(ShortFields(latitude_deg=59.6, longitude_deg=16.5)))
        await made.link.send("1234567", STATUS, status=True)
        await eventually(lambda: len(made.heard()) == 1, within_seconds=5)


async def test_a_message_between_a_command_and_its_answer_is_heard_and_the_command_succeeds(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.interleave["AT+CTSDS"] = [f"+CTSDSR: 13,1234567,0,{DEFAULT_SSI},0,16", "8004"]
        made.terminal.behaviour.interleave["AT+CMGS"] = [
            "+CMGS: 0,4,9",
            f"+CTSDSR: 13,1234567,0,{DEFAULT_SSI},0,16",
            "8005",
        ]
        accepted = await made.link.send("1234567", STATUS, status=True)
        assert accepted.final.final == "ok"
        assert made.heard() == [("1234567", "8004"), ("1234567", "8005")]


@pytest.mark.parametrize("echo", [True, False])
async def test_echoed_data_is_not_taken_for_a_vehicles(echo: bool, bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.echo = echo
        await made.link.send("1234567", STATUS, status=True)
        await made.terminal.press(1_234_567, 0x8004)
        await eventually(made.heard, within_seconds=2)
        assert made.heard() == [("1234567", "8004")]


async def test_a_silent_command_poisons_the_line_and_the_next_one_synchronises_first(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.silent["AT+CTSDS"] = 1
        with pytest.raises(CommandTimeoutError):
            await made.link.send("1234567", STATUS, status=True)
        before = len(made.terminal.commands)
        assert (await made.link.send("1234567", STATUS, status=True)).final.final == "ok"
        assert made.terminal.commands[before:] == ["AT", "AT+CTSDS=13,0", "AT+CMGS=1234567,16"]
        assert made.link.session is not None
        assert made.link.session.resyncs == 2


async def test_a_late_answer_is_never_given_to_the_next_command(bench: Start) -> None:
    async with bench() as made:
        # The OK of the first command comes after its deadline, while the next command is under way: that one fails,
        # and must not be taken for carried out.
        made.terminal.behaviour.late_seconds["AT+CTSDS"] = 0.45
        with pytest.raises(CommandTimeoutError):
            await made.link.send("1234567", STATUS, status=True)
        made.terminal.behaviour.errors["AT+CTSDS"] = [42]
        refused = await made.link.send("1234567", STATUS, status=True)
        assert (refused.final.final, refused.final.code) == ("cme_error", 42)
        assert made.terminal.sent == []


async def test_a_cancelled_command_frees_the_line(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.late_seconds["AT+CTSDS"] = 0.2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await made.link.send("1234567", STATUS, status=True)
        made.terminal.behaviour.errors["AT+CTSDS"] = [42]
        refused = await made.link.send("1234567", STATUS, status=True)
        assert refused.final.code == 42


async def test_a_syntax_error_is_synchronised_away(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.silent["AT+CMGS"] = 1
        with pytest.raises(CommandTimeoutError):
            await made.link.send("1234567", STATUS, status=True)
        made.terminal.behaviour.errors["AT"] = [35, 35]
        assert (await made.link.send("1234567", STATUS, status=True)).final.final == "ok"


async def test_a_terminal_that_answers_nothing_is_closed_and_opened_again(bench: Start) -> None:
    async with bench(QUICK) as made:
        made.terminal.behaviour.silent["AT"] = 1_000
        with pytest.raises(CommandTimeoutError):
            await made.link.send("1234567", STATUS, status=True)
        with pytest.raises(LinkLostError):
            await made.link.send("1234567", STATUS, status=True)
        await eventually(lambda: made.link.reopened > 0, within_seconds=10)
        made.terminal.behaviour.silent.clear()
        await made.up()
        assert (await made.link.send("1234567", STATUS, status=True)).final.final == "ok"


async def test_a_pulled_cable_is_seen_and_the_link_comes_back(bench: Start) -> None:
    async with bench() as made:
        await made.terminal.press(1, 0x8003)
        await eventually(lambda: len(made.heard()) == 1, within_seconds=2)
        await made.host.unplug()
        await made.down()
        with pytest.raises(LinkLostError):
            await made.link.send("1234567", STATUS, status=True)
        await made.host.plug()
        await made.up()
        await made.terminal.press(1, 0x8004)
        await eventually(lambda: made.heard()[-1:] == [("1", "8004")], within_seconds=2)


async def test_a_cable_pulled_in_the_middle_of_a_command_fails_it_at_once(bench: Start) -> None:
    async with bench(QUICK) as made:
        made.terminal.behaviour.silent["AT+CMGS"] = 1
        sending = asyncio.ensure_future(made.link.send("1234567", STATUS, status=True))
        await eventually(lambda: made.terminal.commands[-1].startswith("AT+CMGS"), within_seconds=2)
        await made.host.unplug()
        with pytest.raises((LinkLostError, CommandTimeoutError)):
            await sending


async def test_half_a_message_before_the_cut_never_joins_what_comes_after(bench: Start) -> None:
    async with bench() as made:
        await made.terminal.say_raw(f"\r\n+CTSDSR: 12,1111111,0,{DEFAULT_SSI},0,88\r\n0A00".encode())
        await eventually(lambda: made.link.quiet_seconds is not None and made.link.quiet_seconds < 0.2, within_seconds=2)
        await made.host.unplug()
        await made.down()
        await made.host.plug()
        await made.up()
        await made.terminal.deliver(2_222_222, encode_short(ShortFields(latitude_deg=59.6, longitude_deg=16.5)))
        await eventually(made.heard, within_seconds=2)
        assert [source for source, _ in made.heard()] == ["2222222"]
        assert [event.reason for event in made.events if isinstance(event, Malformed)] in (
            ["too_short"],
            ["missing"],
            [],
        )


async def test_another_radio_than_configured_is_refused(bench: Start) -> None:
    settings = LinkSettings(own_ssi=1_111_111, settle_seconds=0.05, reopen_backoff_seconds_min=0.05)
    async with bench(settings, wait=False) as made:
        await eventually(lambda: made.link.state is LinkState.WRONG_RADIO, within_seconds=5)
        await never(lambda: made.link.state is LinkState.UP, for_seconds=0.3)


async def test_services_that_are_registered_already_are_fine_and_a_full_table_is_an_alarm(bench: Start) -> None:
    async with bench(wait=False) as made:
        made.terminal.behaviour.errors["AT+CTSP=1,3,9"] = [38]
        made.terminal.behaviour.errors["AT+CTSP=1,3,140"] = [39]
        await made.up()
        assert made.link.session is not None
        assert made.link.session.alarms == ["service 1,3,140 table full"]


async def test_loss_of_the_network_is_seen_and_its_return(bench: Start) -> None:
    async with bench() as made:
        await made.terminal.say("+CREG: 2")
        await eventually(lambda: made.link.state is LinkState.OUT_OF_SERVICE, within_seconds=2)
        await made.terminal.say("+CREG: 1,1101,024000001")
        await eventually(lambda: made.link.state is LinkState.UP, within_seconds=2)


async def test_a_quiet_terminal_is_asked_whether_it_lives(bench: Start) -> None:
    settings = LinkSettings(
        own_ssi=DEFAULT_SSI,
        quiet_seconds_max=0.3,
        command_timeout_seconds=0.2,
        resync_timeout_seconds=0.5,
        settle_seconds=0.05,
        reopen_backoff_seconds_min=0.05,
    )
    async with bench(settings) as made:
        asked = made.terminal.commands.count("AT+CREG?")
        await eventually(lambda: made.terminal.commands.count("AT+CREG?") > asked, within_seconds=3)
        made.terminal.behaviour.silent["AT"] = 1_000
        await made.down()


async def test_garbage_before_the_first_command_is_discarded(bench: Start) -> None:
    async with bench(wait=False) as made:
        await made.terminal.say_raw(b"CME ERROR: 35\r\n\n\nCME ERROR: 35\r\n\n")
        await made.up()
        assert made.link.session is not None
        assert made.link.session.alarms == []


async def test_a_refusal_is_told_with_its_code(bench: Start) -> None:
    async with bench() as made:
        made.terminal.behaviour.errors["AT+CMGS"] = [42]
        refused = await made.link.send("1234567", STATUS, status=True)
        assert refused.final.code == 42
        assert (await made.link.send("1234567", STATUS, status=True)).final.final == "ok"


async def test_data_can_be_held_back_for_slow_terminals_and_lengths_padded(bench: Start) -> None:
    settings = LinkSettings(own_ssi=DEFAULT_SSI, settle_seconds=0.05, data_pause_seconds=0.05, length_digits=3, services=())
    async with bench(settings) as made:
        assert (await made.link.send("1234567", STATUS, status=True)).final.final == "ok"
        assert made.terminal.commands[-1] == "AT+CMGS=1234567,016"


async def test_a_recorded_stream_passes_through_the_link_unharmed(bench: Start, third_party: Callable[[str], Any]) -> None:
    chunks = third_party("pei_stream_a.chunks.json")["chunks"]
    async with bench() as made:
        for chunk in chunks:
            await made.terminal.say_raw(chunk.encode("latin-1"))
        await eventually(lambda: len(made.heard()) == 273, within_seconds=10)


async def test_third_party_dialogues_are_what_is_written(third_party: Callable[[str], Any]) -> None:
    terminal = Terminal()
    terminal.behaviour.errors["AT+CMGS"] = [42]
    host = MemoryHost(terminal)
    await host.plug()
    made = Bench(host, QUICK)
    running = asyncio.ensure_future(made.link.run())
    await made.up()
    for status, data in ((True, STATUS), (True, STATUS), (False, Bits(0x821000C9, 32))):
        await made.link.send("1234567", data, status=status)
    written = " ".join(terminal.commands)
    dialogues = {dialogue["id"]: dialogue["steps"] for dialogue in third_party("pei_framing.json")["dialogues"]}
    for name in ("dlg-init-ftl", "dlg-status-send", "dlg-text-received-report", "dlg-busy-retry", "dlg-resync"):
        for way, text in dialogues[name]:
            command = text.split("\r\n")[0]
            # The start of others also registers voice services, which are the radio desk's here.
            if way == ">" and command != "AT+CTSP=2,0,0":
                assert command in written, f"{name}: {command}"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await host.close()


def test_urls_choose_the_transport() -> None:
    for url in ("serial:/dev/ttyUSB0", "tcp://127.0.0.1:4001"):
        assert callable(opener_for(LinkSettings(url=url)))
    with pytest.raises(ValueError, match="no transport"):
        opener_for(LinkSettings(url=""))


async def test_a_device_that_another_process_has_is_refused(tmp_path: Path) -> None:
    host = PtyHost(Terminal(), tmp_path / "tty")
    await host.plug()
    first = await host.opener()
    with pytest.raises(OSError, match="cannot be used"):
        await host.opener()
    first.close()
    await host.close()
