"""The radio at a real site: a key on an emulated terminal (TCP) becomes the unit's status; an assignment becomes a text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from granslos.local.cluster import LocalCluster
from granslos_adapters.rakel.emulator import Terminal, Vehicle
from granslos_adapters.rakel.emulator_hosts import TcpHost
from support.adapter_site import running
from support.cluster import open_cluster
from support.eventually import eventually
from support.handovers import body, client
from support.postgres import open_directory

UNIT, SSI = "319-3310", 2401001
ACCEPTED, ON_SCENE = 32773, 32774
"""Numbers of the shipped profile, which is a proposal."""


def _site_file(cluster: LocalCluster, folder: Path, terminal: TcpHost) -> Path:
    """The site's own file with a radio link, and a spool of this test's own."""
    found = (cluster.directory / "sites" / "vas" / "site.toml").read_text()
    radio = f"""
[adapters.rakel]
host = "127.0.0.1"
port = 0
spool_dir = "{folder / "spool"}"
units = [{{unit_id = "{UNIT}", ssi = {SSI}}}]
[adapters.rakel.link]
url = "{terminal.url}"
own_ssi = {terminal.terminal.ssi}
"""
    path = folder / "site.toml"
    path.write_text(found + radio)
    return path


@asynccontextmanager
async def _closing(host: TcpHost) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await host.close()


async def test_a_key_becomes_a_status_and_an_assignment_a_text() -> None:
    terminal = Terminal()
    terminal.vehicles[SSI] = Vehicle(ssi=SSI, receives=True)
    host = TcpHost(terminal)
    await host.plug()
    async with _closing(host), open_cluster(sites=3) as cluster:
        with open_directory("granslos-rakel-") as folder:
            config = _site_file(cluster, folder, host)
            async with (
                running("granslos_adapters.rakel", config),
                client(cluster, "vas", "supervisor") as vas,
                client(cluster, "upp", "adapter") as sender,
                client(cluster, "upp", "observer") as upp,
            ):
                await eventually(lambda: terminal.attached, within_seconds=10)
                made = (await sender.post("/v1/handovers", body("radio", "r1", "vas"))).json()["resource"]["id"]
                await vas.post(f"/v1/incidents/{made}/assess", {"priority": "1A"})
                given = await vas.post(f"/v1/incidents/{made}/assignments", {"unit_id": UNIT})
                assert given.status_code == 201, given.text
                await eventually(lambda: any(sent.called.endswith(str(SSI)) for sent in terminal.sent), within_seconds=15)
                for number, status in ((ACCEPTED, "en_route"), (ON_SCENE, "on_scene")):
                    await terminal.press(SSI, number)

                    async def seen(status: str = status) -> bool:
                        units = (await upp.get("/v1/units", limit=1000))["items"]
                        return any(unit["id"] == UNIT and unit["state"] == status for unit in units)

                    await eventually(seen, within_seconds=10)
                incident = await upp.get(f"/v1/incidents/{made}")
                assert incident["t_acknowledged"]
                assert incident["t_on_scene"]
