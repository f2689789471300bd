"""Centres: epochs only rise, succession is the region's order, a call desk always finds somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.events import DeskMoved
from granslos.domain.centre import Centre, CentreState, initial, is_late, responsible_centre, successor, with_config
from support.chronicle import Chronicle, at, roundtrip

CENTRES = (
    Centre(code="esk", name="Eskilstuna", site="esk", areas=("04",), succession=("vas", "upp")),
    Centre(code="vas", name="Västerås", site="vas", areas=("19",), succession=("esk", "upp")),
    Centre(code="upp", name="Uppsala", site="upp", areas=("03",), succession=("vas",)),
)


def moved(epoch: int, holder: str = "vas", desk: str = "calls") -> DeskMoved:
    return DeskMoved(
        centre="esk",
        desk=desk,
        epoch=epoch,
        holder=holder,
        loser="esk",
        why="takeover",
        by="system",
        at=at(epoch),
        reason="tyst",
    )


def fold(*events: DeskMoved) -> CentreState:
    log = Chronicle()
    for event in events:
        log.write("centre", "esk", event)
    state = log.state("centre", "esk")
    assert isinstance(state, CentreState)
    assert roundtrip("centre", state) == state
    return state


def test_a_centre_begins_with_its_own_site_at_both_desks() -> None:
    home = initial(CENTRES[0])
    assert [(d.authority, d.epoch, d.why) for d in home.desks.values()] == [("esk", 0, "normal")] * 2
    assert list(home.desks) == ["calls", "dispatch"]


def test_a_marker_moves_one_desk_and_the_other_stays_as_configured() -> None:
    state = with_config(fold(moved(1)), CENTRES[0])
    assert (state.desks["calls"].authority, state.desks["dispatch"].authority) == ("vas", "esk")
    held = state.desk("calls")
    assert held and (held.epoch, held.since, held.by, held.why, held.reason) == (1, at(1), "system", "takeover", "tyst")
    assert with_config(None, CENTRES[0]) == initial(CENTRES[0])


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_marker_whose_epoch_is_not_above_the_desks_has_no_effect(epoch: int) -> None:
    before = fold(moved(2, "vas"))
    assert fold(moved(2, "vas"), moved(epoch, "upp")) == before


@given(st.lists(st.builds(moved, st.integers(1, 9), st.sampled_from(["vas", "upp"]), st.sampled_from(["calls", "dispatch"]))))
def test_epochs_only_rise(events: list[DeskMoved]) -> None:
    for n in range(1, len(events)):
        before, after = fold(*events[:n]), fold(*events[: n + 1])
        for name, desk in before.desks.items():
            assert after.desks[name].epoch >= desk.epoch
            assert after.desks[name] == desk or after.desks[name].epoch > desk.epoch


def test_a_decision_under_an_older_epoch_is_late() -> None:
    state = fold(moved(3))
    assert is_late(state, "calls", 2)
    assert not is_late(state, "calls", 3)
    assert not is_late(state, "dispatch", 0)
    assert not is_late(None, "calls", 0)
    assert not is_late(state, None, None)


@pytest.mark.parametrize(
    ("alive", "staff", "site"),
    [
        (("vas", "upp"), {"vas": 1, "upp": 1}, "vas"),
        (("vas", "upp"), {"upp": 2}, "upp"),
        (("vas", "upp"), {}, "vas"),
        (("upp",), {"vas": 3}, "upp"),
        ((), {"vas": 3}, None),
        (("esk",), {"esk": 9}, None),
    ],
)
def test_the_next_with_staff_takes_over_else_the_next_alive(
    alive: tuple[str, ...], staff: dict[str, int], site: str | None
) -> None:
    assert successor(CENTRES, "esk", "calls", alive, staff) == site


def test_a_call_rings_somewhere_even_outside_the_order_of_succession_but_units_go_only_where_it_says() -> None:
    assert successor(CENTRES, "upp", "calls", ("esk",), {}) == "esk"
    assert successor(CENTRES, "upp", "dispatch", ("esk",), {}) is None
    assert successor(CENTRES, "upp", "dispatch", ("vas", "esk"), {"esk": 1}) == "vas"


def test_an_area_is_answered_by_the_centre_that_names_it() -> None:
    found = responsible_centre("19", CENTRES)
    assert found and found.code == "vas"
    assert responsible_centre("25", CENTRES) is None
    assert responsible_centre(None, CENTRES) is None
