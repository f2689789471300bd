"""``granslos status``: all sites side by side, asked over HTTP at the same time; a site that does not answer is shown so."""

import asyncio
import json
import os
import shlex
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from granslos.contract.errors import SettingsError
from granslos.runtime.settings import load_site

TIMEOUT_SECONDS = 2.0
"""One site's answer; a hung site must not hide the others."""


async def collect(directory: Path, config: Path | None) -> dict[str, Any]:
    """Return what every site says of itself.

    Args:
        directory: of a demo; its run.json names sites and tokens.
        config: a site file instead of a demo; the token comes from ``GRANSLOS_TOKEN``.

    Raises:
        SettingsError: neither a running demo nor a usable site file.
    """
    sites, token = _from_config(config) if config is not None else _from_run_file(directory)
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers={"Authorization": f"Bearer {token}"}) as client:
        found = await asyncio.gather(*(_ask(client, code, url) for code, url in sites))
    return {"sites": list(found)}


def _from_run_file(directory: Path) -> tuple[list[tuple[str, str]], str]:
    run = load_run(directory)
    return [(site["code"], site["http"]) for site in run["sites"]], run["tokens"]["technician"]


def load_run(directory: Path) -> dict[str, Any]:
    """Return a running demo's run.json; raises SettingsError."""
    path = directory / "run.json"
    try:
        run: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"no running demo: {path} cannot be read ({type(error).__name__})") from error
    return run


def shell_variables(directory: Path) -> list[str]:
    """Return assignments of a demo's addresses (``VAS``, ``VAS_EIDO``), tokens (``OPERATOR``) and pids (``VAS_PIDS``)."""
    run = load_run(directory)
    found = {"DEMO": str(directory.resolve())}
    for site in run["sites"]:
        code = site["code"].upper()
        found[code] = site["http"]
        found[f"{code}_PIDS"] = " ".join(str(pid) for pid in site["pids"].values() if pid)
        for name, adapter in site["adapters"].items():
            found[f"{code}_{name.upper()}"] = adapter["http"]
    found |= {role.upper(): token for role, token in run["tokens"].items()}
    return [f"{name}={shlex.quote(value)}" for name, value in found.items()]


def _from_config(config: Path) -> tuple[list[tuple[str, str]], str]:
    settings = load_site(config)
    token = os.environ.get("GRANSLOS_TOKEN")
    if not token:
        raise SettingsError("GRANSLOS_TOKEN is not set: a technician's token is needed")
    own = (settings.site.code, f"http://{settings.http.host}:{settings.http.port}")
    return [own, *((peer.code, peer.http) for peer in settings.peers)], token


async def _ask(client: httpx.AsyncClient, code: str, url: str) -> dict[str, Any]:
    try:
        site, centres = await asyncio.gather(client.get(f"{url}/v1/site"), client.get(f"{url}/v1/centres"))
        site.raise_for_status()
        centres.raise_for_status()
    except httpx.HTTPError as error:
        return {"code": code, "http": url, "reachable": False, "reason": type(error).__name__}
    return {"code": code, "http": url, "reachable": True, "site": site.json(), "centres": centres.json()["items"]}


def render(found: dict[str, Any], console: Console) -> None:
    """Print the sites as a table, and every desk that is not where it belongs."""
    table = Table("site", "role", "LOG leader", "position", "lag", "backlog", "commits", "hears", "desks served", "alarms")
    for entry in found["sites"]:
        if not entry["reachable"]:
            table.add_row(entry["code"], f"[bold red]no answer[/] ({entry['reason']})", *([""] * 8))
            continue
        site = entry["site"]
        desks = ", ".join(f"{d['centre']}/{d['desk']}@{d['epoch']}" + ("?" if d["provisional"] else "") for d in site["desks"])
        hears = ", ".join(code for code, other in site["sites"].items() if not other["silent"])
        table.add_row(
            entry["code"],
            "[yellow]island[/]" if site["island"] else "member",
            site["log_leader"] or "[yellow]none[/]",
            str(site["log_position"]),
            str(site["lag"]),
            str(site["journal_backlog"]),
            "yes" if site["can_commit"] else "[red]no[/]",
            hears,
            desks,
            "; ".join(site["alarms"]),
        )
    console.print(table)
    for line in moved_desks(found):
        console.print(line)


def moved_desks(found: dict[str, Any]) -> list[str]:
    """Return a line for each desk that another than the centre's own site serves, as the first site that answers sees it."""
    lines = []
    for entry in found["sites"]:
        if not entry["reachable"]:
            continue
        for centre in entry["centres"]:
            lines += [
                f"{centre['name']} {desk['desk']}: served by {desk['authority']} since {desk['since']} ({desk['why']})"
                for desk in centre["desks"].values()
                if desk["authority"] != centre["site"]
            ]
        break
    return lines
