"""The hub guard with real hubs: a cut-off hub is stopped in time, and its return stops nobody."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from granslos.contract.errors import SettingsError
from granslos.local.process_tree import is_alive
from granslos.replication.guard_beats import BeatBook, sealed
from granslos.replication.guard_child import Child, exit_of, spawn
from granslos.replication.guard_core import LOST_AFTER_SECONDS
from granslos.replication.guard_settings import load_key, load_settings, split_address
from granslos.replication.guard_word import ask
from granslos.runtime.process import EXIT_SETTINGS, EXIT_UNAVAILABLE
from support.cluster import Writes, guard_status, log_leader, open_cluster, open_log
from support.eventually import eventually, never

HUBS = ("esk", "vas", "upp")
STOP_WITHIN_SECONDS = 2.0
ELECTION_SECONDS_MAX = 10.0
MAJORITY_GAP_SECONDS_MAX = 0.5
"""What the reliability specification's E8 allows with a guard; without one it measured 4.7 to 8.8 s."""


async def test_a_returning_follower_stops_nobody() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        client, stream = await open_log(cluster, "esk")
        leader = await log_leader(stream)
        away = next(code for code in HUBS if code not in (leader, "esk"))
        writes = Writes(client, "esk")
        await eventually(lambda: len(writes.acknowledged) > 20, within_seconds=10)
        hub = cluster.site(away).pids["hub"]
        assert hub is not None
        cut_at = time.monotonic()
        await cluster.links.isolate(away)
        await eventually(lambda: not is_alive(hub), within_seconds=STOP_WITHIN_SECONDS)
        stopped_after = time.monotonic() - cut_at
        assert stopped_after >= LOST_AFTER_SECONDS - 0.5
        await eventually(lambda: cluster.site(away).pids["hub"] is None, within_seconds=1)
        await never(lambda: cluster.site(away).pids["hub"], for_seconds=5)
        assert guard_status(cluster, away)["hub"]["stops"] == 1
        healed_at = time.monotonic()
        await cluster.links.heal()
        await eventually(lambda: cluster.site(away).pids["hub"], within_seconds=2)

        def gap_since_return() -> float:
            return writes.longest_gap(healed_at, time.monotonic())

        await never(lambda: gap_since_return() > MAJORITY_GAP_SECONDS_MAX, for_seconds=ELECTION_SECONDS_MAX)
        await writes.stop()
        at_cut = writes.longest_gap(cut_at, healed_at)
        at_return = gap_since_return()
        figures = {"hub_stopped_after": stopped_after, "longest_gap_at_cut": at_cut, "longest_gap_at_return": at_return}
        sys.stdout.write(f"E8 with guard, seconds: { {name: round(value, 2) for name, value in figures.items()} }\n")
        assert at_cut <= MAJORITY_GAP_SECONDS_MAX
        assert at_return <= MAJORITY_GAP_SECONDS_MAX
        await client.close()


async def test_a_guard_that_is_killed_takes_its_hub_along_and_a_hub_that_crashes_comes_back() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        pids = cluster.site("vas").pids
        guard, hub = pids["guard"], pids["hub"]
        assert guard is not None and hub is not None
        os.kill(guard, signal.SIGKILL)
        await eventually(lambda: not is_alive(hub), within_seconds=1)
        await eventually(lambda: cluster.site("vas").pids["hub"] not in (None, hub), within_seconds=4)
        assert guard_status(cluster, "esk")["hub"]["starts"] == 1, "the others were not disturbed"
        second = cluster.site("vas").pids["hub"]
        assert second is not None
        os.kill(second, signal.SIGKILL)
        await eventually(lambda: cluster.site("vas").pids["hub"] not in (None, second), within_seconds=1)
        status = guard_status(cluster, "vas")
        assert (status["hub"]["crashes"], status["hub"]["stops"], status["hub"]["last_exit"]) == (1, 0, -9)


async def test_silent_beats_stop_nothing_while_the_hubs_talk() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        client, _ = await open_log(cluster, "esk")
        await cluster.links.loss(1.0)  # UDP only: as a firewall rule would
        await eventually(lambda: not guard_status(cluster, "vas")["majority"], within_seconds=4)
        await never(lambda: any(guard_status(cluster, code)["hub"]["stops"] for code in HUBS), for_seconds=4)
        assert "reaches a leader" in guard_status(cluster, "vas")["why"]
        await cluster.links.isolate("vas")
        await eventually(lambda: guard_status(cluster, "vas")["hub"]["stops"] == 1, within_seconds=3)
        assert all(guard_status(cluster, code)["hub"]["state"] == "running" for code in ("esk", "upp"))
        await client.close()


async def test_a_one_way_cut_stops_the_hub_too_and_a_forged_beat_starts_nothing() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        for other in ("esk", "upp"):
            await cluster.links.cut("vas", other, one_way=True)
        await eventually(lambda: guard_status(cluster, "vas")["hub"]["state"] == "stopped", within_seconds=3)
        assert all(guard_status(cluster, code)["majority"] for code in ("esk", "upp"))
        await cluster.links.isolate("vas")
        forger, port = BeatBook("esk", ("vas",)), cluster.plan.layout.port("vas", "guard")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            for _ in range(20):
                beat = forger.next(time.monotonic(), hears=("vas",), hub_running=True)
                mouth.sendto(sealed(b"not the cluster's key", beat), ("127.0.0.1", port))
        await never(lambda: guard_status(cluster, "vas")["peers"]["esk"]["heard"], for_seconds=1)


async def test_a_guard_that_hung_gives_its_peers_time_and_its_hub_life() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        hub = cluster.site("vas").pids["hub"]
        cluster.stop("vas", "guard")
        await eventually(lambda: "vas" not in contacts(guard_status(cluster, "esk")), within_seconds=3)
        cluster.cont("vas", "guard")
        await eventually(lambda: "vas" in contacts(guard_status(cluster, "esk")), within_seconds=2)
        await never(lambda: cluster.site("vas").pids["hub"] != hub, for_seconds=2)


def contacts(status: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    return [peer for peer, known in status["peers"].items() if known["heard"]]


async def test_the_status_says_who_hears_whom() -> None:
    async with open_cluster(sites=2, nodes=False) as cluster:
        await eventually(lambda: len(contacts(guard_status(cluster, "wit"))) == 2, within_seconds=3)
        status = guard_status(cluster, "esk")
        assert status["hubs"] == 3 and status["majority"] and status["site"] == "esk"
        assert status["hub"]["pid"] == cluster.site("esk").pids["hub"]
        assert sorted(status["peers"]) == ["vas", "wit"]
        await eventually(lambda: "esk" in guard_status(cluster, "esk")["peers"]["wit"]["hears"], within_seconds=3)
        written = cluster.plan.guard_status("esk").stat().st_mtime_ns
        await eventually(lambda: cluster.plan.guard_status("esk").stat().st_mtime_ns != written, within_seconds=1.5)


async def test_the_hubs_word_names_those_it_reaches() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        client, _ = await open_log(cluster, "esk")
        word = await ask(cluster.site("vas").system_url, hubs=3, within_seconds=1)
        assert word.is_linked(3) and word.leader.startswith("hub-") and "hub-vas" in word.servers
        everybody = await ask(cluster.site("vas").system_url, hubs=99, within_seconds=0.5)
        assert everybody.servers == {f"hub-{code}" for code in HUBS} and not everybody.is_linked(99)
        await cluster.links.isolate("vas")
        alone = await ask(cluster.site("vas").system_url, hubs=3, within_seconds=0.3)
        assert alone.servers <= {"hub-vas"}, "a dead route answers nothing, though it is still listed"
        wrong = cluster.site("vas").system_url.replace("system:", "system:x")
        assert not (await ask(wrong, hubs=1, within_seconds=1)).servers
        assert not (await ask("nats://127.0.0.1:1", hubs=1, within_seconds=1)).servers
        await client.close()


def write_site(directory: Path, guard_port: int, **changes: str) -> Path:
    key = directory / "guard.key"
    key.write_text("00" * 32)
    values = {"listen": f"127.0.0.1:{guard_port}", "key_file": str(key), "binary": "/bin/sleep"} | changes
    path = directory / "site.toml"
    path.write_text(
        f'[site]\ncode = "vas"\n[hub]\nbinary = "{values["binary"]}"\nconfig = "600"\n'
        f'[guard]\nlisten = "{values["listen"]}"\nstatus = "{directory / "guard.json"}"\n'
        f'key_file = "{values["key_file"]}"\n'
        f'peers = {{ esk = "127.0.0.1:9" }}\n'
    )
    return path


async def exit_of_guard(path: Path) -> tuple[int, str]:
    log = path.with_suffix(".log")
    command = (sys.executable, "-m", "granslos.replication.hub_guard", "--config", str(path))
    process = spawn(Child(command=command, log=log))
    async with asyncio.timeout(20):
        return await exit_of(process), log.read_text()


async def test_a_bad_site_file_or_a_taken_port_ends_the_guard_with_a_reason(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        status, said = await exit_of_guard(write_site(tmp_path, taken.getsockname()[1]))
        assert status == EXIT_UNAVAILABLE and "could not bind" in said
    status, said = await exit_of_guard(write_site(tmp_path, 1, key_file=str(tmp_path / "none")))
    assert status == EXIT_SETTINGS and "none" in said


def test_settings_are_checked(tmp_path: Path) -> None:
    assert load_settings(write_site(tmp_path, 5)).listen == "127.0.0.1:5"
    (tmp_path / "site.toml").write_text('[site]\ncode = "vas"\n')
    with pytest.raises(SettingsError, match="guard"):
        load_settings(tmp_path / "site.toml")
    with pytest.raises(SettingsError, match="is no address:port of numbers"):
        load_settings(write_site(tmp_path, 5, listen="hub.example:5"))
    assert split_address("[2001:db8::1]:6333") == ("2001:db8::1", 6333)
    (tmp_path / "short").write_text("00" * 15)
    with pytest.raises(SettingsError, match="at least 16 bytes"):
        load_key(tmp_path / "short")
    (tmp_path / "short").write_text("no hex")
    with pytest.raises(SettingsError):
        load_key(tmp_path / "short")
