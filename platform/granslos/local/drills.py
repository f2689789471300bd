"""Drills: a fault under traffic, timed step by step, with validators, against a running demo.

Only public interfaces and the supervisor's ``down-<site>`` files are used, so that a drill sees what a sender, a console and
a technician see. It leaves the demo as it found it, also when it fails.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from granslos.contract.errors import SettingsError
from granslos.local.client import NoSiteAnsweredError, SiteClient
from granslos.local.status import load_run

POLL_SECONDS = 0.05
STEP_SECONDS_MAX = 90.0
TRAFFIC_PAUSE_SECONDS = 0.1


class Step(msgspec.Struct, frozen=True):
    """One step: when it was seen, in seconds after the fault, and the goal for it."""

    name: str
    seconds: float
    goal_seconds: float | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the goal was reached."""
        return self.goal_seconds is None or self.seconds <= self.goal_seconds


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill saw."""

    drill: str
    site: str
    started_at: datetime
    steps: tuple[Step, ...]
    acknowledged: int
    acknowledged_as_site: int
    refused: int
    worst_acknowledgement_ms: float
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    ok: bool


class Traffic:
    """Handovers to all sites' endpoints, each acknowledged one remembered."""

    def __init__(self, run: dict[str, Any], name: str) -> None:
        self._run, self.name = run, f"drill-{name}-{int(time.time())}"
        self.acknowledged: dict[str, str] = {}
        self.as_site = 0
        self.refused = 0
        self.worst = 0.0
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Send from one sender per site, which goes to the next endpoint when one fails."""
        for site in self._run["sites"]:
            self._tasks.append(asyncio.create_task(self._send(site["code"])))

    async def stop(self) -> None:
        """Stop sending; what is under way is finished first."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _send(self, code: str) -> None:
        serial = 0
        async with client_of(self._run, code, "adapter") as client:
            while not self._stopping.is_set():
                serial += 1
                await self._one(client, f"{code}-{serial}")
                await asyncio.sleep(TRAFFIC_PAUSE_SECONDS)

    async def _one(self, client: SiteClient, source_id: str) -> None:
        body = {"source": self.name, "source_id": source_id, "description": "drill", "test": True}
        started = time.perf_counter()
        try:
            response = await client.post("/v1/handovers", body, f"{self.name}-{source_id}")
        except NoSiteAnsweredError:
            self.refused += 1
            return
        self.worst = max(self.worst, time.perf_counter() - started)
        if response.status_code in (200, 201):
            answer = response.json()
            self.acknowledged[source_id] = answer["resource"]["id"]
            self.as_site += answer["durability"] == "site"
        else:
            self.refused += 1

    async def validate(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the acknowledged handovers that some site has not, and those that some site has twice."""
        lost: set[str] = set()
        doubled: set[str] = set()
        for site in self._run["sites"]:
            async with client_of(self._run, site["code"], "observer", only=True) as client:
                found = await self._found(client)
            lost |= {s for s in self.acknowledged if not found.get(s)}
            doubled |= {s for s, ids in found.items() if len(ids) > 1}
        return tuple(sorted(lost)), tuple(sorted(doubled))

    async def _found(self, client: SiteClient) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await client.get("/v1/incidents", limit=1000, **more)
            for item in page["items"]:
                if item["source"] == self.name:
                    found.setdefault(item["source_id"], []).append(item["id"])
            cursor = page["next"]
            if not cursor:
                return found


def client_of(run: dict[str, Any], code: str, role: str, *, only: bool = False) -> SiteClient:
    """Return a client that starts at a site; ``only``: and never leaves it."""
    sites = sorted(run["sites"], key=lambda site: site["code"] != code)
    urls = [site["http"] for site in (sites[:1] if only else sites)]
    return SiteClient(urls, run["tokens"][role])


class Drill:
    """One run of a drill: its clock, its steps."""

    def __init__(self, directory: Path, run: dict[str, Any], name: str) -> None:
        self.directory, self.run, self.name = directory, run, name
        self.traffic = Traffic(run, name)
        self.steps: list[Step] = []
        self.zero = time.monotonic()

    def mark(self, name: str, goal: float | None = None) -> None:
        """Note a step as seen now."""
        self.steps.append(Step(name, round(time.monotonic() - self.zero, 2), goal))

    async def until(self, name: str, seen: Callable[[], Awaitable[bool]], goal: float | None = None) -> None:
        """Wait for a step and note it; raises TimeoutError when it does not come."""
        async with asyncio.timeout(STEP_SECONDS_MAX):
            while True:
                try:
                    if await seen():
                        break
                except (httpx.HTTPError, NoSiteAnsweredError):
                    pass
                await asyncio.sleep(POLL_SECONDS)
        self.mark(name, goal)

    async def report(self, site: str, started_at: datetime) -> Report:
        """Validate and sum up."""
        lost, doubled = await self.traffic.validate()
        worst = round(self.traffic.worst * 1000, 1)
        return Report(
            drill=self.name,
            site=site,
            started_at=started_at,
            steps=tuple(self.steps),
            acknowledged=len(self.traffic.acknowledged),
            acknowledged_as_site=self.traffic.as_site,
            refused=self.traffic.refused,
            worst_acknowledgement_ms=worst,
            lost=lost,
            doubled=doubled,
            ok=not lost and not doubled and not self.traffic.refused and all(step.ok for step in self.steps),
        )


async def _desk(client: SiteClient, centre: str, desk: str) -> dict[str, Any]:
    page = await client.get("/v1/centres")
    found: dict[str, Any] = next(c["desks"][desk] for c in page["items"] if c["code"] == centre)
    return found


async def _caught_up(drill: Drill) -> bool:
    positions = []
    for site in drill.run["sites"]:
        async with client_of(drill.run, site["code"], "technician", only=True) as client:
            view = await client.get("/v1/site")
        if view["journal_backlog"] or view["island"] or view["log_last"] is None:
            return False
        positions.append(view["log_position"] >= view["log_last"])
    return all(positions)


async def site_loss(drill: Drill) -> str:
    """Kill all processes of a site; the others take its desks; it returns and hands back nothing by itself."""
    victim, witness = drill.run["sites"][-1], drill.run["sites"][0]
    code = victim["code"]
    drill.traffic.start()
    await asyncio.sleep(1.0)
    down = drill.directory / f"down-{code}"
    async with client_of(drill.run, witness["code"], "supervisor") as client:
        down.touch()
        try:
            drill.zero = time.monotonic()
            for pid in victim["pids"].values():
                _kill(pid)
            drill.mark("killed")

            async def lost() -> bool:
                return bool((await client.get("/v1/site"))["sites"].get(code, {}).get("silent"))

            async def calls_taken() -> bool:
                return bool((await _desk(client, code, "calls"))["authority"] != code)

            async def units_taken() -> bool:
                return bool((await _desk(client, code, "dispatch"))["authority"] != code)

            await drill.until("detected", lost, 3.0)
            await drill.until("call desk taken", calls_taken, 5.0)
            await _answer_one(drill, client, code)
            await drill.until("units taken", units_taken, 20.0)
        finally:
            down.unlink(missing_ok=True)
    drill.mark("site started again")
    await _healed(drill, code)
    return str(code)


async def _answer_one(drill: Drill, client: SiteClient, centre: str) -> None:
    """Hand a call over for the lost centre and answer it elsewhere."""
    body = {"source": drill.traffic.name, "source_id": "answered-elsewhere", "description": "drill", "test": True}
    answer = (await client.post("/v1/handovers", body)).json()
    incident_id = answer["resource"]["id"]
    drill.traffic.acknowledged["answered-elsewhere"] = incident_id

    async def answered() -> bool:
        return (await client.post(f"/v1/incidents/{incident_id}/answer", {})).status_code == 200

    await drill.until("first call answered elsewhere", answered, 6.0)


async def _healed(drill: Drill, code: str) -> None:
    async with client_of(drill.run, code, "technician", only=True) as home:

        async def ready() -> bool:
            return bool((await home.get("/health/ready")) is not None)

        await drill.until("healed", ready, 60.0)
    await drill.traffic.stop()
    await drill.until("merged", lambda: _caught_up(drill), 90.0)
    async with client_of(drill.run, code, "supervisor") as client:
        for desk in ("calls", "dispatch"):
            await client.post(f"/v1/centres/{code}/desks/{desk}/handback", {"reason": "drill over"})
    drill.mark("desks handed back")


async def planned_takeover(drill: Drill) -> str:
    """Take a desk over as planned and hand it back under traffic: nothing refused, nothing delayed for long."""
    victim, taker = drill.run["sites"][-1], drill.run["sites"][0]
    code = victim["code"]
    drill.traffic.start()
    await asyncio.sleep(1.0)
    drill.zero = time.monotonic()
    async with client_of(drill.run, taker["code"], "supervisor", only=True) as client:
        for verb in ("takeover", "handback"):
            for desk in ("calls", "dispatch"):
                response = await client.post(f"/v1/centres/{code}/desks/{desk}/{verb}", {"reason": "drill"})
                if response.status_code != 200:
                    raise RuntimeError(f"{verb} of {desk}: {response.status_code} {response.text[:200]}")
                drill.mark(f"{desk} {verb}")
            await asyncio.sleep(1.0)
    await drill.traffic.stop()
    await drill.until("merged", lambda: _caught_up(drill), 30.0)
    return str(code)


DRILLS: dict[str, Callable[[Drill], Awaitable[str]]] = {"site-loss": site_loss, "planned-takeover": planned_takeover}


def _kill(pid: int | None) -> None:
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


async def _guard_production(run: dict[str, Any], i_know: str | None) -> None:
    for site in run["sites"]:
        async with client_of(run, site["code"], "technician", only=True) as client:
            view = await client.get("/v1/site")
        if view["environment"] == "production" and i_know != site["code"]:
            raise SettingsError(f"{site['code']} is marked production: name it with --i-know to drill it all the same")


async def run_drill(name: str, *, directory: Path, as_json: bool, report: Path | None, i_know: str | None) -> int:
    """Run one drill and print what it saw; 0 when all goals were reached and nothing was lost or doubled."""
    console = Console()
    if name == "list":
        for known, work in DRILLS.items():
            console.print(f"{known:20} {(work.__doc__ or '').splitlines()[0]}")
        return 0
    if name not in DRILLS:
        raise SettingsError(f"no drill {name!r}; there are {', '.join(DRILLS)}")
    run = load_run(directory)
    await _guard_production(run, i_know)
    drill = Drill(directory, run, name)
    started_at = datetime.now(UTC)
    try:
        site = await DRILLS[name](drill)
    finally:
        await drill.traffic.stop()
    made = await drill.report(site, started_at)
    data = msgspec.json.format(msgspec.json.encode(made), indent=2)
    if report is not None:
        report.write_bytes(data)
    if as_json:
        print(data.decode())
    else:
        _print(made, console)
    return 0 if made.ok else 1


def _print(report: Report, console: Console) -> None:
    table = Table("step", "seconds after the fault", "goal", title=f"{report.drill} of {report.site}")
    for step in report.steps:
        goal = "" if step.goal_seconds is None else f"≤ {step.goal_seconds:g}"
        table.add_row(step.name, f"{step.seconds:.2f}", goal, style=None if step.ok else "bold red")
    console.print(table)
    console.print(
        f"acknowledged {report.acknowledged} ({report.acknowledged_as_site} as site), refused {report.refused}, "
        f"lost {len(report.lost)}, doubled {len(report.doubled)}, worst {report.worst_acknowledgement_ms} ms: "
        + ("[green]ok[/]" if report.ok else "[bold red]not ok[/]")
    )
