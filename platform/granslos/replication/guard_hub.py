"""The guarded nats-server: started, killed, restarted after a crash, held down."""

import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from granslos.replication.guard_child import Child, end, hold_of, spawn
from granslos.replication.guard_core import Verdict

STOP_SECONDS = 2.0
"""Bound of an orderly stop; in it the hub hands over what it leads (0.06 s instead of an election's 2.4 to 8.2 s)."""
RESTART_FIRST_SECONDS = 0.05
RESTART_MAX_SECONDS = 2.0
RESTART_CALM_SECONDS = 5.0
"""A hub that crashes is started after the first pause, doubled for each crash within the calm time, up to max."""
HOLD_GRACE_SECONDS = 0.5
"""A hold file leaves the hub this long for its writer to kill it himself."""

log = structlog.get_logger("hub_guard")


class GuardedHub:
    """The hub's process. At most one at a time; a new one is started only when the last was seen to end."""

    def __init__(self, command: tuple[str, ...], hold: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._command, self._hold, self._clock = command, hold, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._ending_for = ""
        self._started_at = 0.0
        self._may_start_at = 0.0
        self._pause = RESTART_FIRST_SECONDS
        self._held_since: float | None = None
        self.state = "stopped"
        self.why = "no contact yet"
        self.since = datetime.now(UTC)
        self.starts = self.stops = self.crashes = 0
        self.last_exit: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs and was not told to end."""
        return self._process is not None and not self._ending_for

    @property
    def pid(self) -> int | None:
        """Its process id while it exists."""
        return None if self._process is None else self._process.pid

    def obey(self, verdict: Verdict, why: str) -> None:
        """Does what the guard decided, unless the hold file says otherwise; called every few hundredths of a second."""
        self._reap()
        held = None if self._hold is None else hold_of(self._hold)
        if held is not None:
            self._keep_down(held)
            return
        self._held_since = None
        if self.state == "held":
            self._become("stopped", "no longer held down")
        if verdict is Verdict.STOP:
            self._end(f"stopped: {why}", signal.SIGKILL)
            self.stops += 1
        elif verdict is Verdict.START and self._process is None and self._clock() >= self._may_start_at:
            self._start(why)

    def _keep_down(self, held: str) -> None:
        now = self._clock()
        self._held_since = now if self._held_since is None else self._held_since
        if self._process is None:
            if self.state != "held":
                self._become("held", "held down by a file")
        elif held == "orderly":
            self._end("held down by a file", signal.SIGTERM)
        elif now - self._held_since >= HOLD_GRACE_SECONDS:
            self._end("held down by a file", signal.SIGKILL)

    def _start(self, why: str) -> None:
        self._process = spawn(Child(command=self._command))
        self._started_at = self._clock()
        self._ending_for = ""
        self.starts += 1
        self._become("running", why)

    def _end(self, why: str, signal_number: int) -> None:
        """SIGKILL loses nothing: every acknowledged write is on disk. In doubt speed counts, not manners."""
        if self._process is not None and not self._ending_for:
            self._ending_for = why
            self._process.send_signal(signal_number)

    def _reap(self) -> None:
        """Notices that the process has ended."""
        if self._process is None or self._process.poll() is None:
            return
        self.last_exit = self._process.returncode
        self._process = None
        if self._ending_for:
            self._become("stopped", self._ending_for)
            self._ending_for = ""
            return
        now = self._clock()
        self._pause = RESTART_FIRST_SECONDS if now - self._started_at > RESTART_CALM_SECONDS else self._pause
        self._may_start_at = now + self._pause
        self._pause = min(2 * self._pause, RESTART_MAX_SECONDS)
        self.crashes += 1
        self._become("crashed", f"ended by itself with {self.last_exit}")

    def _become(self, state: str, why: str) -> None:
        self.state, self.why, self.since = state, why, datetime.now(UTC)
        note = log.warning if state == "crashed" else log.info
        note("hub " + state, why=why, hub_pid=self.pid, starts=self.starts, stops=self.stops, crashes=self.crashes)

    async def stop_in_order(self) -> None:
        """Ends it within the bound, handing over what it leads."""
        if self._process is not None:
            self._ending_for = "the guard stops"
            await end(self._process, signal.SIGTERM, STOP_SECONDS)
            self._reap()

    def status(self) -> dict[str, object]:
        """For the guard's status file."""
        return {
            "pid": self.pid,
            "state": self.state,
            "why": self.why,
            "since": self.since.isoformat().replace("+00:00", "Z"),
            "starts": self.starts,
            "stops": self.stops,
            "crashes": self.crashes,
            "last_exit": self.last_exit,
        }
