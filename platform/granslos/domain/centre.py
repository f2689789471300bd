"""Centres: people, their two desks, and which site serves each desk (its authority), with an epoch.

An epoch only rises: a marker counts when its epoch is higher than the desk's (compare-and-set), a refused one has no
effect.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from granslos.contract.commands import DeskName
from granslos.contract.events import DeskMoved
from granslos.domain.stamp import Stamp

CentreEvent = DeskMoved
DESKS: tuple[DeskName, DeskName] = ("calls", "dispatch")


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """A centre as configured, the same at all sites. ``succession`` are centre codes, the first one first."""

    code: str
    name: str
    site: str
    areas: tuple[str, ...] = ()
    succession: tuple[str, ...] = ()


class DeskState(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves a desk, since when, by whom, and why."""

    desk: DeskName
    authority: str
    epoch: int = 0
    why: str = "normal"
    since: datetime | None = None
    by: str | None = None
    reason: str | None = None


class CentreState(msgspec.Struct, frozen=True, kw_only=True):
    """A centre's desks. A desk that no marker has moved and no configuration named is None: its home site serves it."""

    code: str
    calls: DeskState | None = None
    dispatch: DeskState | None = None

    @property
    def desks(self) -> dict[DeskName, DeskState]:
        """Return the desks that are known."""
        return {desk.desk: desk for desk in (self.calls, self.dispatch) if desk is not None}

    def desk(self, name: str) -> DeskState | None:
        """Return one desk, or None when no marker moved it and it was not configured."""
        return self.calls if name == "calls" else self.dispatch if name == "dispatch" else None


def initial(centre: Centre) -> CentreState:
    """Return a centre's state before any marker: its own site serves both desks, epoch 0."""
    return CentreState(
        code=centre.code,
        calls=DeskState(desk="calls", authority=centre.site),
        dispatch=DeskState(desk="dispatch", authority=centre.site),
    )


def with_config(state: CentreState | None, centre: Centre) -> CentreState:
    """Return a folded state with the configured desk wherever no marker has moved it."""
    home = initial(centre)
    if state is None:
        return home
    return msgspec.structs.replace(state, calls=state.calls or home.calls, dispatch=state.dispatch or home.dispatch)


def evolve(state: CentreState | None, event: CentreEvent, stamp: Stamp) -> CentreState:
    """Fold one marker. Total and pure; one whose epoch is not above the desk's has no effect."""
    base = state or CentreState(code=event.centre)
    held = base.desk(event.desk)
    if held is not None and event.epoch <= held.epoch:
        return base
    moved = DeskState(
        desk=event.desk,
        authority=event.holder,
        epoch=event.epoch,
        why=event.why,
        since=event.at,
        by=event.by,
        reason=event.reason,
    )
    return (
        msgspec.structs.replace(base, calls=moved) if event.desk == "calls" else msgspec.structs.replace(base, dispatch=moved)
    )


def is_late(state: CentreState | None, desk: str | None, epoch: int | None) -> bool:
    """Tell whether a decision made under ``epoch`` is late against the desk as it stands here in the LOG."""
    held = state.desk(desk) if state is not None and desk is not None else None
    return held is not None and epoch is not None and epoch < held.epoch


def successor(
    centres: Sequence[Centre], centre_code: str, desk: DeskName, alive: Collection[str], staff: Mapping[str, int]
) -> str | None:
    """Return the site that should serve a lost centre's desk, or None when no site that may is alive.

    The next centre in the order of succession whose site is alive and that has staff on duty, else the next alive.
    For a
    call desk the centres that the order does not name come after those it names, because a call must ring somewhere; a
    region's units go only where its order of succession says.

    Args:
        centres: all centres, as configured.
        centre_code: the centre whose desk is to be served.
        desk: which of its desks.
        alive: codes of sites that can serve (the lost one is not among them).
        staff: operators on duty by centre code.

    """
    by_code = {centre.code: centre for centre in centres}
    lost = by_code.get(centre_code)
    named = [by_code[code] for code in (lost.succession if lost else ()) if code in by_code]
    others = sorted((c for c in centres if c not in named), key=lambda c: c.code) if desk == "calls" else []
    order = [c for c in (*named, *others) if c.code != centre_code and c.site in alive]
    staffed = [c for c in order if staff.get(c.code, 0) > 0]
    chosen = next(iter(staffed or order), None)
    return chosen.site if chosen else None


def responsible_centre(area: str | None, centres: Sequence[Centre]) -> Centre | None:
    """Return the centre that answers for ``area``, or None when none does (the caller then takes the nearest, or
    its own).
    """
    return next((centre for centre in centres if area is not None and area in centre.areas), None)
