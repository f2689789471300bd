"""Third-party messages (``GRANSLOS_FIXTURES``), and how many mutations of a message a test tries."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("GRANSLOS_FIXTURES") or ROOT.parent / "shared" / "fixtures")
FULL = os.environ.get("GRANSLOS_FUZZ") == "full"
"""``GRANSLOS_FUZZ=full`` tries 10 000 mutations where the everyday run tries a moderate number."""


def fuzz(examples: int) -> Any:
    """Hypothesis settings for mutation tests: ``examples`` every day, 10 000 in a full run; no deadline, few cores."""
    return settings(
        max_examples=10_000 if FULL else examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@functools.cache
def _index() -> dict[str, dict[str, Any]]:
    file = FIXTURES / "112" / "index.json"
    if not file.exists():
        return {}
    return {row["file"]: row for row in msgspec.json.decode(file.read_bytes())}


def files_112(*folders: str) -> list[Any]:
    """Parameters for a test: the names of the 112 fixtures in these folders; one that skips where there are none."""
    found = sorted(name for name in _index() if name.startswith(tuple(f"{folder}/" for folder in folders)))
    if found:
        return list(found)
    return [pytest.param("", marks=pytest.mark.skip(reason=f"no third-party fixtures in {FIXTURES}"))]


def read_112(name: str) -> bytes:
    """Read one fixture; skips where the fixtures are absent."""
    file = FIXTURES / "112" / name
    if not file.exists():
        pytest.skip(f"no third-party fixture {file}")
    return file.read_bytes()


def expected_112(name: str) -> dict[str, Any]:
    """What the index says of a fixture."""
    return _index().get(name, {}).get("expect") or {}


Edit = Callable[[bytearray, int, int, bytes], None]


def _cut(data: bytearray, at: int, _size: int, _new: bytes) -> None:
    del data[at:]


def _change(data: bytearray, at: int, _size: int, new: bytes) -> None:
    data[at] = new[0]


def _drop(data: bytearray, at: int, size: int, _new: bytes) -> None:
    del data[at : at + size]


def _double(data: bytearray, at: int, size: int, _new: bytes) -> None:
    data[at:at] = data[at : at + size]


def _insert(data: bytearray, at: int, _size: int, new: bytes) -> None:
    data[at:at] = new


def _zero(data: bytearray, at: int, size: int, _new: bytes) -> None:
    data[at : at + size] = bytes(len(data[at : at + size]))


EDITS: tuple[Edit, ...] = (_cut, _change, _drop, _double, _insert, _zero)


@st.composite
def mutated(draw: st.DrawFn, originals: tuple[bytes, ...]) -> bytes:
    """Messages damaged as lines and senders do: cut, bytes changed, pieces doubled, dropped or blanked."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        if data:
            at = draw(st.integers(0, len(data) - 1))
            draw(st.sampled_from(EDITS))(data, at, draw(st.integers(1, 40)), draw(st.binary(min_size=1, max_size=40)))
    return bytes(data)
