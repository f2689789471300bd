"""Shows other sites' committed events as pending, before the LOG brings them."""

from collections.abc import Sequence

from granslos.application.items import Item
from granslos.application.ports import Change
from granslos.application.world import World
from granslos.domain.priorities import Scale
from granslos.projection.changes import changes_of
from granslos.projection.projector import Projector, Tail
from granslos.projection.rows import build
from granslos.projection.store import Store


async def show_pending(store: Store, world: World, scale: Scale, projector: Projector, items: Sequence[Item]) -> list[Change]:
    """Fold ``items`` on top of what is known and write the rows; return what readers are told.

    Raises:
        StoreUnavailableError: nothing was shown.
    """
    async with store.lock:
        fresh = [item for item in items if not _is_known(projector, item)]
        if not fresh:
            return []
        world.begin()
        try:
            await world.prepare(world.keys_of(fresh))
            await world.add_pending(fresh)
            rows = build(world, scale)
            async with store.transaction() as tx:
                tx.rows(rows)
        except BaseException:
            world.rollback()
            raise
        return changes_of(fresh, rows, world)


def _is_known(projector: Projector, item: Item) -> bool:
    tail = projector.tails.get(item.envelope.site, Tail())
    return (item.envelope.generation, item.envelope.jseq) <= (tail.generation, tail.jseq)
