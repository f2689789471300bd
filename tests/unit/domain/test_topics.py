"""Routing of events to aggregates; folds of every kind take every event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.events import (
    BookingCancelled,
    ConflictAcknowledged,
    DeskMoved,
    DutyChanged,
    GenerationStarted,
    HandoverReceived,
    IncidentOpened,
    NoteAdded,
    UnitStatusReported,
)
from granslos.domain.topics import fold, topics
from support.chronicle import at
from support.events_at_random import (
    ACKNOWLEDGEMENTS,
    HANDOVER_EVENTS,
    INCIDENT_DECISIONS,
    INCIDENT_FACTS,
    OTHERS,
    REPORTS,
    UNIT_DECISIONS,
    stamp_fields,
    stamps,
)

I = "20261121-vas-000001"  # noqa: E741 -- the incident
H = "a" * 32


def opened(handover_id: str | None) -> IncidentOpened:
    return IncidentOpened(incident_id=I, centre="vas", handover_id=handover_id, source="s", source_id="1", offered_at=at(0))


@pytest.mark.parametrize(
    ("aggregate", "aggregate_id", "payload", "expected"),
    [
        (
            "handover",
            H,
            HandoverReceived(handover_id=H, source="s", source_id="1", received_at=at(0)),
            (("handover", H),),
        ),
        ("incident", I, opened(H), (("incident", I), ("handover", H))),
        ("incident", I, opened(None), (("incident", I),)),
        ("incident", I, NoteAdded(author="a", text="x"), (("incident", I),)),
        ("booking", I, BookingCancelled(by="a"), (("incident", I),)),
        ("unit", "u1", UnitStatusReported(status="available", reported_at=at(0)), (("unit", "u1"),)),
        ("unit", "u1", ConflictAcknowledged(conflict_id="c", by="a"), (("unit", "u1"),)),
        ("incident", I, ConflictAcknowledged(conflict_id="c", by="a"), (("incident", I),)),
        ("operator", "op1", DutyChanged(user_id="op1", on=True, centre="vas"), (("operator", "op1"),)),
        (
            "epoch",
            "vas.calls",
            DeskMoved(centre="vas", desk="calls", epoch=1, holder="esk", loser="vas", why="drill", by="a", at=at(0)),
            (("centre", "vas"),),
        ),
        ("journal", "vas", GenerationStarted(reason="first"), ()),
        ("incident", I, None, (("incident", I),)),
        ("weather", "x", None, ()),
    ],
)
def test_an_event_goes_to(aggregate: str, aggregate_id: str, payload: Any, expected: Any) -> None:
    name = type(payload).__name__ if payload is not None else "TypeOfANewerRelease"
    assert topics(name, aggregate, aggregate_id, payload) == expected


@given(st.data())
def test_every_event_is_folded_into_each_of_its_topics(data: st.DataObject) -> None:
    homes = {"incident": (*INCIDENT_DECISIONS, *INCIDENT_FACTS), "unit": (*UNIT_DECISIONS, REPORTS, ACKNOWLEDGEMENTS)}
    others = (("handover", HANDOVER_EVENTS), ("journal", OTHERS), *homes.items())
    for home, kinds in others:
        for kind in kinds:
            event = data.draw(kind)
            found = topics(type(event).__name__, home, "x", event)
            assert bool(found) == (not isinstance(event, GenerationStarted))
            for aggregate, aggregate_id in found:
                stamp = stamps(0, "x", aggregate_id, data.draw(stamp_fields), at(0))
                assert fold(aggregate, None, event, stamp) is not None
