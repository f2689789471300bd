"""Recognises the same thing said again: terminals repeat, two sites hear the same radio, a key sends status and
position.

The id of what is reported derives from (source, kind, bytes, window), so two sites that hear the same message make
the same command. A value that comes back after another one within the window is new (a crew corrected itself twice)
and gets an id of its own.
"""

from collections import OrderedDict

import msgspec

from granslos.contract.envelope import derive_id

SOURCES_MAX = 20_000
"""Sources remembered; the one heard longest ago is forgotten first."""


class Told(msgspec.Struct, frozen=True):
    """The id of what was said, and whether it was said before."""

    id: str
    repeated: bool


class _Run(msgspec.Struct):
    data: str
    first_at: float
    id: str
    window: int
    counts: dict[str, int]


class Repeats:
    """Remembers the last thing of each kind from each source."""

    def __init__(self, window_seconds: int) -> None:
        self._window_seconds = window_seconds
        self._runs: OrderedDict[tuple[str, str], _Run] = OrderedDict()

    def tell(self, source: str, kind: str, data: str, at: float) -> Told:
        """Return the id of ``data`` of ``kind`` from ``source`` at ``at`` (seconds since 1970).

        The time is the wall clock's, because windows must agree between sites.
        """
        key = (source, kind)
        run = self._runs.get(key)
        if run is not None and run.data == data and 0 <= at - run.first_at < self._window_seconds:
            self._runs.move_to_end(key)
            return Told(run.id, True)
        window = int(at // self._window_seconds)
        counts = run.counts if run is not None and run.window == window else {}
        earlier = counts.get(data, 0)
        parts: tuple[str | int, ...] = ("rakel", source, kind, data, window)
        identity = derive_id(*parts, earlier) if earlier else derive_id(*parts)
        self._runs[key] = _Run(data, at, identity, window, {**counts, data: earlier + 1})
        self._runs.move_to_end(key)
        if len(self._runs) > SOURCES_MAX:
            self._runs.popitem(last=False)
        return Told(identity, False)

    def forget(self, identity: str) -> None:
        """Forget what has this id, so that its repetition is news under the same id."""
        for key, run in list(self._runs.items()):
            if run.id == identity:
                del self._runs[key]
