"""Signals to a process and all that descend from it: PostgreSQL's backends, a guard's hub have own sessions."""

import contextlib
import os
import signal
from pathlib import Path

_PARENT_FIELD = 1
"""Of /proc/PID/stat after the command's closing bracket: state, parent (proc_pid_stat(5))."""


def descendants(root: int) -> list[int]:
    """Process ids that descend from one, without it, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(root, []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_bytes().rpartition(b")")[2].split()[_PARENT_FIELD])
    except (OSError, ValueError, IndexError):
        return None  # it ended while we looked


def signal_tree(root: int, number: int) -> None:
    """Sends a signal to a process and its descendants; a parent gets it first, so that it restarts none of them."""
    for pid in [root, *descendants(root)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_tree(root: int) -> None:
    """Kills a process and its descendants. Stops them first, so that none forks another meanwhile."""
    signal_tree(root, signal.SIGSTOP)
    signal_tree(root, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether a process exists that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, IndexError):
        return False
