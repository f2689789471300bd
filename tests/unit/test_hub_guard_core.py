"""The guard's decision, with the clock in the hand."""

import hypothesis.strategies as st
from hypothesis import assume, given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from granslos.replication.guard_core import (
    DOUBT_AFTER_SECONDS,
    GOOD_FOR_SECONDS,
    LATE_AFTER_SECONDS,
    LOST_AFTER_SECONDS,
    Decision,
    GuardState,
    Verdict,
    decide,
    heard,
    hub_spoke,
)

TICK = 0.05
NAMES = ("esk", "vas", "upp", "kar", "sto", "ore", "got")


class Timeline:
    """Ticks as the guard does, obeys, and remembers what happened when."""

    def __init__(self, hubs: int, start: float = 100.0) -> None:
        self.hubs, self.now, self.running, self.state = hubs, start, False, GuardState()
        self.history: list[tuple[float, Verdict]] = []
        self.last: Decision | None = None

    def run(self, seconds: float, *, heard_peers: tuple[str, ...] = (), word: bool = False) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            for peer in heard_peers:
                self.state = heard(self.state, peer, self.now)
            if word:
                self.state = hub_spoke(self.state, self.now)
            self.tick()

    def tick(self) -> Verdict:
        self.state, self.last = decide(self.state, self.now, hubs=self.hubs, running=self.running)
        verdict = self.last.verdict
        if verdict is not Verdict.KEEP:
            self.history.append((self.now, verdict))
            self.running = verdict is Verdict.START
        return verdict

    def verdicts(self) -> list[Verdict]:
        return [verdict for _, verdict in self.history]


def test_a_single_hub_starts_at_once_and_is_never_stopped() -> None:
    line = Timeline(hubs=1)
    line.run(10)
    assert line.verdicts() == [Verdict.START]
    assert line.history[0][0] == 100.0 + TICK


def test_a_hub_starts_only_after_lasting_contact_with_a_majority() -> None:
    line = Timeline(hubs=5)
    line.run(10, heard_peers=("vas",))
    assert line.verdicts() == [], "two of five are no majority"
    line.run(GOOD_FOR_SECONDS - TICK, heard_peers=("vas", "upp"))
    assert line.verdicts() == []
    line.run(3 * TICK, heard_peers=("vas", "upp"))
    assert line.verdicts() == [Verdict.START]


def test_a_cut_off_hub_is_stopped_when_its_peers_are_lost_and_not_before() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas", "upp"))
    cut_at = line.now
    line.run(10)
    stopped_at = line.history[-1][0]
    assert line.verdicts() == [Verdict.START, Verdict.STOP]
    assert LOST_AFTER_SECONDS <= stopped_at - cut_at <= LOST_AFTER_SECONDS + 2 * TICK


def test_one_of_two_peers_is_enough_in_three_but_not_one_of_four_in_five() -> None:
    three, five = Timeline(hubs=3), Timeline(hubs=5)
    for line in (three, five):
        line.run(5, heard_peers=NAMES[: line.hubs - 1])
        line.run(5, heard_peers=NAMES[:1])
    assert three.verdicts() == [Verdict.START]
    assert five.verdicts() == [Verdict.START, Verdict.STOP]


def test_two_halves_of_four_both_stop() -> None:
    line = Timeline(hubs=4)
    line.run(5, heard_peers=("vas", "upp", "kar"))
    line.run(5, heard_peers=("vas",))
    assert line.verdicts() == [Verdict.START, Verdict.STOP]


def test_the_hubs_own_word_keeps_it_alive_while_beats_are_silent() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas", "upp"))
    line.run(30, word=True)
    assert line.verdicts() == [Verdict.START]
    assert line.last is not None and not line.last.majority and "reaches a leader" in line.last.why
    line.run(5)
    assert line.verdicts() == [Verdict.START, Verdict.STOP]


def test_a_hub_that_crashes_while_only_its_own_word_held_it_comes_back() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas", "upp"))
    line.run(10, word=True)
    line.running = False
    assert line.tick() is Verdict.START


def test_the_hub_is_asked_before_its_peers_are_lost_and_only_when_in_doubt() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas",))
    assert line.last is not None and not line.last.ask_hub
    line.run(DOUBT_AFTER_SECONDS + TICK)
    assert line.last.ask_hub and line.running
    line.run(LOST_AFTER_SECONDS)
    assert not line.running and not line.last.ask_hub, "a stopped hub cannot be asked"


def test_a_guard_that_slept_gives_its_peers_a_full_period_again() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas", "upp"))
    line.now += 30
    assert line.tick() is Verdict.KEEP
    woke_at = line.now
    line.run(5)
    assert line.history[-1][1] is Verdict.STOP
    assert line.history[-1][0] - woke_at >= LOST_AFTER_SECONDS


def test_a_peer_that_was_lost_before_the_sleep_stays_lost() -> None:
    line = Timeline(hubs=3)
    line.run(2, heard_peers=("vas", "upp"))
    line.run(5)
    assert line.verdicts() == [Verdict.START, Verdict.STOP]
    line.now += 30
    line.tick()
    line.run(5)
    assert line.verdicts() == [Verdict.START, Verdict.STOP]


def test_a_late_tick_within_the_bound_restarts_nothing() -> None:
    line = Timeline(hubs=3)
    line.run(5, heard_peers=("vas", "upp"))
    cut_at = line.now
    while line.running and line.now - cut_at < 10:
        line.now += LATE_AFTER_SECONDS - 0.01
        line.tick()
    assert line.now - cut_at < LOST_AFTER_SECONDS + LATE_AFTER_SECONDS


@given(hubs=st.integers(1, 7), flaps=st.lists(st.tuples(st.floats(0.05, 1.2), st.floats(0.05, 0.2)), max_size=12))
def test_contact_that_never_breaks_for_the_lost_time_never_stops_a_hub(hubs: int, flaps: list[tuple[float, float]]) -> None:
    line = Timeline(hubs=hubs)
    peers = NAMES[: hubs // 2]
    line.run(1, heard_peers=peers)
    for silent, good in flaps:
        line.run(min(silent, LOST_AFTER_SECONDS - 2 * TICK))
        line.run(max(good, TICK), heard_peers=peers)
    assert line.verdicts() == [Verdict.START]


@given(hubs=st.integers(2, 7), known=st.integers(0, 7), age=st.floats(0, 10), running=st.booleans())
def test_no_majority_never_starts_and_majority_never_stops(hubs: int, known: int, age: float, running: bool) -> None:
    assume(known < hubs)
    state = GuardState(contact_at=dict.fromkeys(NAMES[:known], 100.0 - age), decided_at=99.9, linked_since=99.9)
    _, decision = decide(state, 100.0, hubs=hubs, running=running)
    enough = age < LOST_AFTER_SECONDS and 2 * (known + 1) > hubs
    assert decision.majority == (enough or hubs < 2)
    if decision.majority:
        assert decision.verdict is not Verdict.STOP
    else:
        assert decision.verdict is not Verdict.START


class Guarding(RuleBasedStateMachine):
    """Any mixture of beats, silence, own sleep, own word and crashes."""

    @initialize(hubs=st.integers(2, 7))
    def begin(self, hubs: int) -> None:
        self.line = Timeline(hubs=hubs)
        self.linked_at = -1e9
        self.awake_since = self.line.now

    @rule(count=st.integers(0, 6), seconds=st.floats(0.05, 3), word=st.booleans())
    def passes(self, count: int, seconds: float, word: bool) -> None:
        peers = NAMES[: min(count, self.line.hubs - 1)]
        before = self.line.running
        began = self.line.now
        history = len(self.line.history)
        self.line.run(seconds, heard_peers=peers, word=word)
        enough = 2 * (len(peers) + 1) > self.line.hubs or word
        new = self.line.history[history:]
        if enough:
            self.linked_at = self.line.now
            assert all(verdict is not Verdict.STOP for _, verdict in new), "stopped while linked"
        else:
            for at, verdict in new:
                if verdict is Verdict.STOP:
                    assert at - self.linked_at >= LOST_AFTER_SECONDS - TICK
        if not before and enough:
            for at, verdict in new:
                assert verdict is Verdict.START and at - began >= 0

    @rule(seconds=st.floats(0.6, 20))
    def sleeps(self, seconds: float) -> None:
        running = self.line.running
        self.line.now += seconds
        verdict = self.line.tick()
        self.awake_since = self.line.now
        assert not (running and verdict is Verdict.STOP), "the first look after a sleep stops nothing"

    @rule()
    def crashes(self) -> None:
        self.line.running = False

    @invariant()
    def a_running_hub_is_linked_or_was_a_moment_ago(self) -> None:
        if self.line.running:
            since = max(self.linked_at, self.awake_since)
            assert self.line.now - since <= LOST_AFTER_SECONDS + 2 * TICK


TestGuarding = Guarding.TestCase
