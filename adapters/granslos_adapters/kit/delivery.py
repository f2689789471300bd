"""What a link calls with a finished command: the nodes first, then this adapter's disk."""

from typing import Any

import msgspec

from granslos.contract.answers import Answer
from granslos.contract.commands import Command
from granslos_adapters.kit.bus import NodeBus, encode_payload
from granslos_adapters.kit.errors import NoNodeAnsweredError
from granslos_adapters.kit.spool import Spool, Spooled

SPOOLED_STATUS = 202
ENVELOPE_BYTES = 2_048
"""Room for what surrounds a payload on the bus."""
LEFT_SECONDS_MIN = 0.2
"""What the nodes get even when reading the message has used up the deadline."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Either a node's answer, or none and the command lies durably in this adapter's spool."""

    answer: Answer | None = None

    @property
    def spooled(self) -> bool:
        """Whether no node answered and the spool has it."""
        return self.answer is None

    @property
    def status(self) -> int:
        """HTTP status for the sender: the node's, or 202 for spooled."""
        return SPOOLED_STATUS if self.answer is None else self.answer.status

    def body(self) -> dict[str, Any]:
        """Return the JSON for the sender: the node's answer, or ``{"spooled": true}``."""
        if self.answer is None:
            return {"status": SPOOLED_STATUS, "spooled": True, "durability": "adapter"}
        built: dict[str, Any] = msgspec.to_builtins(self.answer)
        return built


class Delivery:
    """Bus and spool of one adapter."""

    def __init__(self, bus: NodeBus, spool: Spool, *, deadline_seconds: float, payload_bytes_max: int = 384 << 10) -> None:
        self._bus = bus
        self._spool = spool
        self._deadline_seconds = deadline_seconds
        self._payload_bytes_max = payload_bytes_max

    @property
    def payload_bytes_max(self) -> int:
        """Largest payload to send: the adapter's own bound, and never more than the bus takes."""
        return min(self._payload_bytes_max, self._bus.max_payload_bytes - ENVELOPE_BYTES)

    async def send(
        self, aggregate: str, name: str, command_id: str, payload: Command, *, spent_seconds: float = 0.0
    ) -> Outcome:
        """Give a command to the nodes, or keep it on disk.

        Args:
            aggregate: e.g. ``handover``.
            name: e.g. ``receive``.
            command_id: the same for a resend of the same message.
            payload: the command.
            spent_seconds: what of the deadline the sender has waited already; a little is left to the nodes always.

        Raises:
            SpoolFullError: no node answered and the disk did not take it: the sender must use another endpoint.
        """
        body = msgspec.Raw(encode_payload(payload))
        left = max(LEFT_SECONDS_MIN, self._deadline_seconds - spent_seconds)
        try:
            answer = await self._bus.command(aggregate, name, command_id, body, deadline_seconds=left)
        except NoNodeAnsweredError:
            await self._spool.put(Spooled(aggregate=aggregate, name=name, command_id=command_id, payload=body))
            return Outcome()
        return Outcome(answer=answer)

    async def run(self) -> None:
        """Empty the spool until cancelled."""
        await self._spool.run(self._redeliver)

    async def _redeliver(self, spooled: Spooled) -> Answer:
        return await self._bus.command(
            spooled.aggregate,
            spooled.name,
            spooled.command_id,
            spooled.payload,
            deadline_seconds=self._deadline_seconds,
        )
