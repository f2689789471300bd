"""The outermost shell of a process: event loop, signals, exit codes. It starts whole or not at all, and stops drained.

Exit codes (``sysexits.h``): 0 drained after SIGTERM or SIGINT · 64 asked for something impossible · 69 what it needs is
away or in use · 70 a bug · 78 a bad site file. systemd restarts all but 64 and 78, which a restart cannot heal.
"""

import asyncio
import ctypes
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import structlog
import uvloop

from granslos.contract.errors import SettingsError, UnavailableError
from granslos.runtime.logging import configure

EXIT_OK = 0
EXIT_USAGE = 64
EXIT_UNAVAILABLE = 69
EXIT_BUG = 70
EXIT_SETTINGS = 78

EXIT_CODES: Mapping[type[BaseException], int] = {
    SettingsError: EXIT_SETTINGS,
    UnavailableError: EXIT_UNAVAILABLE,
    OSError: EXIT_UNAVAILABLE,
}
"""By class, subclasses included; what is not here is a bug."""

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Runs until the event is set, then drains and returns."""

UNKNOWN_SITE = "-"
"""The site on log lines of a process that ends before it has read its site file."""

_PR_SET_PDEATHSIG = 1
_log = structlog.get_logger(__name__)


class UsageError(Exception):
    """Asked on the command line for something impossible; the text is one line for the person at the terminal."""


def run_main(main: Main, codes: Mapping[type[BaseException], int] | None = None) -> int:
    """Run a process's main coroutine under uvloop; return its exit code.

    The first SIGTERM or SIGINT sets the event that ``main`` was given; a second one cancels it (exit code 70, since it
    did not drain). SIGUSR1 writes all threads' stacks to stderr and lets the process run on.

    Args:
        main: gets the stop event.
        codes: further classes and their exit codes, looked at first.
    """
    if not structlog.is_configured():
        # structlog's own default would show local variables in tracebacks.
        configure(UNKNOWN_SITE)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    known = {**(codes or {}), UsageError: EXIT_USAGE, **EXIT_CODES}
    try:
        uvloop.run(_until_stopped(main))
    except asyncio.CancelledError:
        _log.error("stopped_undrained", reason="a second signal")
        return EXIT_BUG
    except BaseException as error:  # noqa: BLE001 -- the outermost supervisor: every end becomes an exit code
        return _explained(error, known)
    return EXIT_OK


async def _until_stopped(main: Main) -> None:
    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
    assert task is not None

    def on_signal(number: int) -> None:
        if stop.is_set():
            task.cancel()
            return
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    try:
        await main(stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def exit_code(error: BaseException, codes: Mapping[type[BaseException], int] = EXIT_CODES) -> int:
    """Return the exit code of an exception; of a group the code of its gravest member (a bug is gravest)."""
    found = {_code_of(leaf, codes) for leaf in _leaves(error)}
    return EXIT_BUG if EXIT_BUG in found else max(found)


def _code_of(error: BaseException, codes: Mapping[type[BaseException], int]) -> int:
    return next((code for kind, code in codes.items() if isinstance(error, kind)), EXIT_BUG)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _explained(error: BaseException, codes: Mapping[type[BaseException], int]) -> int:
    """Say why the process ends: one line for what a person can put right, a traceback for a bug."""
    code = exit_code(error, codes)
    for leaf in _leaves(error):
        if _code_of(leaf, codes) == EXIT_BUG:
            _log.error("bug", error=type(leaf).__name__, exc_info=leaf)
        else:
            _log.error("cannot_run", error=type(leaf).__name__, reason=str(leaf))
    if code == EXIT_USAGE:
        sys.stderr.write(f"{error}\n")
    return code


def die_with_parent(death_signal: int = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Ask Linux to signal this process when its parent ends (``prctl(PR_SET_PDEATHSIG)``, prctl(2)).

    Args:
        death_signal: what this process then gets.
        parent: process id that started this one, when it is known; if that has ended already, the signal comes at once.

    Raises:
        OSError: the kernel refused.
    """
    before = os.getppid() if parent is None else parent
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != before:
        os.kill(os.getpid(), death_signal)
