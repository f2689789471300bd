"""Use cases of a unit: the claim is its dispatch desk's alone; a crew's status is a fact that any site takes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.world import World
from granslos.contract.commands import AssignUnit, CancelAssignment, RegisterUnit, ReportUnitStatus
from granslos.contract.events import Event, UnitAssigned
from granslos.domain import unit as domain
from granslos.domain.incident import is_closed
from granslos.domain.stamp import Rejection

_NOT_FOUND = ("not_found", "No such unit")
Outcome = Decided | Rejection | Elsewhere


def plan_register(command: RegisterUnit, setting: Setting) -> UseCase:
    """Plan making a unit known."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Outcome:
        state = world.state("unit", command.unit_id)
        if command.centre not in setting.centres:
            return Rejection("unknown_centre", "No such centre", field="centre", status=422)
        owner = state.centre if state is not None and state.registered else command.centre
        gate = setting.gate(owner, "dispatch")
        if isinstance(gate, Elsewhere):
            return gate
        events = domain.decide_register(state, command, setting.context(now))
        return _decided(events, command.unit_id, (owner, gate), state)

    return UseCase([("unit", command.unit_id)], decide)


def plan_assign(command: AssignUnit, setting: Setting) -> UseCase:
    """Plan a claim. ``vouched``: the asking site knows the incident, which this one may not have heard of yet."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Outcome:
        state = world.state("unit", command.unit_id)
        if state is None or not state.registered:
            return Rejection(*_NOT_FOUND, f"There is no unit {command.unit_id}.", field="unit_id", status=404)
        root = world.root(command.incident_id)
        incident = world.state("incident", root)
        known = incident is not None and incident.opened
        if not known and not command.vouched:
            return Rejection("not_found", "No such incident", f"There is no incident {command.incident_id}.", status=404)
        if ("unit", command.unit_id) in setting.parked:
            return Rejection("parked_event", "This site cannot read all of this unit", "Assign it at another site.")
        gate = setting.gate(state.centre, "dispatch")
        if isinstance(gate, Elsewhere):
            return gate
        own = msgspec.structs.replace(command, incident_id=root)
        events = domain.decide_assign(
            state,
            own,
            setting.context(now),
            incident_priority=incident.priority if known else None,
            incident_open=not known or not is_closed(incident, world.case_assignments(root)),
        )
        if not isinstance(events, Rejection) and known:
            events = tuple(msgspec.structs.replace(event, incident_centre=incident.centre) for event in events)
        return _decided(events, command.unit_id, (state.centre, gate), state, root)

    return UseCase([("unit", command.unit_id), ("incident", command.incident_id)], decide)


def plan_cancel(command: CancelAssignment, setting: Setting) -> UseCase:
    """Plan turning a unit back."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Outcome:
        state = world.state("unit", command.unit_id)
        if state is None or not state.registered:
            return Rejection(*_NOT_FOUND, f"There is no unit {command.unit_id}.", field="unit_id", status=404)
        gate = setting.gate(state.centre, "dispatch")
        if isinstance(gate, Elsewhere):
            return gate
        group = {
            command.incident_id,
            world.root(command.incident_id),
            *world.case_members(world.root(command.incident_id)),
        }
        active = next((a.incident_id for a in state.assignments if a.active and a.incident_id in group), None)
        own = msgspec.structs.replace(command, incident_id=active or world.root(command.incident_id))
        events = domain.decide_cancel(state, own, setting.context(now))
        return _decided(events, command.unit_id, (state.centre, gate), state, own.incident_id)

    return UseCase([("unit", command.unit_id), ("incident", command.incident_id)], decide)


def plan_status(command: ReportUnitStatus, setting: Setting) -> UseCase:
    """Plan a crew's status."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Outcome:
        state = world.state("unit", command.unit_id)
        if state is None or not state.registered:
            return Rejection(*_NOT_FOUND, f"There is no unit {command.unit_id}.", field="unit_id", status=404)
        events = domain.report_status(state, command, setting.context(now))
        if isinstance(events, Rejection):
            return events
        drafts = tuple(Draft(aggregate="unit", id=command.unit_id, payload=event, refs=_refs(event, None)) for event in events)
        return Decided(target=("unit", command.unit_id), drafts=drafts)

    return UseCase([("unit", command.unit_id)], decide)


def _refs(event: Event, incident_id: str | None) -> tuple[str, ...]:
    found = getattr(event, "incident_id", None) or incident_id
    return (found,) if found else ()


def _decided(
    events: tuple[Event, ...] | Rejection,
    unit_id: str,
    place: tuple[str, tuple[int, bool]],
    state: Any,
    incident_id: str | None = None,
) -> Outcome:
    if isinstance(events, Rejection):
        return events
    centre, (epoch, provisional) = place
    assert not provisional, "a unit claim is never provisional"
    drafts = tuple(
        Draft(
            aggregate="unit",
            id=unit_id,
            payload=event,
            refs=_refs(event, incident_id),
            centre=centre,
            desk="dispatch",
            epoch=epoch,
            base=state.last_decision if state is not None else None,
        )
        for event in events
    )
    target = ("incident", incident_id) if incident_id else ("unit", unit_id)
    return Decided(target=target, drafts=drafts, created=isinstance(events[-1], UnitAssigned) if events else False)
