"""What is known of a unit (enhet): its registration, its claims, what its crew reported, and what follows from them."""

from datetime import datetime

import msgspec

from granslos.contract.events import (
    AssignmentCancelled,
    ConflictAcknowledged,
    UnitAssigned,
    UnitRegistered,
    UnitStatusReported,
)
from granslos.domain.clash import Acknowledgement, Clash

UnitEvent = UnitRegistered | UnitAssigned | AssignmentCancelled | UnitStatusReported | ConflictAcknowledged

PROGRESS: dict[str, int] = {
    "alarmed": 0,
    "delivered": 1,
    "acknowledged": 2,
    "en_route": 3,
    "staging": 4,
    "on_scene": 5,
    "at_patient": 6,
    "care_transferred": 7,
    "left_scene": 8,
    "loaded": 9,
    "at_destination": 10,
    "handed_over": 11,
}
"""How far along a mission is, by status."""
STATE_OF_PROGRESS: dict[str, str] = {"care_transferred": "at_patient", "left_scene": "at_patient"}
"""Statuses that are time stamps, not states, and the state they leave a unit in."""
TERMINAL = frozenset({"refused", "available"})
"""Statuses by which a crew ends its assignment."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A crew's status. ``journalled_at`` is when a site wrote it down."""

    event_id: str
    status: str
    reported_at: datetime
    journalled_at: datetime
    assignment_id: str | None = None
    incident_id: str | None = None

    @property
    def key(self) -> tuple[datetime, str]:
        """Return what reports are sorted by."""
        return (self.reported_at, self.event_id)


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """The unit was turned back by its dispatch desk."""

    assignment_id: str
    event_id: str
    at: datetime
    by: str
    reason: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment as the dispatch desk claimed it, in fold order.

    ``overlaps``: claims that were active where this one was folded, and that it does not replace. ``joined_to``: an
    earlier claim for the same incident that this one only repeats. ``displaced_at`` and ``displaced_by`` are set once
    another claim replaced it, or a contest over the unit was closed against it.
    """

    assignment_id: str
    event_id: str
    incident_id: str
    at: datetime
    by: str
    index: int
    centre: str | None = None
    incident_centre: str | None = None
    priority: str | None = None
    reason: str | None = None
    overlaps: tuple[str, ...] = ()
    joined_to: str | None = None
    cancellation: Cancellation | None = None
    displaced_at: datetime | None = None
    displaced_by: str | None = None


class AssignmentState(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's work on an incident. ``ended_at`` is when the end was written down; None while ``active``."""

    assignment_id: str
    event_id: str
    unit_id: str
    incident_id: str
    centre: str | None = None
    priority: str | None = None
    state: str = "alarmed"
    active: bool = True
    contested: bool = False
    by: str | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    t_alarmed: datetime | None = None
    t_delivered: datetime | None = None
    t_acknowledged: datetime | None = None
    t_en_route: datetime | None = None
    t_staging: datetime | None = None
    t_on_scene: datetime | None = None
    t_at_patient: datetime | None = None
    t_care_transferred: datetime | None = None
    t_left_scene: datetime | None = None
    t_loaded: datetime | None = None
    t_at_destination: datetime | None = None
    t_handed_over: datetime | None = None
    t_available: datetime | None = None
    t_cancelled: datetime | None = None
    t_refused: datetime | None = None


class UnitState(msgspec.Struct, frozen=True, kw_only=True):
    """A unit. ``assignments``, ``status``, ``flags`` and ``clashes`` follow from claims, reports and
    acknowledgements.
    """

    unit_id: str
    registered: bool = False
    kind: str = "ambulance"
    centre: str = ""
    station: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    skills: tuple[str, ...] = ()
    crew: tuple[str, ...] = ()
    shift_ends_at: datetime | None = None
    claims: tuple[Claim, ...] = ()
    claimed: int = 0
    early_cancellations: tuple[Cancellation, ...] = ()
    reports: tuple[Report, ...] = ()
    assignments: tuple[AssignmentState, ...] = ()
    status: str = "available"
    status_at: datetime | None = None
    out_of_service: bool = False
    emergency_since: datetime | None = None
    flags: tuple[str, ...] = ()
    clashes: tuple[Clash, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    last_decision: str | None = None

    @property
    def active(self) -> AssignmentState | None:
        """Return the assignment the unit works on; there is at most one."""
        return next((a for a in self.assignments if a.active), None)
