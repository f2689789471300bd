"""Asks other sites' nodes (a ``NodeLink``)."""

from collections.abc import Sequence

import msgspec

from granslos.contract.answers import Answer
from granslos.contract.commands import Command, CommandRequest
from granslos.contract.envelope import encode
from granslos.contract.errors import AuthorityUnavailableError, UnavailableError
from granslos.contract.subjects import command_subject, control_subject
from granslos.runtime import limits, metrics
from granslos.runtime.bus import Bus

_answer_decoder = msgspec.json.Decoder(Answer)


class BusRemote:
    """Request and reply over the first connection that works: the hub's, then the edge's."""

    def __init__(self, buses: Sequence[Bus]) -> None:
        self._buses = buses

    async def ask(self, site: str, request: CommandRequest, timeout: float) -> Answer:
        """Return the other node's answer; raises AuthorityUnavailableError."""
        sent = msgspec.structs.replace(request, deadline_ms=max(1, int(timeout * limits.ASKED_SHARE_RATIO * 1000)))
        assert isinstance(request.payload, Command)
        subject = command_subject(site, "any", type(request.payload).__name__)
        try:
            data = await self.request(subject, encode(sent), timeout)
        except AuthorityUnavailableError:
            metrics.COMMANDS_PASSED_ON.labels(site, "unknown").inc()
            raise
        metrics.COMMANDS_PASSED_ON.labels(site, "answered").inc()
        return _answer_decoder.decode(data)

    async def control(self, site: str, name: str, data: bytes, timeout: float) -> bytes:
        """Return the reply to a node-to-node request; raises AuthorityUnavailableError."""
        return await self.request(control_subject(site, name), data, timeout)

    async def request(self, subject: str, data: bytes, timeout: float) -> bytes:
        """Ask over the first connection that is up."""
        bus = next((b for b in self._buses if b.is_connected), None)
        if bus is None:
            raise AuthorityUnavailableError("no connection to the other sites")
        try:
            return await bus.request(subject, data, timeout)
        except UnavailableError as error:
            raise AuthorityUnavailableError(str(error)) from error
