"""Use cases of one incident: load its case, ask the call desk's gate, decide."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

import msgspec

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.world import World
from granslos.contract.commands import AddNote, AmendIncident, IncidentCommand, MergeIncident
from granslos.domain import incident as domain
from granslos.domain.incident import AnyIncidentCommand
from granslos.domain.stamp import Rejection

_FACTS = (AddNote, AmendIncident)


def plan(command: IncidentCommand, setting: Setting) -> UseCase:
    """Plan a command to an incident; a command to a merged incident goes to the one it counts as."""
    keys = [("incident", command.incident_id)]
    if isinstance(command, MergeIncident):
        keys.append(("incident", command.into))

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        root = world.root(command.incident_id)
        refused = _refused(command, root, world, setting)
        if refused is not None:
            return refused
        state = world.state("incident", root)
        is_fact = isinstance(command, _FACTS)
        gate = (0, False) if is_fact else setting.gate(state.centre, "calls")
        if isinstance(gate, Elsewhere):
            return gate
        epoch, provisional = gate
        own = cast(AnyIncidentCommand, msgspec.structs.replace(command, incident_id=root))
        context = setting.context(now, provisional)
        events = domain.decide(state, own, context, assignments=world.case_assignments(root))
        if isinstance(events, Rejection):
            return events
        made = Draft(aggregate="incident", id=root, payload=events[0], refs=(root,)) if events else None
        if made is not None and not is_fact:
            made = msgspec.structs.replace(
                made, centre=state.centre, desk="calls", epoch=epoch, provisional=provisional, base=state.last_decision
            )
        drafts = tuple(msgspec.structs.replace(made, payload=event) for event in events) if made is not None else ()
        return Decided(target=("incident", root), drafts=drafts)

    return UseCase(keys, decide)


def _refused(command: IncidentCommand, root: str, world: World, setting: Setting) -> Rejection | None:
    state = world.state("incident", root)
    if state is None or not state.opened:
        detail = f"There is no incident {command.incident_id}."
        return Rejection("not_found", "No such incident", detail, status=404)
    if ("incident", root) in setting.parked:
        return Rejection("parked_event", "This site cannot read all of this incident", "Decide it at another site.")
    return _bad_merge(command, root, world)


def _bad_merge(command: IncidentCommand, root: str, world: World) -> Rejection | None:
    if not isinstance(command, MergeIncident):
        return None
    into = world.root(command.into)
    if world.state("incident", into) is None:
        return Rejection("not_found", "No such incident", f"There is no incident {command.into}.", field="into", status=404)
    if into == root:
        return Rejection("already_merged", "These two are one incident already", field="into")
    return None
