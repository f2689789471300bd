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
        state = world.state("incident", root)
        if state is None or not state.opened:
            return Rejection("not_found", "No such incident", f"There is no incident {command.incident_id}.", status=404)
        if ("incident", root) in setting.parked:
            return Rejection("parked_event", "This site cannot read all of this incident", "Decide it at another site.")
        rejected = _bad_merge(command, root, world)
        if rejected is not None:
            return rejected
        epoch, provisional, desk = None, False, None
        if not isinstance(command, _FACTS):
            gate = setting.gate(state.centre, "calls")
            if isinstance(gate, Elsewhere):
                return gate
            (epoch, provisional), desk = gate, "calls"
        own = cast(AnyIncidentCommand, msgspec.structs.replace(command, incident_id=root))
        context = setting.context(now, provisional)
        events = domain.decide(state, own, context, assignments=world.case_assignments(root))
        if isinstance(events, Rejection):
            return events
        drafts = tuple(
            Draft(
                aggregate="incident",
                id=root,
                payload=event,
                refs=(root,),
                centre=state.centre if desk else None,
                desk="calls" if desk else None,
                epoch=epoch,
                provisional=provisional,
                base=state.last_decision if desk else None,
            )
            for event in events
        )
        return Decided(target=("incident", root), drafts=drafts)

    return UseCase(keys, decide)


def _bad_merge(command: IncidentCommand, root: str, world: World) -> Rejection | None:
    if not isinstance(command, MergeIncident):
        return None
    into = world.root(command.into)
    if world.state("incident", into) is None:
        return Rejection("not_found", "No such incident", f"There is no incident {command.into}.", field="into", status=404)
    if into == root:
        return Rejection("already_merged", "These two are one incident already", field="into")
    return None
