"""Who is there: the table of beats and what follows from it. Pure; time is monotonic seconds and an argument.

A site is *silent* when no beat that can commit came for ``PRESENCE_SILENT_SECONDS``; *lost* when a majority of the members
(sites and witness) say so; heard again only after ``PRESENCE_BACK_SECONDS`` of beats without a hole, so that a bad link does
not flap. A link counts only if both ends hear. Without a majority for ``PRESENCE_ISLAND_SECONDS``, or when a majority calls
this site lost, it is an island.
"""

from collections.abc import Collection, Sequence

import msgspec

from granslos.contract.presence import Beat
from granslos.runtime import limits


class Heard(msgspec.Struct):
    """What is known of another site's beats."""

    beat: Beat
    last: float
    good_since: float


class Presence:
    """The table at one site.

    Args:
        site: this site.
        sites: all sites, this one included.
        witness: the witness member's name, or empty.
        now: monotonic seconds.
    """

    def __init__(self, site: str, sites: Sequence[str], witness: str, now: float) -> None:
        self.site = site
        self.others = tuple(s for s in sites if s != site)
        self.witness = witness
        self.members = len(sites) + (1 if witness else 0)
        self._heard: dict[str, Heard] = {}
        self._witness_hears: frozenset[str] = frozenset()
        self._witness_last = float("-inf")
        self._majority_lost_at: float | None = None
        self._stalled_until = float("-inf")
        self._started = now
        self._last_tick = now
        self.stalls = 0

    @property
    def majority(self) -> int:
        """Return how many members make a majority."""
        return self.members // 2 + 1

    # --- input -------------------------------------------------------------------------------------------------------

    def receive(self, beat: Beat, now: float) -> None:
        """Take a beat; doubles (each comes over two connections) and older ones are dropped."""
        if beat.site not in self.others and beat.site != self.witness:
            return
        if beat.site == self.witness:
            self._witness_last, self._witness_hears = now, frozenset(beat.heard)
            return
        known = self._heard.get(beat.site)
        if known and known.beat.instance == beat.instance and beat.counter <= known.beat.counter:
            return
        if not beat.can_commit:
            # It runs but can make nothing durable: it counts as silent, and its news are still read.
            if known:
                known.beat = beat
                known.good_since = now
            return
        hole = known is None or now - known.last > limits.PRESENCE_HOLE_SECONDS
        self._heard[beat.site] = Heard(beat, now, now if hole or known is None else known.good_since)

    def tick(self, now: float) -> None:
        """Note the passing of time; call at least four times a second."""
        if now - self._last_tick > limits.PRESENCE_STALL_SECONDS:
            # This loop stood still: what it "did not hear" meanwhile proves nothing about others.
            self._stalled_until = now + limits.PRESENCE_SILENT_SECONDS
            self.stalls += 1
        self._last_tick = now
        if self._has_majority(now):
            self._majority_lost_at = None
        elif self._majority_lost_at is None:
            self._majority_lost_at = now

    # --- what follows ------------------------------------------------------------------------------------------------

    def heard(self, now: float) -> tuple[str, ...]:
        """Return the sites whose beats arrive here."""
        return tuple(s for s in self.others if self._is_heard(s, now))

    def _is_heard(self, site: str, now: float) -> bool:
        known = self._heard.get(site)
        return known is not None and now - known.last <= limits.PRESENCE_SILENT_SECONDS

    def is_silent(self, site: str, now: float) -> bool:
        """Tell whether a site has not been heard for the bound; this site itself never is."""
        if site == self.site:
            return False
        if site not in self._heard and now - self._started < limits.PRESENCE_START_SECONDS:
            return False
        return not self._is_heard(site, now)

    def is_linked(self, site: str, now: float) -> bool:
        """Tell whether both ends of a link hear each other."""
        return self._is_heard(site, now) and self.site in self._heard[site].beat.heard

    def is_back(self, site: str, now: float) -> bool:
        """Tell whether a site has been heard without a hole for long enough to trust the link."""
        known = self._heard.get(site)
        return self._is_heard(site, now) and known is not None and now - known.good_since >= limits.PRESENCE_BACK_SECONDS

    def is_lost(self, site: str, now: float) -> bool:
        """Tell whether a majority of the members say that a site is silent."""
        if site == self.site or not self.is_silent(site, now) or self.is_stalled(now):
            return False
        votes = 1 + sum(1 for s in self.others if s != site and self._is_heard(s, now) and self._misses(s, site))
        if self._witness_here(now) and site not in self._witness_hears:
            votes += 1
        return votes >= self.majority

    def _misses(self, voter: str, site: str) -> bool:
        return site not in self._heard[voter].beat.heard

    def _witness_here(self, now: float) -> bool:
        return bool(self.witness) and now - self._witness_last <= limits.PRESENCE_SILENT_SECONDS

    def _has_majority(self, now: float) -> bool:
        linked = 1 + sum(1 for s in self.others if self.is_linked(s, now)) + (1 if self._witness_here(now) else 0)
        return linked >= self.majority

    def is_called_lost(self, now: float) -> bool:
        """Tell whether a majority hears others but not this site."""
        against = sum(1 for s in self.others if self._is_heard(s, now) and self._misses(s, self.site))
        return against >= self.majority

    def is_stalled(self, now: float) -> bool:
        """Tell whether this process's own loop stood still lately."""
        return now < self._stalled_until

    def is_island(self, now: float) -> bool:
        """Tell whether this site must behave as an island."""
        if self.members == 1:
            return False
        if self.is_called_lost(now):
            return True
        lost = self._majority_lost_at
        return lost is not None and now - lost >= limits.PRESENCE_ISLAND_SECONDS

    def alive(self, now: float) -> tuple[str, ...]:
        """Return the sites that can work, this one included, in order of their codes."""
        return tuple(sorted((self.site, *self.heard(now))))

    def staff(self, own: dict[str, int], now: float) -> dict[str, int]:
        """Return operators on duty by centre, as the sites that are heard see them (the largest claim counts)."""
        total = dict(own)
        for site in self.heard(now):
            for centre, count in self._heard[site].beat.staff.items():
                total[centre] = max(total.get(centre, 0), count)
        return total

    def beat_of(self, site: str) -> Beat | None:
        """Return a site's newest beat, however old."""
        known = self._heard.get(site)
        return known.beat if known else None

    def knows_log(self) -> bool:
        """Tell whether another site has ever said that it has read something from the LOG."""
        return any(known.beat.log_position > 0 for known in self._heard.values())

    def age(self, site: str, now: float) -> float | None:
        """Return the seconds since a site was last heard able to commit; None when never."""
        known = self._heard.get(site)
        return now - known.last if known else None

    def claimant(self, centre: str, desk: str, now: float) -> str | None:
        """Return the site that serves a desk provisionally, if one that is heard says so; the lowest code of several."""
        for site in self.heard(now):
            for claim in self._heard[site].beat.desks:
                if (claim.centre, claim.desk, claim.provisional) == (centre, desk, True):
                    return site
        return None

    def readable_by_all(self, event_type: str, now: float, sites: Collection[str] | None = None) -> bool:
        """Tell whether every site that was ever heard can read an event type (rolling upgrades)."""
        wanted = sites if sites is not None else self.others
        return all(event_type in known.beat.reads for s in wanted if (known := self._heard.get(s)) is not None)
