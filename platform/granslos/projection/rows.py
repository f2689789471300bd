"""Rows of the read model: from states in memory to SQL, one statement a table.

``folded`` keeps the fold of the LOG, ``view`` what readers get. Both are functions of the LOG and of own pending events
only, so that rows at two sites, or before and after a rebuild, are equal byte for byte once nothing is pending.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from granslos.application.items import Entry, Key, Stored
from granslos.application.ports import Resource, Tick
from granslos.application.world import World
from granslos.contract.answers import Durability
from granslos.contract.envelope import encode
from granslos.contract.person import decode_hook, encode_hook
from granslos.contract.views import ConflictView, IncidentView, View
from granslos.domain.priorities import Scale
from granslos.domain.topics import STATE_TYPES
from granslos.domain.unit import AssignmentState
from granslos.domain.view import conflict_views, handover_view, incident_view, operator_view, unit_view
from granslos.projection.shape import Shape

_packer = msgspec.msgpack.Encoder(enc_hook=encode_hook)
_state_unpackers = {
    kind: msgspec.msgpack.Decoder(tuple[state, int, int | None], dec_hook=decode_hook)  # type: ignore[valid-type]  # because the type is made at run time
    for kind, state in STATE_TYPES.items()
}
_assignment_unpacker = msgspec.msgpack.Decoder(AssignmentState, dec_hook=decode_hook)

COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "incident": (
        ("id", "text"),
        ("kind", "text"),
        ("state", "text"),
        ("centre", "text"),
        ("area", "text"),
        ("priority", "text"),
        ("rank", "integer"),
        ("source", "text"),
        ("source_id", "text"),
        ("answered_by", "text"),
        ("merged_into", "text"),
        ("offered_at", "timestamptz"),
        ("review_due_at", "timestamptz"),
        ("closed_at", "timestamptz"),
        ("position", "bigint"),
        ("pending", "boolean"),
        ("folded", "bytea"),
        ("view", "bytea"),
    ),
    "handover": (
        ("id", "text"),
        ("source", "text"),
        ("source_id", "text"),
        ("incident_id", "text"),
        ("received_at", "timestamptz"),
        ("position", "bigint"),
        ("pending", "boolean"),
        ("folded", "bytea"),
        ("view", "bytea"),
    ),
    "unit": (
        ("id", "text"),
        ("kind", "text"),
        ("centre", "text"),
        ("state", "text"),
        ("incident_id", "text"),
        ("position", "bigint"),
        ("pending", "boolean"),
        ("folded", "bytea"),
        ("view", "bytea"),
    ),
    "operator": (
        ("id", "text"),
        ("centre", "text"),
        ("state", "text"),
        ("position", "bigint"),
        ("pending", "boolean"),
        ("folded", "bytea"),
        ("view", "bytea"),
    ),
    "centre": (("id", "text"), ("position", "bigint"), ("pending", "boolean"), ("folded", "bytea"), ("view", "bytea")),
    "conflict": (
        ("id", "text"),
        ("kind", "text"),
        ("state", "text"),
        ("owner", "text"),
        ("detected_at", "timestamptz"),
        ("view", "bytea"),
    ),
    "assignment": (
        ("id", "text"),
        ("incident_id", "text"),
        ("unit_id", "text"),
        ("active", "boolean"),
        ("folded", "bytea"),
    ),
}


def _upsert(table: str) -> Shape:
    columns = COLUMNS[table]
    updates = ", ".join(f"{name} = excluded.{name}" for name, _ in columns if name != "id")
    return Shape(table, columns, f"on conflict (id) do update set {updates}")


UPSERTS = {table: _upsert(table) for table in COLUMNS}
FORGET_CONFLICTS = "delete from conflict where owner = any(?::text[]) and not (id = any(?::text[]))"


class Rows:
    """What one transaction writes to the read model, and what readers are told of it."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        self.owners: list[str] = []
        self.resources: dict[Key, Resource] = {}
        self.ticks: dict[Key, Tick] = {}
        self.clashes: dict[Key, dict[str, ConflictView]] = {}
        """The clashes of each aggregate that has, or had, some."""
        self.contents: dict[Key, int] = {}
        """A hash of each resource's view without the marks that a tick brings."""

    def statements(self) -> list[tuple[str, list[Any]]]:
        """Return the statements that write all rows, one a table."""
        found = [UPSERTS[table].statement(rows) for table, rows in self.tables.items() if rows]
        if self.owners:
            keep = [row[0] for row in self.tables["conflict"]]
            found.append((FORGET_CONFLICTS, [self.owners, keep]))
        return found


def build(world: World, scale: Scale) -> Rows:
    """Build the rows of everything that changed since ``world.begin()``."""
    rows = Rows()
    for key in sorted(world.dirty):
        entry = world.entries.get(key)
        if entry is not None and entry.current is not None:
            _ROW_OF[key[0]](rows, world, entry, scale)
    _withdraw(rows, world)
    for assignment in world.dirty_assignments.values():
        rows.tables["assignment"].append(
            (
                assignment.assignment_id,
                assignment.incident_id,
                assignment.unit_id,
                assignment.active,
                _packer.encode(assignment),
            )
        )
    return rows


def pack(entry: Entry) -> bytes | None:
    """Return the fold of the LOG as a row keeps it, or None when nothing of it is in the LOG."""
    if entry.folded is None:
        return None
    return _packer.encode((entry.folded, entry.count, entry.position))


def unpack(kind: str, data: bytes) -> Stored:
    """Read what ``pack`` wrote."""
    state, count, position = _state_unpackers[kind].decode(data)
    return Stored(state, count, position)


def unpack_assignment(data: bytes) -> AssignmentState:
    """Read an assignment's row."""
    return _assignment_unpacker.decode(data)


def _durability(world: World, keys: Sequence[Key]) -> tuple[Durability, int | None, int]:
    entries = [world.entries[key] for key in keys if key in world.entries]
    positions = [entry.position for entry in entries if entry.position is not None]
    pending = any(entry.pending for entry in entries)
    version = sum(entry.version for entry in entries)
    return ("site" if pending else "cluster", max(positions, default=None), version)


def _tell(rows: Rows, world: World, key: Key, view: View, depends: Sequence[Key]) -> tuple[bytes, bool, int | None]:
    durability, position, version = _durability(world, depends)
    full = msgspec.structs.replace(view, durability=durability, position=position, version=version)
    data = encode(full)
    rows.resources[key] = Resource(key[0], key[1], msgspec.Raw(data))
    rows.contents[key] = hash(encode(view))
    rows.ticks[key] = Tick(key[0], key[1], durability, position, version)
    return data, durability == "site", position


def incident_depends(world: World, incident_id: str) -> list[Key]:
    """Return the aggregates whose events an incident's view shows, besides its units' claims."""
    keys: list[Key] = [("incident", incident_id)]
    for member in (incident_id, *world.case_members(incident_id)):
        state = world.state("incident", member)
        keys += [("handover", h) for h in (state.handover_ids if state else ())]
    return list(dict.fromkeys(keys))


def _incident_row(rows: Rows, world: World, entry: Entry, scale: Scale) -> None:
    incident_id = entry.key[1]
    depends = incident_depends(world, incident_id)
    root = world.root(incident_id)
    handovers = [state for kind, h in depends if kind == "handover" and (state := world.state(kind, h)) is not None]
    made = incident_view(
        entry.current,
        handovers=handovers,
        assignments=world.case_assignments(incident_id),
        merged_into=root if root != incident_id else None,
        merged_from=world.case_members(incident_id),
        scale=scale,
    )
    conflicts = conflict_views(entry.current, assignments=world.case_assignments(incident_id))
    view: IncidentView = msgspec.structs.replace(made, conflicts=tuple(c.id for c in conflicts))
    data, pending, position = _tell(rows, world, entry.key, view, depends)
    rows.tables["incident"].append(
        (
            incident_id,
            view.kind,
            # A fact may come before the opening it belongs to: kept, and in no list until that comes.
            view.state if entry.current.opened else "merged",
            view.centre,
            view.area,
            view.priority,
            scale.rank(view.priority) if view.priority else 99,
            view.source,
            view.source_id,
            view.answered_by,
            view.merged_into,
            view.t_offered,
            view.review_due_at,
            view.t_closed,
            position,
            pending,
            pack(entry),
            data,
        )
    )
    _conflict_rows(rows, world, entry, conflicts)


def _withdraw(rows: Rows, world: World) -> None:
    """Tell readers of clashes that the events no longer make: their rows go."""
    for key in rows.clashes:
        for clash_id, view in world.told_clashes.get(key, {}).items():
            if ("conflict", clash_id) not in rows.resources:
                gone = encode(msgspec.structs.replace(view, state="withdrawn"))
                rows.contents["conflict", clash_id] = hash(gone)
                rows.resources["conflict", clash_id] = Resource("conflict", clash_id, msgspec.Raw(gone))


def _conflict_rows(rows: Rows, world: World, entry: Entry, conflicts: Sequence[ConflictView]) -> None:
    owner = f"{entry.key[0]}:{entry.key[1]}"
    if conflicts or owner in world.conflicted:
        rows.owners.append(owner)
        rows.clashes[entry.key] = {conflict.id: conflict for conflict in conflicts}
    if conflicts:
        world.conflicted.add(owner)
    for conflict in conflicts:
        data = encode(conflict)
        rows.tables["conflict"].append((conflict.id, conflict.kind, conflict.state, owner, conflict.detected_at, data))
        rows.contents["conflict", conflict.id] = hash(data)
        rows.resources["conflict", conflict.id] = Resource("conflict", conflict.id, msgspec.Raw(data))


def _handover_row(rows: Rows, world: World, entry: Entry, scale: Scale) -> None:
    view = handover_view(entry.current)
    data, pending, position = _tell(rows, world, entry.key, view, [entry.key])
    received = min((f.received_at for f in entry.current.fragments), default=None)
    rows.tables["handover"].append(
        (view.id, view.source, view.source_id, view.incident_id, received, position, pending, pack(entry), data)
    )


def _unit_row(rows: Rows, world: World, entry: Entry, scale: Scale) -> None:
    view = unit_view(entry.current)
    data, pending, position = _tell(rows, world, entry.key, view, [entry.key])
    rows.tables["unit"].append(
        (view.id, view.kind, view.centre, view.state, view.incident_id, position, pending, pack(entry), data)
    )
    _conflict_rows(rows, world, entry, conflict_views(entry.current))


def _operator_row(rows: Rows, world: World, entry: Entry, scale: Scale) -> None:
    view = operator_view(entry.current)
    data, pending, position = _tell(rows, world, entry.key, view, [entry.key])
    rows.tables["operator"].append((view.id, view.centre, view.state, position, pending, pack(entry), data))


def _centre_row(rows: Rows, world: World, entry: Entry, scale: Scale) -> None:
    rows.tables["centre"].append((entry.key[1], entry.position, bool(entry.pending), pack(entry), encode(entry.current)))


_ROW_OF = {
    "incident": _incident_row,
    "handover": _handover_row,
    "unit": _unit_row,
    "operator": _operator_row,
    "centre": _centre_row,
}
