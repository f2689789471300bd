"""Makes the read model again from ``event_log`` and the journal: the same rows, byte for byte.

One transaction: readers see the old rows until the new ones are complete. The node must be down, or at least not writing.
"""

import time

import msgspec

from granslos.application.world import World
from granslos.domain.priorities import Scale
from granslos.projection.rows import build
from granslos.projection.store import Store
from granslos.runtime import limits


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild did."""

    events: int
    pending: int
    position: int
    seconds: float


async def rebuild(dsn: str, site: str, scale: Scale) -> Rebuilt:
    """Rebuild one site's read model.

    Raises:
        StoreUnavailableError: PostgreSQL does not answer; nothing was changed.
    """
    store = Store(dsn)
    await store.connect()
    started = time.monotonic()
    try:
        async with store.lock:
            await store.site_state(site)
            async with store.outer_transaction():
                await store.forget_read_model()
                world = World(store)
                events, cursor = await _replay(store, world, scale)
                pending = await _pending(store, world, scale)
        return Rebuilt(events, pending, cursor, time.monotonic() - started)
    finally:
        await store.close()


async def _replay(store: Store, world: World, scale: Scale) -> tuple[int, int]:
    cursor, events = 0, 0
    while True:
        last = await store.last_logged(cursor, limits.REBUILD_BATCH_EVENTS_MAX)
        if last == cursor:
            return events, cursor
        items = await store.events_after(cursor, limits.REBUILD_BATCH_EVENTS_MAX)
        store.events_until = cursor
        world.begin()
        await world.prepare(world.keys_of(items))
        await world.apply(items)
        async with store.transaction() as tx:
            tx.rows(build(world, scale))
        world.begin()
        world.trim(limits.WORLD_ENTRIES_MAX)
        cursor, events = last, events + len(items)


async def _pending(store: Store, world: World, scale: Scale) -> int:
    store.events_until = None
    items = await store.journal_pending()
    world.begin()
    await world.prepare(world.keys_of(items))
    await world.add_pending(items)
    async with store.transaction() as tx:
        tx.rows(build(world, scale))
    return len(items)
