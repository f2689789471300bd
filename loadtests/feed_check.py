"""What a reader of the feed holds against it: positions go forward, and nothing is told twice without a reason.

Without locust, so that tests may import it.
"""

from collections.abc import Mapping
from typing import Any

AGAIN = "~again"
"""Ends the id of a change that brings newer views of what was sent before it: never news."""
SEEN_EVENTS_MAX = 50_000
"""Event ids remembered, the oldest go: a run of an hour on a demo has fewer."""


class FeedCheck:
    """One reader's memory over all its connections; see "How a reader keeps its picture" in ``docs/api.md``."""

    def __init__(self) -> None:
        self.position = 0
        self.repeated = 0
        self._seen: dict[str, None] = {}
        self._pending_here: set[str] = set()

    def connected(self) -> None:
        """Say that a new connection begins: a site may tell again what the one before has told."""
        self._pending_here.clear()

    def take(self, event: str, position: int | None, data: Mapping[str, Any]) -> str | None:
        """Take a frame; return what is wrong with it.

        Args:
            event: The frame's name.
            position: Its ``id:``, where it has one.
            data: Its data.
        """
        if event == "snapshot":
            self._seen.clear()
            self._pending_here.clear()
        gap = self._advance(event, position)
        return gap or (self._note(data["event_id"], position) if event == "change" else None)

    def _advance(self, event: str, position: int | None) -> str | None:
        if position is None:
            return None
        before, self.position = self.position, position
        has_gone_on = event == "snapshot" or position > before
        return None if has_gone_on else f"{event}: from {before} to {position}"

    def _note(self, event_id: str, position: int | None) -> str | None:
        """Take an event. A command resent to another site is in the LOG twice: one event id, two positions."""
        if event_id.endswith(AGAIN):
            return None
        if position is None and event_id in self._pending_here:
            return f"{event_id} came twice without a position"
        self.repeated += event_id in self._seen
        self._seen[event_id] = None
        if position is None:
            self._pending_here.add(event_id)
        if len(self._seen) > SEEN_EVENTS_MAX:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._pending_here.discard(oldest)
        return None
