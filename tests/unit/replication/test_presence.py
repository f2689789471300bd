"""Who is silent, lost, back, an island: the table of beats under an injected clock."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.presence import Beat, DeskClaim
from granslos.replication.presence import Presence
from granslos.runtime import limits

AT = datetime(2026, 11, 21, tzinfo=UTC)
SITES = ("esk", "upp", "vas")


class Clockwork:
    """Three sites' beats at one site, in steps of a beat."""

    def __init__(self, site: str = "vas", sites: tuple[str, ...] = SITES, witness: str = "") -> None:
        self.now = 100.0
        self.presence = Presence(site, sites, witness, self.now)
        self.counter = 0

    def run(self, seconds: float, heard: dict[str, tuple[str, ...]], *, commits: bool = True) -> None:
        """Let time pass while the sites in ``heard`` beat, each saying whom it hears."""
        for _ in range(round(seconds / limits.PRESENCE_BEAT_SECONDS)):
            self.now += limits.PRESENCE_BEAT_SECONDS
            self.counter += 1
            for site, hears in heard.items():
                self.presence.receive(beat(site, self.counter, hears, commits=commits), self.now)
            self.presence.tick(self.now)


def beat(site: str, counter: int, hears: tuple[str, ...], *, commits: bool = True, desks: tuple[DeskClaim, ...] = ()) -> Beat:
    return Beat(site=site, instance="i", counter=counter, at=AT, can_commit=commits, heard=hears, desks=desks)


ALL_WELL = {"esk": ("upp", "vas"), "upp": ("esk", "vas")}


def test_in_quiet_times_nobody_is_silent_or_lost() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    assert table.presence.heard(table.now) == ("esk", "upp")
    assert not any(table.presence.is_lost(site, table.now) for site in SITES)
    assert not table.presence.is_island(table.now)


def test_a_dead_site_is_silent_and_then_lost_within_the_bound() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    died = table.now
    while not table.presence.is_lost("upp", table.now):
        table.run(limits.PRESENCE_BEAT_SECONDS, {"esk": ("vas",) if table.now - died > 2 else ("upp", "vas")})
        assert table.now - died < 3.0
    assert table.presence.is_silent("upp", table.now)
    assert not table.presence.is_lost("esk", table.now)


def test_one_that_only_we_do_not_hear_is_silent_but_not_lost() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.run(10, {"esk": ("upp", "vas")})
    assert table.presence.is_silent("upp", table.now)
    assert not table.presence.is_lost("upp", table.now)


def test_a_site_alone_is_an_island_and_loses_nobody() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.run(4.5, {})
    assert table.presence.is_island(table.now)
    assert not table.presence.is_lost("esk", table.now)
    assert not table.presence.is_lost("upp", table.now)


def test_a_site_that_a_majority_does_not_hear_is_an_island_at_once() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.run(0.5, {"esk": ("upp",), "upp": ("esk",)})
    assert table.presence.is_called_lost(table.now)
    assert table.presence.is_island(table.now)


def test_a_site_that_cannot_commit_counts_as_silent() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.run(3, ALL_WELL, commits=False)
    assert table.presence.is_silent("esk", table.now)


def test_a_returned_site_is_trusted_only_after_a_time_without_holes() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.run(5, {"esk": ("vas",)})
    table.run(1, ALL_WELL)
    assert not table.presence.is_silent("upp", table.now)
    assert not table.presence.is_back("upp", table.now)
    table.run(limits.PRESENCE_BACK_SECONDS, ALL_WELL)
    assert table.presence.is_back("upp", table.now)


def test_a_flapping_link_is_never_trusted() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    for _ in range(5):
        table.run(1.5, {"esk": ("upp", "vas")})
        table.run(1.0, ALL_WELL)
        assert not table.presence.is_back("upp", table.now)


def test_what_a_stalled_loop_did_not_hear_proves_nothing() -> None:
    table = Clockwork()
    table.run(5, ALL_WELL)
    table.now += 10
    table.presence.tick(table.now)
    assert table.presence.is_stalled(table.now)
    table.presence.receive(beat("esk", 1_000, ("vas",)), table.now)
    assert not table.presence.is_lost("upp", table.now)


def test_with_two_sites_the_witness_decides() -> None:
    table = Clockwork(sites=("upp", "vas"), witness="wit")
    table.run(5, {"upp": ("vas",), "wit": ("upp", "vas")})
    assert not table.presence.is_island(table.now)
    table.run(5, {"wit": ("vas",)})
    assert table.presence.is_lost("upp", table.now)
    assert not table.presence.is_island(table.now)
    table.run(5, {})
    assert table.presence.is_island(table.now)


def test_a_site_alone_in_the_world_is_never_an_island() -> None:
    table = Clockwork(sites=("vas",))
    table.run(10, {})
    assert not table.presence.is_island(table.now)


def test_older_beats_and_doubles_are_dropped() -> None:
    table = Clockwork()
    table.presence.receive(beat("esk", 7, ("vas",)), table.now)
    table.presence.receive(beat("esk", 3, ()), table.now)
    held = table.presence.beat_of("esk")
    assert held is not None
    assert held.counter == 7


def test_a_provisional_claim_is_found() -> None:
    table = Clockwork()
    claim = DeskClaim(centre="upp", desk="calls", epoch=0, provisional=True)
    table.presence.receive(beat("esk", 1, ("vas",), desks=(claim,)), table.now)
    assert table.presence.claimant("upp", "calls", table.now) == "esk"
    assert table.presence.claimant("upp", "dispatch", table.now) is None


@given(st.lists(st.tuples(st.sampled_from(["esk", "upp"]), st.booleans(), st.floats(0.01, 3.0)), max_size=60))
def test_never_more_sites_lost_than_leaves_a_majority(steps: list[tuple[str, bool, float]]) -> None:
    table = Clockwork()
    for n, (site, hears_other, pause) in enumerate(steps, 1):
        table.now += pause
        other = "upp" if site == "esk" else "esk"
        hears = ("vas", other) if hears_other else ("vas",)
        table.presence.receive(beat(site, n, hears), table.now)
        table.presence.tick(table.now)
        lost = [s for s in SITES if table.presence.is_lost(s, table.now)]
        assert len(lost) <= 1
        assert not (lost and table.presence.is_island(table.now) and table.presence.is_called_lost(table.now))


@pytest.mark.parametrize(("members", "majority"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_a_majority_is_more_than_half(members: int, majority: int) -> None:
    sites = tuple(f"s{n:02d}" for n in range(members))
    assert Presence(sites[0], sites, "", 0.0).majority == majority
