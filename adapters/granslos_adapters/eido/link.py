"""``POST /handover/eido``: bytes in, a node's answer out; whatever they are, an operator sees that somebody called.

Answers: the node's own status and JSON; 202 with ``"spooled": true`` when no node answered and this adapter's disk has
it; 400 or 413 as problem details when the bytes are no EIDO (they are kept and shown all the same); 503 only when not
even the disk takes it, so that the sender uses its next endpoint.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from granslos.contract.commands import ReceiveHandover
from granslos_adapters.eido.codec import Reading, read_eidos, salvage
from granslos_adapters.eido.fitting import bare, fit_to_bus, is_valid
from granslos_adapters.eido.mapping import MEDIA_TYPE, Origin, command_id_of, to_handover, unreadable
from granslos_adapters.eido.settings import LARGE_BODY_BYTES, EidoSettings
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.kit import metrics
from granslos_adapters.kit.app import Adapter
from granslos_adapters.kit.delivery import Outcome
from granslos_adapters.kit.errors import SpoolFullError
from granslos_adapters.kit.http import Body, BodyReader, problem, require_roles

NAME = "eido"
PATH = "/handover/eido"
ROLES = ("adapter",)
_TITLES = {
    "not_json": "the body is not JSON",
    "no_id": "the EIDO has no $id",
    "too_big": "the body is too big",
    "incomplete": "the body did not arrive whole",
    "not_read_in_time": "the body could not be read in time",
}
_REFUSED = {"too_big": 413, "not_json": 400, "no_id": 400, "incomplete": 400}
_NOT_TAKEN = frozenset({400, 413, 422})
"""A node that answers so has not understood the data; a call is not turned away for that."""
_log = structlog.get_logger(__name__)


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent on, each with its command id; ``problem`` when the sender must hear that it was no EIDO."""

    commands: tuple[tuple[str, ReceiveHandover], ...]
    problem: str | None = None


def understand(body: Body, media_type: str, sender: str, priorities: Sequence[str]) -> Understood:
    """Turn a body into commands; at least one, whatever it holds."""
    defects = Defects()
    origin = Origin(raw=body.data, media_type=media_type)
    refused = "too_big" if body.too_big else None
    reading = Reading(problem=refused, scraps=salvage(body.data)) if refused else read_eidos(body.data, defects)
    if reading.eidos:
        handovers = [to_handover(eido, origin, defects, priorities) for eido in reading.eidos]
        stamps = [eido.updated_at for eido in reading.eidos]
        named = [(command_id_of(one, at, body.data), one) for one, at in zip(handovers, stamps, strict=True)]
        return Understood(commands=tuple(named))
    return _not_understood(reading, "incomplete" if not body.complete else None, sender, origin, defects)


def _not_understood(reading: Reading, cause: str | None, sender: str, origin: Origin, defects: Defects) -> Understood:
    code = reading.problem if cause is None or reading.problem == "too_big" else cause
    assert code is not None, "a reading without EIDOs has a problem"
    defects.add(code, _TITLES[code])
    handover = unreadable(reading, sender, origin, defects)
    return Understood(commands=((command_id_of(handover, None, origin.raw), handover),), problem=code)


class EidoLink:
    """The HTTP entry of the adapter."""

    def __init__(self, adapter: Adapter[EidoSettings]) -> None:
        self._adapter = adapter
        settings = adapter.settings
        self._reader = BodyReader(
            bytes_max=settings.body_bytes_max,
            keep_bytes_max=settings.kept_bytes_max,
            seconds_max=settings.body_seconds_max,
        )

    def handler(self) -> HTTPRouteHandler:
        """Return the route."""

        @post(PATH, guards=[require_roles(self._adapter.verifier, *ROLES)], request_max_body_size=None)
        async def receive(request: Request[Any, Any, Any]) -> Response[bytes]:
            started = time.monotonic()
            body = await self._reader.read(request)
            if not body.data:
                return problem(400, "empty", "the body is empty")
            media_type = request.headers.get("content-type", MEDIA_TYPE)
            return await self.take(body, media_type, request.state.actor.subject, started)

        return receive

    async def take(self, body: Body, media_type: str, sender: str, started: float) -> Response[bytes]:
        """Handle one body; ``started`` is when its first byte came (monotonic seconds)."""
        understood = await self._understand(body, media_type, sender)
        try:
            outcomes = [await self._send(name, handover, started) for name, handover in understood.commands]
        except SpoolFullError:
            _log.error("handover could be given to nobody", commands=len(understood.commands))
            return problem(503, "unavailable", "no node answered and the spool is full", headers={"Retry-After": "1"})
        if understood.problem in _REFUSED:
            kept = "It was kept, and operators see that it came."
            return problem(_REFUSED[understood.problem], understood.problem, _TITLES[understood.problem], kept)
        return _answer(outcomes)

    async def _understand(self, body: Body, media_type: str, sender: str) -> Understood:
        priorities = self._adapter.settings.priorities
        if len(body.data) <= LARGE_BODY_BYTES:
            return understand(body, media_type, sender, priorities)
        try:
            async with asyncio.timeout(self._adapter.settings.reading_seconds_max):
                return await asyncio.to_thread(understand, body, media_type, sender, priorities)
        except TimeoutError:
            _log.warning("large EIDO not read in time; its ids and bytes are passed on", bytes=len(body.data))
            reading = Reading(problem="not_read_in_time", scraps=salvage(body.data[:LARGE_BODY_BYTES]))
            origin = Origin(raw=body.data, media_type=media_type)
            return _not_understood(reading, None, sender, origin, Defects())

    async def _send(self, command_id: str, handover: ReceiveHandover, started: float) -> Outcome:
        for defect in handover.defects:
            metrics.DEFECTS.labels(NAME, defect.code).inc()
        fitted = await fit_to_bus(handover, self._adapter.delivery.payload_bytes_max, self._adapter.archive)
        if not is_valid(fitted):
            _log.error("mapping breaks the contract; the bare call is sent", command_id=command_id)
            fitted = bare(fitted)
        outcome = await self._deliver(command_id, fitted, started)
        if outcome.answer is not None and outcome.answer.status in _NOT_TAKEN:
            problem_code = outcome.answer.problem.code if outcome.answer.problem else None
            _log.error("node refused a handover; the bare call is sent", command_id=command_id, problem=problem_code)
            outcome = await self._deliver(f"{command_id}-bare", bare(fitted), started)
        _log.info(
            "handover",
            command_id=command_id,
            status=outcome.status,
            spooled=outcome.spooled,
            durability=outcome.answer.durability if outcome.answer else None,
            defects=len(handover.defects),
            bytes=len(handover.raw or b""),
            seconds=round(time.monotonic() - started, 4),
        )
        return outcome

    async def _deliver(self, command_id: str, handover: ReceiveHandover, started: float) -> Outcome:
        spent = time.monotonic() - started
        return await self._adapter.delivery.send("handover", "receive", command_id, handover, spent_seconds=spent)


def _answer(outcomes: Sequence[Outcome]) -> Response[bytes]:
    bodies = [outcome.body() for outcome in outcomes]
    status = max(outcome.status for outcome in outcomes)
    content = bodies[0] if len(bodies) == 1 else {"items": bodies}
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def build(adapter: Adapter[EidoSettings]) -> None:
    """Add the EIDO entry to an adapter process."""
    adapter.handlers.append(EidoLink(adapter).handler())
