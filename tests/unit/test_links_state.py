"""What is cut between whom: the pure part."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from granslos.local.limits import LINK_DELAY_MS_MAX
from granslos.local.link_state import CommandError, LinkCommand, LinkState, apply, describe, restored

SITES = ("esk", "vas", "upp", "wit")
SOUND = LinkState(sites=SITES)


def after(*commands: LinkCommand) -> LinkState:
    state = SOUND
    for command in commands:
        state = apply(state, command)
    return state


def test_a_cut_goes_both_ways_and_one_way_only_one() -> None:
    assert after(LinkCommand(cut=("esk", "vas"))).cut == {("esk", "vas"), ("vas", "esk")}
    assert after(LinkCommand(cut=("esk", "vas"), one_way=True)).cut == {("esk", "vas")}


def test_an_isolated_site_is_cut_from_all_and_the_others_are_not() -> None:
    cut = after(LinkCommand(isolate="upp")).cut
    assert cut == {pair for pair in SOUND.pairs if "upp" in pair}
    assert len(cut) == 6


@pytest.mark.parametrize(
    ("heal", "left"),
    [
        ("all", set()),
        ("esk", {("vas", "upp"), ("upp", "vas")}),
        (("esk", "vas"), {("vas", "upp"), ("upp", "vas"), ("esk", "upp"), ("upp", "esk")}),
    ],
)
def test_healing_takes_back_what_it_names(heal: str | tuple[str, str], left: set[tuple[str, str]]) -> None:
    cuts = [LinkCommand(cut=pair) for pair in (("esk", "vas"), ("vas", "upp"), ("esk", "upp"))]
    assert after(*cuts, LinkCommand(heal=heal)).cut == left


def test_delay_and_loss_are_for_all_or_between_two_and_healing_leaves_them() -> None:
    state = after(
        LinkCommand(delay_ms=5),
        LinkCommand(delay_ms=20, between=("esk", "vas")),
        LinkCommand(loss=0.5),
        LinkCommand(heal="all"),
    )
    assert state.delay_ms["esk", "vas"] == state.delay_ms["vas", "esk"] == 20
    assert state.delay_ms["esk", "upp"] == 5
    assert set(state.loss.values()) == {0.5}


@pytest.mark.parametrize(
    "command",
    [
        LinkCommand(),
        LinkCommand(isolate="esk", heal="all"),
        LinkCommand(isolate="xxx"),
        LinkCommand(cut=("esk", "esk")),
        LinkCommand(cut=("esk", "xxx")),
        LinkCommand(heal="xxx"),
        LinkCommand(delay_ms=-1),
        LinkCommand(delay_ms=LINK_DELAY_MS_MAX + 1),
        LinkCommand(delay_ms=1, between=("esk", "xxx")),
        LinkCommand(loss=1.1),
        LinkCommand(loss=float("nan")),
    ],
)
def test_a_command_that_means_nothing_is_refused(command: LinkCommand) -> None:
    with pytest.raises(CommandError):
        apply(SOUND, command)


def test_the_largest_delay_is_allowed() -> None:
    assert after(LinkCommand(delay_ms=LINK_DELAY_MS_MAX)).delay_ms["esk", "vas"] == LINK_DELAY_MS_MAX


pairs = st.tuples(st.sampled_from(SITES), st.sampled_from(SITES)).filter(lambda pair: pair[0] != pair[1])
commands = st.one_of(
    st.builds(LinkCommand, cut=pairs, one_way=st.booleans()),
    st.builds(LinkCommand, isolate=st.sampled_from(SITES)),
    st.builds(LinkCommand, heal=st.one_of(pairs, st.sampled_from((*SITES, "all")))),
    st.builds(LinkCommand, delay_ms=st.floats(0, LINK_DELAY_MS_MAX), between=st.one_of(st.none(), pairs)),
    st.builds(LinkCommand, loss=st.floats(0, 1), between=st.one_of(st.none(), pairs)),
)


@given(st.lists(commands, max_size=8))
def test_a_described_state_is_restored_and_healing_all_leaves_no_cut(sequence: list[LinkCommand]) -> None:
    state = after(*sequence)
    through_file = msgspec.json.decode(msgspec.json.encode(describe(state)))
    assert describe(restored(SITES, through_file)) == describe(state)
    assert restored(SITES, through_file).cut == state.cut
    assert not apply(state, LinkCommand(heal="all")).cut


def test_restoring_forgets_sites_that_are_gone() -> None:
    state = restored(("esk", "vas"), describe(after(LinkCommand(isolate="upp"), LinkCommand(cut=("esk", "vas")))))
    assert state.cut == {("esk", "vas"), ("vas", "esk")}
