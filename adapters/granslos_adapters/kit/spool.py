"""Commands that no node took, on this adapter's disk, one file each, delivered later oldest first.

Promise: after ``put`` returned, the command survives a power loss and is delivered until a node decides it, however
often the process restarts. Nothing is dropped: what cannot be read, what nodes refuse and what no node ever answers
although it answers others is moved to ``aside/`` and shown in health and metrics.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from granslos.contract.answers import Answer
from granslos_adapters.kit import metrics
from granslos_adapters.kit.errors import NoNodeAnsweredError, SpoolFullError
from granslos_adapters.kit.files import make_folder, sync_folder, write_durably

BACKOFF_SECONDS_MIN = 0.2
BACKOFF_SECONDS_MAX = 5.0
UNANSWERED_MAX = 5
"""A command that no node answered so often, while nodes answered the one after it, is set aside."""
_SUFFIX = ".command"
_DIGEST_BYTES = 32

_log = structlog.get_logger(__name__)


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it lies in the spool; ``payload`` is its JSON."""

    aggregate: str
    name: str
    command_id: str
    payload: msgspec.Raw


Deliver = Callable[[Spooled], Awaitable[Answer]]
_decoder = msgspec.json.Decoder(Spooled)


class Spool:
    """A bounded folder of commands, and the loop that empties it."""

    def __init__(self, adapter: str, folder: Path, *, messages_max: int, bytes_max: int) -> None:
        """Open ``folder`` and count what an earlier process left in it.

        Raises:
            OSError: the folder cannot be used.
        """
        self._adapter = adapter
        self._folder = make_folder(folder)
        self._aside = make_folder(folder / "aside")
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._wake = asyncio.Event()
        self._unanswered: dict[str, int] = {}
        self._serial = 0
        self._lock = asyncio.Lock()
        self._files: dict[str, int] = {}
        for part in self._folder.glob(".*.part"):  # a crash before it was acknowledged
            part.replace(self._aside / f"{time.time_ns()}{part.name}")
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            self._files[file.name] = file.stat().st_size
        self.set_aside = sum(1 for _ in self._aside.iterdir())
        self._show()

    def __len__(self) -> int:
        return len(self._files)

    @property
    def bytes_used(self) -> int:
        """Size of the waiting commands."""
        return sum(self._files.values())

    async def put(self, spooled: Spooled) -> None:
        """Keep a command; the same command id twice is kept once.

        Raises:
            SpoolFullError: a bound is reached, or the disk does not take it.
        """
        key = _key(spooled.command_id)
        async with self._lock:
            if any(name.endswith(key) for name in self._files):
                return
            body = msgspec.json.encode(spooled)
            content = hashlib.sha256(body).digest() + body
            if len(self._files) >= self._messages_max or self.bytes_used + len(content) > self._bytes_max:
                raise SpoolFullError("the spool has reached its bound")
            self._serial += 1
            name = f"{time.time_ns():020d}-{self._serial:06d}-{key}"
            try:
                # In a thread: a slow disk must not stop the answers to other senders.
                await asyncio.to_thread(write_durably, self._folder, name, content)
            except OSError as error:
                raise SpoolFullError("the spool's disk does not take the command") from error
            self._files[name] = len(content)
        metrics.SPOOLED.labels(self._adapter).inc()
        self._show()
        self._wake.set()

    async def run(self, deliver: Deliver) -> None:
        """Deliver until cancelled; waits between failed rounds, longer each time up to the bound."""
        backoff = BACKOFF_SECONDS_MIN
        while True:
            if not self._files:
                self._wake.clear()
                await self._wake.wait()
            if await self.deliver_round(deliver):
                backoff = BACKOFF_SECONDS_MIN
            else:
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)

    async def deliver_round(self, deliver: Deliver) -> bool:
        """Give each waiting command to ``deliver`` once, oldest first; True when the nodes answered.

        An unanswered command is followed by one more as a probe: if that is not answered either, the nodes are away and
        the round ends; if it is, the first one is at fault and is set aside after ``UNANSWERED_MAX`` such rounds.
        """
        doubtful: str | None = None
        for name in list(self._files):
            spooled = await self._read(name)
            if spooled is None:
                continue
            try:
                answer = await deliver(spooled)
            except NoNodeAnsweredError:
                if doubtful is not None:
                    return False
                doubtful = name
                continue
            await self._done(name, answer)
            if doubtful is not None:
                await self._blame(doubtful)
                doubtful = None
        return doubtful is None

    async def _read(self, name: str) -> Spooled | None:
        try:
            content = await asyncio.to_thread((self._folder / name).read_bytes)
        except OSError:
            await self._move_aside(name, "unreadable")
            return None
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            await self._move_aside(name, "corrupt")
            return None
        try:
            return _decoder.decode(body)
        except msgspec.MsgspecError:
            await self._move_aside(name, "unknown_form")
            return None

    async def _done(self, name: str, answer: Answer) -> None:
        self._unanswered.pop(name, None)
        if answer.status >= 400:
            await self._move_aside(name, "refused")
            return
        await asyncio.to_thread(self._remove, name)
        self._forget(name)

    async def _blame(self, name: str) -> None:
        count = self._unanswered.get(name, 0) + 1
        self._unanswered[name] = count
        if count >= UNANSWERED_MAX:
            await self._move_aside(name, "unanswered")

    async def _move_aside(self, name: str, reason: str) -> None:
        _log.error("spooled command set aside; a person must look at it", file=name, reason=reason)
        metrics.SPOOL_SET_ASIDE.labels(self._adapter, reason).inc()
        await asyncio.to_thread(self._rename_aside, name, reason)
        self._forget(name)
        self.set_aside += 1

    def _rename_aside(self, name: str, reason: str) -> None:
        source = self._folder / name
        if source.exists():
            source.replace(self._aside / f"{reason}-{name}")
            sync_folder(self._aside)
            sync_folder(self._folder)

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _forget(self, name: str) -> None:
        self._files.pop(name, None)
        self._unanswered.pop(name, None)
        self._show()

    def _show(self) -> None:
        metrics.SPOOL_MESSAGES.labels(self._adapter).set(len(self._files))
        metrics.SPOOL_BYTES.labels(self._adapter).set(self.bytes_used)


def _key(command_id: str) -> str:
    return hashlib.sha256(command_id.encode()).hexdigest()[:32] + _SUFFIX
