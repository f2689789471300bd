"""`run.json`: what runs where, for drills, simulators and tests outside this repository. Its form is kept stable."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from granslos.local.credentials import write_private
from granslos.local.plan import Plan

Pids = Mapping[str, int | None]
SERVERS = ("hub", "edge", "postgres", "node", "guard")


def run_document(
    plan: Plan, pids_of: Callable[[str], Pids], links_pid: int | None, tokens: Mapping[str, str]
) -> dict[str, Any]:
    """The content of run.json.

    Args:
        plan: Of the cluster.
        pids_of: Process ids by process of a site or witness; None for one that does not run.
        links_pid: Process id of the links; None for a single site, which has none.
        tokens: Bearer tokens by role.
    """
    document: dict[str, Any] = {"sites": [_site(plan, code, pids_of(code)) for code in plan.layout.sites]}
    if plan.layout.witness:
        code = plan.layout.witness
        document["witness"] = {"code": code, "pids": dict(pids_of(code))}
    document["links"] = {"control": f"127.0.0.1:{plan.layout.control}", "pid": links_pid} if links_pid else None
    return document | {"tokens": dict(tokens), "supervisor": os.getpid(), "directory": str(plan.directory)}


def _site(plan: Plan, code: str, pids: Pids) -> dict[str, Any]:
    region = next(region for region in plan.regions if region.code == code)
    return {
        "name": region.site_name,
        "code": code,
        "areas": [region.area],
        "http": plan.http(code),
        "pids": {name: pids.get(name) for name in SERVERS},
        "nats_url": plan.edge_url(code),
        "hub_url": plan.hub_urls(code)[0],
        "postgres_dsn": plan.dsn(code),
        "adapters": {name: {"http": plan.http(code, name), "pid": pids.get(name)} for name in plan.adapters},
    }


class RunFile:
    """The file, readable by us only (it holds tokens), replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, document: dict[str, Any]) -> None:
        """Replaces the file by an atomic rename."""
        write_private(self.path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")

    def remove(self) -> None:
        """Removes it: nothing runs."""
        self.path.unlink(missing_ok=True)
