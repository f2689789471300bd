"""Clocks and ids."""

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from granslos.runtime import limits
from granslos.runtime.clock import ManualClock, SystemClock
from granslos.runtime.ids import new_command_id, new_instance_id

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def test_the_system_clock_is_utc_and_moves() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()


async def test_the_monotonic_clock_is_the_loops() -> None:
    assert abs(SystemClock().monotonic() - asyncio.get_running_loop().time()) < 1.0


def test_a_manual_clock_stands_until_moved() -> None:
    clock = ManualClock(datetime(2026, 3, 29, 2, 0, tzinfo=timezone(timedelta(hours=1))))
    start, before = clock.now(), clock.monotonic()
    assert start == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert clock.now() == start
    clock.advance(2.5)
    assert clock.now() - start == timedelta(seconds=2.5)
    assert clock.monotonic() - before == 2.5


def test_a_wall_clock_may_jump_and_the_monotonic_does_not() -> None:
    clock = ManualClock()
    before = clock.monotonic()
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2020
    assert clock.monotonic() == before


def test_time_does_not_go_back() -> None:
    with pytest.raises(AssertionError):
        ManualClock().advance(-1)


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(AssertionError):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001 -- that is what is refused


def test_the_centres_day_follows_summer_time() -> None:
    assert datetime(2026, 7, 1, 22, 30, tzinfo=UTC).astimezone(limits.LOCAL_ZONE).day == 2
    assert datetime(2026, 12, 1, 22, 30, tzinfo=UTC).astimezone(limits.LOCAL_ZONE).day == 1


def test_ids_are_version_7_and_sort_by_time() -> None:
    made = [new_command_id() for _ in range(1_000)] + [new_instance_id()]
    assert all(UUID7.match(text) for text in made)
    assert sorted(set(made)) == made
