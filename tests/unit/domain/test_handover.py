"""Handovers: fragments in any order come to the same; the best position is chosen and the others shown."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.commands import ReceiveHandover
from granslos.contract.envelope import handover_id
from granslos.contract.events import HandoverReceived, IncidentOpened
from granslos.contract.person import PersonAddress, PersonName, PhoneNumber
from granslos.contract.places import Caller, Defect, Location
from granslos.domain.handover import HandoverState, has_fragment, received, summary
from granslos.domain.limits import (
    ALTERNATIVE_LOCATIONS_MAX,
    FRAGMENTS_MAX,
    FRAGMENTS_OLDEST_KEPT,
    LOCATION_AHEAD_SECONDS,
    LOCATION_VALID_SECONDS,
)
from granslos.domain.view import handover_view
from support.chronicle import Chronicle, Entry, at, context, folded, roundtrip

ID = handover_id("sos", "1")


def fragment(seconds: float, **fields: Any) -> HandoverReceived:
    fields.setdefault("sent_at", at(seconds))
    return HandoverReceived(handover_id=ID, source="sos", source_id="1", received_at=at(seconds), **fields)


def place(latitude: float = 59.6, **fields: Any) -> Location:
    return Location(latitude=latitude, longitude=16.5, **fields)


def made(*fragments: HandoverReceived) -> HandoverState:
    log = Chronicle()
    for event in fragments:
        log.write("handover", ID, event)
    state = log.state("handover", ID)
    assert isinstance(state, HandoverState)
    assert roundtrip("handover", state) == state
    return state


def test_a_fragment_needs_nothing_but_its_source() -> None:
    (event,) = received(ReceiveHandover(source="sos", source_id="1"), context(), at(3))
    assert (event.handover_id, event.received_at) == (ID, at(3))
    view = handover_view(made(event))
    assert (view.id, view.state, len(view.fragments)) == (ID, "received", 1)


def test_the_same_content_again_is_the_same_fragment_and_any_other_is_a_new_one() -> None:
    command = ReceiveHandover(source="sos", source_id="1", description="x", raw=b"<a/>")
    state = made(*received(command, context(), at(0)))
    assert received(command, context(), at(9), state) == ()
    assert has_fragment(state, command)
    for other in ({"description": "y"}, {"raw": b"<b/>"}, {"sent_at": at(1)}, {"extra": {"k": 1}}):
        changed = msgspec.structs.replace(command, **other)
        assert len(received(changed, context(), at(9), state)) == 1, other


def test_newer_fragments_win_field_by_field_and_nothing_known_is_unlearnt() -> None:
    best = summary(
        made(
            fragment(0, description="ont i bröstet", caller=Caller(number=PhoneNumber("+46701")), priority="2A"),
            fragment(9, caller=Caller(name=PersonName("Eva")), priority="1A", call_ids=("c1",), answered_112_at=at(-40)),
            fragment(5, description="blek", language="sv", call_ids=("c0", "c1"), defects=(Defect(code="d"),)),
        )
    )
    assert best.caller == Caller(number=PhoneNumber("+46701"), name=PersonName("Eva"))
    assert (best.description, best.priority, best.language, best.call_ids) == ("blek", "1A", "sv", ("c0", "c1"))
    assert (best.received_at, best.answered_112_at, best.defects) == (at(0), at(-40), (Defect(code="d"),))


def test_a_handover_is_a_test_only_when_all_its_fragments_are() -> None:
    assert summary(made(fragment(0, test=True))).test
    assert not summary(made(fragment(0, test=True), fragment(1))).test


CASES = {
    "the newest": (place(1, observed_at=at(0)), place(2, observed_at=at(5)), 2),
    "the one observed later though it is named first": (place(1, observed_at=at(5)), place(2, observed_at=at(0)), 1),
    "of the same instant the surer": (
        place(1, observed_at=at(0), confidence_percent=68),
        place(2, observed_at=at(0), confidence_percent=95),
        2,
    ),
    "then the more exact": (place(1, observed_at=at(0), radius_m=10), place(2, observed_at=at(0), radius_m=900), 1),
    "a radius before none": (place(1, observed_at=at(0)), place(2, observed_at=at(0), radius_m=900), 2),
    "never an unusable one": (place(1, observed_at=at(0)), place(2, observed_at=at(5), usable=False), 1),
    "a point before an address": (
        place(1, observed_at=at(0)),
        Location(address=PersonAddress("Storgatan 1"), observed_at=at(5)),
        1,
    ),
    "a valid one before one that is too old": (
        place(1, observed_at=at(10 - LOCATION_VALID_SECONDS - 1)),
        place(2, observed_at=at(10 - LOCATION_VALID_SECONDS)),
        2,
    ),
    "one from the future is dated by its arrival": (
        place(1, observed_at=at(10 + LOCATION_AHEAD_SECONDS + 1)),
        place(2, observed_at=at(11)),
        2,
    ),
}


@pytest.mark.parametrize(("first", "second", "chosen"), CASES.values(), ids=CASES.keys())
def test_the_best_position_is(first: Location, second: Location, chosen: float) -> None:
    best = summary(made(fragment(10, location=first, alternative_locations=(second,))))
    assert best.location and best.location.latitude == chosen
    assert len(best.alternative_locations) == 1


def test_positions_that_cannot_be_used_are_kept_and_never_chosen() -> None:
    zero = Location(latitude=0, longitude=0, usable=False)
    best = summary(made(fragment(0, location=zero)))
    assert (best.location, best.alternative_locations, best.position_known_at) == (None, (zero,), None)
    best = summary(made(fragment(0, location=zero), fragment(7, location=place())))
    assert (best.location, best.position_known_at) == (place(), at(7))


def test_an_address_alone_is_shown_but_is_no_known_position() -> None:
    home = Location(address=PersonAddress("Storgatan 1"))
    best = summary(made(fragment(0, location=home)))
    assert (best.location, best.position_known_at) == (home, None)


def test_other_positions_are_bounded() -> None:
    many = tuple(place(n / 10) for n in range(50))
    best = summary(made(fragment(0, alternative_locations=many), fragment(1, location=place(60), alternative_locations=many)))
    assert len(best.alternative_locations) == ALTERNATIVE_LOCATIONS_MAX


def test_the_first_incident_opened_for_a_handover_is_the_one_shown() -> None:
    log = Chronicle()
    log.write("handover", ID, fragment(0))
    for incident in ("20261121-esk-000001", "20261121-vas-000001", "20261121-esk-000001"):
        event = IncidentOpened(
            incident_id=incident, centre="esk", handover_id=ID, source="sos", source_id="1", offered_at=at(0)
        )
        log.write("incident", incident, event)
    state = log.state("handover", ID)
    assert state.incident_ids == ("20261121-esk-000001", "20261121-vas-000001")
    view = handover_view(state)
    assert (view.state, view.incident_id) == ("opened", "20261121-esk-000001")


def test_a_flood_of_fragments_is_bounded_and_the_oldest_and_newest_stay() -> None:
    state = made(*(fragment(n) for n in reversed(range(FRAGMENTS_MAX + 30))))
    kept = [(f.received_at - at(0)).total_seconds() for f in state.fragments]
    assert (len(kept), state.count) == (FRAGMENTS_MAX, FRAGMENTS_MAX + 30)
    assert kept[:FRAGMENTS_OLDEST_KEPT] == list(range(FRAGMENTS_OLDEST_KEPT))
    assert kept[-1] == FRAGMENTS_MAX + 29


places = st.none() | st.builds(
    Location,
    latitude=st.none() | st.sampled_from([59.0, 60.0]),
    longitude=st.sampled_from([16.0, 17.0]),
    radius_m=st.none() | st.sampled_from([10.0, 900.0]),
    confidence_percent=st.none() | st.sampled_from([68.0, 95.0]),
    observed_at=st.none() | st.integers(-1000, 100).map(at),
    usable=st.booleans(),
)
fragments = st.builds(
    fragment,
    st.integers(0, 60),
    sent_at=st.none() | st.integers(0, 60).map(at),
    location=places,
    description=st.none() | st.sampled_from(["a", "b"]),
    priority=st.none() | st.sampled_from(["1A", "3"]),
    caller=st.none() | st.builds(Caller, number=st.none() | st.sampled_from(["1", "2"]).map(PhoneNumber)),
    extra=st.dictionaries(st.sampled_from("xy"), st.integers(0, 3), max_size=2),
    call_ids=st.lists(st.sampled_from(["c1", "c2"]), max_size=2).map(tuple),
)


@given(st.lists(fragments, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_fragments_commute(events: list[HandoverReceived], random: Any) -> None:
    log = Chronicle()
    entries: list[Entry] = [log.entry("handover", ID, event) for event in events]
    shuffled = list(entries)
    random.shuffle(shuffled)
    one, other = folded("handover", ID, entries), folded("handover", ID, shuffled)
    assert one == other
    assert summary(one) == summary(other)
    assert roundtrip("handover", one) == one
