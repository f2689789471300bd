"""The send queue: order, bounds, five separate facts, retries, and nothing lost in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.rakel.cme import Remedy, remedy
from granslos_adapters.rakel.codec.bits import Bits
from granslos_adapters.rakel.errors import OutboxFullError
from granslos_adapters.rakel.outbox import ON_AIR_MAX, Attempt, Message, Outbox, Priority, Progress

DATA = Bits(0x8204, 16)


def outbox(queue_max: int = 10, attempts_max: int = 3) -> Outbox:
    return Outbox(queue_max=queue_max, attempts_max=attempts_max, receipt_wait_seconds=30.0)


def message(key: str, priority: Priority = Priority.ASSIGNMENT, **changes: object) -> Message:
    fields = {
        "key": key,
        "to": "1234567",
        "parts": (DATA,),
        "references": (7,),
        "priority": priority,
        "wants_receipt": True,
        "expires_at": 300.0,
        "unit_id": "319-3310",
    }
    return Message(**{**fields, **changes})


def due(box: Outbox, now: float) -> Attempt:
    attempt = box.next(now)
    assert attempt is not None
    box.started(attempt)
    return attempt


def stages(progress: list[Progress]) -> list[str]:
    return [one.stage for one in progress]


def test_the_most_urgent_goes_first_then_the_oldest() -> None:
    box = outbox()
    wanted = ["emergency", "first 1A", "second 1A", "assignment", "receipt", "position"]
    order = [Priority.POSITION_REQUEST, Priority.RECEIPT, Priority.ASSIGNMENT, Priority.ASSIGNMENT_1A]
    for key, priority in zip(["position", "receipt", "assignment", "first 1A"], order, strict=True):
        box.put(message(key, priority, wants_receipt=False), 0.0)
    box.put(message("second 1A", Priority.ASSIGNMENT_1A, wants_receipt=False), 0.0)
    box.put(message("emergency", Priority.EMERGENCY, wants_receipt=False), 0.0)
    sent = []
    while (attempt := box.next(1.0)) is not None:
        sent.append(attempt.key)
        box.accepted(attempt, 1.0)
    assert sent == wanted


def test_five_facts_are_learnt_one_by_one_and_never_deduced() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    (accepted,) = box.accepted(due(box, 0.0), 1.0)
    assert (accepted.stage, accepted.facts.accepted_at, accepted.facts.aired_at) == ("accepted", 1.0, None)
    (aired,) = box.aired(2.0)
    assert (aired.stage, aired.facts.aired_at, aired.facts.received_at) == ("aired", 2.0, None)
    (received,) = box.reported("1234567", 7, 0x00, 3.0)
    assert (received.stage, received.facts.received_at, received.facts.read_at) == ("received", 3.0, None)
    (read,) = box.reported("1234567", 7, 0x02, 4.0)
    assert (read.stage, read.facts.read_at, read.facts.agreed_at) == ("read", 4.0, None)
    (agreed,) = box.agreed("319-3310", 5.0)
    assert (agreed.stage, agreed.facts.agreed_at, len(box)) == ("agreed", 5.0, 0)


def test_what_the_air_says_before_the_terminal_answers_is_not_lost() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    attempt = due(box, 0.0)
    assert stages(box.aired(0.1)) == ["aired"]
    assert stages(box.reported("1234567", 7, 0x00, 0.2)) == ["received"]
    assert stages(box.accepted(attempt, 0.3)) == ["accepted"]
    assert box.expire(60.0) == []


def test_a_receipt_settles_a_message_that_the_terminal_never_confirmed() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    attempt = due(box, 0.0)
    assert stages(box.reported("1234567", 7, 0x00, 0.2)) == ["received"]
    assert box.failed(attempt, Remedy.RETRY, 0.5) == []
    assert box.next(100.0) is None


def test_terminals_that_never_tell_of_the_air_cost_no_memory() -> None:
    box = outbox(queue_max=1_000)
    for index in range(300):
        box.put(message(str(index), references=(), wants_receipt=False), 0.0)
        box.accepted(due(box, 0.0), 0.0)
    assert len(box._on_air) == ON_AIR_MAX


def test_a_receipt_of_another_radio_or_reference_is_not_ours() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    box.accepted(due(box, 0.0), 1.0)
    assert box.reported("7654321", 7, 0x00, 2.0) == []
    assert box.reported("1234567", 8, 0x00, 2.0) == []
    assert stages(box.reported("02400000101234567", 7, 0x00, 2.0)) == ["received"]


def test_group_and_external_reports_are_no_receipt() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    box.accepted(due(box, 0.0), 1.0)
    assert box.reported("1234567", 7, 0x05, 2.0) == []
    assert box.reported("1234567", 7, 0x22, 2.0) == []


def test_all_parts_must_arrive() -> None:
    box = outbox()
    box.put(message("a", parts=(DATA, DATA), references=(7, 8)), 0.0)
    assert box.accepted(due(box, 0.0), 1.0) == []
    assert stages(box.accepted(due(box, 0.0), 1.0)) == ["accepted"]
    assert box.reported("1234567", 8, 0x00, 2.0) == []
    assert stages(box.reported("1234567", 7, 0x00, 2.0)) == ["received"]


def test_without_a_receipt_only_the_missing_part_is_sent_again_until_the_bound() -> None:
    box = outbox(attempts_max=2)
    box.put(message("a", parts=(DATA, DATA), references=(7, 8)), 0.0)
    for _ in range(2):
        box.accepted(due(box, 0.0), 1.0)
    box.reported("1234567", 7, 0x00, 2.0)
    assert box.next(30.0) is None
    assert box.expire(31.0) == []
    again = due(box, 31.0)
    assert again.index == 1
    box.accepted(again, 31.0)
    (failed,) = box.expire(61.0)
    assert (failed.stage, failed.text, len(box)) == ("failed", "no receipt", 0)


def test_busy_is_tried_after_one_two_and_four_seconds_then_given_up() -> None:
    box = outbox(attempts_max=4)
    box.put(message("a"), 0.0)
    now = 0.0
    for pause in (1.0, 2.0, 4.0):
        assert box.failed(due(box, now), Remedy.BUSY, now, 42) == []
        assert box.next(now + pause - 0.01) is None
        now += pause
    (failed,) = box.failed(due(box, now), Remedy.BUSY, now, 42)
    assert (failed.stage, failed.code) == ("failed", 42)


@pytest.mark.parametrize("what", [Remedy.OUT_OF_SERVICE, Remedy.LINK_DOWN, Remedy.MODE, Remedy.PERSON])
def test_what_waiting_can_heal_costs_no_attempt_but_its_time(what: Remedy) -> None:
    box = outbox(attempts_max=2)
    box.put(message("a", expires_at=60.0), 0.0)
    now = 0.0
    for _ in range(5):
        assert box.failed(due(box, now), what, now) == []
        now += 10.0
    assert stages(box.expire(60.0)) == ["expired"]


@pytest.mark.parametrize("what", [Remedy.SETTINGS, Remedy.DEFECT])
def test_what_nothing_can_heal_fails_at_once(what: Remedy) -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    assert stages(box.failed(due(box, 0.0), what, 0.0, 33)) == ["failed"]


def test_a_failed_delivery_status_ends_the_message_with_its_code() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    box.accepted(due(box, 0.0), 1.0)
    (failed,) = box.reported("1234567", 7, 0x4B, 2.0)
    assert (failed.stage, failed.code, failed.text) == ("failed", 0x4B, "destination not registered")


def test_expiry_is_told_and_an_answered_message_ends_quietly() -> None:
    box = outbox()
    box.put(message("late", expires_at=10.0), 0.0)
    box.put(message("done", expires_at=10.0, references=(9,)), 0.0)
    attempts = [due(box, 0.0)]
    box.accepted(attempts[0], 0.0)
    box.accepted(due(box, 0.0), 0.0)
    box.reported("1234567", 9, 0x00, 1.0)
    assert [(one.key, one.stage) for one in box.expire(10.0)] == [("late", "expired")]
    assert len(box) == 0


def test_a_full_queue_makes_room_for_the_more_urgent_and_says_so() -> None:
    box = outbox(queue_max=2)
    box.put(message("a", Priority.ASSIGNMENT), 0.0)
    box.put(message("b", Priority.RECEIPT), 0.0)
    (evicted,) = box.put(message("c", Priority.ASSIGNMENT_1A), 0.0)
    assert (evicted.key, evicted.stage) == ("b", "evicted")
    with pytest.raises(OutboxFullError):
        box.put(message("d", Priority.ASSIGNMENT), 0.0)
    assert len(box) == 2


def test_the_same_key_is_the_same_message() -> None:
    box = outbox()
    box.put(message("a"), 0.0)
    box.put(message("a"), 0.0)
    assert len(box) == 1


@given(st.lists(st.integers(1, 6), max_size=60))
def test_references_in_use_are_never_given_twice(counts: list[int]) -> None:
    box = outbox(queue_max=1_000)
    used: set[int] = set()
    for index, count in enumerate(counts):
        try:
            first = box.reserve("1234567", count)
        except OutboxFullError:
            assert len(used) + count > 200
            return
        references = tuple((first + step) % 256 for step in range(count))
        assert not used & set(references)
        used |= set(references)
        box.put(message(str(index), parts=(DATA,) * count, references=references), 0.0)


def test_the_remedies_are_those_of_the_standard() -> None:
    assert remedy(38) is Remedy.DONE
    assert remedy(42) is Remedy.BUSY
    assert remedy(30) is Remedy.OUT_OF_SERVICE
    assert remedy(35) is Remedy.RESYNC
    assert remedy(1) is Remedy.LINK_DOWN
    assert remedy(None) is remedy(99) is Remedy.RETRY
