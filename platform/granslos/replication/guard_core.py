"""When a hub runs and when it must not: the guard's decision, pure, with the clock as an argument.

Why there is a guard: nats-server's RAFT has no pre-vote. A hub that was cut off for longer than the shortest election
timeout (4 s) has counted up its term, and when it comes back the whole cluster loses its leader for 2.5 to 8.8 s. A hub
that was stopped before that comes back quietly. So beside each hub a guard stops it in time and starts it on contact.
"""

from enum import StrEnum

import msgspec

BEAT_SECONDS = 0.25
LOST_AFTER_SECONDS = 1.5
"""A peer not heard for so long is lost; must stay well below the 4 s after which a cut-off hub counts up its term."""
DOUBT_AFTER_SECONDS = 0.75
"""A peer not heard for so long is in doubt: the hub itself is asked whom it reaches."""
GOOD_FOR_SECONDS = 0.3
"""So long contact must last before the hub is started, or a flapping link would start it again and again."""
LATE_AFTER_SECONDS = 0.5
"""A guard whose own decisions are so far apart slept itself and knows nothing about the others."""


class Verdict(StrEnum):
    """What to do with the hub now."""

    KEEP = "keep"
    START = "start"
    STOP = "stop"


class GuardState(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard knows; instants in seconds of one monotonic clock.

    Attributes:
        contact_at: Peer's code → when it was last heard, and was known to hear us.
        word_at: When the hub was last asked and then showed a leader and live routes to a majority.
        linked_since: Since when, without a break, we and those in contact are a majority, or the hub says so.
        decided_at: When this was last judged.
    """

    contact_at: dict[str, float] = msgspec.field(default_factory=dict)
    word_at: float | None = None
    linked_since: float | None = None
    decided_at: float | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and its reasons.

    Attributes:
        verdict: What to do.
        majority: Whether we and the peers in contact are a majority of all hubs.
        in_contact: Codes of the peers in contact, sorted.
        ask_hub: Whether the hub's own word may be needed soon.
        why: For people.
    """

    verdict: Verdict
    majority: bool
    in_contact: tuple[str, ...]
    ask_hub: bool
    why: str


def heard(state: GuardState, peer: str, now: float) -> GuardState:
    """A peer was heard, and it said that it hears us."""
    return msgspec.structs.replace(state, contact_at=state.contact_at | {peer: now})


def hub_spoke(state: GuardState, asked_at: float) -> GuardState:
    """The hub, asked at that instant, showed a leader and live routes to a majority."""
    return msgspec.structs.replace(state, word_at=max(asked_at, state.word_at or asked_at))


def decide(state: GuardState, now: float, *, hubs: int, running: bool) -> tuple[GuardState, Decision]:
    """Judges what is known now.

    Args:
        state: What is known.
        now: The clock.
        hubs: How many hubs there are, ours and the witness included.
        running: Whether our hub runs.

    Returns:
        The state to go on with, and the decision.
    """
    assert hubs >= 1, "our own hub is one"
    if state.decided_at is not None and now - state.decided_at > LATE_AFTER_SECONDS:
        state = _restarted(state, state.decided_at, now)
    in_contact = tuple(sorted(peer for peer, at in state.contact_at.items() if now - at < LOST_AFTER_SECONDS))
    majority = _is_majority(1 + len(in_contact), hubs)
    word = state.word_at is not None and now - state.word_at < LOST_AFTER_SECONDS
    linked_since = None if not (majority or word) else now if state.linked_since is None else state.linked_since
    fresh = sum(now - at < DOUBT_AFTER_SECONDS for at in state.contact_at.values())
    decision = Decision(
        verdict=_verdict(linked_since, now, running=running, alone=hubs == 1),
        majority=majority,
        in_contact=in_contact,
        ask_hub=running and not _is_majority(1 + fresh, hubs),
        why=_why(1 + len(in_contact), hubs, majority=majority, word=word),
    )
    return msgspec.structs.replace(state, linked_since=linked_since, decided_at=now), decision


def _restarted(state: GuardState, before: float, now: float) -> GuardState:
    """What was good when we last looked gets a full period again; what was lost stays lost."""
    contact_at = {peer: now if before - at < LOST_AFTER_SECONDS else at for peer, at in state.contact_at.items()}
    word = state.word_at is not None and before - state.word_at < LOST_AFTER_SECONDS
    return GuardState(contact_at=contact_at, word_at=now if word else None, linked_since=None, decided_at=state.decided_at)


def _is_majority(count: int, hubs: int) -> bool:
    return 2 * count > hubs


def _verdict(linked_since: float | None, now: float, *, running: bool, alone: bool) -> Verdict:
    if running:
        return Verdict.STOP if linked_since is None else Verdict.KEEP
    if linked_since is not None and (alone or now - linked_since >= GOOD_FOR_SECONDS):
        return Verdict.START
    return Verdict.KEEP


def _why(count: int, hubs: int, *, majority: bool, word: bool) -> str:
    if majority:
        return f"{count} of {hubs} hubs' guards in contact"
    seen = f"only {count} of {hubs} hubs' guards in contact"
    return f"{seen}, but the hub reaches a leader and a majority" if word else seen
