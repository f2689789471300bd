"""Fixtures of the EIDO adapter's tests: a real edge, and the adapter as an application or as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.adapter_site import SiteFolder
from support.edge_bus import Edge, edge_in


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with edge_in(tmp_path) as made:
        yield made


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path / "site")
