"""Which site serves which desk, as this site knows it. Pure.

Knowledge comes from the LOG's markers (binding), from a marker that fenced this site's forwarder (binding at once), and from
this site's own provisional claims. A desk has one holder per epoch, because only a majority can write the marker.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from granslos.application.decisions import Serving
from granslos.contract.events import DeskMoved
from granslos.domain.centre import Centre, DeskState

Mode = Literal["normal", "provisional", "draining"]


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """One desk's authority. ``why`` is normal, takeover, planned, handback or drill."""

    centre: str
    desk: str
    authority: str
    epoch: int = 0
    why: str = "normal"
    since: datetime | None = None
    by: str | None = None
    reason: str | None = None
    seq: int = 0


class Desks:
    """All desks of all centres."""

    def __init__(self, site: str, centres: Iterable[Centre]) -> None:
        self.site = site
        self.centres: dict[str, Centre] = {centre.code: centre for centre in centres}
        self._desks: dict[tuple[str, str], Desk] = {
            (code, desk): Desk(centre=code, desk=desk, authority=centre.site)
            for code, centre in self.centres.items()
            for desk in ("calls", "dispatch")
        }
        self._claimed: dict[tuple[str, str], datetime] = {}
        self._draining: set[tuple[str, str]] = set()
        self._not_yet: dict[tuple[str, str], int] = {}
        self.serving_enabled = False

    def all(self) -> tuple[Desk, ...]:
        """Return every desk, in order of centre and name."""
        return tuple(self._desks[key] for key in sorted(self._desks))

    def desk(self, centre: str, desk: str) -> Desk:
        """Return one desk; KeyError for a centre that no site file knows."""
        return self._desks[centre, desk]

    def served_here(self) -> tuple[Desk, ...]:
        """Return the desks whose authority is this site."""
        return tuple(d for d in self.all() if d.authority == self.site)

    def claims(self) -> Mapping[tuple[str, str], datetime]:
        """Return the call desks that this site serves provisionally, and since when."""
        return self._claimed

    def serving(self, centre: str, desk: str) -> Serving:
        """Tell whether this site may decide for a desk now."""
        key = (centre, desk)
        known = self._desks[key]
        if key in self._claimed:
            return Serving(self.site, known.epoch, here=True, provisional=True)
        here = known.authority == self.site and self.serving_enabled
        return Serving(known.authority, known.epoch, here=here, draining=key in self._draining)

    def restore(self, centre: str, held: DeskState) -> None:
        """Take what the read model says of a desk, as a start or after the store was away; a fence learnt since is kept."""
        if held.epoch <= self._desks[centre, held.desk].epoch:
            return
        self._desks[centre, held.desk] = Desk(
            centre=centre,
            desk=held.desk,
            authority=held.authority,
            epoch=held.epoch,
            why=held.why,
            since=held.since,
            by=held.by,
            reason=held.reason,
        )

    def moved(self, marker: DeskMoved, seq: int = 0) -> bool:
        """Take a marker from the LOG (or from the forwarder that it fenced); False when it says nothing new."""
        key = (marker.centre, marker.desk)
        known = self._desks.get(key)
        if known is None or marker.epoch <= known.epoch:
            return False
        self._desks[key] = Desk(
            centre=marker.centre,
            desk=marker.desk,
            authority=marker.holder,
            epoch=marker.epoch,
            why=marker.why,
            since=marker.at,
            by=marker.by,
            reason=marker.reason,
            seq=seq,
        )
        self._claimed.pop(key, None)
        self._draining.discard(key)
        return True

    def claim(self, centre: str, desk: str, now: datetime) -> None:
        """Serve a lost call desk provisionally, before the marker is in the LOG."""
        assert desk == "calls", "a dispatch desk is never served provisionally"
        self._claimed.setdefault((centre, desk), now)

    def unclaim(self, centre: str, desk: str) -> None:
        """Stop to serve provisionally: the authority is back, or another site holds the desk."""
        self._claimed.pop((centre, desk), None)

    def drain(self, centre: str, desk: str, on: bool) -> None:
        """Stop (or resume) deciding for a desk that is about to move; asked commands wait."""
        if on:
            self._draining.add((centre, desk))
        else:
            self._draining.discard((centre, desk))
