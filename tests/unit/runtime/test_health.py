"""Health by registration."""

import asyncio

import pytest

from granslos.contract.errors import StoreUnavailableError
from granslos.runtime.health import Finding, Health


async def good() -> Finding:
    return Finding(True, "12 ms")


async def bad() -> Finding:
    return Finding(False, "no leader")


async def away() -> Finding:
    raise StoreUnavailableError("secret detail")


async def hung() -> Finding:
    await asyncio.Event().wait()
    return Finding(True)


async def broken() -> Finding:
    raise KeyError("bug")


async def test_a_process_without_parts_is_ready() -> None:
    assert (await Health().report()).ready


async def test_parts_are_reported_in_the_order_of_registration() -> None:
    health = Health()
    health.register("postgres", good, vital=True)
    health.register("log", bad)
    report = await health.report()
    assert [(part.name, part.ok, part.detail) for part in report.parts] == [
        ("postgres", True, "12 ms"),
        ("log", False, "no leader"),
    ]
    assert report.ready, "a part that is not vital does not matter"


@pytest.mark.parametrize(("check", "detail"), [(bad, "no leader"), (away, "StoreUnavailableError")])
async def test_without_a_vital_part_the_node_is_not_ready(check: object, detail: str) -> None:
    health = Health()
    health.register("postgres", check, vital=True)
    report = await health.report()
    assert not report.ready
    assert report.parts[0].detail == detail


async def test_a_hung_check_counts_as_failed_in_time() -> None:
    health = Health()
    for n in range(20):
        health.register(f"part{n}", hung, vital=True, timeout_seconds=0.05)
    async with asyncio.timeout(0.9):
        report = await health.report()
    assert not report.ready
    assert report.parts[0].detail == "no answer within 0.05 s"


async def test_a_bug_in_a_check_is_not_taken_for_bad_health() -> None:
    health = Health()
    health.register("broken", broken)
    with pytest.raises(ExceptionGroup) as caught:
        await health.report()
    assert caught.group_contains(KeyError)


def test_a_name_is_registered_once() -> None:
    health = Health()
    health.register("postgres", good)
    with pytest.raises(AssertionError):
        health.register("postgres", good)
