"""Which decisions a decider had seen: the newest decisions on an aggregate, in fold order, and what each knew of the
others.

A decision names in its ``base`` what its decider had seen last: normally the decision before it in the LOG. Where
decisions
were made unaware of each other, the state has several *heads*, decisions that no other one knew of, and ``base``
names them
joined by ``+``. So what a decision knew follows from its base alone, however the LOG interleaved the sites' journals.
"""

from datetime import datetime

import msgspec

from granslos.contract.envelope import derive_id
from granslos.domain.limits import BASE_LENGTH_MAX, MARKS_MAX
from granslos.domain.stamp import Stamp

SEPARATOR = "+"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A decision's place in the fold, and what its decider had not seen.

    That is the earlier places in ``unseen``, and all below ``unseen_below``, which are no longer remembered.
    """

    event_id: str
    index: int
    unseen: tuple[int, ...]
    unseen_below: int = 0
    aggregate_id: str
    at: datetime
    epoch: int
    provisional: bool

    @property
    def precedence(self) -> tuple[int, bool, int]:
        """Return what contradicting decisions are compared by: epoch, then the authority's own, then the later in
        the LOG.
        """
        return (self.epoch, not self.provisional, self.index)


def knows(later: Mark, earlier: Mark) -> bool:
    """Tell whether ``later``'s decider had seen ``earlier``."""
    return later.unseen_below <= earlier.index < later.index and earlier.index not in later.unseen


def mark(marks: tuple[Mark, ...], count: int, made_on: str, stamp: Stamp) -> Mark:
    """Return the place of the decision stamped ``stamp``, number ``count`` of the fold, made on the aggregate
    ``made_on``.

    A base that is not remembered tells nothing: its decision takes all that are remembered as unseen.
    """
    seen: set[int] = set()
    bases = _bases(marks, stamp)
    for base in bases:
        seen.update(m.index for m in marks if m.index == base.index or knows(base, m))
    return Mark(
        event_id=stamp.event_id,
        index=count,
        unseen=tuple(m.index for m in marks if m.index not in seen),
        unseen_below=min((b.unseen_below for b in bases), default=marks[0].index if marks else 0),
        aggregate_id=made_on,
        at=stamp.at,
        epoch=stamp.epoch if stamp.epoch is not None else -1,
        provisional=stamp.provisional,
    )


def remember(marks: tuple[Mark, ...], new: Mark) -> tuple[Mark, ...]:
    """Add a mark, forgetting the oldest above ``MARKS_MAX``."""
    return (*marks[-MARKS_MAX + 1 :], new)


def heads(marks: tuple[Mark, ...]) -> str | None:
    """Return the base of the next decision: the newest, and the newest of those that no other one knew of, as many
    as fit.
    """
    found: list[Mark] = []
    for m in reversed(marks):
        if not any(knows(other, m) for other in found):
            found.append(m)
    text = None
    for m in found:
        longer = m.event_id if text is None else f"{text}{SEPARATOR}{m.event_id}"
        if len(longer) > BASE_LENGTH_MAX and text is not None:
            break
        text = longer
    return text


def _bases(marks: tuple[Mark, ...], stamp: Stamp) -> list[Mark]:
    """Return the marks a base names. A site whose event became another's double names it by its first id."""
    known = {m.event_id: m for m in marks}
    names = stamp.base.split(SEPARATOR) if stamp.base else []
    found = [known.get(derive_id(name, stamp.site)) or known.get(name) for name in names]
    return [m for m in found if m is not None]
