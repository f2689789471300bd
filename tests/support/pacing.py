"""Time that a test's own actors take: a slow sender, an open loop's next arrival. Never a wait for the system."""

import asyncio


async def pause(seconds: float) -> None:
    """Be slow on purpose.

    Args:
        seconds: what the actor takes; the system's answer is awaited with ``eventually`` instead.
    """
    await asyncio.sleep(seconds)
