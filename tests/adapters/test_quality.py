"""Each adapter's ``quality.toml`` says how far it is, and every "done" names a test that exists."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "adapters/granslos_adapters").glob("*/quality.toml"))


def test_there_are_some() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_states_are_known_and_shown(path: Path) -> None:
    rules = tomllib.loads(path.read_text(encoding="utf-8"))
    assert rules
    for name, rule in rules.items():
        assert rule["state"] in ("done", "todo", "exempt"), name
        if rule["state"] == "done":
            assert (ROOT / rule["test"]).exists(), name
        else:
            assert len(rule["reason"]) > 20, name
