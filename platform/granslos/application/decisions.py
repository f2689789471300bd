"""What a decision is, on its way from a use case to the journal."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from granslos.application.items import Item, Key
from granslos.application.ports import Change, Resource
from granslos.application.world import World
from granslos.contract.commands import DeskName
from granslos.contract.events import Event
from granslos.contract.places import Actor, Location
from granslos.domain.centre import Centre
from granslos.domain.geography import Geography
from granslos.domain.priorities import Scale
from granslos.domain.stamp import Context, Rejection


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a decision wants to write; the writer gives it its place."""

    aggregate: str
    id: str
    payload: Event
    refs: tuple[str, ...] = ()
    centre: str | None = None
    desk: DeskName | None = None
    epoch: int | None = None
    provisional: bool = False
    base: str | None = None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision's outcome: what to write, and the aggregate to show. No drafts: it was so already."""

    target: Key
    drafts: tuple[Draft, ...] = ()
    created: bool = False


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """This site may not decide it (any more): ask the desk's authority, or again when ``draining``."""

    centre: str
    desk: DeskName
    draining: bool = False


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The command took effect before. ``same`` is false when another body came under its id."""

    target: Key
    status: int
    same: bool


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision came to, once it is durable at this site."""

    outcome: Decided | Rejection | Elsewhere | Seen
    generation: int = 0
    jseq: int = 0
    event_ids: tuple[str, ...] = ()
    resource: Resource | None = None
    is_pending: bool = False
    position: int | None = None


class Decide(Protocol):
    """Decides on the world's state at ``now``; ``new_incident_id`` takes the next serial."""

    def __call__(self, world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        """Return the outcome; must not await and must not change the world."""
        ...


class Decision(msgspec.Struct, kw_only=True):
    """A command waiting for its turn."""

    command_id: str
    command_hash: str
    actor: Actor
    keys: Sequence[Key]
    decide: Decide
    done: asyncio.Future[Committed]


class WriterPort(Protocol):
    """Commits decisions durably at this site, one after the other."""

    async def submit(self, decision: Decision) -> Committed:
        """Return the outcome once durable at this site; raises StoreUnavailableError."""
        ...


class Listener(Protocol):
    """Told of what this site committed, in order, after the commit."""

    def committed(self, items: Sequence[Item], changes: Sequence[Change]) -> None:
        """Take note; must not block."""
        ...


class Serving(msgspec.Struct, frozen=True):
    """Whether this site may decide for a desk, and under which epoch."""

    authority: str
    epoch: int
    here: bool
    provisional: bool = False
    draining: bool = False


class DeskPort(Protocol):
    """Knows which site serves which desk."""

    def serving(self, centre: str, desk: str) -> Serving:
        """Tell whether this site may decide for a desk now; KeyError for an unknown centre."""
        ...


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every command at a site: its code, the scale, the centres, the map."""

    site: str
    scale: Scale
    centres: Mapping[str, Centre]
    geography: Geography

    def centre_of(self, location: Location | None, preferred: str | None = None) -> tuple[str, str | None]:
        """Return (centre, area) that answer for a place; never refuses."""
        own = next((c for c in self.centres.values() if c.site == self.site), min(self.centres.values(), key=lambda c: c.code))
        served = {code: c.code for c in self.centres.values() for code in c.areas}
        if not served:
            return preferred or own.code, None
        receiving = next(iter(own.areas), min(served))
        area = self.geography.responsible_area(location, tuple(sorted(served)), receiving)
        return preferred or served.get(area or receiving, own.code), area


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a use case may know besides states: who asks, where, and what this site may decide."""

    known: Known
    desks: DeskPort
    actor: Actor
    command_id: str
    provisional: bool = False
    parked: Collection[Key] = frozenset()

    @property
    def site(self) -> str:
        """Return this site's code."""
        return self.known.site

    @property
    def centres(self) -> Mapping[str, Centre]:
        """Return all centres by code."""
        return self.known.centres

    def context(self, now: datetime, provisional: bool = False) -> Context:
        """Return the domain's context for a decision at ``now``."""
        return Context(
            now=now,
            actor=self.actor,
            site=self.known.site,
            command_id=self.command_id,
            scale=self.known.scale,
            provisional=provisional,
        )

    def gate(self, centre: str, desk: DeskName) -> tuple[int, bool] | Elsewhere:
        """Return (epoch, provisional) when this site may decide for the desk now, else where to ask."""
        serving = self.desks.serving(centre, desk)
        if serving.draining:
            return Elsewhere(centre=centre, desk=desk, draining=True)
        if serving.here:
            return serving.epoch, serving.provisional
        if self.provisional and desk == "calls":
            return serving.epoch, True
        return Elsewhere(centre=centre, desk=desk)


class UseCase(msgspec.Struct, frozen=True):
    """A planned command: the aggregates to load, and how to decide once they are."""

    keys: Sequence[Key]
    decide: Decide
