"""Who may be sent to what: units as candidates, the need, and the rules of suitability and pre-emption as data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from granslos.contract.places import Position
from granslos.domain.points import Point, point
from granslos.domain.unit_state import UnitState

Activity = Literal["free", "heading", "at_scene", "with_patient", "handed_over", "off"]
"""What a unit is doing, as far as sending it elsewhere is concerned."""
Role = Literal["main", "first_response"]
"""``main`` may take the whole assignment; ``first_response`` may begin it until such a unit arrives."""

ACTIVITY_OF_STATUS: Mapping[str, Activity] = {
    "alarmed": "heading",
    "delivered": "heading",
    "acknowledged": "heading",
    "en_route": "heading",
    "staging": "heading",
    "on_scene": "at_scene",
    "at_patient": "at_scene",
    "loaded": "with_patient",
    "left_scene": "with_patient",
    "at_destination": "with_patient",
    "handed_over": "handed_over",
    "care_transferred": "handed_over",
    "available": "free",
    "at_base": "free",
    "refused": "free",
    "out_of_service": "off",
    "emergency": "off",
}
"""The activity that an assignment's state or a crew's last status means. A crew that calls for help is sent nowhere."""


def activity_of(status: str | None, *, assigned: bool) -> Activity:
    """Return what a unit is doing by its last crew status and whether it has an active assignment.

    An assignment whose crew has not answered yet, or whose last status is from before it, counts as heading; a status
    of work without an assignment counts too, because crews are also sent by voice. An unknown status is not free.
    """
    activity = "free" if status is None else ACTIVITY_OF_STATUS.get(status, "with_patient")
    return "heading" if assigned and activity == "free" else activity


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident needs. Without ``place`` nothing can be said about travel times."""

    priority: str
    place: Point | None = None
    area: str | None = None
    """County of the place, for telling which units cross a border."""
    kinds: frozenset[str] = frozenset()
    """Kinds asked for by name (a doctor car); empty leaves it to the rules."""
    skills: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    """Units not to propose: on it already, or refused."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as it stands. ``area`` is its home county."""

    unit_id: str
    kind: str
    area: str | None = None
    activity: Activity = "free"
    position: Point | None = None
    position_at: datetime | None = None
    station: Point | None = None
    at_base_at: datetime | None = None
    """When its crew last reported to be at the station; a position from before that no longer counts."""
    skills: frozenset[str] = frozenset()
    incident_id: str | None = None
    incident_priority: str | None = None
    reinforcement: bool = False
    """A second or third unit on its incident, which may be taken even at the scene."""
    reachable: bool = True
    """False when its dispatch desk's site is silent: visible, not assignable (grey)."""
    on_break: bool = False
    shift_ends_at: datetime | None = None

    @property
    def at_station(self) -> bool:
        """Tell whether the unit is taken to be at its station: no position, or one from before it came home."""
        if self.position is None:
            return True
        return self.station is not None and (
            self.at_base_at is not None and self.position_at is not None and self.at_base_at > self.position_at
        )

    @property
    def starts_from(self) -> Point | None:
        """Return where the unit would start from, None when neither position nor station is known."""
        return self.station if self.at_station else self.position


def candidate_of(
    state: UnitState, position: Position | None, *, area: str | None, reachable: bool, reinforcement: bool = False
) -> Candidate:
    """Return a unit as a candidate: what is folded of it, and the newest position that this site has heard.

    Args:
        state: the unit.
        position: its newest observation, None when none was heard.
        area: the county it belongs to, by its centre or its station.
        reachable: whether its dispatch desk's site is heard.
        reinforcement: whether another unit works on its incident, so that this one may be taken from the scene.
    """
    active = state.active
    if state.out_of_service or state.emergency_since is not None:
        activity: Activity = "off"
    elif active is None:
        activity = activity_of(state.status, assigned=False)
    else:
        activity = activity_of(active.state, assigned=True)
        if active.t_loaded is not None and activity != "handed_over":
            activity = "with_patient"  # whatever a late status says
    return Candidate(
        unit_id=state.unit_id,
        kind=state.kind,
        area=area,
        activity=activity,
        position=point(position.latitude, position.longitude) if position else None,
        position_at=position.at if position else None,
        station=point(state.latitude, state.longitude),
        at_base_at=state.status_at if state.status == "at_base" else None,
        skills=frozenset(state.skills),
        incident_id=active.incident_id if active else None,
        incident_priority=active.priority if active else None,
        reinforcement=reinforcement,
        reachable=reachable,
        shift_ends_at=state.shift_ends_at,
    )


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A region's rules, by priority code; a kind that no table names is proposed only when a need names it."""

    main: Mapping[str, frozenset[str]]
    """Kind -> priorities it may take."""
    first_response: Mapping[str, frozenset[str]]
    """Kind -> priorities it may begin."""
    preempts: Mapping[str, frozenset[str]]
    """Priority -> priorities whose units it may take."""
    sirens: frozenset[str]
    """Priorities driven with lights and sirens; others are slower by ``without_sirens_permille``."""
    without_sirens_permille: int = 1_250
    disturbs_break: frozenset[str] = frozenset()
    """Priorities for which a crew's meal break is broken."""
    ready_in_s: Mapping[str, int] = {}
    """Activity -> seconds until a unit can leave, for those that are not free at once."""
    cover_kinds: frozenset[str] = frozenset()
    """Kinds whose free units count as cover of an area."""
    cover_within_s: int = 720
    """Who lives further away than this from every free unit is uncovered (seconds, with lights and sirens)."""
    busy_share: float = 0.4
    """Share of time a unit is expected to be busy, for the value of a second and third unit within reach."""
    position_stale_s: int = 300
    assignment_s: int = 3_600
    """How long an assignment usually takes, for seeing whether a shift ends in it."""

    def role(self, need: Need, kind: str) -> Role | None:
        """Return what a kind may do for a need, None when it does not suit."""
        if need.kinds:
            return "main" if kind in need.kinds else None
        if need.priority in self.main.get(kind, ()):
            return "main"
        return "first_response" if need.priority in self.first_response.get(kind, ()) else None

    def usable(self, need: Need, unit: Candidate) -> bool:
        """Tell whether a unit of any kind could be sent as it stands: free, or taken from something less urgent."""
        if unit.unit_id in need.exclude or not need.skills <= unit.skills:
            return False
        if unit.activity in ("free", "handed_over"):
            return not unit.on_break or need.priority in self.disturbs_break
        takeable = unit.activity == "heading" or (unit.activity == "at_scene" and unit.reinforcement)
        return takeable and unit.incident_priority in self.preempts.get(need.priority, ())

    def driving_s(self, need: Need, seconds: int) -> int:
        """Return driving seconds for this priority from those with lights and sirens; never reverses an order."""
        return seconds if need.priority in self.sirens else seconds * self.without_sirens_permille // 1_000


def load_rules(data: Mapping[str, Any]) -> Rules:
    """Read rules from a table such as TOML gives; what is left out keeps its default.

    Raises:
        ValueError: an unknown name or a wrong type.
    """
    unknown = set(data) - set(Rules.__struct_fields__)
    if unknown:
        raise ValueError(f"not a rule: {', '.join(sorted(unknown))}")
    defaults = msgspec.to_builtins(DEFAULT_RULES)
    try:
        return msgspec.convert({**defaults, **data}, Rules)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a rule: {error}") from error


_ACUTE = frozenset({"1A", "1B"})
_PLANNED = frozenset({"3", "4"})
_ALL = frozenset({"1A", "1B", "2A", "2B", "3", "4"})

DEFAULT_RULES = Rules(
    main={
        "ambulance": _ALL,
        "icu_ambulance": _ACUTE | {"2A", "2B"},
        "transport_ambulance": _PLANNED,
        "light_ambulance": _PLANNED,
    },
    first_response={
        "transport_ambulance": _ACUTE,
        "light_ambulance": _ACUTE,
        "doctor_car": _ACUTE,
        "command_unit": _ACUTE,
        "ivpa_unit": frozenset({"1A"}),
    },
    preempts={
        "1A": frozenset({"2A", "2B", "3", "4"}),
        "1B": frozenset({"2A", "2B", "3", "4"}),
        "2A": _PLANNED,
        "2B": _PLANNED,
    },
    sirens=_ACUTE,
    disturbs_break=_ACUTE,
    ready_in_s={"handed_over": 300},
    cover_kinds=frozenset({"ambulance"}),
)
"""Prio 1 takes the nearest of any county and may take units from prio 2 and below before they arrive; a light unit
nearby may begin a prio 1; a meal break is broken for prio 1 only."""
