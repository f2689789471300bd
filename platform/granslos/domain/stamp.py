"""What folds and decisions may know besides payloads: when, who, where from. Time and ids are arguments, never
read here.
"""

from datetime import datetime

import msgspec

from granslos.contract.places import Actor
from granslos.domain.priorities import Scale


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a fold may know of an event besides its payload.

    ``late``: its epoch was older than the desk's at its place in the LOG. ``base``: event id of the last decision on
    this
    aggregate that the decider had seen. ``order``: LOG sequence; pending events get numbers above all LOG sequences.
    ``aggregate_id``: the aggregate the event was decided on; ``fold_id``: the aggregate being folded. They differ
    where the
    events of a merged incident are folded into the one it was merged into.
    """

    event_id: str
    command_id: str
    site: str
    at: datetime
    actor: str
    role: str
    centre: str | None = None
    desk: str | None = None
    epoch: int | None = None
    provisional: bool = False
    late: bool = False
    base: str | None = None
    order: int = 0
    aggregate_id: str | None = None
    fold_id: str | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may know besides state and command."""

    now: datetime
    actor: Actor
    site: str
    command_id: str
    scale: Scale
    provisional: bool = False


class Rejection(msgspec.Struct, frozen=True):
    """The domain says no. ``code`` is stable; ``field`` names the wrong field; ``status`` follows HTTP."""

    code: str
    title: str
    detail: str = ""
    field: str | None = None
    status: int = 409
