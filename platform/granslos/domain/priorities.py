"""Priorities are data: an ordered scale that a region may replace, not an enumeration."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

UNKNOWN_RANK = 99
"""Rank of a code that is not on the scale: after all that are."""


class Priority(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a scale. ``rank`` 0 is the most urgent; ``review_minutes`` is the waiting room's clock.

    ``alarm_target_seconds`` counts from answered to the first unit alarmed (K1). ``needs_unit`` is false for referrals.
    """

    code: str
    label_sv: str
    label_en: str
    rank: int
    review_minutes: int = 60
    alarm_target_seconds: float | None = None
    needs_unit: bool = True


class Scale(msgspec.Struct, frozen=True):
    """An ordered scale of priorities; the same at every site, because folds rank by it."""

    priorities: tuple[Priority, ...]

    def get(self, code: str | None) -> Priority | None:
        """Return the row of ``code``, or None for a code that is not on the scale."""
        return next((p for p in self.priorities if p.code == code), None)

    def knows(self, code: str | None) -> bool:
        """Tell whether ``code`` is on the scale."""
        return self.get(code) is not None

    def rank(self, code: str | None) -> int:
        """Return the rank of ``code``: 0 is the most urgent, ``UNKNOWN_RANK`` what is not on the scale."""
        row = self.get(code)
        return UNKNOWN_RANK if row is None else row.rank

    def more_urgent(self, a: str | None, b: str | None) -> bool:
        """Tell whether ``a`` is strictly more urgent than ``b``."""
        return self.rank(a) < self.rank(b)

    def most_urgent(self, codes: Sequence[str]) -> str | None:
        """Return the most urgent of ``codes``, the first of equals, or None for none."""
        return min(codes, key=self.rank, default=None)

    def needs_unit(self, code: str | None) -> bool:
        """Tell whether ``code`` asks for a unit; an unknown code does, to be on the safe side."""
        row = self.get(code)
        return code is not None and (row is None or row.needs_unit)

    def review_minutes(self, code: str | None) -> int:
        """Return after how many minutes a waiting patient is contacted again; for an unknown code the shortest of
        all.
        """
        row = self.get(code)
        return min((p.review_minutes for p in self.priorities), default=5) if row is None else row.review_minutes


def load_scale(data: Mapping[str, Any]) -> Scale:
    """Read a scale from a table such as TOML gives: ``[[priorities]]`` rows in order of urgency; ``rank`` may be left
    out.

    Raises:
        ValueError: no rows, a wrong field, a code twice, or ranks that do not follow the order of the rows.

    """
    rows = data.get("priorities")
    try:
        tables = msgspec.convert(rows, list[dict[str, Any]])
        made = tuple(msgspec.convert({"rank": n, **table}, Priority) for n, table in enumerate(tables))
    except msgspec.ValidationError as error:
        raise ValueError(f"not a priority: {error}") from error
    if not made:
        raise ValueError("a scale needs at least one priority")
    if len({p.code for p in made}) != len(made):
        raise ValueError("a priority's code appears twice")
    ranks = [p.rank for p in made]
    if ranks != sorted(set(ranks)) or not 0 <= ranks[0] <= ranks[-1] < UNKNOWN_RANK:
        raise ValueError("ranks must rise from row to row")
    return Scale(made)


def _row(code: str, sv: str, en: str, review_minutes: int, **more: Any) -> dict[str, Any]:
    return {"code": code, "label_sv": sv, "label_en": en, "review_minutes": review_minutes, **more}


DEFAULT_SCALE = load_scale(
    {
        "priorities": (
            _row("1A", "akut livshotande", "acute threat to life", 2, alarm_target_seconds=80.0),
            _row("1B", "akut, livshot kan finnas", "possible acute threat to life", 5),
            _row("2A", "akut, ej livshotande, först", "acute, not life threatening, first", 15),
            _row("2B", "akut, ej livshotande", "acute, not life threatening", 30),
            _row("3", "ej akut, vårdbehov under färd", "not urgent, care under way", 60),
            _row("4", "inget vårdbehov under färd", "no care under way", 120),
            _row("H", "hänvisning, ingen ambulans", "referral, no ambulance", 240, needs_unit=False),
        )
    }
)


def default_scale() -> Scale:
    """Return the seven-step scale 1A, 1B, 2A, 2B, 3, 4, H."""
    return DEFAULT_SCALE
