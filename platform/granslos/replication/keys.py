"""The supervisors' keys: take a desk over, hand it back; and the draining that makes a planned move refuse nothing.

Planned means that the desk's authority is alive: it stops deciding for the desk (commands wait), lets its journal reach the
LOG, and writes the marker itself behind its own tail. The waiting commands then go to the new authority.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec
from structlog import get_logger

from granslos.application.outside import RemotePort
from granslos.contract.answers import Answer, rejected
from granslos.contract.commands import CommandRequest, DeskName, HandBackDesk, TakeOverDesk
from granslos.contract.envelope import decode_payload, encode
from granslos.contract.errors import AuthorityUnavailableError, LogUnavailableError
from granslos.contract.events import DeskMoved
from granslos.contract.places import Actor
from granslos.contract.subjects import epoch_subject
from granslos.contract.views import DeskView
from granslos.replication.desks import Desk, Desks
from granslos.replication.forwarder import Cursor, Forwarder
from granslos.replication.takeover import Takeover, Wanted, Why
from granslos.runtime import limits, metrics
from granslos.stream.log import TailMovedError

log = get_logger(__name__)


class DrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One node's request to another: move this desk to me (``holder``) as planned."""

    centre: str
    desk: DeskName
    holder: str
    epoch: int
    why: Why
    by: Actor
    reason: str | None = None


class DrainReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: the marker's LOG sequence, or why not."""

    position: int | None = None
    code: str | None = None


class NodeLink(RemotePort, Protocol):
    """A ``RemotePort`` that can also ask another node to drain."""

    async def drain(self, site: str, request: DrainRequest, timeout: float) -> DrainReply:
        """Return the other node's reply; raises AuthorityUnavailableError."""
        ...


class _DeskMovedError(Exception):
    """The desk is served elsewhere already."""


class DeskKeys:
    """A ``TakeoverPort``."""

    def __init__(
        self, desks: Desks, takeover: Takeover, forwarder: Forwarder, remote: NodeLink, barrier: Callable[[], asyncio.Lock]
    ) -> None:
        self._desks, self._takeover, self._forwarder, self._remote = desks, takeover, forwarder, remote
        self._barrier = barrier

    async def take_over(self, command: TakeOverDesk, request: CommandRequest) -> Answer:
        """Serve a desk from this site: as planned when its authority answers, else as a takeover (queued without leader)."""
        if command.centre not in self._desks.centres:
            return rejected(404, "not_found", "No such centre", field="centre")
        desk = self._desks.desk(command.centre, command.desk)
        if desk.authority == self._desks.site:
            return self._answer(desk)
        if not self._remote.is_silent(desk.authority):
            return await self._planned(desk, command.desk, "planned", request.actor, command.reason)
        wanted = Wanted(command.centre, command.desk, "takeover", request.actor, command.reason)
        return await self._seize(wanted)

    async def hand_back(self, command: HandBackDesk, request: CommandRequest) -> Answer:
        """Give a desk back to the centre's own site; asked of any site, done between authority and home."""
        if command.centre not in self._desks.centres:
            return rejected(404, "not_found", "No such centre", field="centre")
        home = self._desks.centres[command.centre].site
        desk = self._desks.desk(command.centre, command.desk)
        if desk.authority == home:
            return self._answer(desk)
        if self._remote.is_silent(home):
            return rejected(409, "home_silent", "The centre's own site does not answer", f"{home} has not been heard.")
        drain = DrainRequest(
            centre=command.centre,
            desk=command.desk,
            holder=home,
            epoch=desk.epoch,
            why="handback",
            by=request.actor,
            reason=command.reason,
        )
        return await self._move(desk, drain)

    async def _planned(self, desk: Desk, name: DeskName, why: Why, by: Actor, reason: str | None) -> Answer:
        drain = DrainRequest(
            centre=desk.centre, desk=name, holder=self._desks.site, epoch=desk.epoch, why=why, by=by, reason=reason
        )
        return await self._move(desk, drain)

    async def _move(self, desk: Desk, drain: DrainRequest) -> Answer:
        if desk.authority == self._desks.site:
            reply = await self.drain(drain)
        else:
            try:
                reply = await self._remote.drain(desk.authority, drain, limits.DRAIN_DESK_SECONDS + 1.0)
            except AuthorityUnavailableError as error:
                return rejected(503, "outcome_unknown", "The desk's authority did not answer in time", str(error))
        if reply.position is None:
            return rejected(409, reply.code or "refused", "The desk's authority did not let it go")
        await self._takeover.projected_to(reply.position, limits.TAKEOVER_PROJECTION_SECONDS)
        return self._answer(self._desks.desk(desk.centre, desk.desk), reply.position)

    async def _seize(self, wanted: Wanted) -> Answer:
        self._takeover.want(wanted)
        try:
            async with asyncio.timeout(limits.TAKEOVER_ANSWER_SECONDS):
                while (wanted.centre, wanted.desk) in self._takeover.queued:
                    await asyncio.sleep(limits.TAKEOVER_RETRY_SECONDS / 4)
        except TimeoutError:
            return self._answer(self._desks.desk(wanted.centre, wanted.desk), queued=True)
        desk = self._desks.desk(wanted.centre, wanted.desk)
        if desk.authority != self._desks.site:
            return rejected(409, "desk_moved", "Another site serves this desk now", desk.authority)
        return self._answer(desk, desk.seq)

    async def drain(self, request: DrainRequest) -> DrainReply:
        """Let go of a desk that this site serves: hold its commands, drain the journal, write the marker."""
        desk = self._desks.desk(request.centre, request.desk)
        if desk.authority != self._desks.site or desk.epoch != request.epoch:
            return DrainReply(code="desk_moved")
        self._desks.drain(request.centre, request.desk, on=True)
        try:
            async with asyncio.timeout(limits.DRAIN_DESK_SECONDS):
                # What was being committed when the desk began to drain is journalled, or refused, behind this.
                async with self._barrier():
                    pass
                seq = await self._write_marker(desk, request)
        except _DeskMovedError:
            return DrainReply(code="desk_moved")
        except (LogUnavailableError, TimeoutError) as error:
            log.warning("drain_failed", centre=request.centre, desk=request.desk, reason=str(error))
            return DrainReply(code="not_drained")
        finally:
            self._desks.drain(request.centre, request.desk, on=False)
        await self._takeover.projected_to(seq, limits.TAKEOVER_PROJECTION_SECONDS)
        return DrainReply(position=seq)

    async def _write_marker(self, desk: Desk, request: DrainRequest) -> int:
        subject = epoch_subject(self._desks.site, request.centre, request.desk)
        wanted = Wanted(request.centre, request.desk, request.why, request.by, request.reason)
        while True:
            await self._forwarder.drained(limits.DRAIN_DESK_SECONDS)
            if self._desks.desk(request.centre, request.desk).epoch != request.epoch:
                # By another's marker, or by this one, whose answer was lost.
                raise _DeskMovedError
            cursor = self._forwarder.cursor or Cursor(0, 0, 0)
            tail = (cursor.generation, cursor.jseq, cursor.hash)
            marker = self._takeover.marker(desk, wanted, request.holder, tail)
            try:
                seq = await self._forwarder.append_marker(subject, encode(marker))
            except (TailMovedError, LogUnavailableError) as error:
                # Facts went on arriving, or the leader changed: drain again.
                log.debug("marker_waits", reason=str(error))
                await asyncio.sleep(limits.ROUTING_RETRY_SECONDS)
                continue
            # It is in the LOG: this site decides nothing more for the desk, however long projecting takes.
            payload = decode_payload(marker)
            assert isinstance(payload, DeskMoved)
            self._forwarder.on_fenced(payload)
            metrics.TAKEOVERS.labels(request.desk, request.why).inc()
            return seq

    def _answer(self, desk: Desk, position: int | None = None, queued: bool = False) -> Answer:
        view = DeskView(
            desk=desk.desk,
            authority=desk.authority,
            epoch=desk.epoch,
            why=desk.why,
            since=desk.since,
            by=desk.by,
            reason=desk.reason,
            provisional=(desk.centre, desk.desk) in self._desks.claims(),
            takeover_pending=queued,
        )
        position = position or desk.seq or None
        return Answer(status=200, durability="site" if queued else "cluster", position=position, resource=view)
