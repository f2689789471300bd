"""The LOG as this site's hub connection sees it.

No de-duplication window is relied on: a batch carries the sequence of the last message that its site has in the LOG
(``Nats-Expected-Last-Subject-Sequence`` with a wildcard filter, ADR-50 batches), so that it enters once or not at all. An
error or a timeout leaves the outcome open: read the tail again.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from granslos.contract.errors import LogMissingError, LogUnavailableError
from granslos.contract.subjects import LOG_STREAM, log_filter
from granslos.runtime import limits

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_EXPECTED_FILTER = "Nats-Expected-Last-Subject-Sequence-Subject"
_WRONG_LAST_SEQUENCE = (10071, 10164)
_NO_MESSAGE = 10037
_STREAM_NOT_FOUND = 10059
_SUBJECTS = ["log.>"]


class TailMovedError(Exception):
    """The chain check failed: the LOG's last message of this site is another one than believed."""


class StreamStatus(msgspec.Struct, frozen=True):
    """What the LOG's leader says of it. ``identity`` is its creation instant."""

    identity: str
    last_seq: int
    messages: int
    bytes: int
    leader: str | None
    replicas_current: int


class LoggedMessage(msgspec.Struct, frozen=True):
    """One message of the LOG."""

    seq: int
    subject: str
    data: bytes


class Log:
    """Reads and appends through one NATS connection, which follows this site's hub and, failing that, the others'."""

    def __init__(self, connection: Client, stream: str = LOG_STREAM) -> None:
        self._nc = connection
        self._stream = stream

    async def ensure(self, replicas: int, bytes_max: int) -> StreamStatus:
        """Return the stream's status, creating it when it does not exist.

        Raises:
            LogUnavailableError: no quorum yet.
        """
        try:
            return await self.status()
        except LogMissingError:
            await self._api(
                f"STREAM.CREATE.{self._stream}",
                {
                    "name": self._stream,
                    "subjects": _SUBJECTS,
                    "num_replicas": replicas,
                    "storage": "file",
                    "retention": "limits",
                    "discard": "new",
                    "max_bytes": bytes_max,
                    "allow_atomic": True,
                    "allow_direct": False,
                    "deny_delete": True,
                    "deny_purge": True,
                },
                limits.LOG_CREATE_TIMEOUT_SECONDS,
            )
            return await self.status()

    async def status(self) -> StreamStatus:
        """Return what the leader says.

        Raises:
            LogMissingError: the leader says that there is no such stream.
            LogUnavailableError: no quorum.
        """
        info = await self._api(f"STREAM.INFO.{self._stream}", None)
        cluster = info.get("cluster") or {}
        state = info["state"]
        return StreamStatus(
            identity=info["created"],
            last_seq=state["last_seq"],
            messages=state["messages"],
            bytes=state["bytes"],
            leader=cluster.get("leader"),
            replicas_current=1 + sum(1 for replica in cluster.get("replicas", ()) if replica.get("current")),
        )

    async def last_of_site(self, site: str) -> LoggedMessage | None:
        """Return the last message under a site's prefix, read through the leader; None when there is none."""
        try:
            found = await self._api(f"STREAM.MSG.GET.{self._stream}", {"last_by_subj": log_filter(site)})
        except _NoMessageError:
            return None
        message = found["message"]
        return LoggedMessage(message["seq"], message["subject"], base64.b64decode(message.get("data", "")))

    async def append(self, site: str, messages: Sequence[tuple[str, bytes]], expected_last: int) -> int:
        """Append ``messages`` (subject, data) as one unit; return the LOG sequence of the last.

        Args:
            site: whose chain to check.
            messages: at most ``limits.FORWARDER_BATCH_EVENTS_MAX``.
            expected_last: LOG sequence of the last message under the site's prefix; 0 when there is none.

        Raises:
            TailMovedError: the chain check failed; nothing was appended.
            LogUnavailableError: outcome unknown, or no leader.
        """
        assert messages
        check = {_EXPECTED: str(expected_last), _EXPECTED_FILTER: log_filter(site)}
        if len(messages) == 1:
            subject, data = messages[0]
            return await self._publish(subject, data, check)
        batch = binascii.hexlify(os.urandom(12)).decode()
        for n, (subject, data) in enumerate(messages[:-1], 1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(n), **(check if n == 1 else {})}
            try:
                await self._nc.publish(subject, data, headers=headers)
            except NatsError as error:
                raise LogUnavailableError(type(error).__name__) from error
        subject, data = messages[-1]
        last = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(messages)), "Nats-Batch-Commit": "1"}
        return await self._publish(subject, data, last)

    async def _publish(self, subject: str, data: bytes, headers: dict[str, str]) -> int:
        reply = await self._request(subject, data, limits.LOG_PUBLISH_TIMEOUT_SECONDS, headers)
        if "error" in reply:
            error = reply["error"]
            if error.get("err_code") in _WRONG_LAST_SEQUENCE:
                raise TailMovedError(error.get("description", ""))
            raise LogUnavailableError(f"{error.get('err_code')}: {error.get('description', '')}")
        seq: int = reply["seq"]
        return seq

    async def _api(self, name: str, body: dict[str, Any] | None, timeout: float | None = None) -> dict[str, Any]:
        payload = msgspec.json.encode(body) if body is not None else b""
        reply = await self._request(f"$JS.API.{name}", payload, timeout or limits.LOG_API_TIMEOUT_SECONDS, None)
        if "error" in reply:
            error = reply["error"]
            if error.get("err_code") == _NO_MESSAGE:
                raise _NoMessageError
            if error.get("err_code") == _STREAM_NOT_FOUND:
                raise LogMissingError("the stream does not exist")
            raise LogUnavailableError(f"{error.get('err_code')}: {error.get('description', '')}")
        return reply

    async def _request(self, subject: str, data: bytes, timeout: float, headers: dict[str, str] | None) -> dict[str, Any]:
        """Send one request.

        A forbidden JetStream call shows up as a time-out too: the server answers permissions violations aside.
        """
        try:
            message = await self._nc.request(subject, data, timeout=timeout, headers=headers)
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailableError(f"{subject.split('.', 3)[0]}: {type(error).__name__}") from error
        decoded: dict[str, Any] = msgspec.json.decode(message.data)
        return decoded


class _NoMessageError(LogUnavailableError):
    """No message matches."""
