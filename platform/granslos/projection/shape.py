"""One insert statement for any number of rows, cheap for the client to send.

A few rows go as scalars, which psycopg dumps in C; many go as one array a column, so that the statement stays the same and
prepared. Parameters are written ``?`` and numbered when the parts of a commit are joined.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

SCALAR_ROWS_MAX = 2
"""Up to so many rows go as scalars; each number is a statement of its own for PostgreSQL to prepare."""
JOINED_CACHED_MAX = 512


class Shape:
    """How rows of one table are inserted.

    Args:
        table: its name.
        columns: names and PostgreSQL types, in the order of the rows' values.
        conflict: what follows the rows, e.g. ``on conflict (id) do nothing``.
        made: expressions for columns that are not stored as sent; ``{}`` is the value.
    """

    def __init__(
        self, table: str, columns: Sequence[tuple[str, str]], conflict: str, made: Mapping[str, str] | None = None
    ) -> None:
        names = ", ".join(name for name, _ in columns)
        expressions = [(made or {}).get(name, "{}") for name, _ in columns]
        head, tail = f"insert into {table} ({names})", conflict
        row = "(" + ", ".join(e.format(f"?::{kind}") for e, (_, kind) in zip(expressions, columns, strict=True)) + ")"
        self._scalar = {n: f"{head} values {', '.join([row] * n)} {tail}" for n in range(1, SCALAR_ROWS_MAX + 1)}
        letters = [f"c{n}" for n in range(len(columns))]
        picked = ", ".join(e.format(letter) for e, letter in zip(expressions, letters, strict=True))
        arrays = ", ".join(f"?::{kind}[]" for _, kind in columns)
        self._arrays = f"{head} select {picked} from unnest({arrays}) as rows ({', '.join(letters)}) {tail}"  # noqa: S608 -- names from constants

    def statement(self, rows: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
        """Return the statement and its parameters; ``rows`` is not empty."""
        if len(rows) <= SCALAR_ROWS_MAX:
            return self._scalar[len(rows)], [value for row in rows for value in row]
        return self._arrays, [list(column) for column in zip(*rows, strict=True)]


@lru_cache(JOINED_CACHED_MAX)
def joined(parts: tuple[str, ...]) -> str:
    """Return one statement of all parts, parameters numbered through."""
    whole = parts[0]
    if len(parts) > 1:
        whole = f"with {', '.join(f'part{n} as ({part})' for n, part in enumerate(parts))} select 1"
    pieces = whole.split("?")
    return "".join(f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1)) + pieces[-1]
