"""What readers get: resources of the API and the feed. Time stamps are named as in the field list (t_*), UTC."""

from typing import Any

import msgspec

from granslos.contract.answers import Durability
from granslos.contract.places import Caller, Defect, Extra, Location
from granslos.contract.types import Instant


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all resources."""


class AssignmentView(View, frozen=True, kw_only=True):
    """One unit's work on an incident, a projection of the unit's claim and its crew's statuses."""

    assignment_id: str
    unit_id: str
    incident_id: str
    centre: str | None = None
    state: str
    active: bool
    priority: str | None = None
    assigned_by: str | None = None
    reason: str | None = None
    contested: bool = False
    t_alarmed: Instant | None = None
    t_delivered: Instant | None = None
    t_acknowledged: Instant | None = None
    t_en_route: Instant | None = None
    t_staging: Instant | None = None
    t_on_scene: Instant | None = None
    t_at_patient: Instant | None = None
    t_care_transferred: Instant | None = None
    t_left_scene: Instant | None = None
    t_loaded: Instant | None = None
    t_at_destination: Instant | None = None
    t_handed_over: Instant | None = None
    t_available: Instant | None = None
    t_cancelled: Instant | None = None
    t_refused: Instant | None = None


class NoteView(View, frozen=True, kw_only=True):
    """A note with its author."""

    at: Instant
    author: str
    text: str
    site: str | None = None


class AssessmentView(View, frozen=True, kw_only=True):
    """One assessment; all are kept."""

    at: Instant
    operator: str
    priority: str
    recommended_priority: str | None = None
    reason: str | None = None
    category: str | None = None
    answers: Extra = {}
    provisional: bool = False


class SourceView(View, frozen=True, kw_only=True):
    """Where an incident came from, with the fragments' count."""

    handover_id: str
    source: str
    source_id: str
    fragments: int = 1
    call_ids: tuple[str, ...] = ()


class IncidentView(View, frozen=True, kw_only=True):
    """An incident (ärende) with all that concerns it."""

    id: str
    kind: str
    state: str
    centre: str
    area: str | None = None
    priority: str | None = None
    recommended_priority: str | None = None
    override_reason: str | None = None
    override_reason_missing: bool = False
    priority_disputed: bool = False
    category: str | None = None
    description: str | None = None
    source: str
    source_id: str
    sources: tuple[SourceView, ...] = ()
    caller: Caller | None = None
    location: Location | None = None
    alternative_locations: tuple[Location, ...] = ()
    language: str | None = None
    defects: tuple[Defect, ...] = ()
    extra: Extra = {}
    test: bool = False
    answered_by: str | None = None
    answered_centre: str | None = None
    co_listeners: tuple[str, ...] = ()
    assessments: tuple[AssessmentView, ...] = ()
    notes: tuple[NoteView, ...] = ()
    assignments: tuple[AssignmentView, ...] = ()
    referred_to: str | None = None
    outcome: str | None = None
    review_due_at: Instant | None = None
    merged_into: str | None = None
    merged_from: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    received_by: str | None = None
    provisional: bool = False
    booking: Extra | None = None
    durability: Durability = "site"
    position: int | None = None
    version: int = 0
    t_112_answered: Instant | None = None
    t_received: Instant | None = None
    t_offered: Instant | None = None
    t_answered: Instant | None = None
    t_position_known: Instant | None = None
    t_need_identified: Instant | None = None
    t_prioritised: Instant | None = None
    t_queued: Instant | None = None
    t_parked: Instant | None = None
    t_resumed: Instant | None = None
    t_alarmed: Instant | None = None
    t_delivered: Instant | None = None
    t_acknowledged: Instant | None = None
    t_en_route: Instant | None = None
    t_staging: Instant | None = None
    t_on_scene: Instant | None = None
    t_at_patient: Instant | None = None
    t_care_transferred: Instant | None = None
    t_left_scene: Instant | None = None
    t_loaded: Instant | None = None
    t_at_destination: Instant | None = None
    t_handed_over: Instant | None = None
    t_available: Instant | None = None
    t_cancelled: Instant | None = None
    t_referred: Instant | None = None
    t_closed: Instant | None = None
    t_reopened: Instant | None = None


class UnitView(View, frozen=True, kw_only=True):
    """A unit (enhet). ``assignable`` is false when its desk's site is silent (grey), or the unit is out of service.

    ``position`` is the newest observation this site has heard (see its age); None shows the station.
    """

    id: str
    kind: str
    centre: str
    area: str | None = None
    state: str
    station: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    skills: tuple[str, ...] = ()
    crew: tuple[str, ...] = ()
    shift_ends_at: Instant | None = None
    incident_id: str | None = None
    assignment: AssignmentView | None = None
    contested: tuple[str, ...] = ()
    emergency_since: Instant | None = None
    status_at: Instant | None = None
    flags: tuple[str, ...] = ()
    priority: str | None = None
    description: str | None = None
    source: str = "fleet"
    source_id: str = ""
    location: Location | None = None
    durability: Durability = "site"
    position: int | None = None
    version: int = 0


class DeskView(View, frozen=True, kw_only=True):
    """Who serves a desk, since when and why (normal, takeover, planned, handback, drill)."""

    desk: str
    authority: str
    epoch: int
    why: str
    since: Instant | None = None
    by: str | None = None
    reason: str | None = None
    provisional: bool = False
    reachable: bool = True
    takeover_pending: bool = False


class CentreView(View, frozen=True, kw_only=True):
    """A centre: its desks, areas, succession, and staff on duty."""

    id: str
    code: str
    name: str
    site: str
    state: str
    areas: tuple[str, ...]
    succession: tuple[str, ...]
    desks: dict[str, DeskView]
    staff: int = 0


class OperatorView(View, frozen=True, kw_only=True):
    """An operator on or off duty."""

    id: str
    state: str
    centre: str
    roles: tuple[str, ...] = ()
    since: Instant | None = None
    durability: Durability = "site"
    position: int | None = None
    version: int = 0


class ConflictView(View, frozen=True, kw_only=True):
    """A clash: derived from the events, the same at every site; open until a person acknowledges."""

    id: str
    kind: str
    state: str
    outcome: str
    text: str
    level: int = 2
    incidents: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    centres: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    detected_at: Instant | None = None
    acknowledged_by: str | None = None
    acknowledged_at: Instant | None = None
    note: str | None = None


class HistoryItem(View, frozen=True, kw_only=True):
    """One event in an incident's history, in LOG order, own pending events last."""

    event_id: str
    type: str
    at: Instant
    site: str
    position: int | None = None
    durability: Durability = "site"
    actor: str
    role: str
    centre: str | None = None
    desk: str | None = None
    epoch: int | None = None
    provisional: bool = False
    verdict: str = "normal"
    jseq: int = 0
    generation: int = 0
    hash: str = ""
    payload: Any = None


class HandoverView(View, frozen=True, kw_only=True):
    """A handover with its fragments."""

    id: str
    source: str
    source_id: str
    state: str
    incident_id: str | None = None
    fragments: tuple[Any, ...] = ()
    durability: Durability = "site"
    position: int | None = None
    version: int = 0


class SiteView(View, frozen=True, kw_only=True):
    """This site's own state, for people and for ``granslos status``."""

    code: str
    name: str
    environment: str
    version: str
    role: str
    island: bool
    quorum: bool
    log_leader: str | None
    log_position: int
    log_last: int | None
    lag: int
    journal_generation: int
    journal_head: int
    journal_backlog: int
    backlog_age_seconds: float
    can_commit: bool
    clock_offset_seconds: float | None
    parked_events: int
    desks: tuple[dict[str, Any], ...]
    sites: dict[str, Any]
    guard: Any = None
    alarms: tuple[str, ...] = ()
    uptime_seconds: float = 0.0
