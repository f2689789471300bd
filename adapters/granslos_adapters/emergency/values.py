"""Foreign JSON made safe to pass on: what PostgreSQL or a later reader would choke on is replaced, nothing else."""

import math
from typing import Any

from granslos_adapters.emergency.limits import LONG_TEXT_CHARACTERS_MAX, SHORT_TEXT_CHARACTERS_MAX
from granslos_adapters.emergency.texts import fit

DEPTH_MAX = 32
"""Levels of lists and objects; deeper ones are replaced by a note."""
EXACT_INTEGER_MAX = 2**53
"""Larger integers become texts: JSON readers would round them."""


def clean(value: Any, depth: int = 0) -> Any:
    """Return a copy without control characters, infinities, huge integers and abysmal nesting."""
    if isinstance(value, str):
        return value if len(value) <= SHORT_TEXT_CHARACTERS_MAX and value.isprintable() else _text(value)
    if isinstance(value, (dict, list, tuple)):
        if depth >= DEPTH_MAX:
            return "(nested too deep; see the raw bytes)"
        if isinstance(value, dict):
            return {_key(key): clean(item, depth + 1) for key, item in value.items()}
        return [clean(item, depth + 1) for item in value]
    return _number(value)


def _text(value: str) -> str:
    return fit(value, LONG_TEXT_CHARACTERS_MAX)


def _key(key: Any) -> str:
    text = str(key)
    return text if len(text) <= SHORT_TEXT_CHARACTERS_MAX and text.isprintable() else fit(text, SHORT_TEXT_CHARACTERS_MAX)


def _number(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT_INTEGER_MAX else fit(hex(value), SHORT_TEXT_CHARACTERS_MAX)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return fit(str(value), SHORT_TEXT_CHARACTERS_MAX)
