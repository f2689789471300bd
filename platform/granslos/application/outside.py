"""What the dispatcher needs from the layers above it, named by what it guarantees."""

from collections.abc import Callable, Collection
from typing import Protocol

import msgspec

from granslos.application.decisions import DeskPort, WriterPort
from granslos.application.items import Key
from granslos.contract.answers import Answer
from granslos.contract.commands import CommandRequest, HandBackDesk, TakeOverDesk


class LogPort(Protocol):
    """Knows when a journal event has reached the LOG."""

    async def in_log(self, generation: int, jseq: int, timeout: float) -> int | None:
        """Return its LOG sequence (0: known only to the projector), or None after ``timeout`` seconds."""
        ...


class RemotePort(Protocol):
    """Passes a command to another site's node."""

    async def ask(self, site: str, request: CommandRequest, timeout: float) -> Answer:
        """Return that node's answer; raises AuthorityUnavailableError when there is none in time."""
        ...

    def is_silent(self, site: str) -> bool:
        """Tell whether a site has not been heard for the silence bound."""
        ...

    def claimant(self, centre: str, desk: str) -> str | None:
        """Return the site that serves a desk provisionally, if any that is heard does."""
        ...


class TakeoverPort(Protocol):
    """Moves desks."""

    async def take_over(self, command: TakeOverDesk, request: CommandRequest) -> Answer:
        """Serve a desk from this site."""
        ...

    async def hand_back(self, command: HandBackDesk, request: CommandRequest) -> Answer:
        """Give a desk back to its centre's own site."""
        ...


class ConflictPort(Protocol):
    """Finds the aggregate that holds a clash."""

    async def conflict_owner(self, conflict_id: str) -> Key | None:
        """Return the owner of a clash, or None."""
        ...


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What the dispatcher needs from the layers above it."""

    writer: WriterPort
    log: LogPort
    remote: RemotePort
    takeover: TakeoverPort
    conflicts: ConflictPort
    desks: DeskPort
    is_island: Callable[[], bool]
    parked: Callable[[], Collection[Key]]
