"""Waiting for a condition instead of sleeping: the only way a test here lets time pass."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

Result = TypeVar("Result")

POLL_SECONDS = 0.02


@overload
async def eventually(
    condition: Callable[[], Awaitable[Result | None]], *, within_seconds: float, poll_seconds: float = POLL_SECONDS
) -> Result: ...


@overload
async def eventually(
    condition: Callable[[], Result | None], *, within_seconds: float, poll_seconds: float = POLL_SECONDS
) -> Result: ...


async def eventually(condition: Callable[[], object], *, within_seconds: float, poll_seconds: float = POLL_SECONDS) -> object:
    """Polls until the condition holds and returns its (truthy) value.

    Args:
        condition: A function, sync or async. An `AssertionError`, `OSError` or `TimeoutError` of it means "not yet".
        within_seconds: The bound in seconds. It is a promise about the system, so choose it from its specification.
        poll_seconds: Pause between two looks, in seconds.

    Raises:
        AssertionError: The condition did not hold within the bound; carries its last value or error.
    """
    end = time.monotonic() + within_seconds
    last: object = None
    while True:
        try:
            value = condition()
            seen = await value if inspect.isawaitable(value) else value
            if seen:
                return seen
            last = seen
        except (AssertionError, OSError, TimeoutError) as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(f"not within {within_seconds} s: {_name(condition)}; last seen: {last!r}")
        await asyncio.sleep(poll_seconds)


async def never(condition: Callable[[], Awaitable[object] | object], *, for_seconds: float) -> None:
    """Watches for the given time and fails at once if the condition holds even for one look."""
    end = time.monotonic() + for_seconds
    while time.monotonic() < end:
        value = condition()
        seen = await value if inspect.isawaitable(value) else value
        assert not seen, f"{_name(condition)} became {seen!r}"
        await asyncio.sleep(POLL_SECONDS)


def _name(condition: Callable[[], object]) -> str:
    code = getattr(condition, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return getattr(condition, "__qualname__", repr(condition)) + where
