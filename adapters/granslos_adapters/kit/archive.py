"""Raw bytes that cannot travel inside a command, kept on this adapter's disk under their SHA-256.

Used for messages that are too big for the bus and for those that could not be read. Nothing is ever removed by the
adapter; a full archive is said in health and metrics and stops no call.
"""

import asyncio
import hashlib
from pathlib import Path

import structlog

from granslos_adapters.kit import metrics
from granslos_adapters.kit.files import make_folder, write_durably

_log = structlog.get_logger(__name__)


class Archive:
    """A bounded folder of raw messages."""

    def __init__(self, adapter: str, folder: Path, *, bytes_max: int) -> None:
        """Open ``folder`` and measure it.

        Raises:
            OSError: the folder cannot be used.
        """
        self._adapter = adapter
        self._folder = make_folder(folder)
        self._bytes_max = bytes_max
        self.bytes_used = sum(file.stat().st_size for file in self._folder.glob("*/*.raw"))
        self.full = False
        metrics.ARCHIVE_BYTES.labels(adapter).set(self.bytes_used)

    async def keep(self, raw: bytes) -> str | None:
        """Keep ``raw`` durably; return its SHA-256 in hex, or None when the archive does not take it."""
        try:
            # In a thread: neither hashing many bytes nor a slow disk may hold up other senders.
            digest = await asyncio.to_thread(self._write, raw)
        except OSError as error:
            self.full = True
            metrics.ARCHIVE_REFUSED.labels(self._adapter).inc()
            _log.error("raw bytes could not be archived", bytes=len(raw), reason=str(error.strerror))
            return None
        self.full = False
        metrics.ARCHIVE_BYTES.labels(self._adapter).set(self.bytes_used)
        return digest

    async def read(self, digest: str) -> bytes | None:
        """Return the bytes with this SHA-256, or None."""
        try:
            return await asyncio.to_thread(self._path(digest).read_bytes)
        except OSError:
            return None

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.raw"

    def _write(self, raw: bytes) -> str:
        digest = hashlib.sha256(raw).hexdigest()
        path = self._path(digest)
        if path.exists() and path.stat().st_size == len(raw):
            return digest
        if self.bytes_used + len(raw) > self._bytes_max:
            raise OSError(28, "the archive has reached its bound")
        write_durably(make_folder(path.parent), path.name, raw)
        self.bytes_used += len(raw)
        return digest
