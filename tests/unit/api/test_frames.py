"""The ring of frames: from where a reader can be brought up to date, and from where not."""

from datetime import UTC, datetime

import pytest

from granslos.api.frames import Frame, Ring, change_frame, confirmed_frame, live_frame, sse
from granslos.application.ports import Change, Confirmation

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def change(event_id: str, position: int | None = None, site: str = "vas") -> Frame:
    """A change; pending without a position."""
    durability = "site" if position is None else "cluster"
    return change_frame(Change(event_id, "NoteAdded", AT, site, position, durability, ()), ())


def confirmed(event_id: str, position: int) -> Frame:
    return confirmed_frame(Confirmation(event_id, position))


def ring_of(*frames: Frame, frames_max: int = 100, bytes_max: int = 10**6, pending: dict[str, str] | None = None) -> Ring:
    """A ring that begins at 0 with these frames."""
    made = Ring(frames_max, bytes_max)
    made.begin(0, pending or {})
    for frame in frames:
        made.append(frame)
    return made


def test_a_frame_is_one_block_with_one_line_of_data() -> None:
    assert sse("change", b"{}", 7) == b"event: change\nid: 7\ndata: {}\n\n"
    assert sse("change", b"{}", None) == b"event: change\ndata: {}\n\n"
    with pytest.raises(AssertionError):
        sse("change", b"{\n}", 1)


def test_resuming_begins_at_the_first_frame_that_is_lacking() -> None:
    ring = ring_of(change("a", 1), live_frame("heartbeat", {}), change("b", 2), change("c", 3))
    assert [ring.resume_at(n) for n in (0, 1, 2, 3, 9)] == [0, 2, 3, 4, 4]


def test_what_is_pending_is_lacking_until_its_position_is_reached() -> None:
    ring = ring_of(change("a"), change("b", 1), confirmed("a", 2))
    assert [ring.resume_at(n) for n in (0, 1, 2)] == [0, 0, 3]


def test_nothing_is_known_before_the_beginning() -> None:
    ring = Ring(100, 10**6)
    ring.append(change("a", 5))
    assert ring.resume_at(5) is None
    ring.begin(5, {})
    assert ring.resume_at(4) is None
    assert ring.resume_at(5) == 1


def test_what_was_forgotten_cannot_be_resumed() -> None:
    ring = ring_of(*(change(f"e{n}", n) for n in range(1, 11)), frames_max=4)
    assert (ring.first, ring.next) == (6, 10)
    assert ring.resume_at(5) is None
    assert ring.resume_at(6) == 6
    ring = ring_of(*(change(f"e{n}", n) for n in range(1, 11)), bytes_max=500)
    assert ring.lag_bytes(ring.first) <= 500
    assert ring.resume_at(1) is None


def test_a_pending_event_that_was_forgotten_stops_resuming_until_the_log_has_it() -> None:
    ring = ring_of(change("a"), change("b"), *(change(f"e{n}", n, "upp") for n in range(1, 5)), frames_max=4)
    assert ring.resume_at(4) is None
    ring.append(confirmed("a", 5))
    assert ring.resume_at(5) is None, "b is still missing"
    ring.append(confirmed("b", 6))
    assert ring.resume_at(5) is None
    assert ring.resume_at(6) == ring.next


def test_events_pending_at_the_start_stop_resuming_until_the_log_has_the_last() -> None:
    ring = ring_of(change("x", 1, "upp"), pending={"vas": "z"})
    assert ring.resume_at(1) is None
    ring.append(confirmed("y", 2))
    assert ring.resume_at(2) is None
    ring.append(confirmed("z", 3))
    assert ring.resume_at(3) == ring.next
    assert ring.resume_at(2) is None, "the views of y and z were never here"


def test_a_pending_event_told_in_full_by_the_log_counts_as_confirmed() -> None:
    ring = ring_of(change("a"), change("a", 1))
    assert ring.resume_at(1) == 2
    assert ring.resume_at(0) == 0


def test_lag_counts_the_bytes_of_what_is_unread() -> None:
    frames = [change(f"e{n}", n) for n in range(1, 4)]
    ring = ring_of(*frames)
    sizes = [len(frame.full) for frame in frames]
    assert [ring.lag_bytes(n) for n in range(4)] == [sum(sizes), sum(sizes[1:]), sizes[2], 0]


def test_an_event_sent_again_has_no_id_and_another_event_id() -> None:
    data = change("a", 7).again(False)
    assert b"id: " not in data
    assert b'{"event_id":"a~again"' in data
    assert confirmed("a", 7).again(False) == sse("confirmed", confirmed("a", 7).data, None)
