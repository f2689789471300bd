"""500 handovers over three sites with repeats and re-ordering while the sites are killed and restarted one at a time."""

import asyncio
import os
import random

from granslos.local.client import NoSiteAnsweredError
from granslos.local.cluster import LocalCluster
from support.cluster import open_cluster
from support.handovers import (
    PLACES,
    Acknowledged,
    assert_each_once,
    assert_no_unit_doubled,
    assert_rows_equal,
    body,
    client,
    send_all,
    settle,
)
from support.pacing import pause

SEED = int(os.environ.get("GRANSLOS_SEED", "20261121"))
HANDOVERS = 500
REPEATS = 150
SOURCE = "five-hundred"


async def test_every_acknowledged_handover_exists_once_at_every_site() -> None:
    print(f"seed {SEED}")  # noqa: T201 -- so that a failure can be repeated
    choose = random.Random(SEED)
    messages = [body(SOURCE, f"h{n}", choose.choice(list(PLACES))) for n in range(HANDOVERS)]
    messages += [{**m, **body(SOURCE, m["source_id"], "vas", 1)} for m in choose.sample(messages, REPEATS)]
    messages += choose.sample(messages[:HANDOVERS], REPEATS)
    choose.shuffle(messages)
    async with open_cluster(sites=3) as cluster:
        killing = asyncio.create_task(_kill_one_at_a_time(cluster))
        working = asyncio.create_task(_dispatch(cluster, killing))
        acknowledged = await send_all(cluster, messages, senders=6, seed=SEED, pause=0.15)
        await killing
        assigned = await working
        last = await settle(cluster)
        rows = await assert_rows_equal(cluster)
    _check(acknowledged, rows, assigned)
    print(  # noqa: T201 -- the figures of the run
        f"LOG {last}, acknowledged {acknowledged.durabilities}, worst {acknowledged.worst_seconds * 1000:.0f} ms, "
        f"units given {assigned}, conflicts {len(rows['conflict'])}"
    )


def _check(acknowledged: Acknowledged, rows: dict, assigned: int) -> None:
    assert not acknowledged.refused, acknowledged.refused[:3]
    assert len(acknowledged.incidents) == HANDOVERS
    assert_each_once(rows, acknowledged, SOURCE)
    assert_no_unit_doubled(rows)
    assert assigned > 0


async def _kill_one_at_a_time(cluster: LocalCluster) -> None:
    for code in PLACES:
        await pause(2)
        await cluster.kill(code)
        await pause(4)
        await cluster.start(code)


async def _dispatch(cluster: LocalCluster, until: "asyncio.Task[None]") -> int:
    """Give units to the newest offered incidents meanwhile, from changing sites; return how many were given."""
    given = 0
    async with client(cluster, "esk", "dispatcher") as http:
        units = [unit["id"] for unit in (await http.get("/v1/units", limit=1000))["items"]]
        while not until.done() and units:
            await pause(0.3)
            try:
                offered = (await http.get("/v1/incidents", state="offered", limit=1))["items"]
                if not offered:
                    continue
                response = await http.post(f"/v1/incidents/{offered[0]['id']}/assignments", {"unit_id": units[-1]})
            except NoSiteAnsweredError:
                continue
            units.pop()
            given += response.status_code == 201
    return given
