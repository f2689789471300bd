"""What is known of an incident (ärende), folded from its events."""

from datetime import datetime
from typing import Literal

import msgspec

from granslos.contract.commands import Kind
from granslos.contract.events import (
    BookingCancelled,
    BookingReceived,
    ConflictAcknowledged,
    IncidentAmended,
    IncidentAnswered,
    IncidentAssessed,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    IncidentParked,
    IncidentQueued,
    IncidentReferred,
    IncidentReopened,
    IncidentResumed,
    IncidentReviewed,
    NoteAdded,
)
from granslos.contract.places import Caller, Extra, Location
from granslos.domain.clash import Acknowledgement, Clash
from granslos.domain.marks import Mark

LifeState = Literal["offered", "answered", "parked", "waiting", "referred", "closed"]
OpenState = Literal["offered", "answered", "parked", "waiting", "referred"]

LifeEvent = IncidentParked | IncidentResumed | IncidentQueued | IncidentReviewed | IncidentReferred | IncidentReopened
"""Decisions that move an incident between its open states."""
OpeningEvent = IncidentOpened | BookingReceived
ClosingEvent = IncidentClosed | BookingCancelled
FactEvent = NoteAdded | IncidentAmended | ConflictAcknowledged
DecisionEvent = OpeningEvent | IncidentAnswered | IncidentAssessed | LifeEvent | ClosingEvent | IncidentMerged
IncidentEvent = DecisionEvent | FactEvent


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Who brought it: a handover (``handover_id``) or a booking channel (None)."""

    source: str
    source_id: str
    handover_id: str | None = None
    incident_id: str


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The operator who holds the call."""

    operator: str
    centre: str | None
    mark: Mark


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One assessment, in fold order; all are kept."""

    event_id: str
    at: datetime
    operator: str
    priority: str
    recommended: str | None = None
    reason: str | None = None
    category: str | None = None
    description: str | None = None
    answers: Extra = {}
    provisional: bool = False
    centre: str | None = None
    is_foreign: bool = False
    mark: Mark


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note with its author."""

    event_id: str
    at: datetime
    author: str
    text: str
    site: str


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """A corrected place, caller or description, kept beside what was there."""

    event_id: str
    at: datetime
    author: str
    location: Location | None = None
    description: str | None = None
    caller: Caller | None = None


class Superseded(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that had no effect because a contradicting one counts; kept and shown."""

    event_id: str
    by_event_id: str
    type: str
    at: datetime
    by: str


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that set the open state, and what it set it to."""

    state: OpenState
    type: str
    by: str
    detail: str = ""
    mark: Mark


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A planned transport's details."""

    transport_class: str
    pickup: Location
    destination: Location
    earliest_at: datetime | None = None
    latest_at: datetime | None = None
    time_reference: str = "pickup"
    needs: tuple[str, ...] = ()
    patient: Caller | None = None
    contact: Caller | None = None
    description: str | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


class IncidentState(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as folded from its own events and those of the incidents merged into it.

    ``state`` is what the call desk decided; what units do is derived in the view. ``uncovered`` holds the decisions
    that
    neither a later one nor a closing knew of: the incident is closed when it was closed and nothing is uncovered.
    ``standing`` are the assessments that no later one knew of: more than one priority among them is a dispute.
    ``members`` are the incidents folded into it, itself included; ``joined`` those that a person merged into it.
    ``last_decision`` is what the next decision names as its base.
    """

    incident_id: str = ""
    opened: bool = False
    opened_event_id: str = ""
    kind: Kind = "e"
    centre: str = ""
    area: str | None = None
    source: str = ""
    source_id: str = ""
    sources: tuple[Source, ...] = ()
    handover_ids: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    received_by: str | None = None
    test: bool = False
    provisional: bool = False
    state: LifeState = "offered"
    open_state: OpenState = "offered"
    life: Life | None = None
    holder: Holder | None = None
    co_listeners: tuple[str, ...] = ()
    opened_priority: str | None = None
    priority: str | None = None
    priority_disputed: bool = False
    recommended_priority: str | None = None
    override_reason: str | None = None
    override_reason_missing: bool = False
    category: str | None = None
    assessments: tuple[Assessment, ...] = ()
    standing: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    review_due_at: datetime | None = None
    referred_to: str | None = None
    outcome: str | None = None
    joined: tuple[str, ...] = ()
    merged_into: str | None = None
    merged_mark: Mark | None = None
    booking: Booking | None = None
    closing: Mark | None = None
    uncovered: tuple[Mark, ...] = ()
    superseded: tuple[Superseded, ...] = ()
    clashes: tuple[Clash, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    marks: tuple[Mark, ...] = ()
    decisions: int = 0
    last_decision: str | None = None
    life_at: datetime | None = None
    offered_at: datetime | None = None
    answered_at: datetime | None = None
    prioritised_at: datetime | None = None
    need_identified_at: datetime | None = None
    queued_at: datetime | None = None
    parked_at: datetime | None = None
    resumed_at: datetime | None = None
    referred_at: datetime | None = None
    closed_at: datetime | None = None
    reopened_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Tell whether the call desk's word is that it is closed."""
        return self.state == "closed"

    @property
    def answered_by(self) -> str | None:
        """Return who holds the call."""
        return self.holder.operator if self.holder else None
