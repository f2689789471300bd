"""Makes the read model again from ``event_log`` and the journal: the same rows, byte for byte.

Parked events that this release can read and fold are taken in; the others stay parked.
One transaction: readers see the old rows until the new ones are complete. The node must be down, or at least not writing.
"""

import time
from collections.abc import Sequence

import msgspec
from structlog import get_logger

from granslos.application.items import Item
from granslos.application.world import World
from granslos.contract.errors import StoreUnavailableError
from granslos.domain.priorities import Scale
from granslos.projection.projector import parking_row
from granslos.projection.rows import build
from granslos.projection.store import Store
from granslos.runtime import limits

log = get_logger(__name__)


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
        try:
            await _fold(store, world, scale, items)
            events += len(items)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- an event's bug leaves that event parked, and the rest is rebuilt
            log.warning("batch_failed", events=len(items), reason=type(error).__name__)
            world.rollback()
            for item in items:
                events += await _alone(store, world, scale, item)
        world.begin()
        world.trim(limits.WORLD_ENTRIES_MAX)
        cursor = last


async def _fold(store: Store, world: World, scale: Scale, items: Sequence[Item]) -> None:
    world.begin()
    await world.prepare(world.keys_of(items))
    await world.apply(items)
    rows = build(world, scale)
    async with store.transaction() as tx:
        tx.rows(rows)
    await store.unpark(items)


async def _alone(store: Store, world: World, scale: Scale, item: Item) -> int:
    """Fold one event; return how many that was."""
    try:
        await _fold(store, world, scale, [item])
    except StoreUnavailableError:
        raise
    except Exception as error:
        world.rollback()
        log.error("event_breaks_fold", log_seq=item.log_seq, exc_info=error)
        async with store.transaction() as tx:
            tx.park([parking_row(item, type(error).__name__)])
        await store.hide(item)
        return 0
    store.events_until = item.log_seq
    return 1


async def _pending(store: Store, world: World, scale: Scale) -> int:
    store.events_until = None
    items = await store.journal_pending()
    world.begin()
    await world.prepare(world.keys_of(items))
    await world.add_pending(items)
    async with store.transaction() as tx:
        tx.rows(build(world, scale))
    return len(items)
