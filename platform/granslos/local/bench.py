"""``granslos bench``: the product beside its own physical limits, in the same run on the same cluster.

Rounds are interleaved and their order shuffled; the first is dropped. The ratio of medians is the result; milliseconds mean
little on another machine. A handover that is lost or doubled fails the run whatever its speed.
"""

import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from granslos.local.bench_parts import PROJECTION_EVENTS, Parts, open_parts
from granslos.local.cluster import LocalCluster

SAMPLES_PER_ROUND = 40
GOALS = {"handover_cluster_ratio": 1.35, "handover_site_ratio": 1.6, "projection_ratio": 0.9, "other_feed_ratio": 1.5}
"""Ratios to reach; for ``projection_ratio`` at least, for the others at most."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing; times in milliseconds, or a rate in events per second."""

    name: str
    unit: str
    p50: float
    p99: float
    rounds: int
    worst_round_p50: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of ``values`` lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def run_bench(*, as_json: bool, only: Sequence[str], rounds: int) -> int:
    """Measure, print, and return 0; 1 when a handover was lost or doubled."""
    directory = Path(tempfile.mkdtemp(prefix="granslos-bench-", dir="/var/tmp"))
    directory.chmod(0o755)
    try:
        async with LocalCluster(sites=3, directory=directory) as cluster, open_parts(cluster) as parts:
            figures = await _latencies(parts, rounds, only)
            if not only or "projection" in only:
                figures += await _projection(parts)
            intact = await parts.intact()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    result = _result(figures, intact)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        _print(result, Console())
    return 0 if intact else 1


async def _latencies(parts: Parts, rounds: int, only: Sequence[str]) -> list[Figure]:
    measures: dict[str, Callable[[], Awaitable[float]]] = {
        "postgres_commit": parts.commit,
        "jetstream_publish": parts.publish,
        "jetstream_deliver": parts.deliver,
        "http_bare": parts.bare_http,
        "handover_cluster": parts.handover,
        "handover_site": parts.handover_site,
        "own_feed": parts.own_feed,
        "other_feed": parts.other_feed,
    }
    chosen = {name: work for name, work in measures.items() if not only or name in only}
    taken: dict[str, list[list[float]]] = {name: [] for name in chosen}
    order = list(chosen)
    for _ in range(rounds + 1):
        random.shuffle(order)
        for name in order:
            taken[name].append([await chosen[name]() * 1000 for _ in range(SAMPLES_PER_ROUND)])
    return [_figure(name, series[1:]) for name, series in taken.items()]


def _figure(name: str, series: Sequence[Sequence[float]]) -> Figure:
    medians = [statistics.median(one) for one in series]
    return Figure(
        name=name,
        unit="ms",
        p50=round(statistics.median(medians), 3),
        p99=round(statistics.median(percentile(one, 0.99) for one in series), 3),
        rounds=len(series),
        worst_round_p50=round(max(medians), 3),
    )


async def _projection(parts: Parts) -> list[Figure]:
    await parts.fill(PROJECTION_EVENTS)
    found = []
    for name, work in (("pull_raw", parts.pull), ("copy_raw", parts.copy), ("projection", parts.project)):
        rates = [await work() for _ in range(3)]
        rate = round(statistics.median(rates), 1)
        found.append(Figure(name=name, unit="events/s", p50=rate, p99=rate, rounds=3, worst_round_p50=round(min(rates), 1)))
    return found


def _result(figures: Sequence[Figure], intact: bool) -> dict[str, Any]:
    by_name = {figure.name: figure for figure in figures}

    def ratio(top: str, *bottom: str) -> float | None:
        if top not in by_name or any(name not in by_name for name in bottom):
            return None
        return round(by_name[top].p50 / sum(by_name[name].p50 for name in bottom), 2)

    ratios = {
        "handover_cluster_ratio": ratio("handover_cluster", "postgres_commit", "jetstream_publish"),
        "handover_site_ratio": ratio("handover_site", "postgres_commit", "http_bare"),
        "own_feed_ratio": ratio("own_feed", "jetstream_deliver"),
        "other_feed_ratio": ratio("other_feed", "jetstream_deliver"),
    }
    if "projection" in by_name:
        floor = min(by_name["pull_raw"].p50, by_name["copy_raw"].p50)
        ratios["projection_ratio"] = round(by_name["projection"].p50 / floor, 2)
    return {
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}",
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "intact": intact,
        "figures": [msgspec.to_builtins(figure) for figure in figures],
        "ratios": {name: value for name, value in ratios.items() if value is not None},
        "goals": GOALS,
    }


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    asked = subprocess.run([git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def _print(result: dict[str, Any], console: Console) -> None:
    table = Table("measure", "p50", "p99", "worst round", "unit")
    for figure in result["figures"]:
        table.add_row(figure["name"], *(f"{figure[k]:g}" for k in ("p50", "p99", "worst_round_p50")), figure["unit"])
    console.print(table)
    for name, value in result["ratios"].items():
        goal = result["goals"].get(name)
        console.print(f"{name}: {value:g}" + (f" (goal {goal:g})" if goal else ""))
    console.print(f"commit {result['commit']}, {result['machine']}; intact: {result['intact']}")
