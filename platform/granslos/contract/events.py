"""Facts, past tense. A decision belongs to one desk; a fact may be written by any site and commutes.

Schema evolution: new fields have defaults; a type never changes; a removed field stays reserved; else a new type and an
upcaster. A new type is written only when all sites can read it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from granslos.contract.commands import CrewStatus, DeskName, Kind
from granslos.contract.places import Caller, Defect, Extra, Location
from granslos.contract.types import (
    AreaCode,
    CentreCode,
    HandoverId,
    HexHash,
    IncidentId,
    Instant,
    Latitude,
    Longitude,
    LongText,
    PriorityCode,
    ShortText,
    SiteCode,
    SourceText,
    Text,
    Token,
    UnitId,
    UserId,
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"):
    """Base of all events' payloads."""


# --- handover (facts) ------------------------------------------------------------------------------------------------


class HandoverReceived(Event, frozen=True, kw_only=True):
    """A fragment of a 112 handover arrived; ``raw`` keeps its bytes."""

    handover_id: HandoverId
    source: SourceText
    source_id: SourceText
    received_at: Instant
    sent_at: Instant | None = None
    answered_112_at: Instant | None = None
    caller: Caller | None = None
    location: Location | None = None
    alternative_locations: tuple[Location, ...] = ()
    description: LongText | None = None
    priority: PriorityCode | None = None
    category: ShortText | None = None
    language: ShortText | None = None
    call_ids: tuple[SourceText, ...] = ()
    extra: Extra = {}
    defects: tuple[Defect, ...] = ()
    raw: bytes | None = None
    raw_media_type: ShortText | None = None
    test: bool = False


# --- incident --------------------------------------------------------------------------------------------------------


class IncidentOpened(Event, frozen=True, kw_only=True):
    """Decision of the call desk of ``centre``."""

    incident_id: IncidentId
    kind: Kind = "e"
    centre: CentreCode
    area: AreaCode | None = None
    handover_id: HandoverId | None = None
    source: SourceText
    source_id: SourceText
    offered_at: Instant
    received_by: SiteCode | None = None
    priority: PriorityCode | None = None
    test: bool = False


class IncidentAnswered(Event, frozen=True, kw_only=True):
    """An operator picked the call up."""

    operator: UserId
    operator_centre: CentreCode | None = None


class IncidentAssessed(Event, frozen=True, kw_only=True):
    """The priority was set; ``recommended`` is decision support's or the sender's."""

    priority: PriorityCode
    recommended: PriorityCode | None = None
    reason: Text | None = None
    category: ShortText | None = None
    description: LongText | None = None
    answers: Extra = {}
    operator: UserId


class IncidentParked(Event, frozen=True, kw_only=True):
    """The caller was put on hold."""

    operator: UserId
    reason: Text | None = None


class IncidentResumed(Event, frozen=True, kw_only=True):
    """The parked caller was taken back."""

    operator: UserId


class IncidentQueued(Event, frozen=True, kw_only=True):
    """The patient went into the waiting room; to be looked at again at ``review_due_at``."""

    operator: UserId
    review_due_at: Instant
    reason: Text | None = None


class IncidentReviewed(Event, frozen=True, kw_only=True):
    """A waiting patient was contacted again."""

    operator: UserId
    review_due_at: Instant
    note: Text | None = None


class IncidentReferred(Event, frozen=True, kw_only=True):
    """Referred to other care; no ambulance."""

    operator: UserId
    to: ShortText
    reason: Text | None = None


class IncidentClosed(Event, frozen=True, kw_only=True):
    """Closed, with what came of it."""

    operator: UserId
    outcome: ShortText | None = None
    reason: Text | None = None
    override_reason: Text | None = None


class IncidentReopened(Event, frozen=True, kw_only=True):
    """Opened again after closing."""

    operator: UserId
    reason: Text | None = None


class IncidentMerged(Event, frozen=True, kw_only=True):
    """Joined into another incident by an operator; its later events count there."""

    operator: UserId
    into: IncidentId
    reason: Text | None = None


class NoteAdded(Event, frozen=True, kw_only=True):
    """A note; a fact."""

    author: UserId
    text: LongText


class IncidentAmended(Event, frozen=True, kw_only=True):
    """A corrected place, caller or description; a fact, newest in LOG order shown, all kept."""

    author: UserId
    location: Location | None = None
    description: LongText | None = None
    caller: Caller | None = None


# --- unit ------------------------------------------------------------------------------------------------------------


class UnitRegistered(Event, frozen=True, kw_only=True):
    """A vehicle is known, or known better."""

    unit_id: UnitId
    kind: ShortText
    centre: CentreCode
    station: ShortText | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    skills: tuple[ShortText, ...] = ()
    crew: tuple[UserId, ...] = ()
    shift_ends_at: Instant | None = None


class UnitAssigned(Event, frozen=True, kw_only=True):
    """The unit's dispatch desk gave it to an incident (the claim). ``replaces`` names the assignment it pre-empts."""

    assignment_id: Token
    incident_id: IncidentId
    incident_centre: CentreCode | None = None
    priority: PriorityCode | None = None
    replaces: Token | None = None
    by: UserId
    reason: Text | None = None


class AssignmentCancelled(Event, frozen=True, kw_only=True):
    """The unit was turned back (stood down) by its dispatch desk."""

    assignment_id: Token
    incident_id: IncidentId
    by: UserId
    reason: Text | None = None


class UnitStatusReported(Event, frozen=True, kw_only=True):
    """A crew's status; a fact. ``assignment_id`` is the assignment active when it was journalled, and never changes."""

    status: CrewStatus
    reported_at: Instant
    assignment_id: Token | None = None
    incident_id: IncidentId | None = None
    source: ShortText | None = None
    raw: ShortText | None = None


# --- operator, conflict, booking, journal -----------------------------------------------------------------------------


class DutyChanged(Event, frozen=True, kw_only=True):
    """An operator went on or off duty; a fact."""

    user_id: UserId
    on: bool
    centre: CentreCode
    roles: tuple[ShortText, ...] = ()


class ConflictAcknowledged(Event, frozen=True, kw_only=True):
    """A person settled a clash; its outcome is frozen. A fact."""

    conflict_id: Token
    by: UserId
    note: Text | None = None


class BookingReceived(Event, frozen=True, kw_only=True):
    """A planned transport was ordered and opened as an incident of kind ``b``. Decision of the call desk."""

    incident_id: IncidentId
    source: SourceText
    source_id: SourceText
    centre: CentreCode
    area: AreaCode | None = None
    transport_class: ShortText
    pickup: Location
    destination: Location
    earliest_at: Instant | None = None
    latest_at: Instant | None = None
    time_reference: ShortText = "pickup"
    priority: PriorityCode
    needs: tuple[ShortText, ...] = ()
    patient: Caller | None = None
    contact: Caller | None = None
    description: Text | None = None


class BookingCancelled(Event, frozen=True, kw_only=True):
    """The orderer withdrew it before the patient was on board."""

    by: UserId
    reason: Text | None = None


class GenerationStarted(Event, frozen=True, kw_only=True):
    """The first event of a journal generation; names its predecessor's tail as far as the LOG knew it."""

    reason: ShortText
    predecessor_generation: int = 0
    predecessor_jseq: int = 0
    predecessor_hash: HexHash = "0" * 64
    serials_from: Annotated[int, Meta(ge=1)] = 1


class DeskMoved(Event, frozen=True, kw_only=True):
    """An epoch marker: the desk of ``centre`` is served by ``holder`` from here on. Belongs to no journal.

    ``tail_*`` repeat the loser's last journal event in the LOG, so that its forwarder finds its cursor behind the marker.
    """

    centre: CentreCode
    desk: DeskName
    epoch: Annotated[int, Meta(ge=1)]
    holder: SiteCode
    loser: SiteCode
    why: Literal["takeover", "planned", "handback", "drill"]
    by: UserId
    at: Instant
    reason: Text | None = None
    tail_generation: int = 0
    tail_jseq: int = 0
    tail_hash: HexHash = "0" * 64


AnyEvent = (
    HandoverReceived
    | IncidentOpened
    | IncidentAnswered
    | IncidentAssessed
    | IncidentParked
    | IncidentResumed
    | IncidentQueued
    | IncidentReviewed
    | IncidentReferred
    | IncidentClosed
    | IncidentReopened
    | IncidentMerged
    | NoteAdded
    | IncidentAmended
    | UnitRegistered
    | UnitAssigned
    | AssignmentCancelled
    | UnitStatusReported
    | DutyChanged
    | ConflictAcknowledged
    | BookingReceived
    | BookingCancelled
    | GenerationStarted
    | DeskMoved
)

CALL_DESK_EVENTS: frozenset[str] = frozenset(
    {
        "IncidentOpened",
        "IncidentAnswered",
        "IncidentAssessed",
        "IncidentParked",
        "IncidentResumed",
        "IncidentQueued",
        "IncidentReviewed",
        "IncidentReferred",
        "IncidentClosed",
        "IncidentReopened",
        "IncidentMerged",
        "BookingReceived",
        "BookingCancelled",
    }
)
"""Decisions of a call desk; all may be provisional."""

DISPATCH_DESK_EVENTS: frozenset[str] = frozenset({"UnitRegistered", "UnitAssigned", "AssignmentCancelled"})
"""Decisions of a dispatch desk; never provisional."""


def desk_of(event_type: str) -> DeskName | None:
    """Return the desk whose decision this event type is, or None for a fact."""
    if event_type in CALL_DESK_EVENTS:
        return "calls"
    if event_type in DISPATCH_DESK_EVENTS:
        return "dispatch"
    return None
