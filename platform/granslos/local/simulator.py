"""A small living region for the demo: callers, operators, dispatchers and crews, over the public API only.

Deterministic in its choices (seed): the same callers at the same simulated instants; what people do then depends on the
answers they get. ``python -m granslos.local.simulator --run DIR/run.json``.
"""

import argparse
import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from structlog import get_logger

from granslos.domain import geography
from granslos.domain.geography import Place
from granslos.local.client import NoSiteAnsweredError, SiteClient
from granslos.runtime.process import die_with_parent, run_main

log = get_logger(__name__)

CALLS_PER_HOUR = 90.0
"""Of the whole simulated region, at speed 1: about ten times the real load, so that a newcomer sees something."""
CASES_AT_ONCE_MAX = 40
"""More open cases than this and callers wait: a demo must not fill a disk overnight."""
COMPLAINTS: tuple[tuple[str, str, str, float], ...] = (
    ("Bröstsmärta, kallsvettig", "bröstsmärta", "1A", 0.12),
    ("Andningsbesvär sedan i natt", "andning", "1B", 0.13),
    ("Föll i trappan, ont i höften", "trauma", "2A", 0.22),
    ("Plötslig svaghet i höger arm", "stroke", "1B", 0.11),
    ("Ont i magen sedan två dygn", "buk", "2B", 0.14),
    ("Yr och svag", "yrsel", "2B", 0.13),
    ("Feber och frossa", "infektion", "2A", 0.08),
    ("Sänkt vakenhet", "sänkt vakenhet", "1A", 0.07),
)
"""Complaint, category, priority, share: after the published Uppsala distribution of dispatch categories."""
STEPS: tuple[tuple[str, float], ...] = (
    ("acknowledged", 15),
    ("en_route", 50),
    ("on_scene", 420),
    ("at_patient", 60),
    ("loaded", 900),
    ("at_destination", 650),
    ("handed_over", 600),
    ("available", 300),
)
"""A crew's statuses, and the mean seconds before each."""


class World(msgspec.Struct):
    """What the simulation runs on."""

    run: dict[str, Any]
    speed: float
    random: random.Random
    places: tuple[Place, ...]
    busy: set[str] = msgspec.field(default_factory=set)
    crews: set[asyncio.Task[None]] = msgspec.field(default_factory=set)

    def urls(self, first: str) -> list[str]:
        """Return the nodes' URLs, those of ``first`` first."""
        sites = sorted(self.run["sites"], key=lambda site: site["code"] != first)
        return [site["http"] for site in sites]

    def client(self, first: str, role: str) -> SiteClient:
        """Return a client that starts at site ``first``."""
        return SiteClient(self.urls(first), self.run["tokens"][role], timeout_seconds=2.0)

    async def pause(self, mean_seconds: float) -> None:
        """Wait a simulated while, exponentially distributed."""
        await asyncio.sleep(self.random.expovariate(1 / mean_seconds) / self.speed)


def places_of(areas: Sequence[str]) -> tuple[Place, ...]:
    """Return the shipped places of the simulated counties."""
    return tuple(place for place in geography.load().places if place.municipality[:2] in areas)


async def callers(world: World) -> None:
    """Hand calls over for ever, as SOS Alarm would: own endpoint list, the next one on failure."""
    code = world.run["sites"][0]["code"]
    serial = 0
    async with world.client(code, "adapter") as client:
        while True:
            await world.pause(3600 / CALLS_PER_HOUR)
            while len(await _open(client)) >= CASES_AT_ONCE_MAX:
                await world.pause(60)
            serial += 1
            body = call(world, serial)
            with contextlib.suppress(NoSiteAnsweredError):
                await client.post("/v1/handovers", body, f"sim-{body['source_id']}")


def call(world: World, serial: int) -> dict[str, Any]:
    """Return the next call: a place by population, a complaint by its share."""
    place = world.random.choices(world.places, weights=[p.inhabitants for p in world.places])[0]
    text, category, priority, _ = world.random.choices(COMPLAINTS, weights=[c[3] for c in COMPLAINTS])[0]
    return {
        "source": "sos-simulator",
        "source_id": f"{world.random.getrandbits(32):08x}-{serial}",
        "caller": {"number": f"+4670174{world.random.randrange(600, 700)}{world.random.randrange(0, 10)}"},
        "location": {
            "latitude": round(place.latitude + world.random.gauss(0, 0.02), 5),
            "longitude": round(place.longitude + world.random.gauss(0, 0.03), 5),
            "radius_m": float(world.random.choice((15, 50, 300, 1500))),
            "source": "aml",
            "address": place.name,
        },
        "description": text,
        "category": category,
        "priority": priority,
    }


async def _open(client: SiteClient, **filters: str) -> list[dict[str, Any]]:
    try:
        found = await client.get("/v1/incidents", state=filters.pop("state", "open"), limit="100", **filters)
    except (NoSiteAnsweredError, httpx.HTTPStatusError):
        return []
    items: list[dict[str, Any]] = found["items"]
    return items


async def operator(world: World, code: str) -> None:
    """Answer, assess and send for one centre, for ever; other centres' calls when they have rung for long."""
    async with world.client(code, "supervisor") as client:
        await client.post("/v1/operators/me/duty", {"on": True, "centre": code})
        while True:
            await world.pause(2)
            offered = await _open(client, state="offered")
            mine = [i for i in offered if i["centre"] == code] or offered[-1:]
            if mine:
                with contextlib.suppress(NoSiteAnsweredError):
                    await _work(world, client, mine[-1])
            for waiting in await _open(client, state="waiting", centre=code):
                with contextlib.suppress(NoSiteAnsweredError):
                    await _send(world, client, waiting["id"])


async def _work(world: World, client: SiteClient, incident: dict[str, Any]) -> None:
    incident_id = incident["id"]
    if (await client.post(f"/v1/incidents/{incident_id}/answer", {})).status_code != 200:
        return
    await world.pause(40)
    priority = next((c[2] for c in COMPLAINTS if c[0] == incident.get("description")), "2A")
    body = {"priority": priority, "recommended_priority": priority, "category": incident.get("category")}
    await client.post(f"/v1/incidents/{incident_id}/assess", body)
    if not await _send(world, client, incident_id):
        await client.post(f"/v1/incidents/{incident_id}/wait", {})


async def _send(world: World, client: SiteClient, incident_id: str) -> bool:
    """Give the case the unit proposed first, and let its crew work."""
    try:
        found = await client.get(f"/v1/incidents/{incident_id}/recommendations")
    except httpx.HTTPStatusError:
        return False
    for proposed in found["items"][:3]:
        unit_id = proposed["unit_id"]
        if not proposed["assignable"] or proposed.get("preempts") or unit_id in world.busy:
            continue
        response = await client.post(f"/v1/incidents/{incident_id}/assignments", {"unit_id": unit_id})
        if response.status_code in (200, 201):
            world.busy.add(unit_id)
            task = asyncio.create_task(crew(world, client, unit_id, incident_id))
            world.crews.add(task)
            task.add_done_callback(world.crews.discard)
            return True
    return False


async def crew(world: World, client: SiteClient, unit_id: str, incident_id: str) -> None:
    """Press one status key after the other; close the case at the end."""
    try:
        for status, seconds in STEPS:
            await world.pause(seconds)
            await client.post(f"/v1/units/{unit_id}/status", {"status": status, "source": "simulator"})
        await client.post(f"/v1/incidents/{incident_id}/close", {"outcome": "transported"})
    except NoSiteAnsweredError:
        log.warning("crew_gives_up", unit=unit_id)
    finally:
        world.busy.discard(unit_id)


async def simulate(run: dict[str, Any], speed: float, seed: int, stop: asyncio.Event) -> None:
    """Run the region until ``stop``."""
    areas = [area for site in run["sites"] for area in site["areas"]]
    world = World(run=run, speed=speed, random=random.Random(seed), places=places_of(areas))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(callers(world))]
        tasks += [group.create_task(operator(world, site["code"])) for site in run["sites"]]
        await stop.wait()
        for task in (*tasks, *world.crews):
            task.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator as a process of its own."""
    parser = argparse.ArgumentParser(prog="granslos.local.simulator")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    die_with_parent()

    async def work(stop: asyncio.Event) -> None:
        await simulate(json.loads(asked.run.read_bytes()), asked.speed, asked.seed, stop)

    return run_main(work)


if __name__ == "__main__":
    raise SystemExit(main())
