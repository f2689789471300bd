"""Third-party vectors, read from outside the repository."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def fixture_folder() -> Path:
    base = Path(os.environ.get("GRANSLOS_FIXTURES", "../shared/fixtures"))
    folder = (base if base.is_absolute() else ROOT / base) / "rakel"
    if not folder.is_dir():
        pytest.skip(f"third-party vectors are absent: no folder {folder}; set GRANSLOS_FIXTURES")
    return folder


@pytest.fixture(scope="session")
def third_party(fixture_folder: Path) -> Callable[[str], Any]:
    return lambda name: json.loads((fixture_folder / name).read_text(encoding="utf-8"))
