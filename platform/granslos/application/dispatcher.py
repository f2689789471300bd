"""Takes any command: plans it, decides it here when this site may, else passes it to the desk's authority.

Bounds: the sender's deadline covers everything. A handover is answered within its deadline whatever others do; a timeout of
an authority that beats is *unknown* (ask again with the same command id), a silent one is bypassed provisionally for call
desks and refused for dispatch desks.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from structlog import get_logger

from granslos.application import booking, conflict, handover, incident, operator, unit
from granslos.application.decisions import (
    Committed,
    Decided,
    Decision,
    Elsewhere,
    Known,
    Seen,
    Setting,
    UseCase,
)
from granslos.application.outside import Ports
from granslos.application.world import World
from granslos.contract.answers import Answer, Durability, Problem, rejected
from granslos.contract.commands import (
    AcknowledgeConflict,
    AssignUnit,
    BookTransport,
    CancelAssignment,
    CancelBooking,
    CommandRequest,
    HandBackDesk,
    IncidentCommand,
    OpenIncident,
    ReceiveHandover,
    RegisterUnit,
    ReportUnitStatus,
    SetDuty,
    TakeOverDesk,
)
from granslos.contract.envelope import derive_id, encode, handover_id
from granslos.contract.errors import AuthorityUnavailableError, DecisionFailedError, StoreUnavailableError
from granslos.domain.stamp import Rejection
from granslos.runtime import limits, metrics
from granslos.runtime.clock import Clock

log = get_logger(__name__)


def command_hash(payload: object) -> str:
    """Return 16 hex digits of a command's content, to recognise the same id with another body.

    Several sites may ask for the opening of one handover, each with what it knows of it: that is the same command.
    """
    if isinstance(payload, OpenIncident):
        return derive_id("command", payload.handover_id)[:16]
    return derive_id("command", encode(payload).decode())[:16]


class Dispatcher:
    """The one way in for commands (a ``CommandPort``)."""

    def __init__(self, known: Known, world: World, clock: Clock, ports: Ports) -> None:
        self._known, self._site, self._scale = known, known.site, known.scale
        self._world, self._clock, self.ports = world, clock, ports

    async def submit(self, request: CommandRequest) -> Answer:
        """Return the answer to a command; bounded by its deadline."""
        started = self._clock.monotonic()
        ends = started + request.deadline_ms / 1000
        name = type(request.payload).__name__
        try:
            async with asyncio.timeout(request.deadline_ms / 1000 + limits.DEADLINE_GRACE_SECONDS):
                answer = await self._handle(request, ends)
        except StoreUnavailableError as error:
            answer = rejected(503, "not_durable", "This site cannot make it durable", str(error))
        except DecisionFailedError as error:
            answer = rejected(500, "decision_failed", "This command cannot be carried out: a fault in the software", str(error))
        except TimeoutError:
            answer = _unknown("no answer within the deadline")
        answer = msgspec.structs.replace(answer, island=self.ports.is_island(), site=answer.site or self._site)
        seconds = self._clock.monotonic() - started
        metrics.COMMANDS.labels(name, str(answer.status)).inc()
        metrics.COMMAND_SECONDS.labels(name).observe(seconds)
        log.info(
            "command",
            command=name,
            command_id=request.command_id,
            role=request.actor.role,
            incident_id=getattr(request.payload, "incident_id", None),
            status=answer.status,
            code=answer.problem.code if answer.problem else None,
            durability=answer.durability,
            ms=round(seconds * 1000, 1),
        )
        return answer

    async def _handle(self, request: CommandRequest, ends: float) -> Answer:
        match request.payload:
            case ReceiveHandover() as command:
                return await self._handover(command, request, ends)
            case TakeOverDesk() as command:
                return await self.ports.takeover.take_over(command, request)
            case HandBackDesk() as command:
                return await self.ports.takeover.hand_back(command, request)
            case AcknowledgeConflict() as command:
                owner = await self.ports.conflicts.conflict_owner(command.conflict_id)
                if owner is None:
                    return rejected(404, "not_found", "No such conflict")
                return await self._settle(request, conflict.plan(command, owner, self._setting(request)), ends)
            case _:
                return await self._routed(request, ends)

    def _setting(self, request: CommandRequest, provisional: bool = False) -> Setting:
        return Setting(
            known=self._known,
            desks=self.ports.desks,
            actor=request.actor,
            command_id=request.command_id,
            provisional=provisional,
            parked=self.ports.parked(),
        )

    # --- deciding here -----------------------------------------------------------------------------------------------

    async def _decide(self, request: CommandRequest, use_case: UseCase) -> Committed:
        decision = Decision(
            command_id=request.command_id,
            command_hash=command_hash(request.payload),
            actor=request.actor,
            keys=use_case.keys,
            decide=use_case.decide,
            done=asyncio.get_running_loop().create_future(),
        )
        return await self.ports.writer.submit(decision)

    async def _settle(self, request: CommandRequest, use_case: UseCase, ends: float) -> Answer:
        committed = await self._decide(request, use_case)
        if isinstance(committed.outcome, Elsewhere):
            return rejected(409, "wrong_authority", "Another site serves this desk")
        return await self._answer(committed, request, ends)

    async def _answer(self, committed: Committed, request: CommandRequest, ends: float) -> Answer:
        match committed.outcome:
            case Rejection() as no:
                problem = Problem(code=no.code, title=no.title, detail=no.detail, field=no.field)
                return Answer(status=no.status, problem=problem)
            case Elsewhere() as elsewhere:
                authority = self.ports.desks.serving(elsewhere.centre, elsewhere.desk).authority
                problem = Problem(code="wrong_authority", title="Another site serves this desk", authority=authority)
                return Answer(status=409, problem=problem)
            case Seen(same=False):
                return rejected(422, "command_id_reused", "The same command id came with another body", field="Idempotency-Key")
            case Seen() as seen:
                return await self._stored(committed, seen.status)
            case Decided() as decided if not decided.drafts:
                return await self._stored(committed, 200)
            case Decided() as decided:
                position = await self._log_position(committed, request, ends)
                return Answer(
                    status=201 if decided.created else 200,
                    durability="site" if position is None else "cluster",
                    position=position or None,
                    resource=_as_of(committed, position),
                    event_ids=committed.event_ids,
                )

    async def _stored(self, committed: Committed, status: int) -> Answer:
        if committed.resource is None:
            return rejected(409, "already_done", "The command took effect before; its resource is not here")
        durability: Durability = "site" if committed.is_pending else "cluster"
        return Answer(
            status=200 if status == 201 else status,
            durability=durability,
            position=None if committed.is_pending else committed.position,
            resource=committed.resource.view,
        )

    async def _log_position(self, committed: Committed, request: CommandRequest, ends: float) -> int | None:
        if request.wait == "site":
            return None
        bound = limits.HANDOVER_CLUSTER_WAIT_SECONDS if _is_handover(request) else limits.CLUSTER_WAIT_SECONDS
        left = ends - self._clock.monotonic() - limits.ANSWER_RESERVE_SECONDS
        return await self.ports.log.in_log(committed.generation, committed.jseq, min(bound, left))

    # --- routing -----------------------------------------------------------------------------------------------------

    def _plan(self, request: CommandRequest, provisional: bool = False) -> UseCase:
        setting = self._setting(request, provisional)
        if isinstance(request.payload, IncidentCommand):
            return incident.plan(request.payload, setting)
        return _PLANS[type(request.payload)](request.payload, setting)

    async def _routed(self, request: CommandRequest, ends: float) -> Answer:
        """Decide here, or at the authority; follow a desk that moves meanwhile until the deadline."""
        while True:
            committed = await self._decide(request, self._plan(request))
            if not isinstance(committed.outcome, Elsewhere) or (request.routed and not committed.outcome.draining):
                return await self._answer(committed, request, ends)
            answer = await self._pass_on(committed.outcome, request, ends)
            if answer is not None:
                return answer
            if self._clock.monotonic() >= ends - limits.ANSWER_RESERVE_SECONDS:
                return _unknown("the desk is moving")
            await asyncio.sleep(limits.ROUTING_RETRY_SECONDS)

    async def _pass_on(self, elsewhere: Elsewhere, request: CommandRequest, ends: float) -> Answer | None:
        """Return the authority's answer, or None to look again."""
        if elsewhere.draining:
            return None
        serving = self.ports.desks.serving(elsewhere.centre, elsewhere.desk)
        site = serving.authority
        if self.ports.remote.is_silent(site) or site == self._site:
            site = self.ports.remote.claimant(elsewhere.centre, elsewhere.desk) or site
        if site != self._site and not self.ports.remote.is_silent(site):
            asked = msgspec.structs.replace(
                request, payload=self._vouched(request.payload), routed=True, asked_epoch=serving.epoch
            )
            left = ends - self._clock.monotonic() - limits.ANSWER_RESERVE_SECONDS
            try:
                answer = await self.ports.remote.ask(site, asked, max(left, limits.ROUTING_RETRY_SECONDS))
            except AuthorityUnavailableError:
                if not self.ports.remote.is_silent(site):
                    return None
            else:
                return None if answer.problem and answer.problem.code == "wrong_authority" else answer
        return await self._without_authority(elsewhere, request, ends)

    async def _without_authority(self, elsewhere: Elsewhere, request: CommandRequest, ends: float) -> Answer:
        if elsewhere.desk == "dispatch":
            return rejected(
                503,
                "authority_silent",
                "The unit's dispatch desk does not answer",
                "Its units can be taken over by a supervisor's key, or by the region's timer.",
            )
        metrics.PROVISIONAL_COMMANDS.inc()
        return await self._answer(await self._decide(request, self._plan(request, provisional=True)), request, ends)

    def _vouched(self, payload: Any) -> Any:
        """Add what the authority may not have heard yet."""
        if isinstance(payload, AssignUnit):
            state = self._world.state("incident", self._world.root(payload.incident_id))
            if state is not None and state.opened and not state.is_closed:
                return msgspec.structs.replace(payload, vouched=True, priority=payload.priority or state.priority)
        return payload

    # --- handover ----------------------------------------------------------------------------------------------------

    async def _handover(self, command: ReceiveHandover, request: CommandRequest, ends: float) -> Answer:
        setting = self._setting(request)
        committed = await self._decide(request, handover.plan(command, setting))
        outcome = committed.outcome
        opened = isinstance(outcome, Decided | Seen) and outcome.target[0] == "incident"
        if opened or not isinstance(outcome, Decided | Seen) or (isinstance(outcome, Seen) and not outcome.same):
            return await self._answer(committed, request, ends)
        answer = await self._opened_elsewhere(command, request, ends)
        if isinstance(outcome, Decided) and outcome.drafts:
            position = await self._log_position(committed, request, ends)
            if position is None and answer.durability == "cluster":
                answer = msgspec.structs.replace(answer, durability="site", position=None)
        return answer

    async def _opened_elsewhere(self, command: ReceiveHandover, request: CommandRequest, ends: float) -> Answer:
        """Have the incident opened by the responsible desk, or open it here when that does not answer within the bound."""
        own_id = handover_id(command.source, command.source_id)
        centre, area = self._known.centre_of(command.location)
        asked = CommandRequest(
            command_id=handover.open_command_id(own_id),
            actor=request.actor,
            payload=OpenIncident(
                handover_id=own_id,
                handover=msgspec.structs.replace(command, raw=None),
                received_at=self._clock.now(),
                received_by=self._site,
                centre=centre,
                area=area,
            ),
            deadline_ms=int(limits.HANDOVER_ROUTING_SECONDS * 1000),
            routed=True,
        )
        for _ in range(limits.HANDOVER_ROUTING_ATTEMPTS_MAX):
            serving = self.ports.desks.serving(centre, "calls")
            site = serving.authority
            if self.ports.remote.is_silent(site) or site == self._site:
                site = self.ports.remote.claimant(centre, "calls") or site
            if site == self._site or self.ports.remote.is_silent(site):
                break
            try:
                answer = await self.ports.remote.ask(site, asked, limits.HANDOVER_ROUTING_SECONDS)
            except AuthorityUnavailableError:
                break
            if answer.status in (200, 201):
                return answer
        metrics.PROVISIONAL_COMMANDS.inc()
        provisional = await self._decide(asked, self._plan(asked, provisional=True))
        if isinstance(provisional.outcome, Seen) and provisional.resource is None:
            provisional = msgspec.structs.replace(provisional, outcome=Decided(target=provisional.outcome.target))
        return await self._answer(provisional, request, ends)


def _is_handover(request: CommandRequest) -> bool:
    return isinstance(request.payload, ReceiveHandover | OpenIncident)


def _unknown(detail: str) -> Answer:
    return rejected(504, "outcome_unknown", "The outcome is unknown: ask again with the same command id", detail)


def _as_of(committed: Committed, position: int | None) -> Any:
    """Return the view, ticked off when its event has reached the LOG.

    The marks stand last in a view's JSON, so the last occurrence is the view's own.
    """
    if committed.resource is None:
        return None
    data = bytes(committed.resource.view)
    if position is None:
        return msgspec.Raw(data)
    head, mark, tail = data.rpartition(b'"durability":"site","position":')
    if not mark:
        return msgspec.Raw(data)
    old, _, rest = tail.partition(b",")
    new = str(position).encode() if position else old
    return msgspec.Raw(head + b'"durability":"cluster","position":' + new + b"," + rest)


_PLANS: dict[type, Callable[[Any, Setting], UseCase]] = {
    OpenIncident: handover.plan_open,
    RegisterUnit: unit.plan_register,
    AssignUnit: unit.plan_assign,
    CancelAssignment: unit.plan_cancel,
    ReportUnitStatus: unit.plan_status,
    SetDuty: operator.plan,
    BookTransport: booking.plan_book,
    CancelBooking: booking.plan_cancel,
}
"""Commands that are not to one incident; a missing one fails the first test that sends it."""
