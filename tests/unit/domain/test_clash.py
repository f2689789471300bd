"""Clashes: the same id at every site, and the outcome a person acknowledged stays."""

from typing import Any

from granslos.contract.events import ConflictAcknowledged
from granslos.domain.clash import Acknowledgement, Clash, acknowledged, clash_id, put, settle
from support.chronicle import Chronicle, at


def clash(name: str = "a", **more: Any) -> Clash:
    fields = {"kind": "both_answered", "level": 2, "event_ids": (name, "z"), "outcome": "x", "text": "", **more}
    return Clash(id=clash_id(name, "z"), detected_at=at(0), **fields)


def word(seconds: float, by: str = "lead1", earlier: tuple[Acknowledgement, ...] = ()) -> tuple[Acknowledgement, ...]:
    event = ConflictAcknowledged(conflict_id=clash().id, by=by)
    return acknowledged(earlier, event, Chronicle().entry("incident", "x", event, seconds, command_id=by).stamp)


def test_a_clash_is_put_once_and_its_newest_outcome_shown_until_a_person_acknowledges_it() -> None:
    clashes = put(put((), clash("b")), clash())
    clashes = put(clashes, clash(outcome="y"))
    assert [c.outcome for c in clashes] == ["x", "y"]
    settled = settle(clashes, word(5))
    assert [c.acknowledged_by for c in settled] == [None, "lead1"]
    assert put(settled, clash(outcome="w")) == settled


def test_of_two_acknowledgements_the_earlier_by_time_counts_in_whatever_order_they_come() -> None:
    one = word(9, "lead2", word(5))
    other = word(5, "lead1", word(9, "lead2"))
    assert one == other
    assert settle((clash(),), one)[0].acknowledged_by == "lead1"


def test_an_id_does_not_depend_on_the_order_of_the_events() -> None:
    assert clash_id("a", "b") == clash_id("b", "a") != clash_id("a", "c")
