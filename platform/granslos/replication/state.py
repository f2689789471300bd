"""What this node knows of itself and of the others, for readers (a ``NodeState``)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from granslos.contract.places import Position
from granslos.contract.views import CentreView, DeskView, SiteView
from granslos.replication.desks import Desk
from granslos.replication.site import SiteCore
from granslos.runtime import limits


class Present:
    """Live state; nothing here is stored.

    Args:
        core: the site's core.
        name, environment, version: from the site file and the release.
        guard_status: where the hub guard writes its word, or None.
    """

    def __init__(self, core: SiteCore, name: str, environment: str, version: str, guard_status: Path | None) -> None:
        self._core = core
        self._name, self._environment, self._version = name, environment, version
        self._guard_status = guard_status
        self._started = core.clock.monotonic()
        self.positions: dict[str, Position] = {}
        self.draining = False
        self.announce: Callable[[str, dict[str, Any]], None] = lambda kind, data: None

    # --- staff (BeatSource) --------------------------------------------------------------------------------------------

    def staff(self) -> dict[str, int]:
        """Return operators on duty by centre, from the read model."""
        return self._count(free_only=False)

    def free_staff(self) -> dict[str, int]:
        """Return operators on duty by centre that hold no call."""
        return self._count(free_only=True)

    def _count(self, free_only: bool) -> dict[str, int]:
        busy = set()
        if free_only:
            held = (e.current for k, e in self._core.world.entries.items() if k[0] == "incident" and e.current is not None)
            busy = {state.answered_by for state in held if state.state == "answered"}
        counts: dict[str, int] = {}
        for (kind, user), entry in self._core.world.entries.items():
            if kind == "operator" and entry.current is not None and entry.current.on and user not in busy:
                counts[entry.current.centre] = counts.get(entry.current.centre, 0) + 1
        return counts

    # --- NodeState -------------------------------------------------------------------------------------------------------

    def is_island(self) -> bool:
        """Tell whether this site behaves as an island."""
        return self._core.beats.presence.is_island(self._core.clock.monotonic())

    def feed_position(self) -> int:
        """Return the LOG position of this site's rows."""
        return self._core.state.log_cursor

    def data_age_seconds(self) -> float:
        """Return the seconds since the other site heard longest ago was heard; 0 for a site alone."""
        now = self._core.clock.monotonic()
        presence = self._core.beats.presence
        ages = [presence.age(site, now) for site in presence.others]
        return max((age if age is not None else now - self._started for age in ages), default=0.0)

    def is_ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether this node should get traffic."""
        core = self._core
        parts: dict[str, Any] = {
            "postgres": core.store.is_connected,
            "can_commit": core.beats.can_commit(),
            "serving": core.desks.serving_enabled,
            "draining": self.draining,
            "island": self.is_island(),
            "hub": core.hub.is_connected,
            "log_leader": core.log_status.leader if core.log_status else None,
        }
        ready = parts["postgres"] and parts["can_commit"] and parts["serving"] and not self.draining
        return bool(ready), parts

    def centre_views(self) -> tuple[CentreView, ...]:
        """Return all centres with their desks as this site knows them."""
        staff = self.staff_everywhere()
        views = []
        for code, centre in sorted(self._core.desks.centres.items()):
            desks = {desk: self._desk_view(self._core.desks.desk(code, desk)) for desk in ("calls", "dispatch")}
            home = all(d.authority == centre.site and not d.provisional for d in desks.values())
            views.append(
                CentreView(
                    id=code,
                    code=code,
                    name=centre.name,
                    site=centre.site,
                    state="normal" if home else "taken_over",
                    areas=centre.areas,
                    succession=centre.succession,
                    desks=desks,
                    staff=staff.get(code, 0),
                )
            )
        return tuple(views)

    def staff_everywhere(self) -> dict[str, int]:
        """Return operators on duty by centre, as all sites that are heard see them."""
        return self._core.beats.presence.staff(self.staff(), self._core.clock.monotonic())

    def _desk_view(self, desk: Desk) -> DeskView:
        key = (desk.centre, desk.desk)
        now = self._core.clock.monotonic()
        presence = self._core.beats.presence
        own_claim = key in self._core.desks.claims()
        claimant = self._core.known.site if own_claim else None
        if claimant is None and presence.is_silent(desk.authority, now):
            claimant = presence.claimant(desk.centre, desk.desk, now)
        return DeskView(
            desk=desk.desk,
            authority=claimant or desk.authority,
            epoch=desk.epoch,
            why="takeover" if claimant else desk.why,
            since=desk.since,
            by=desk.by,
            reason=desk.reason,
            provisional=claimant is not None,
            reachable=claimant is not None or not presence.is_silent(desk.authority, now),
            takeover_pending=key in self._core.takeover.queued,
        )

    def is_grey(self, centre: str) -> bool:
        """Tell whether a centre's units cannot be assigned from here: its dispatch desk's site is silent."""
        core = self._core
        if centre not in core.desks.centres:
            return True
        authority = core.desks.serving(centre, "dispatch").authority
        return authority != core.known.site and core.beats.presence.is_silent(authority, core.clock.monotonic())

    def unit_overlay(self, unit_id: str) -> dict[str, Any]:
        """Return what is live of a unit: grey when its desk's site is silent, and its newest position with its age."""
        core = self._core
        state = core.world.state("unit", unit_id)
        overlay: dict[str, Any] = {"assignable": False, "grey": True, "last_position": None}
        if state is None:
            return overlay
        grey = self.is_grey(state.centre)
        overlay["grey"] = grey
        overlay["assignable"] = not grey and not state.out_of_service
        position = self.positions.get(unit_id)
        if position is not None:
            age = max(0.0, (core.clock.now() - position.at).total_seconds())
            overlay["last_position"] = {**msgspec.to_builtins(position), "age_seconds": round(age, 1)}
        return overlay

    def site_view(self) -> SiteView:
        """Return this site's own state."""
        core, now = self._core, self._core.clock.monotonic()
        presence, status = core.beats.presence, core.log_status
        last = status.last_seq if status else None
        return SiteView(
            code=core.known.site,
            name=self._name,
            environment=self._environment,
            version=self._version,
            role="island" if self.is_island() else "member",
            island=self.is_island(),
            quorum=status is not None and status.leader is not None,
            log_leader=status.leader if status else None,
            log_position=core.state.log_cursor,
            log_last=last,
            lag=max(0, last - core.state.log_cursor) if last is not None else 0,
            journal_generation=core.state.generation,
            journal_head=core.state.journal_head,
            journal_backlog=core.forwarder.backlog,
            backlog_age_seconds=round(core.forwarder.backlog_age(now), 3),
            can_commit=core.beats.can_commit(),
            clock_offset_seconds=self._clock_offset(),
            parked_events=core.projector.parked_count,
            desks=tuple(
                {"centre": d.centre, **msgspec.to_builtins(self._desk_view(d))}
                for d in core.desks.all()
                if d.authority == core.known.site or (d.centre, d.desk) in core.desks.claims()
            ),
            sites={site: self._other(site, now) for site in presence.others},
            guard=self._guard_word(),
            alarms=tuple(f"{name}: {text}" for name, text in sorted(core.alarms.items())),
            uptime_seconds=round(now - self._started, 1),
        )

    def _other(self, site: str, now: float) -> Mapping[str, Any]:
        presence = self._core.beats.presence
        beat, age = presence.beat_of(site), presence.age(site, now)
        return {
            "silent": presence.is_silent(site, now),
            "lost": site in self._core.takeover.lost_since,
            "linked": presence.is_linked(site, now),
            "last_beat_seconds": round(age, 2) if age is not None else None,
            "log_position": beat.log_position if beat else None,
            "backlog": beat.backlog if beat else None,
            "version": beat.version if beat else None,
            "island": beat.island if beat else None,
            "staff": beat.staff if beat else {},
        }

    def _clock_offset(self) -> float | None:
        """Return the median difference to the other sites' clocks, seconds; positive: ahead of them."""
        offsets = sorted(self._core.beats.clock_offsets.values())
        return round(offsets[len(offsets) // 2], 3) if offsets else None

    def _guard_word(self) -> Any:
        if self._guard_status is None:
            return None
        try:
            return msgspec.json.decode(self._guard_status.read_bytes())
        except (OSError, msgspec.DecodeError):
            return {"state": "unknown"}

    # --- observations ----------------------------------------------------------------------------------------------------

    def observe(self, position: Position) -> bool:
        """Keep a unit's position when it is newer than the one known, and not from the future; False when not kept."""
        now = self._core.clock.now()
        if (position.at - now).total_seconds() > limits.OBSERVATION_FUTURE_SECONDS:
            return False
        known = self.positions.get(position.unit_id)
        if known is not None and known.at >= position.at:
            return False
        if known is None and len(self.positions) >= limits.OBSERVED_UNITS_MAX:
            return False
        self.positions[position.unit_id] = position
        self.announce("position", msgspec.to_builtins(position))
        return True
