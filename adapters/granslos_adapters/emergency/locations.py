"""From what readers found to the contract's locations, and the choice of the one to show first.

All are kept. Shown first is a usable one before an unusable one, of the nearest kind to where it happened, then the
newest, then the surest, then the smallest; what a sender may have meant by an impossible position is offered besides.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from granslos.contract.person import PersonAddress
from granslos.contract.places import Location
from granslos_adapters.emergency.limits import (
    ALTERNATIVE_LOCATIONS_MAX,
    PERSONAL_CHARACTERS_MAX,
    SHORT_TEXT_CHARACTERS_MAX,
)
from granslos_adapters.emergency.pidflo import Found
from granslos_adapters.emergency.positions import Suggestion, in_degrees
from granslos_adapters.emergency.texts import fit

FUTURE_TOLERANCE = timedelta(minutes=5)
"""A time of fix later than this after the message itself says nothing: senders do write 2050."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A location and how near its kind is to where it happened: 0 the place itself, higher is further away.

    ``never_first`` keeps it among the alternatives: a unit's place is not the incident's.
    """

    location: Location
    remoteness: int = 0
    never_first: bool = False


def from_found(found: Found, source: str, remoteness: int = 0, never_first: bool = False) -> list[Candidate]:
    """Return the location found, and after it what its sender may have meant."""
    shape = found.shape
    possible = shape is not None and in_degrees(shape.latitude, shape.longitude)
    location = Location(
        latitude=shape.latitude if shape is not None and possible else None,
        longitude=shape.longitude if shape is not None and possible else None,
        radius_m=shape.radius_m if shape is not None else None,
        confidence_percent=found.confidence_percent,
        source=fit(source, SHORT_TEXT_CHARACTERS_MAX),
        method=found.method,
        address=PersonAddress(fit(found.civic.text, PERSONAL_CHARACTERS_MAX)) if found.civic is not None else None,
        observed_at=found.observed_at,
        usable=shape is None or shape.usable,
    )
    candidates = [Candidate(location=location, remoteness=remoteness, never_first=never_first)]
    if shape is not None and shape.suggestion is not None:
        candidates.append(from_suggestion(shape.suggestion, source))
    return candidates


def from_suggestion(suggestion: Suggestion, source: str) -> Candidate:
    """Return what a sender may have meant, as a location that is shown but never used by itself."""
    location = Location(
        latitude=suggestion.latitude,
        longitude=suggestion.longitude,
        source=fit(f"{source}, suggestion: {suggestion.reason}", SHORT_TEXT_CHARACTERS_MAX),
        usable=False,
    )
    return Candidate(location=location, never_first=True)


def choose(candidates: Iterable[Candidate], sent_at: datetime | None) -> tuple[Location | None, tuple[Location, ...]]:
    """Return the location to show first (None when there is none) and the others, best first, within their bound."""
    ordered = sorted(candidates, key=lambda candidate: _rank(candidate, sent_at))
    first = next((candidate for candidate in ordered if not candidate.never_first), None)
    rest: Sequence[Location] = [candidate.location for candidate in ordered if candidate is not first]
    return (first.location if first else None), tuple(rest[:ALTERNATIVE_LOCATIONS_MAX])


def _rank(candidate: Candidate, sent_at: datetime | None) -> tuple[bool, int, float, float, float, bool]:
    location = candidate.location
    moment = location.observed_at
    if moment is None or (sent_at is not None and moment > sent_at + FUTURE_TOLERANCE):
        moment = _LONG_AGO
    radius = location.radius_m if location.radius_m is not None else float("inf")
    confidence = location.confidence_percent if location.confidence_percent is not None else 0.0
    return (
        location.latitude is None or not location.usable,
        candidate.remoteness,
        -moment.timestamp(),
        -confidence,
        radius,
        location.address is None,
    )
