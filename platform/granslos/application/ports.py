"""Ports: what the outside may ask of a node, named by what they guarantee."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from granslos.contract.answers import Answer, Durability
from granslos.contract.commands import CommandRequest
from granslos.contract.views import CentreView, SiteView


class Resource(msgspec.Struct, frozen=True):
    """A changed resource as it goes to readers: its kind (``incident``, ``unit``, …), id, and view as JSON bytes."""

    kind: str
    id: str
    view: msgspec.Raw


class Change(msgspec.Struct, frozen=True):
    """What one event changed. ``position`` is its LOG sequence, None while it is pending.

    A pending change is published at once, and its confirmation later with the same ``event_id`` and a position.
    """

    event_id: str
    type: str
    at: datetime
    site: str
    position: int | None
    durability: Durability
    resources: tuple[Resource, ...]


class Tick(msgspec.Struct, frozen=True):
    """A resource whose event reached the LOG: its place and durability now. Readers patch the resource with it."""

    kind: str
    id: str
    durability: Durability
    position: int | None
    version: int


class Confirmation(msgspec.Struct, frozen=True):
    """A pending event that reached the LOG at ``position``."""

    event_id: str
    position: int
    ticks: tuple[Tick, ...] = ()


class CommandPort(Protocol):
    """Takes any command and guarantees what its answer says."""

    async def submit(self, request: CommandRequest) -> Answer:
        """Decide ``request`` here or at its desk's authority. Never raises for bad input; bounded by its deadline."""
        ...


class FeedPort(Protocol):
    """Receives every change once, in the order of this site's commits."""

    def publish(self, change: Change) -> None:
        """Send ``change`` to all readers; never blocks."""
        ...

    def confirm(self, confirmed: Sequence[Confirmation]) -> None:
        """Tick off pending events (``event: confirmed``, data: the Confirmation as JSON)."""
        ...

    def announce(self, kind: str, data: dict[str, Any]) -> None:
        """Send a live announcement that is no event (island, takeover, position of a unit); never resumed."""
        ...


class NodeState(Protocol):
    """What a node knows of itself and of the others, for readers."""

    def site_view(self) -> SiteView:
        """Return this site's own state."""
        ...

    def centre_views(self) -> tuple[CentreView, ...]:
        """Return all centres with their desks' authorities as this site knows them."""
        ...

    def unit_overlay(self, unit_id: str) -> dict[str, Any]:
        """Return what is known live of a unit: ``assignable``, ``grey``, ``last_position`` with ``age_seconds``."""
        ...

    def is_ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether this node should get traffic, with the reasons."""
        ...

    def feed_position(self) -> int:
        """Return the LOG position that this site's rows stand at."""
        ...

    def data_age_seconds(self) -> float:
        """Return how old this site's picture of the others is: seconds since another site was last heard."""
        ...

    def is_island(self) -> bool:
        """Tell whether this site behaves as an island."""
        ...
