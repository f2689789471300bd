"""Use cases of a 112 handover: keep the fragment, and have its one incident opened by the responsible call desk.

The fragment is a fact and is journalled where it arrives. Opening is a decision of the call desk that answers for the area;
where that desk is served here, both are one commit.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.world import World
from granslos.contract.commands import OpenIncident, ReceiveHandover
from granslos.contract.envelope import handover_id
from granslos.domain import handover
from granslos.domain import incident as incident_domain
from granslos.domain.stamp import Rejection


def open_command_id(handover: str) -> str:
    """Return the command id under which any site asks for, or does, the opening of a handover's incident."""
    return f"open-{handover}"


def plan(command: ReceiveHandover, setting: Setting) -> UseCase:
    """Plan a fragment's arrival, with the opening when this site serves the responsible desk."""
    own_id = handover_id(command.source, command.source_id)

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        state = world.state("handover", own_id)
        facts = handover.received(command, setting.context(now), now, state)
        drafts = [Draft(aggregate="handover", id=own_id, payload=event) for event in facts]
        if state is not None and state.incident_ids:
            root = world.root(state.incident_ids[0])
            return Decided(target=("incident", root), drafts=tuple(drafts))
        centre, area = setting.known.centre_of(command.location)
        gate = setting.gate(centre, "calls")
        if isinstance(gate, Elsewhere):
            return Decided(target=("handover", own_id), drafts=tuple(drafts))
        opening = OpenIncident(
            handover_id=own_id,
            handover=command,
            received_at=now,
            received_by=setting.site,
            centre=centre,
            area=area,
        )
        drafts.append(_opened(opening, setting, now, new_incident_id(), gate))
        return Decided(target=("incident", drafts[-1].id), drafts=tuple(drafts), created=True)

    return UseCase([("handover", own_id)], decide)


def plan_open(command: OpenIncident, setting: Setting) -> UseCase:
    """Plan the opening that another site asks for, or that this site does provisionally."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        state = world.state("handover", command.handover_id)
        if state is not None and state.incident_ids:
            return Decided(target=("incident", world.root(state.incident_ids[0])))
        gate = setting.gate(command.centre, "calls")
        if isinstance(gate, Elsewhere):
            return gate
        draft = _opened(command, setting, now, new_incident_id(), gate)
        return Decided(target=("incident", draft.id), drafts=(draft,), created=True)

    return UseCase([("handover", command.handover_id)], decide)


def _opened(command: OpenIncident, setting: Setting, now: datetime, incident_id: str, gate: tuple[int, bool]) -> Draft:
    epoch, provisional = gate
    events: tuple[Any, ...] = incident_domain.open_from_handover(command, setting.context(now, provisional), incident_id)
    assert len(events) == 1
    return Draft(
        aggregate="incident",
        id=incident_id,
        payload=events[0],
        refs=(incident_id,),
        centre=command.centre,
        desk="calls",
        epoch=epoch,
        provisional=provisional,
    )
