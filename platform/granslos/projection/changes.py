"""From a committed group of events to what readers are told."""

from collections.abc import Sequence

from granslos.application.items import Item, Key
from granslos.application.ports import Change, Resource
from granslos.application.world import World
from granslos.domain.priorities import Scale
from granslos.projection.rows import Rows, build
from granslos.runtime import limits


def changes_of(items: Sequence[Item], rows: Rows, world: World) -> list[Change]:
    """Return what readers are told of ``items``: each event with the resources it touched, as they are after the group.

    Resources that changed as a consequence (an incident by its unit) go with the last event of the group.
    """
    last_use: dict[Key, int] = {}
    for n, item in enumerate(items):
        for key in world.keys_of([item]):
            last_use[key] = n
            if key[0] == "incident":
                last_use["incident", world.root(key[1])] = n
    told: dict[int, list[Resource]] = {}
    for key, resource in rows.resources.items():
        told.setdefault(last_use.get(key, len(items) - 1), []).append(resource)
    world.told.update(rows.contents)
    world.told_clashes.update(rows.clashes)
    while len(world.told) > limits.TOLD_RESOURCES_MAX:
        # Told in full again where it is asked for next.
        del world.told[next(iter(world.told))]
    return [_change(item, tuple(told.get(n, ()))) for n, item in enumerate(items)]


def _change(item: Item, resources: tuple[Resource, ...]) -> Change:
    e = item.envelope
    return Change(
        event_id=e.event_id,
        type=e.type,
        at=e.at,
        site=e.site,
        position=item.log_seq,
        durability="site" if item.log_seq is None else "cluster",
        resources=resources,
    )


def show(world: World, key: Key, scale: Scale) -> Resource | None:
    """Return a prepared aggregate as readers get it, without changing anything."""
    entry = world.entries.get(key)
    if entry is None or entry.current is None:
        return None
    dirty, world.dirty = world.dirty, {key}
    try:
        return build(world, scale).resources.get(key)
    finally:
        world.dirty = dirty
