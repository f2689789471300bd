"""Which decisions a decider had seen: marks of the newest decisions on an aggregate, in fold order.

A decision names its ``base``, the last decision its decider had seen. In normal times that is the one before it in the
LOG. Where it is not, or the decision is *apart* (late, provisional, or made on an incident that was merged into this
one),
it knows what its base's decider could have seen and its own line, and nothing else.
"""

from datetime import datetime

import msgspec

from granslos.contract.envelope import derive_id
from granslos.domain.limits import MARKS_MAX
from granslos.domain.stamp import Stamp

MAIN_LINE = ""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A decision's place. It knows all decisions below ``horizon``, and those of its own ``line`` up to
    ``base_index``.
    """

    event_id: str
    index: int
    horizon: int
    line: str
    base_index: int
    aggregate_id: str
    site: str
    at: datetime
    epoch: int
    provisional: bool
    apart: bool

    @property
    def precedence(self) -> tuple[int, bool, int]:
        """Return what contradicting decisions are compared by: epoch, then the authority's own, then the later in
        the LOG.
        """
        return (self.epoch, not self.provisional, self.index)


def knows(later: Mark, earlier: Mark) -> bool:
    """Tell whether ``later``'s decider could have seen ``earlier``."""
    if earlier.index < later.horizon:
        return True
    return later.line != MAIN_LINE and earlier.line == later.line and earlier.index <= later.base_index


def mark(marks: tuple[Mark, ...], count: int, own_id: str, aggregate_id: str | None, stamp: Stamp) -> Mark:
    """Return the place of the decision stamped ``stamp``, number ``count`` on the aggregate ``own_id``.

    ``aggregate_id`` is the one it was made on; None where only its base can tell.
    """
    base = _find(marks, stamp)
    is_odd = stamp.provisional or stamp.late
    made_on = aggregate_id or (base.aggregate_id if base and is_odd else own_id)
    is_foreign = made_on != own_id
    apart = is_odd or is_foreign
    continues = (
        base is not None and base.apart and (base.aggregate_id == made_on if is_foreign else base.site == stamp.site)
    )
    if apart and base is not None and continues:
        horizon, line = base.horizon, base.line
    elif base is not None and not is_foreign:
        horizon, line = base.index + 1, MAIN_LINE
    else:
        horizon, line = (0 if is_foreign or not marks else marks[0].index), MAIN_LINE
    return Mark(
        event_id=stamp.event_id,
        index=count,
        horizon=horizon,
        line=line or (stamp.event_id if apart else MAIN_LINE),
        base_index=base.index if base else -1,
        aggregate_id=made_on,
        site=stamp.site,
        at=stamp.at,
        epoch=stamp.epoch if stamp.epoch is not None else -1,
        provisional=stamp.provisional,
        apart=apart,
    )


def remember(marks: tuple[Mark, ...], new: Mark) -> tuple[Mark, ...]:
    """Add a mark, forgetting the oldest above ``MARKS_MAX``."""
    return (*marks[-MARKS_MAX + 1 :], new)


def _find(marks: tuple[Mark, ...], stamp: Stamp) -> Mark | None:
    """Return the mark of the base. A site whose event became another's double names it by its first id."""
    if stamp.base is None:
        return None
    own = derive_id(stamp.base, stamp.site)
    found = {m.event_id: m for m in marks}
    return found.get(own) or found.get(stamp.base)
