"""Operators: on or off duty, where, with which roles. Facts: the newest by time counts, whatever order they came in."""

from datetime import datetime

import msgspec

from granslos.contract.commands import SetDuty
from granslos.contract.events import DutyChanged
from granslos.domain.stamp import Context, Rejection, Stamp

OperatorEvent = DutyChanged


class OperatorState(msgspec.Struct, frozen=True, kw_only=True):
    """An operator. ``changed_at`` and ``changed_by_event`` date the newest word; ``since`` is when this duty began."""

    user_id: str
    on: bool
    centre: str
    roles: tuple[str, ...] = ()
    since: datetime | None = None
    changed_at: datetime
    changed_by_event: str


def evolve(state: OperatorState | None, event: OperatorEvent, stamp: Stamp) -> OperatorState:
    """Fold one event. Total, pure and commutative."""
    if state is not None and (state.changed_at, state.changed_by_event) >= (stamp.at, stamp.event_id):
        return state
    return OperatorState(
        user_id=event.user_id,
        on=event.on,
        centre=event.centre,
        roles=event.roles,
        since=stamp.at,
        changed_at=stamp.at,
        changed_by_event=stamp.event_id,
    )


def decide_duty(state: OperatorState | None, command: SetDuty, context: Context) -> tuple[DutyChanged, ...] | Rejection:
    """Go on or off duty. Empty when it is so already."""
    roles = command.roles or ((context.actor.role,) if command.on else ())
    if state is None and not command.on:
        return ()
    if state is not None and (state.on, state.centre, state.roles) == (command.on, command.centre, roles):
        return ()
    return (DutyChanged(user_id=command.user_id, on=command.on, centre=command.centre, roles=roles),)
