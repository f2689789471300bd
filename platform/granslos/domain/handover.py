"""Handovers (överlämning): fragments of one 112 case that arrive by several paths, in any order, perhaps twice.

Fragments are facts: the state depends on which have arrived, never on their order. A call is never refused for its
data.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

import msgspec

from granslos.contract.commands import ReceiveHandover
from granslos.contract.envelope import derive_id, encode, handover_id
from granslos.contract.events import HandoverReceived, IncidentOpened
from granslos.contract.places import Caller, Defect, Extra, Location
from granslos.domain.limits import (
    ALTERNATIVE_LOCATIONS_MAX,
    FRAGMENTS_MAX,
    FRAGMENTS_OLDEST_KEPT,
    LOCATION_AHEAD_SECONDS,
    LOCATION_VALID_SECONDS,
)
from granslos.domain.stamp import Context, Stamp

HandoverEvent = HandoverReceived | IncidentOpened
Value = TypeVar("Value")


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """One fragment without its raw bytes, which stay in the LOG. ``digest`` is equal for equal content."""

    event_id: str
    site: str
    digest: str
    received_at: datetime
    sent_at: datetime | None = None
    answered_112_at: datetime | None = None
    caller: Caller | None = None
    location: Location | None = None
    alternative_locations: tuple[Location, ...] = ()
    description: str | None = None
    priority: str | None = None
    category: str | None = None
    language: str | None = None
    call_ids: tuple[str, ...] = ()
    extra: Extra = {}
    defects: tuple[Defect, ...] = ()
    test: bool = False

    @property
    def key(self) -> tuple[datetime, str]:
        """Return what fragments are sorted by: when they were sent, else received."""
        return (self.sent_at or self.received_at, self.event_id)


class HandoverState(msgspec.Struct, frozen=True, kw_only=True):
    """A handover. ``fragments`` are sorted by time, whatever order they came in; ``count`` includes those not kept.

    ``incident_ids`` are the incidents opened for it, in LOG order: the first stays, others are joined to it.
    """

    handover_id: str
    source: str = ""
    source_id: str = ""
    fragments: tuple[Fragment, ...] = ()
    count: int = 0
    incident_ids: tuple[str, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The best that all fragments together say. ``position_known_at``: when the first usable position arrived."""

    received_at: datetime | None = None
    answered_112_at: datetime | None = None
    caller: Caller | None = None
    location: Location | None = None
    alternative_locations: tuple[Location, ...] = ()
    position_known_at: datetime | None = None
    description: str | None = None
    priority: str | None = None
    category: str | None = None
    language: str | None = None
    call_ids: tuple[str, ...] = ()
    extra: Extra = {}
    defects: tuple[Defect, ...] = ()
    test: bool = False


def evolve(state: HandoverState | None, event: HandoverEvent, stamp: Stamp) -> HandoverState:
    """Fold one event. Total and pure; fragments commute."""
    match event:
        case HandoverReceived():
            return _with_fragment(state or HandoverState(handover_id=event.handover_id), event, stamp)
        case IncidentOpened():
            base = state or HandoverState(handover_id=event.handover_id or handover_id(event.source, event.source_id))
            base = _named(base, event.source, event.source_id)
            if event.incident_id in base.incident_ids:
                return base
            return msgspec.structs.replace(base, incident_ids=(*base.incident_ids, event.incident_id))
        case _:
            assert_never(event)


def _named(state: HandoverState, source: str, source_id: str) -> HandoverState:
    if state.source:
        return state
    return msgspec.structs.replace(state, source=source, source_id=source_id)


def _with_fragment(state: HandoverState, event: HandoverReceived, stamp: Stamp) -> HandoverState:
    made = Fragment(
        event_id=stamp.event_id,
        site=stamp.site,
        digest=_digest(event),
        received_at=event.received_at,
        sent_at=event.sent_at,
        answered_112_at=event.answered_112_at,
        caller=event.caller,
        location=event.location,
        alternative_locations=event.alternative_locations,
        description=event.description,
        priority=event.priority,
        category=event.category,
        language=event.language,
        call_ids=event.call_ids,
        extra=event.extra,
        defects=event.defects,
        test=event.test,
    )
    ordered = sorted((*state.fragments, made), key=lambda f: f.key)
    if len(ordered) > FRAGMENTS_MAX:
        ordered = ordered[:FRAGMENTS_OLDEST_KEPT] + ordered[FRAGMENTS_OLDEST_KEPT - FRAGMENTS_MAX :]
    named = _named(state, event.source, event.source_id)
    return msgspec.structs.replace(named, fragments=tuple(ordered), count=state.count + 1)


def _digest(event: HandoverReceived) -> str:
    """Return the hash of a fragment's content: all but when it was received."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name != "received_at"}
    return derive_id("fragment", encode(fields).hex())


# --- the best of all fragments ---------------------------------------------------------------------------------------


def summary(state: HandoverState) -> Summary:
    """Return the best that the fragments together say; newer ones win field by field, positions by
    ``location_rank``.
    """
    fragments = state.fragments
    claimed = claimed_locations(fragments)
    chosen = claimed[0] if claimed and _has_place(claimed[0]) and claimed[0].usable else None
    others = tuple(place for place in claimed if place is not chosen)[:ALTERNATIVE_LOCATIONS_MAX]
    return Summary(
        received_at=min((f.received_at for f in fragments), default=None),
        answered_112_at=min((f.answered_112_at for f in fragments if f.answered_112_at), default=None),
        caller=_best_caller(fragments),
        location=chosen,
        alternative_locations=others,
        position_known_at=min((f.received_at for f in fragments if _brings_position(f)), default=None),
        description=_newest(fragments, lambda f: f.description),
        priority=_newest(fragments, lambda f: f.priority),
        category=_newest(fragments, lambda f: f.category),
        language=_newest(fragments, lambda f: f.language),
        call_ids=tuple(dict.fromkeys(call for f in fragments for call in f.call_ids)),
        extra=_merged(f.extra for f in fragments),
        defects=tuple(dict.fromkeys(defect for f in fragments for defect in f.defects)),
        test=bool(fragments) and all(f.test for f in fragments),
    )


def claimed_locations(fragments: Iterable[Fragment]) -> tuple[Location, ...]:
    """Return all claimed places, the best first, each once."""
    ranked = [
        (location_rank(place, fragment), n, place)
        for fragment in fragments
        for n, place in enumerate((fragment.location, *fragment.alternative_locations))
        if place is not None
    ]
    ranked.sort(key=lambda row: (row[0], -row[1]), reverse=True)
    found: list[Location] = []
    for _, _, place in ranked:
        if place not in found:
            found.append(place)
    return tuple(found)


def location_rank(place: Location, fragment: Fragment) -> tuple[Any, ...]:
    """Return what claimed places are compared by, the best highest.

    Usable before unusable, coordinates before none, then newest within its validity, then confidence, then radius.
    """
    age = (fragment.received_at - place.observed_at).total_seconds() if place.observed_at else 0.0
    is_valid = age <= LOCATION_VALID_SECONDS
    is_dated = place.observed_at is not None and age >= -LOCATION_AHEAD_SECONDS
    observed = place.observed_at if is_dated and place.observed_at else fragment.received_at
    confidence = place.confidence_percent if place.confidence_percent is not None else -1.0
    radius = place.radius_m if place.radius_m is not None else float("inf")
    return (
        place.usable,
        has_coordinates(place),
        is_valid,
        observed,
        confidence,
        -radius,
        fragment.key,
    )


def has_coordinates(place: Location | None) -> bool:
    """Tell whether a place has a point on the map."""
    return place is not None and place.latitude is not None and place.longitude is not None


def _has_place(place: Location) -> bool:
    return has_coordinates(place) or place.address is not None


def _brings_position(fragment: Fragment) -> bool:
    places = (fragment.location, *fragment.alternative_locations)
    return any(place is not None and place.usable and has_coordinates(place) for place in places)


def _best_caller(fragments: Iterable[Fragment]) -> Caller | None:
    number = _newest(fragments, lambda f: f.caller.number if f.caller else None)
    name = _newest(fragments, lambda f: f.caller.name if f.caller else None)
    return Caller(number=number, name=name) if number or name else None


def _newest(fragments: Iterable[Fragment], pick: Callable[[Fragment], Value | None]) -> Value | None:
    chosen: Value | None = None
    for fragment in fragments:
        value = pick(fragment)
        chosen = value if value is not None and value != "" else chosen
    return chosen


def _merged(extras: Iterable[Extra]) -> Extra:
    made: Extra = {}
    for extra in extras:
        made.update(extra)
    return dict(sorted(made.items()))


# --- decision --------------------------------------------------------------------------------------------------------


def received(
    command: ReceiveHandover, context: Context, now: datetime, state: HandoverState | None = None
) -> tuple[HandoverReceived, ...]:
    """Take a fragment; never refuses. Empty only when ``state`` holds a fragment of exactly this content."""
    return () if state is not None and has_fragment(state, command) else (_fragment_event(command, now),)


def has_fragment(state: HandoverState, command: ReceiveHandover) -> bool:
    """Tell whether the handover has a fragment of exactly this content already."""
    digest = _digest(_fragment_event(command, ANY_TIME))
    return any(f.digest == digest for f in state.fragments)


def _fragment_event(command: ReceiveHandover, now: datetime) -> HandoverReceived:
    fields = {name: getattr(command, name) for name in command.__struct_fields__}
    return HandoverReceived(handover_id=handover_id(command.source, command.source_id), received_at=now, **fields)


ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A fragment's content does not depend on when it was received."""
