"""Child processes that cannot outlive the process that started them.

Linux sends a chosen signal to a child when the thread that forked it ends (`prctl(PR_SET_PDEATHSIG)`, prctl(2)). So a
guard or supervisor that is SIGKILLed leaves no server behind that would hold its ports and its data directory.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

PR_SET_PDEATHSIG = 1
COULD_NOT_PREPARE = 126
"""Exit status of a child whose parent ended before the child could ask to be told of it."""

_libc = ctypes.CDLL(None, use_errno=True)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An existing account that a child runs as when we are root."""

    name: str
    uid: int
    gid: int


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """How a child is started.

    Attributes:
        command: Program and arguments; the program is a path or found on PATH.
        log: File that gets its output, appended; None inherits ours.
        account: Whom it runs as; None means as ourselves.
        death_signal: What it gets when we die without having stopped it.
        environment: Variables added to ours.
        directory: Working directory; None means ours.
    """

    command: tuple[str, ...]
    log: Path | None = None
    account: Account | None = None
    death_signal: int = signal.SIGKILL
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    directory: Path | None = None


def spawn(child: Child) -> subprocess.Popen[bytes]:
    """Starts the child in a session of its own, so that a signal to our process group reaches only us.

    Must be called from the main thread: the death signal is tied to the thread that forks.

    Raises:
        OSError: The program cannot be executed, or the log cannot be opened.
    """
    assert threading.current_thread() is threading.main_thread(), "a child dies with the thread that started it"
    output = None if child.log is None else os.open(child.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        return subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if output is None else subprocess.STDOUT,
            cwd=child.directory,
            env={**os.environ, **child.environment},
            start_new_session=True,
            user=None if child.account is None else child.account.uid,
            group=None if child.account is None else child.account.gid,
            extra_groups=None if child.account is None else [],
            # It runs after setuid, which would clear the death signal again.
            preexec_fn=_dies_with(os.getpid(), child.death_signal),  # noqa: PLW1509 -- we have no other threads
        )
    finally:
        if output is not None:
            os.close(output)


def _dies_with(parent: int, death_signal: int) -> Callable[[], None]:
    prctl, getppid, leave = _libc.prctl, os.getppid, os._exit

    def prepare() -> None:
        if prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0 or getppid() != parent:
            leave(COULD_NOT_PREPARE)

    return prepare


async def exit_of(process: subprocess.Popen[bytes]) -> int:
    """Waits for a child without a thread and without a SIGCHLD handler; returns its exit status, -N for signal N."""
    if process.returncode is not None:
        return process.returncode
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    descriptor = os.pidfd_open(process.pid)
    try:
        loop.add_reader(descriptor, _note, ended)
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)
    return process.wait()


def _note(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def end(process: subprocess.Popen[bytes], signal_number: int, within_seconds: float) -> int:
    """Asks a child to end, and kills it when it has not within the bound; returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        async with asyncio.timeout(within_seconds):
            return await exit_of(process)
    except TimeoutError:
        process.kill()
        return await exit_of(process)


def hold_of(path: Path) -> str | None:
    """What a hold file asks for: None when absent, "orderly" when it says so, else "kill"."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    return "orderly" if text.strip() == "orderly" else "kill"
