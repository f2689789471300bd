"""Requests to the platform, imperative. Each names its aggregate and is tagged with its own name.

A command travels with a command id (``CommandRequest``); the same id twice is the same command, at any site. What a
command creates derives its id from the command id, so a resend through another site has one effect.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from granslos.contract.places import Actor, Caller, Defect, Extra, Location
from granslos.contract.types import (
    AreaCode,
    CentreCode,
    CommandId,
    HandoverId,
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

DeskName = Literal["calls", "dispatch"]
Kind = Literal["e", "b"]
"""Incident kind: ``e`` from a 112 handover, ``b`` from a transport booking."""

CrewStatus = Literal[
    "delivered",
    "acknowledged",
    "refused",
    "en_route",
    "staging",
    "on_scene",
    "at_patient",
    "care_transferred",
    "left_scene",
    "loaded",
    "at_destination",
    "handed_over",
    "available",
    "at_base",
    "out_of_service",
    "emergency",
]


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True, tag_field="name"):
    """Base of all commands."""


# --- handover -------------------------------------------------------------------------------------------------------


class ReceiveHandover(Command, frozen=True, kw_only=True):
    """A fragment of a 112 handover. Only ``source`` and ``source_id`` are needed; a call is never refused for its data.

    ``source_id`` is the sender's id of the *case*: fragments with the same (source, source_id) belong to one incident.
    ``raw`` is base64 of the bytes as received; ``extra`` keeps fields this release does not know.
    """

    source: SourceText
    source_id: SourceText
    sent_at: Instant | None = None
    answered_112_at: Instant | None = None
    caller: Caller | None = None
    location: Location | None = None
    alternative_locations: Annotated[tuple[Location, ...], Meta(max_length=50)] = ()
    description: LongText | None = None
    priority: PriorityCode | None = None
    category: ShortText | None = None
    language: ShortText | None = None
    call_ids: Annotated[tuple[SourceText, ...], Meta(max_length=50)] = ()
    extra: Extra = {}
    defects: Annotated[tuple[Defect, ...], Meta(max_length=200)] = ()
    raw: bytes | None = None
    raw_media_type: ShortText | None = None
    test: bool = False


class OpenIncident(Command, frozen=True, kw_only=True):
    """Ask the responsible call desk to open the incident of a handover; sent by nodes to each other."""

    handover_id: HandoverId
    handover: ReceiveHandover
    received_at: Instant
    received_by: SiteCode
    centre: CentreCode
    area: AreaCode | None = None


# --- incident -------------------------------------------------------------------------------------------------------


class IncidentCommand(Command, frozen=True, kw_only=True):
    """Base of commands to one incident."""

    incident_id: IncidentId


class AnswerIncident(IncidentCommand, frozen=True, kw_only=True):
    """Take an offered incident: the operator holds its call."""


class AssessIncident(IncidentCommand, frozen=True, kw_only=True):
    """Set the priority. ``recommended_priority`` comes from outside or from decision support.

    Where chosen and recommended differ, ``reason`` should say why; its absence never blocks an alarm, but closing asks again.
    """

    priority: PriorityCode
    recommended_priority: PriorityCode | None = None
    reason: Text | None = None
    category: ShortText | None = None
    description: LongText | None = None
    answers: Extra = {}


class ParkIncident(IncidentCommand, frozen=True, kw_only=True):
    """Put the caller on hold for another 112 call."""

    reason: Text | None = None


class ResumeIncident(IncidentCommand, frozen=True, kw_only=True):
    """Take a parked caller back."""


class QueueIncident(IncidentCommand, frozen=True, kw_only=True):
    """Put a prioritised patient in the waiting room (väntrum); review clocks follow the priority."""

    reason: Text | None = None
    review_at: Instant | None = None


class ReviewIncident(IncidentCommand, frozen=True, kw_only=True):
    """Record a renewed contact with a waiting patient; restarts the review clock."""

    note: Text | None = None


class ReferIncident(IncidentCommand, frozen=True, kw_only=True):
    """Refer to other care, no ambulance (hänvisning)."""

    to: ShortText = "other_care"
    reason: Text | None = None


class CloseIncident(IncidentCommand, frozen=True, kw_only=True):
    """Close. Asks for the override reason when it is still missing; refuses while a unit is at work."""

    outcome: ShortText | None = None
    reason: Text | None = None
    override_reason: Text | None = None


class ReopenIncident(IncidentCommand, frozen=True, kw_only=True):
    """Open a closed incident again."""

    reason: Text | None = None


class AddNote(IncidentCommand, frozen=True, kw_only=True):
    """Add a note; a fact, taken by any site."""

    text: Annotated[LongText, Meta(min_length=1)]


class AmendIncident(IncidentCommand, frozen=True, kw_only=True):
    """Correct the place or the description; a fact, kept beside what was there."""

    location: Location | None = None
    description: LongText | None = None
    caller: Caller | None = None


class MergeIncident(IncidentCommand, frozen=True, kw_only=True):
    """Join this incident into another one, by an operator's decision."""

    into: IncidentId
    reason: Text | None = None


# --- unit -----------------------------------------------------------------------------------------------------------


class RegisterUnit(Command, frozen=True, kw_only=True):
    """Make a vehicle known, or change what is known of it."""

    unit_id: UnitId
    kind: ShortText = "ambulance"
    centre: CentreCode
    station: ShortText | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    skills: Annotated[tuple[ShortText, ...], Meta(max_length=50)] = ()
    crew: Annotated[tuple[UserId, ...], Meta(max_length=12)] = ()
    shift_ends_at: Instant | None = None


class AssignUnit(Command, frozen=True, kw_only=True):
    """Give a unit to an incident (larma ut). Decided by the dispatch desk of the unit's centre.

    ``vouched`` is set by a node that knows the incident when it passes the command on.
    """

    unit_id: UnitId
    incident_id: IncidentId
    preempt: bool = False
    reason: Text | None = None
    priority: PriorityCode | None = None
    vouched: bool = False


class CancelAssignment(Command, frozen=True, kw_only=True):
    """Turn a unit back from an incident."""

    unit_id: UnitId
    incident_id: IncidentId
    reason: Text | None = None


class ReportUnitStatus(Command, frozen=True, kw_only=True):
    """A crew's status; a fact, written by whatever site hears it. Bound to the active assignment when journalled."""

    unit_id: UnitId
    status: CrewStatus
    at: Instant | None = None
    incident_id: IncidentId | None = None
    source: ShortText | None = None
    raw: ShortText | None = None


# --- centre, operator, conflict --------------------------------------------------------------------------------------


class SetDuty(Command, frozen=True, kw_only=True):
    """Go on or off duty at a centre."""

    user_id: UserId
    on: bool
    centre: CentreCode
    roles: Annotated[tuple[ShortText, ...], Meta(max_length=12)] = ()


class TakeOverDesk(Command, frozen=True, kw_only=True):
    """Serve another site's desk from here. Planned when its authority is alive, else by the supervisor's key."""

    centre: CentreCode
    desk: DeskName
    reason: Text | None = None


class HandBackDesk(Command, frozen=True, kw_only=True):
    """Give a desk back to the centre's own site."""

    centre: CentreCode
    desk: DeskName
    reason: Text | None = None


class AcknowledgeConflict(Command, frozen=True, kw_only=True):
    """A person has seen and settled a clash; its outcome is frozen."""

    conflict_id: Token
    note: Text | None = None


# --- booking --------------------------------------------------------------------------------------------------------


class BookTransport(Command, frozen=True, kw_only=True):
    """Order a planned patient transport; becomes an incident of kind ``b``."""

    source: SourceText
    source_id: SourceText
    transport_class: Literal[
        "ambulance",
        "transport_ambulance",
        "light_ambulance",
        "stretcher",
        "intensive_care",
        "neonatal",
        "bariatric",
        "psychiatric",
    ] = "stretcher"
    pickup: Location
    destination: Location
    earliest_at: Instant | None = None
    latest_at: Instant | None = None
    time_reference: Literal["pickup", "arrival"] = "pickup"
    priority: PriorityCode = "3"
    needs: Annotated[tuple[ShortText, ...], Meta(max_length=50)] = ()
    patient: Caller | None = None
    contact: Caller | None = None
    description: Text | None = None
    centre: CentreCode | None = None


class CancelBooking(Command, frozen=True, kw_only=True):
    """Withdraw a booking; refused once the patient is on board."""

    booking_id: IncidentId
    reason: Text | None = None


AnyCommand = (
    ReceiveHandover
    | OpenIncident
    | AnswerIncident
    | AssessIncident
    | ParkIncident
    | ResumeIncident
    | QueueIncident
    | ReviewIncident
    | ReferIncident
    | CloseIncident
    | ReopenIncident
    | AddNote
    | AmendIncident
    | MergeIncident
    | RegisterUnit
    | AssignUnit
    | CancelAssignment
    | ReportUnitStatus
    | SetDuty
    | TakeOverDesk
    | HandBackDesk
    | AcknowledgeConflict
    | BookTransport
    | CancelBooking
)


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command on its way to a node, over NATS.

    ``deadline_ms`` is the sender's patience from sending; the node answers within it. ``asked_epoch`` is the epoch that
    the asker believes the desk to have; a mismatch is answered with the right authority. ``routed`` stops a second hop.
    ``wait``: ``site`` answers as soon as it is durable at the deciding site, without waiting for the LOG.
    """

    command_id: CommandId
    actor: Actor
    payload: AnyCommand
    deadline_ms: Annotated[int, Meta(ge=1, le=60_000)] = 800
    asked_epoch: int | None = None
    routed: bool = False
    wait: Literal["cluster", "site"] = "cluster"
