"""What one commit writes: journal, copy of the LOG, commands, rows, and where the site stands."""

from collections.abc import Sequence
from typing import Any

import msgspec

from granslos.projection import rows as row_sql
from granslos.projection.shape import Shape, joined


class SiteState(msgspec.Struct, kw_only=True):
    """The one row that says where this site stands."""

    site: str
    generation: int = 0
    journal_head: int = 0
    journal_hash: str = "0" * 64
    next_serial: int = 1
    serial_day: str = ""
    log_cursor: int = 0
    log_identity: str = ""


STATE_COLUMNS = (
    "generation",
    "journal_head",
    "journal_hash",
    "next_serial",
    "serial_day",
    "log_cursor",
    "log_identity",
)
_HEAD_COLUMNS = ("generation", "journal_head", "journal_hash", "next_serial", "serial_day")
_HEAD_UPDATE = "update site_state set " + ", ".join(f"{c} = ?" for c in _HEAD_COLUMNS)  # noqa: S608 -- names from a constant
_LOG = Shape(
    "event_log",
    (
        ("log_seq", "bigint"),
        ("site", "text"),
        ("generation", "integer"),
        ("jseq", "bigint"),
        ("event_id", "text"),
        ("type", "text"),
        ("command_id", "text"),
        ("at", "timestamptz"),
        ("late", "boolean"),
        ("twin", "smallint"),
        ("topics", "text"),
        ("hash", "text"),
        ("body", "bytea"),
    ),
    "on conflict (log_seq) do nothing",
    {"topics": "string_to_array({}, ' ')"},
)
_COMMANDS = Shape(
    "command",
    (
        ("command_id", "text"),
        ("command_hash", "text"),
        ("aggregate", "text"),
        ("aggregate_id", "text"),
        ("status", "integer"),
    ),
    "on conflict (command_id) do nothing",
)
_JOURNAL_COLUMNS = (
    ("generation", "integer"),
    ("jseq", "bigint"),
    ("event_id", "text"),
    ("hash", "text"),
    ("subject", "text"),
    ("body", "bytea"),
)
_JOURNAL = Shape("journal", _JOURNAL_COLUMNS, "")
_REFILL = Shape("journal", _JOURNAL_COLUMNS, "on conflict (generation, jseq) do nothing")
_PARK = Shape(
    "parked_event",
    (
        ("event_id", "text"),
        ("log_seq", "bigint"),
        ("type", "text"),
        ("topics", "text"),
        ("reason", "text"),
        ("body", "bytea"),
    ),
    "on conflict (event_id) do nothing",
    {"topics": "string_to_array({}, ' ')"},
)

JournalRow = tuple[int, int, str, str, str, bytes]
"""generation, jseq, event id, hash, subject, body."""
ParkingRow = tuple[str, int | None, str, str, str, bytes]
"""event id, LOG sequence (None: not in the LOG), type, topics joined by blanks, reason, body."""
CommandRow = tuple[str, str, str, str, int]
"""command id, command hash, aggregate, aggregate id, status."""


class Transaction:
    """What is written in one commit: collected, then sent as one statement, so that a commit is one round trip and one fsync.

    Each table is written by at most one part, so that it does not matter that all parts see the same snapshot.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._parameters: list[Any] = []

    def add(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Add a data-modifying statement; its parameters are written ``?``."""
        self._parts.append(statement)
        self._parameters += parameters

    def _insert(self, shape: Shape, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self.add(*shape.statement(rows))

    def journal(self, rows: Sequence[JournalRow]) -> None:
        """Append to the journal; a place that is taken fails the commit: the caller's state is not the store's."""
        self._insert(_JOURNAL, rows)

    def refill(self, rows: Sequence[JournalRow]) -> None:
        """Put own events of the LOG into the journal, as far as they are not there."""
        self._insert(_REFILL, rows)

    def commands(self, rows: Sequence[CommandRow]) -> None:
        """Remember commands that took effect; the first wins."""
        self._insert(_COMMANDS, rows)

    def log(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append to ``event_log``; topics joined by blanks."""
        self._insert(_LOG, rows)

    def rows(self, rows: row_sql.Rows) -> None:
        """Write the read model's changes."""
        for statement, parameters in rows.statements():
            self.add(statement, parameters)

    def head(self, state: SiteState) -> None:
        """Write the journal's head and the next serial: the writer's part of ``site_state``."""
        self.add(_HEAD_UPDATE, [getattr(state, column) for column in _HEAD_COLUMNS])

    def cursor(self, log_cursor: int) -> None:
        """Write the LOG sequence that the rows stand at: the projector's part of ``site_state``."""
        self.add("update site_state set log_cursor = ?", [log_cursor])

    def identity(self, log_identity: str) -> None:
        """Write which LOG this site follows."""
        self.add("update site_state set log_identity = ?", [log_identity])

    def park(self, rows: Sequence[ParkingRow]) -> None:
        """Park events."""
        self._insert(_PARK, rows)

    def probe(self) -> None:
        """Change the probe row."""
        self.add("update site_state set probe = probe + 1")

    def statement(self) -> tuple[str, list[Any]] | None:
        """Return the one statement and its parameters; None when there is nothing to write."""
        if not self._parts:
            return None
        return joined(tuple(self._parts)), self._parameters
