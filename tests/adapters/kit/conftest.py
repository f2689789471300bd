"""Fixtures of the kit's tests: a real edge."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.edge_bus import Edge, edge_in


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with edge_in(tmp_path) as made:
        yield made
