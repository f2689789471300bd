"""Structs shared by commands, events and views: caller, location, actor."""

from typing import Any, Literal

import msgspec

from granslos.contract.person import PersonAddress, PersonName, PhoneNumber
from granslos.contract.types import (
    CentreCode,
    Instant,
    Latitude,
    Longitude,
    Metres,
    ShortText,
    SiteCode,
    UserId,
)

Role = Literal["operator", "dispatcher", "supervisor", "technician", "adapter", "observer", "system"]


class Actor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asked for something: a person's user id or a machine's name, with its role."""

    subject: UserId
    role: Role
    centre: CentreCode | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The one who rang (inringare); not always the patient. Fields unknown here are kept in the raw bytes only."""

    number: PhoneNumber | None = None
    name: PersonName | None = None


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where it happened, as one source claims it.

    ``usable`` is false for positions that are kept and shown but never routed on (0,0; outside the plausible area).
    """

    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_m: Metres | None = None
    confidence_percent: float | None = None
    source: ShortText | None = None
    method: ShortText | None = None
    address: PersonAddress | None = None
    observed_at: Instant | None = None
    usable: bool = True


class Defect(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a message that was accepted all the same."""

    code: ShortText
    where: ShortText = ""
    text: ShortText = ""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit was at an instant; an observation, newest wins."""

    unit_id: str
    latitude: Latitude
    longitude: Longitude
    at: Instant
    radius_m: Metres | None = None
    speed_m_s: float | None = None
    heading_deg: float | None = None
    source: ShortText | None = None
    site: SiteCode | None = None


Extra = dict[str, Any]
