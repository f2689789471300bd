"""The README's tour, run as it stands, against a real demo: one call through the chain while its site is killed."""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx

from support.cluster import open_cluster
from support.handovers import assert_rows_equal, settle

ROOT = Path(__file__).resolve().parents[2]
STAMPS = (
    "t_112_answered t_received t_offered t_answered t_position_known t_need_identified t_prioritised t_queued t_alarmed "
    "t_acknowledged t_en_route t_on_scene t_at_patient t_loaded t_at_destination t_handed_over t_available t_closed"
).split()


def tour() -> str:
    """The commands between the README's markers."""
    found = re.search(r"<!-- tour -->\s*```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1].replace(".venv/bin/", f"{Path(sys.executable).parent}/")


async def test_the_tour_ends_closed_with_every_time_stamp() -> None:
    async with open_cluster(sites=3, adapters=("eido",)) as cluster:
        environment = {**os.environ, "DEMO": str(cluster.directory)}
        script = f"set -euo pipefail\n{tour()}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(100):
            out, err = (part.decode() for part in await process.communicate())
        assert process.returncode == 0, f"{out[-3000:]}\n{err[-3000:]}"
        missing = [stamp for stamp in STAMPS if f'"{stamp}"' not in out]
        assert not missing, f"{missing}\n{out[-3000:]}"
        assert "closed" in out
        await settle(cluster)
        rows = await assert_rows_equal(cluster)
        assert [row[2] for row in rows["incident"].values()] == ["closed"]
        await _followed_at_every_site(cluster)


async def _followed_at_every_site(cluster: object) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {cluster.tokens['observer']}"}) as http:
        for code in ("esk", "vas", "upp"):
            page = (await http.get(f"{cluster.site(code).http}/v1/incidents?state=closed")).json()
            assert len(page["items"]) == 1
