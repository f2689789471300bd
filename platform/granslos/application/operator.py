"""Use cases of an operator: duty is a fact, taken by any site."""

from collections.abc import Callable
from datetime import datetime

from granslos.application.decisions import Decided, Draft, Elsewhere, Setting, UseCase
from granslos.application.world import World
from granslos.contract.commands import SetDuty
from granslos.domain import operator as domain
from granslos.domain.stamp import Rejection


def plan(command: SetDuty, setting: Setting) -> UseCase:
    """Plan going on or off duty."""

    def decide(world: World, now: datetime, new_incident_id: Callable[[], str]) -> Decided | Rejection | Elsewhere:
        if command.centre not in setting.centres:
            return Rejection("unknown_centre", "No such centre", field="centre", status=422)
        state = world.state("operator", command.user_id)
        events = domain.decide_duty(state, command, setting.context(now))
        if isinstance(events, Rejection):
            return events
        drafts = tuple(Draft(aggregate="operator", id=command.user_id, payload=event) for event in events)
        return Decided(target=("operator", command.user_id), drafts=drafts)

    return UseCase([("operator", command.user_id)], decide)
