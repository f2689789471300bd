"""The supervisor: order, restart, hold, stop, and no orphan."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from granslos.local import supervisor as supervisor_module
from granslos.local.errors import StartError
from granslos.local.limits import HOLD_GRACE_SECONDS, START_ATTEMPTS_MAX
from granslos.local.process_tree import descendants, is_alive
from granslos.local.supervisor import STAGE_STOP_SECONDS, ProcessSpec, Stage, Supervisor
from granslos.replication.guard_child import Child
from support.eventually import eventually, never

IGNORES_TERM = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def spec(tmp_path: Path, name: str, code: str = "sleep 600", *, site: str = "vas", **more: object) -> ProcessSpec:
    """A process that is a shell script."""
    values: dict[str, object] = {
        "child": Child(command=("sh", "-c", code), log=tmp_path / f"{name}.log"),
        "stage": Stage.NODE,
    }
    return ProcessSpec(name=f"{site}-{name}", site=site, **(values | more))


def unheard() -> None:
    """Nobody wants to know of changes."""


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Supervisor]:
    keeper = Supervisor(tmp_path, changed=unheard)
    yield keeper
    await keeper.stop()


async def test_what_dies_is_started_again_within_a_second(tmp_path: Path, keeper: Supervisor) -> None:
    keeper.add([spec(tmp_path, "node")])
    await keeper.wait_ready()
    for _ in range(3):
        pid = keeper.pid("vas-node")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(partial(has_another_pid, keeper, pid), within_seconds=1)
    assert keeper.starts("vas-node") == 4


def has_another_pid(keeper: Supervisor, old: int) -> bool:
    return keeper.pid("vas-node") not in (None, old)


async def test_a_process_that_always_ends_is_tried_slower_and_slower(tmp_path: Path, keeper: Supervisor) -> None:
    started = time.monotonic()
    keeper.add([spec(tmp_path, "node", "exit 3", probe=never_ready)])
    await eventually(lambda: keeper.starts("vas-node") >= START_ATTEMPTS_MAX, within_seconds=10)
    assert time.monotonic() - started >= 0.05 + 0.1 + 0.2 + 0.4, "the pauses double"
    with pytest.raises(StartError, match="vas-node did not become ready"):
        await keeper.wait_ready()


async def never_ready() -> bool:
    return False


async def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, keeper: Supervisor) -> None:
    keeper.add([spec(tmp_path, "node", "echo port 26100 is in use; exit 73", probe=never_ready)])
    with pytest.raises(StartError, match="port 26100 is in use"):
        await keeper.wait_ready()


async def test_a_bad_site_file_is_not_tried_again(tmp_path: Path, keeper: Supervisor) -> None:
    keeper.add([spec(tmp_path, "node", "echo http.port: no such key; exit 78", probe=never_ready)])
    with pytest.raises(StartError, match=r"\(log .*node\.log\): http.port: no such key"):
        await keeper.wait_ready()
    assert keeper.starts("vas-node") <= 2


async def test_a_start_that_hangs_is_given_up(tmp_path: Path, keeper: Supervisor) -> None:
    keeper.add([spec(tmp_path, "node", probe=never_ready)])
    with pytest.raises(StartError, match="vas-node"):
        await keeper.wait_ready(within_seconds=0.3)


async def test_a_process_waits_for_those_it_comes_after(tmp_path: Path, keeper: Supervisor) -> None:
    gate = asyncio.Event()

    async def gate_is_open() -> bool:
        return gate.is_set()

    keeper.add([spec(tmp_path, "postgres", probe=gate_is_open), spec(tmp_path, "node", after=("vas-postgres",))])
    await eventually(lambda: keeper.pid("vas-postgres"), within_seconds=2)
    await never(lambda: keeper.pid("vas-node"), for_seconds=0.3)
    gate.set()
    await keeper.wait_ready(within_seconds=2)
    assert keeper.pid("vas-node")


@pytest.mark.parametrize("name", ["down-vas", "down-vas-node"])
async def test_a_hold_file_keeps_it_down_and_its_removal_starts_it(tmp_path: Path, keeper: Supervisor, name: str) -> None:
    keeper.add([spec(tmp_path, "node"), spec(tmp_path, "node", site="esk")])
    await keeper.wait_ready()
    pid = keeper.pid("vas-node")
    assert pid is not None
    (tmp_path / name).touch()
    created = time.monotonic()
    await eventually(lambda: keeper.pid("vas-node") is None, within_seconds=2)
    assert not is_alive(pid)
    assert time.monotonic() - created >= HOLD_GRACE_SECONDS - 0.05, "its writer may kill it himself"
    await never(lambda: keeper.pid("vas-node"), for_seconds=0.5)
    assert keeper.pid("esk-node") is not None and keeper.starts("esk-node") == 1
    await keeper.wait_ready(within_seconds=1)
    (tmp_path / name).unlink()
    await eventually(lambda: keeper.pid("vas-node"), within_seconds=1)


async def test_a_hold_file_from_before_the_start_keeps_it_down(tmp_path: Path, keeper: Supervisor) -> None:
    (tmp_path / "down-vas").touch()
    keeper.add([spec(tmp_path, "node")])
    await never(lambda: keeper.pid("vas-node"), for_seconds=0.4)
    await keeper.wait_ready(within_seconds=1)


async def test_an_orderly_hold_lets_it_end_by_itself(tmp_path: Path, keeper: Supervisor) -> None:
    done = tmp_path / "done"
    keeper.add([spec(tmp_path, "node", f"trap 'touch {done}; exit 0' TERM; while :; do sleep 0.05; done")])
    await keeper.wait_ready()
    (tmp_path / "down-vas").write_text("orderly\n")
    await eventually(lambda: keeper.pid("vas-node") is None, within_seconds=2)
    assert done.exists()


async def test_an_orderly_hold_ends_in_a_kill_when_it_is_not_heeded(
    tmp_path: Path, keeper: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(supervisor_module.STAGE_STOP_SECONDS, Stage.NODE, 0.5)
    keeper.add([spec(tmp_path, "node", f'exec {sys.executable} -c "{IGNORES_TERM}"')])
    await eventually(lambda: "up" in (tmp_path / "node.log").read_text(), within_seconds=5)
    (tmp_path / "down-vas").write_text("orderly")
    await eventually(lambda: keeper.pid("vas-node") is None, within_seconds=3)


async def test_the_stop_goes_stage_by_stage_last_first(tmp_path: Path) -> None:
    keeper, order = Supervisor(tmp_path, changed=unheard), tmp_path / "order"
    for stage in Stage:
        code = f"trap 'sleep 0.1; echo {stage.name} >>{order}; exit 0' TERM; echo set; while :; do sleep 0.02; done"
        keeper.add([spec(tmp_path, stage.name.lower(), code, stage=stage)])
    await keeper.wait_ready()
    logs = [tmp_path / f"{stage.name.lower()}.log" for stage in Stage]
    await eventually(lambda: all(log.read_text() == "set\n" for log in logs), within_seconds=5)
    await keeper.stop()
    assert order.read_text().split() == [stage.name for stage in sorted(Stage, reverse=True)]


async def test_the_stop_kills_what_ignores_it_and_wakes_what_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(supervisor_module.STAGE_STOP_SECONDS, Stage.NODE, 0.5)
    keeper = Supervisor(tmp_path, changed=unheard)
    keeper.add([spec(tmp_path, "deaf", f'exec {sys.executable} -c "{IGNORES_TERM}"'), spec(tmp_path, "hung")])
    await eventually(lambda: "up" in (tmp_path / "deaf.log").read_text(), within_seconds=5)
    deaf, hung = keeper.pid("vas-deaf"), keeper.pid("vas-hung")
    assert deaf is not None and hung is not None
    os.kill(hung, signal.SIGSTOP)
    started = time.monotonic()
    await keeper.stop()
    assert 0.5 <= time.monotonic() - started < 3
    assert not is_alive(deaf) and not is_alive(hung)


def test_the_stages_bounds_fit_the_whole_stop() -> None:
    assert sum(STAGE_STOP_SECONDS[stage] for stage in Stage) <= 19.5


async def test_a_log_is_turned_over_within_its_bound(
    tmp_path: Path, keeper: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "LOG_BYTES_MAX", 10_000)
    keeper.add([spec(tmp_path, "node", "while :; do printf '%01000d\\n' 1; sleep 0.005; done")])
    await eventually((tmp_path / "node.log.1").exists, within_seconds=5)
    await never(lambda: (tmp_path / "node.log").stat().st_size > 1_000_000, for_seconds=0.3)


PARENT = """
import asyncio, pathlib, sys
from granslos.local.supervisor import ProcessSpec, Stage, Supervisor
from granslos.replication.guard_child import Child
async def main():
    keeper = Supervisor(pathlib.Path(sys.argv[1]), lambda: None)
    sleeper = Child(command=("sleep", "600"))
    keeper.add(ProcessSpec(name=f"vas-{n}", site="vas", child=sleeper, stage=Stage.NODE) for n in range(3))
    await keeper.wait_ready()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path), stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    children = descendants(parent.pid)
    assert len(children) == 3 and all(map(is_alive, children))
    parent.kill()
    await parent.communicate()
    await eventually(lambda: not any(map(is_alive, children)), within_seconds=2)
