"""The outermost shell: signals and exit codes of real processes."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from granslos.contract.errors import ChainError, LogUnavailableError, SettingsError
from granslos.runtime.process import UsageError, exit_code
from support.eventually import eventually

PRELUDE = """
import asyncio, os, sys
from granslos.contract.errors import *
from granslos.runtime.process import UsageError, die_with_parent, run_main
def say(text): print(text, flush=True)
"""


def start(body: str) -> subprocess.Popen[str]:
    program = PRELUDE + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=20)
    return process.returncode, output


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"ended with {process.wait()} before it said {text!r}")


DRAINING = """
async def main(stop):
    say("up")
    await stop.wait()
    say("drained")
sys.exit(run_main(main))
"""

STUBBORN = """
async def main(stop):
    say("up")
    await stop.wait()
    say("stopping now")
    await asyncio.Event().wait()
sys.exit(run_main(main))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_0(number: signal.Signals) -> None:
    process = start(DRAINING)
    wait_for(process, "up")
    process.send_signal(number)
    code, output = ended(process)
    assert code == 0
    assert "drained" in output
    assert number.name in output


def test_a_second_signal_ends_what_does_not_drain() -> None:
    process = start(STUBBORN)
    wait_for(process, "up")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "stopping now")
    process.send_signal(signal.SIGTERM)
    code, output = ended(process)
    assert code == 70
    assert "stopped_undrained" in output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("UsageError('no such drill')", 64),
        ("LogUnavailableError('no hub')", 69),
        ("OSError(98, 'Address already in use')", 69),
        ("KeyError('a bug')", 70),
        ("ChainError('a gap')", 70),
        ("SettingsError('SITE.toml: http.port: missing')", 78),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error: str, code: int) -> None:
    process = start(f"async def main(stop): raise {error}\nsys.exit(run_main(main))")
    found, output = ended(process)
    assert found == code
    text = re.search(r"'([^']+)'", error)
    assert text is not None
    assert text[1] in output
    assert ("Traceback" in output) == (code == 70)


def test_of_several_failures_a_bug_is_the_gravest() -> None:
    group = BaseExceptionGroup("", [OSError(), BaseExceptionGroup("", [KeyError(), SettingsError()])])
    assert exit_code(group) == 70
    assert exit_code(BaseExceptionGroup("", [OSError(), SettingsError()])) == 78
    assert exit_code(ExceptionGroup("", [LogUnavailableError()])) == 69
    assert exit_code(ChainError()) == 70


def test_further_classes_can_be_given_codes() -> None:
    assert exit_code(UsageError(), {UsageError: 64}) == 64


def test_the_stacks_can_be_read_while_it_runs() -> None:
    process = start(DRAINING)
    wait_for(process, "up")
    process.send_signal(signal.SIGUSR1)
    wait_for(process, "most recent call first")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0


def _is_gone(pid: int) -> Callable[[], bool]:
    def check() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    return check


async def test_a_child_ends_with_its_parent() -> None:
    child = "import os, sys, time; from granslos.runtime.process import die_with_parent; "
    child += "die_with_parent(parent=int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)"
    parent = start(
        f"""
        import subprocess
        subprocess.Popen([sys.executable, "-c", {child!r}, str(os.getpid())]).wait()
        """
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    await eventually(_is_gone(pid), within_seconds=5)
    parent.stdout.close()


def test_a_child_whose_parent_has_ended_already_ends_at_once() -> None:
    process = start("die_with_parent(parent=1 if os.getppid() != 1 else 2)\nsay('still here')")
    code, output = ended(process)
    assert code == -signal.SIGTERM
    assert "still here" not in output
