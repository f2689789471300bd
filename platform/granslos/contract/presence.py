"""What sites tell each other four times a second, without quorum."""

from typing import Annotated

import msgspec
from msgspec import Meta

from granslos.contract.types import CentreCode, Instant, SiteCode


class DeskClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A desk this site believes it serves. ``provisional`` until its marker is in the LOG."""

    centre: CentreCode
    desk: str
    epoch: int
    provisional: bool = False


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """One presence beat. It says what the site can *do*, not only that it runs.

    ``instance`` changes with each start of the node; ``counter`` rises within it. ``can_commit`` is true while a probe row
    was fsynced within the last second. ``heard`` lists the sites whose beats arrived here within the silence bound.
    """

    site: SiteCode
    instance: str
    counter: Annotated[int, Meta(ge=0)]
    at: Instant
    can_commit: bool
    island: bool = False
    heard: tuple[SiteCode, ...] = ()
    staff: dict[CentreCode, int] = {}
    free_staff: dict[CentreCode, int] = {}
    desks: tuple[DeskClaim, ...] = ()
    log_position: int = 0
    backlog: int = 0
    version: str = ""
    reads: tuple[str, ...] = ()
    draining: bool = False
