"""Operators: duty is a fact, the newest by time counts."""

from itertools import permutations

from granslos.contract.commands import SetDuty
from granslos.contract.events import DutyChanged
from granslos.domain.operator import decide_duty
from granslos.domain.view import operator_view
from support.chronicle import Chronicle, accepted, at, context, folded, roundtrip

ON = SetDuty(user_id="op1", on=True, centre="vas")
OFF = SetDuty(user_id="op1", on=False, centre="vas")


def test_going_on_and_off_duty() -> None:
    log = Chronicle()
    assert decide_duty(None, OFF, context()) == ()
    (event,) = accepted(decide_duty(None, ON, context()))
    log.write("operator", "op1", event, 5)
    state = log.state("operator", "op1")
    view = operator_view(state)
    assert (view.id, view.state, view.centre, view.roles, view.since) == ("op1", "on_duty", "vas", ("operator",), at(5))
    assert decide_duty(state, ON, context()) == ()
    assert len(accepted(decide_duty(state, SetDuty(user_id="op1", on=True, centre="esk"), context()))) == 1
    (event,) = accepted(decide_duty(state, OFF, context()))
    log.write("operator", "op1", event, 6)
    assert operator_view(log.state("operator", "op1")).state == "off_duty"
    assert roundtrip("operator", state) == state


def test_words_of_several_sites_commute() -> None:
    log = Chronicle()
    entries = [
        log.entry("operator", "op1", DutyChanged(user_id="op1", on=n % 2 == 0, centre=centre), n // 2)
        for n, centre in enumerate(("vas", "esk", "vas", "upp"))
    ]
    states = [folded("operator", "op1", order) for order in permutations(entries)]
    assert all(state == states[0] for state in states)
    assert states[0].since == at(1)
