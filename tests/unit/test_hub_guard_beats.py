"""What guards say to each other, and what they refuse to believe."""

import secrets

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from granslos.replication.guard_beats import (
    DATAGRAM_BYTES_MAX,
    SENT_KEPT_MAX,
    SESSIONS_KEPT_MAX,
    Beat,
    BeatBook,
    opened,
    sealed,
)
from granslos.replication.guard_core import LOST_AFTER_SECONDS

KEY = bytes(range(32))
NAMES = ("esk", "vas", "upp", "kar", "sto", "ore", "got")


def say(book: BeatBook, now: float) -> Beat:
    """The next beat of a book, through the wire."""
    beat = opened(KEY, sealed(KEY, book.next(now, hears=(), hub_running=True)))
    assert beat is not None
    return beat


def test_the_largest_beat_fits_one_datagram() -> None:
    book = BeatBook("esk", NAMES[1:])
    for name in NAMES[1:]:
        other = BeatBook(name, ("esk",))
        assert book.take(say(other, 1.0), 1.0)
    datagram = sealed(KEY, book.next(1.0, hears=NAMES[1:], hub_running=True))
    assert len(datagram) < DATAGRAM_BYTES_MAX / 3


@given(data=st.binary(max_size=DATAGRAM_BYTES_MAX + 10))
def test_noise_is_never_a_beat(data: bytes) -> None:
    assert opened(KEY, data) is None


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(position: int, bit: int) -> None:
    datagram = bytearray(sealed(KEY, BeatBook("esk", ("vas",)).next(1.0, hears=("vas",), hub_running=False)))
    datagram[position % len(datagram)] ^= 1 << bit
    assert opened(KEY, bytes(datagram)) is None


def test_another_key_another_version_and_a_huge_datagram_are_refused() -> None:
    beat = BeatBook("esk", ("vas",)).next(1.0, hears=(), hub_running=True)
    assert opened(KEY, sealed(secrets.token_bytes(32), beat)) is None
    assert opened(KEY, sealed(KEY, msgspec.structs.replace(beat, version=2))) is None
    assert opened(KEY, sealed(KEY, beat) + bytes(DATAGRAM_BYTES_MAX)) is None
    assert opened(KEY, sealed(KEY, beat)) == beat


def test_contact_needs_both_ways() -> None:
    esk, vas = BeatBook("esk", ("vas",)), BeatBook("vas", ("esk",))
    first = say(vas, 1.0)
    assert esk.take(first, 1.0)
    assert esk.echoed_at(first, 1.0) is None, "vas has heard nothing of us yet"
    assert vas.take(say(esk, 1.1), 1.1)
    second = say(vas, 1.2)
    assert esk.take(second, 1.2)
    assert esk.echoed_at(second, 1.2) == 1.1


def test_an_echo_grows_old_so_a_one_way_cut_is_noticed() -> None:
    esk, vas = BeatBook("esk", ("vas",)), BeatBook("vas", ("esk",))
    assert vas.take(say(esk, 1.0), 1.0)
    for now in (1.0, 1.0 + LOST_AFTER_SECONDS - 0.01):
        beat = say(vas, now)
        assert esk.take(beat, now)
        assert esk.echoed_at(beat, now) == 1.0
    beat = say(vas, 1.0 + LOST_AFTER_SECONDS)
    assert esk.take(beat, 1.0 + LOST_AFTER_SECONDS)
    assert esk.echoed_at(beat, 1.0 + LOST_AFTER_SECONDS) is None


def test_recordings_strangers_and_older_beats_are_dropped() -> None:
    esk, vas, stranger = BeatBook("esk", ("vas",)), BeatBook("vas", ("esk",)), BeatBook("xyz", ("esk",))
    first, second = say(vas, 1.0), say(vas, 1.1)
    assert esk.take(second, 1.1)
    assert not esk.take(first, 1.2), "older than the last"
    assert not esk.take(second, 1.2), "the same again"
    assert not esk.take(say(stranger, 1.0), 1.0)
    restarted = BeatBook("vas", ("esk",))
    assert esk.take(say(restarted, 2.0), 2.0), "a restarted guard counts from one again"
    assert not esk.take(say(vas, 2.1), 2.1), "the session that it replaced is over"


def test_a_restarted_guard_is_not_fooled_by_echoes_of_its_earlier_self() -> None:
    before, after, vas = BeatBook("esk", ("vas",)), BeatBook("esk", ("vas",)), BeatBook("vas", ("esk",))
    assert vas.take(say(before, 1.0), 1.0)
    say(after, 1.05)
    assert after.echoed_at(say(vas, 1.1), 1.1) is None


def test_memory_is_bounded() -> None:
    esk, vas = BeatBook("esk", ("vas",)), BeatBook("vas", ("esk",))
    early = say(esk, 1.0)
    assert vas.take(early, 1.0)
    answer = say(vas, 1.0)
    for _ in range(SENT_KEPT_MAX):
        say(esk, 1.0)
    assert esk.echoed_at(answer, 1.0) is None, "more than the kept beats ago"
    sessions = [BeatBook("vas", ("esk",)) for _ in range(SESSIONS_KEPT_MAX + 2)]
    beats = [say(book, 2.0) for book in sessions]
    assert all(esk.take(beat, 2.0) for beat in beats)
    assert not esk.take(say(sessions[2], 2.1), 2.1)
    assert esk.take(say(sessions[0], 2.1), 2.1), "forgotten, and only now"
