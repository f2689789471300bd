"""One decision on an incident while it is folded, and what all folds of decisions share."""

from datetime import datetime

import msgspec

from granslos.domain.clash import Clash, clash_id, put
from granslos.domain.incident_state import Holder, IncidentState, OpenState
from granslos.domain.limits import CO_LISTENERS_MAX
from granslos.domain.marks import Mark
from granslos.domain.priorities import Scale
from granslos.domain.stamp import Stamp

replace = msgspec.structs.replace


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One decision being folded: its stamp, its place among the others, and the scale to rank by."""

    stamp: Stamp
    mark: Mark
    scale: Scale

    @property
    def at(self) -> datetime:
        """Return when it was decided."""
        return self.stamp.at


def start_clash(state: IncidentState, step: Step, other: str, kind: str, level: int) -> Clash:
    """Start a clash between this decision and ``other``; its words are put in by the caller."""
    ids = tuple(dict.fromkeys(i for i in (state.incident_id, step.mark.aggregate_id) if i))
    centres = tuple(dict.fromkeys(c for c in (state.centre, step.stamp.centre) if c))
    return Clash(
        id=clash_id(other, step.stamp.event_id),
        kind=kind,
        level=level,
        event_ids=(other, step.stamp.event_id),
        outcome="",
        text="",
        detected_at=step.at,
        incident_ids=ids,
        centres=centres,
    )


def add_clash(state: IncidentState, clash: Clash, outcome: str, text: str) -> IncidentState:
    """Put a clash with its outcome among the incident's, unless a person settled it."""
    return replace(state, clashes=put(state.clashes, replace(clash, outcome=outcome, text=text)))


def standing_at(state: IncidentState, open_state: OpenState) -> IncidentState:
    """Set the open state. It shows unless all who worked on it have closed it."""
    is_closed = state.closing is not None and not state.uncovered
    return replace(state, open_state=open_state, state="closed" if is_closed else open_state)


def held_by(state: IncidentState, new: Holder) -> IncidentState:
    """Give the call to another operator, who knew who held it."""
    left = listen(state, state.holder.operator) if state.holder else state
    others = tuple(o for o in left.co_listeners if o != new.operator)
    return standing_at(replace(left, holder=new, co_listeners=others), _when_held(state.open_state))


def _when_held(open_state: OpenState) -> OpenState:
    return "answered" if open_state == "offered" else open_state


def listen(state: IncidentState, operator: str) -> IncidentState:
    """Add a co-listener: somebody who answered too, or held the call before."""
    if operator == state.answered_by and operator in state.co_listeners:
        return state
    listeners = tuple(dict.fromkeys((*state.co_listeners, operator)))
    return replace(state, co_listeners=listeners[-CO_LISTENERS_MAX:])
