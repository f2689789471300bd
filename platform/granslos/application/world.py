"""The fold of the LOG with own pending events on top, in memory, for the aggregates in use.

Pure but for the loader: it awaits rows of aggregates that are not in memory yet, and the LOG's events of incidents that have
to be folded again because they turned out to be one. All calls are made under the site's one write lock.

Rules kept here:
- state = fold of the LOG, then pending events on top, in the order this site learned of them;
- a LOG event on an aggregate with pending ones folds those again on top of it; no row depends on arrival order;
- an event that repeats an id already folded with the same payload (a command that took two journals) has no second effect;
- incidents of one handover are one case: every event of a member is folded into the first of them too.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from granslos.application.items import Entry, Item, Key, Loader, Stored, incidents_of
from granslos.domain.topics import topics
from granslos.domain.unit import AssignmentState


class World:
    """All aggregates in use at this site."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self.entries: dict[Key, Entry] = {}
        self.assignments: dict[str, dict[str, AssignmentState]] = {}
        self.parent: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self.pending: dict[tuple[str, str], Item] = {}
        self._saved: dict[Key, tuple[Any, ...] | None] = {}
        self._saved_assignments: dict[str, dict[str, AssignmentState]] = {}
        self._saved_pending: dict[tuple[str, str], Item | None] = {}
        self._saved_parent: dict[str, str | None] = {}
        self.conflicted: set[str] = set()
        """Aggregates (``kind:id``) that have, or once had, clashes in their rows."""
        self._refolded: set[Key] = set()
        self.dirty: set[Key] = set()
        self.told_clashes: dict[Key, dict[str, Any]] = {}
        """The clashes of an aggregate that readers were told of, by id."""
        self.told: dict[Key, int] = {}
        """What readers were last told of a resource: a hash of its view without its marks."""
        self.dirty_assignments: dict[str, AssignmentState] = {}

    # --- reading -----------------------------------------------------------------------------------------------------

    def state(self, kind: str, aggregate_id: str) -> Any:
        """Return the current state of a prepared aggregate, or None."""
        entry = self.entries.get((kind, aggregate_id))
        return entry.current if entry else None

    def folded(self, kind: str, aggregate_id: str) -> Any:
        """Return the LOG's state of a prepared aggregate, without pending events."""
        entry = self.entries.get((kind, aggregate_id))
        return entry.folded if entry else None

    def root(self, incident_id: str) -> str:
        """Return the incident that ``incident_id`` counts as after merging."""
        seen = set()
        while incident_id in self.parent and incident_id not in seen:
            seen.add(incident_id)
            incident_id = self.parent[incident_id]
        return incident_id

    def case_members(self, root: str) -> tuple[str, ...]:
        """Return the incidents merged into ``root``, in order of their ids."""
        found: set[str] = set()
        frontier = [root]
        while frontier:
            for member in self.members.get(frontier.pop(), ()):
                if member not in found and member != root:
                    found.add(member)
                    frontier.append(member)
        return tuple(sorted(found))

    def case_assignments(self, root: str) -> tuple[AssignmentState, ...]:
        """Return the assignments of a case, the incidents merged into it included, in order of their ids."""
        found: dict[str, AssignmentState] = dict(self.assignments.get(root, {}))
        for member in self.case_members(root):
            found.update(self.assignments.get(member, {}))
        return tuple(found[key] for key in sorted(found))

    def is_pending(self, key: Key) -> bool:
        """Tell whether an aggregate has events that are not in the LOG as far as this site has read it."""
        entry = self.entries.get(key)
        return bool(entry and entry.pending)

    # --- loading -----------------------------------------------------------------------------------------------------

    async def prepare(self, keys: Iterable[Key]) -> None:
        """Load ``keys`` and all they depend on: handovers and merged incidents of incidents, incidents of units."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self.entries]
        while wanted:
            stored = await self._loader.load(wanted)
            for key in wanted:
                self._admit(key, stored.get(key))
            incidents = [key[1] for key in wanted if key[0] == "incident"]
            if any(stored.get(("incident", i)) for i in incidents):
                await self._load_case(incidents)
            wanted = self._missing(wanted)

    def create(self, key: Key) -> None:
        """Admit an aggregate that was made just now, so that nobody looks for its row."""
        if key not in self.entries:
            self._admit(key, None)

    def _admit(self, key: Key, stored: Stored | None) -> None:
        entry = Entry(key, stored)
        self.entries[key] = entry
        self._saved.setdefault(key, None)
        mine = [item for item in self.pending.values() if key in self._topics(item)]
        if mine:
            entry.pending = tuple(mine)
            entry.refresh()

    async def _load_case(self, incidents: Sequence[str]) -> None:
        for member, root in await self._loader.load_merged(incidents):
            self._join(member, root)
        for assignment in await self._loader.load_assignments(incidents):
            self.assignments.setdefault(assignment.incident_id, {}).setdefault(assignment.assignment_id, assignment)

    def _missing(self, loaded: Sequence[Key]) -> list[Key]:
        needed: list[Key] = []
        for kind, aggregate_id in loaded:
            state = self.state(kind, aggregate_id)
            if kind == "incident":
                needed += [("incident", self.root(aggregate_id))]
                needed += [("incident", member) for member in self.case_members(self.root(aggregate_id))]
                needed += [("handover", h) for h in (state.handover_ids if state else ())]
            elif kind == "handover" and state is not None:
                needed += [("incident", i) for i in state.incident_ids]
                self._join_handover(state.incident_ids)
            elif kind == "unit" and state is not None:
                needed += [("incident", a.incident_id) for a in state.assignments if a.active]
        return [key for key in dict.fromkeys(needed) if key not in self.entries]

    def keys_of(self, items: Iterable[Item]) -> list[Key]:
        """Return the aggregates that folding ``items`` touches or needs."""
        keys: dict[Key, None] = {}
        for item in items:
            for key in self._topics(item):
                keys[key] = None
            for incident_id in incidents_of(item.payload):
                keys["incident", incident_id] = None
        return list(keys)

    def _topics(self, item: Item) -> tuple[Key, ...]:
        e = item.envelope
        return topics(e.type, e.aggregate, e.id, item.payload)

    # --- folding -----------------------------------------------------------------------------------------------------

    async def add_pending(self, items: Sequence[Item]) -> None:
        """Put events that are not in the LOG yet on top; their aggregates must be prepared."""
        for item in items:
            mark = (item.envelope.site, item.envelope.event_id)
            if mark in self.pending:
                continue
            self._saved_pending.setdefault(mark, None)
            self.pending[mark] = item
            await self._touch(item, self._pend)

    def forget(self, items: Iterable[Item]) -> None:
        """Take events off that the LOG will not bring, or that cannot be folded; their aggregates must be prepared."""
        for item in items:
            mark = (item.envelope.site, item.envelope.event_id)
            if mark not in self.pending:
                continue
            self._saved_pending.setdefault(mark, self.pending.pop(mark))
            for entry in [e for e in self.entries.values() if item in e.pending]:
                before = self._writable(entry.key).current
                entry.pending = tuple(p for p in entry.pending if p is not item)
                entry.refresh()
                if entry.key[0] == "unit" and entry.current is not None:
                    self._derive_assignments(before, entry.current)

    async def apply(self, items: Sequence[Item]) -> None:
        """Fold events of the LOG, in its order; their aggregates must be prepared."""
        for n, item in enumerate(items):
            mark = (item.envelope.site, item.envelope.event_id)
            if mark in self.pending:
                self._saved_pending.setdefault(mark, self.pending[mark])
                del self.pending[mark]
            await self._touch(item, self._fold, items[: n + 1])
        for kind, aggregate_id in tuple(self.dirty):
            if kind == "incident" and (aggregate_id in self.parent or self.case_members(aggregate_id)):
                # Joined cases are few: folding them anew makes them depend on nothing but the LOG, however they were found.
                await self._refold(aggregate_id, items)

    async def _touch(self, item: Item, step: Any, batch: Sequence[Item] = ()) -> None:
        keys = list(self._topics(item))
        for kind, aggregate_id in tuple(keys):
            if kind == "incident" and (root := self.root(aggregate_id)) != aggregate_id:
                keys.append(("incident", root))
        self._refolded.clear()
        for key in keys:
            if key in self._refolded or (key[0] == "incident" and not self._concerns(key[1], item)):
                # Folding an earlier key showed that cases belong together, or do not: what was folded anew holds this event.
                continue
            entry = self._writable(key)
            before = entry.current
            step(entry, item)
            await self._derive(entry, before, batch)

    def _concerns(self, incident_id: str, item: Item) -> bool:
        """Tell whether an event belongs into an incident's fold: it is its own, or of a member of its case."""
        own = [aggregate_id for kind, aggregate_id in self._topics(item) if kind == "incident"]
        return any(incident_id in (aggregate_id, self.root(aggregate_id)) for aggregate_id in own)

    def _writable(self, key: Key) -> Entry:
        entry = self.entries.get(key)
        assert entry is not None, f"{key} was not prepared"
        if key not in self._saved:
            self._saved[key] = entry.snapshot()
        self.dirty.add(key)
        return entry

    def _pend(self, entry: Entry, item: Item) -> None:
        entry.pend(item)

    def _fold(self, entry: Entry, item: Item) -> None:
        entry.take(item)

    # --- what follows from a change ----------------------------------------------------------------------------------

    async def _derive(self, entry: Entry, before: Any, batch: Sequence[Item]) -> None:
        kind, aggregate_id = entry.key
        state = entry.current
        if kind == "unit":
            self._derive_assignments(before, state)
        elif kind == "handover":
            await self._derive_handover(state, batch)
        elif kind == "incident":
            into = getattr(state, "merged_into", None)
            if into and self.parent.get(aggregate_id) != into and self.root(into) != aggregate_id:
                await self.prepare([("incident", into)])
                await self._merge(aggregate_id, into, batch)
            for handover_id in state.handover_ids:
                if ("handover", handover_id) in self.entries:
                    self.dirty.add(("handover", handover_id))

    def _derive_assignments(self, before: Any, after: Any) -> None:
        old = {a.assignment_id: a for a in (before.assignments if before else ())}
        for assignment in after.assignments:
            if old.get(assignment.assignment_id) != assignment:
                self._put_assignment(assignment)
        gone = set(old) - {a.assignment_id for a in after.assignments}
        for assignment_id in gone:
            if old[assignment_id].active:
                self._drop_assignment(old[assignment_id])

    def _put_assignment(self, assignment: AssignmentState) -> None:
        case = self._case(assignment.incident_id)
        case[assignment.assignment_id] = assignment
        self.dirty_assignments[assignment.assignment_id] = assignment
        self._dirty_incident(assignment.incident_id)

    def _drop_assignment(self, assignment: AssignmentState) -> None:
        """Forget a claim that never reached the LOG and was folded away."""
        case = self._case(assignment.incident_id)
        if case.pop(assignment.assignment_id, None) is not None:
            ended = msgspec.structs.replace(assignment, active=False, state="displaced")
            self.dirty_assignments[assignment.assignment_id] = ended
            self._dirty_incident(assignment.incident_id)

    def _case(self, incident_id: str) -> dict[str, AssignmentState]:
        case = self.assignments.setdefault(incident_id, {})
        if incident_id not in self._saved_assignments:
            self._saved_assignments[incident_id] = dict(case)
        return case

    def _dirty_incident(self, incident_id: str) -> None:
        for key in (("incident", incident_id), ("incident", self.root(incident_id))):
            if key in self.entries:
                if key not in self._saved:
                    self._saved[key] = self.entries[key].snapshot()
                self.dirty.add(key)

    async def _derive_handover(self, state: Any, batch: Sequence[Item]) -> None:
        incidents = state.incident_ids
        await self.prepare([("incident", i) for i in incidents])
        for incident_id in incidents:
            self._dirty_incident(incident_id)
        for member in incidents[1:]:
            if self.parent.get(member) != incidents[0] and member != incidents[0]:
                await self._merge(member, incidents[0], batch)
        if incidents and incidents[0] in self.parent and self.parent[incidents[0]] in incidents:
            self._unjoin(incidents[0])
            await self._refold(incidents[0], batch)

    def _join(self, member: str, root: str) -> None:
        if member == root or self.parent.get(member) == root:
            return
        if member not in self._saved_parent:
            self._saved_parent[member] = self.parent.get(member)
        self._unjoin(member)
        self.parent[member] = root
        self.members.setdefault(root, set()).add(member)

    def _unjoin(self, member: str) -> None:
        old = self.parent.pop(member, None)
        if old is not None:
            self._saved_parent.setdefault(member, old)
            self.members[old].discard(member)

    def _join_handover(self, incident_ids: Sequence[str]) -> None:
        for member in incident_ids[1:]:
            self._join(member, incident_ids[0])

    async def _merge(self, member: str, root: str, batch: Sequence[Item]) -> None:
        if root in self.case_members(member):
            self._unjoin(root)
        self._join(member, root)
        await self._refold(self.root(root), batch)
        await self._refold(member, batch)

    async def _refold(self, incident_id: str, batch: Sequence[Item]) -> None:
        """Fold an incident again from the LOG, with the events of what is merged into it."""
        group: list[Key] = [("incident", i) for i in (incident_id, *self.case_members(incident_id))]
        await self.prepare(group)
        wanted = set(group)
        stored = await self._loader.load_events(group)
        last = stored[-1].log_seq if stored else 0
        fresh = [i for i in batch if (i.log_seq or 0) > (last or 0) and wanted & set(self._topics(i))]
        self._refolded.add(("incident", incident_id))
        entry = self._writable(("incident", incident_id))
        entry.folded, entry.count, entry.position, entry.recent, entry.pending = None, 0, None, (), ()
        for item in (*stored, *fresh):
            self._fold(entry, item)
        entry.pending = tuple(item for item in self.pending.values() if wanted & set(self._topics(item)))
        entry.refresh()

    # --- transactions ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start to remember what changes."""
        self._saved.clear()
        self._saved_assignments.clear()
        self._saved_pending.clear()
        self._saved_parent.clear()
        self.dirty.clear()
        self.dirty_assignments.clear()

    def clear(self) -> None:
        """Forget everything: the store is to be read again."""
        self.entries.clear()
        self.assignments.clear()
        self.parent.clear()
        self.members.clear()
        self.pending.clear()
        self.begin()

    def rollback(self) -> None:
        """Undo everything since ``begin``: the store did not take it."""
        for key, saved in self._saved.items():
            if saved is None:
                self.entries.pop(key, None)
            else:
                self.entries[key].restore(saved)
        self.assignments.update(self._saved_assignments)
        for mark, item in self._saved_pending.items():
            if item is None:
                self.pending.pop(mark, None)
            else:
                self.pending[mark] = item
        for member, root in self._saved_parent.items():
            self._unjoin(member)
            if root is not None:
                self.parent[member] = root
                self.members.setdefault(root, set()).add(member)
        self.begin()

    def trim(self, entries_max: int) -> None:
        """Forget idle aggregates above ``entries_max``, oldest first; never those with pending events, nor units."""
        excess = len(self.entries) - entries_max
        if excess <= 0:
            return
        for key in [k for k, e in self.entries.items() if k[0] in ("incident", "handover") and not e.pending][:excess]:
            if self._is_settled(key):
                del self.entries[key]
                self.assignments.pop(key[1], None)

    def _is_settled(self, key: Key) -> bool:
        if key[0] == "handover":
            state = self.entries[key].current
            return all(("incident", i) not in self.entries for i in (state.incident_ids if state else ()))
        state = self.entries[key].current
        return state is not None and state.state == "closed"
