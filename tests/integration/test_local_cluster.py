"""Sites with real servers: formed through the links, killed, hung, cut, started again."""

import asyncio
import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import nats
import psycopg
import pytest

from granslos.local.cluster import LocalCluster, LocalSite
from granslos.local.errors import RefusedError
from granslos.local.process_tree import is_alive
from support.cluster import connect, guard_status, http_json, log_leader, open_cluster, open_log
from support.eventually import eventually, never
from support.postgres import open_directory

HUBS = ("esk", "vas", "upp")


async def test_three_sites_form_one_cluster_through_the_links_alone() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        client, stream = await open_log(cluster, "esk")
        assert (await stream.publish("log.esk.incident.1", b"x")).seq == 1
        layout = cluster.plan.layout
        routes = {layout.port(code, "route") for code in HUBS}
        links_pid = cluster.supervisor.pid("links")
        direct = [line for line in established() if peer_port(line) in routes and f"pid={links_pid}," not in line]
        assert direct == [], "a hub reaches another past the links"
        for code in HUBS:
            known = await http_json(layout, code, "hub_monitor", "/routez")
            assert {route["remote_name"] for route in known["routes"]} == {f"hub-{other}" for other in HUBS if other != code}
            server = await http_json(layout, code, "hub_monitor", "/jsz")
            assert server["config"]["sync_interval"] and server["config"]["sync_always"]
        await client.close()


def established() -> list[str]:
    """Open TCP connections with the process that opened them."""
    command = ["ss", "-tnpH", "state", "established"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def peer_port(line: str) -> int:
    return int(line.split()[3].rpartition(":")[2])


async def test_a_command_crosses_from_edge_to_edge_and_a_cut_stops_it() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        asking, answering = await connect(cluster.site("vas").nats_url), await connect(cluster.site("upp").nats_url)

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(b"yes")

        await answering.subscribe("granslos.v1.cmd.upp.probe.ask", cb=answer)

        async def crosses() -> bool:
            try:
                return (await asking.request("granslos.v1.cmd.upp.probe.ask", b"?", timeout=0.3)).data == b"yes"
            except nats.errors.Error:
                return False

        await eventually(crosses, within_seconds=5)
        await cluster.links.isolate("upp")
        assert not await crosses()
        await cluster.links.heal()
        await eventually(crosses, within_seconds=2)
        await asking.close()
        await answering.close()


async def test_a_site_is_killed_held_down_and_comes_back_with_its_data() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        site = cluster.site("vas")
        async with await psycopg.AsyncConnection.connect(site.dsn) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
        client, stream = await open_log(cluster, "esk")
        await stream.publish("log.esk.incident.1", b"x")
        before = {name: pid for name, pid in site.pids.items() if pid is not None}
        assert set(before) == {"hub", "edge", "postgres", "guard"}
        await cluster.kill("vas")
        assert not any(map(is_alive, before.values()))
        await never(lambda: any(site.pids.values()), for_seconds=0.5)
        await eventually(lambda: pids_in_run_file(cluster, "vas") == dict.fromkeys((*before, "node")), within_seconds=1)
        await cluster.start("vas")
        async with await psycopg.AsyncConnection.connect(site.dsn) as connection:
            assert await (await connection.execute("SELECT x FROM kept")).fetchone() == (1,)
        own = await connect(site.hub_url)

        async def readable() -> bool:
            try:
                return (await own.jetstream(timeout=1).get_msg("LOG", 1)).data == b"x"
            except (nats.errors.Error, TimeoutError, nats.js.errors.Error):
                return False

        await eventually(readable, within_seconds=15)
        await client.close()
        await own.close()


def pids_in_run_file(cluster: LocalCluster, code: str) -> dict[str, int | None]:
    document = json.loads(cluster.run_file.read_bytes())
    pids: dict[str, int | None] = next(site["pids"] for site in document["sites"] if site["code"] == code)
    return pids


async def test_whatever_dies_is_back_on_its_port_and_in_the_run_file() -> None:
    async with open_cluster(sites=1, nodes=False) as cluster:
        site = cluster.site("esk")
        for process in ("postgres", "edge", "guard", "hub"):
            old = site.pids[process]
            assert old is not None, process
            os.kill(old, signal.SIGKILL)
            await eventually(partial(has_another_pid, site, process, old), within_seconds=1)
            await cluster.supervisor.wait_ready()
            await eventually(lambda: pids_in_run_file(cluster, "esk") == site.pids | {"node": None}, within_seconds=2)
        await (await connect(site.hub_url)).close()
        await (await connect(site.nats_url)).close()
        async with await psycopg.AsyncConnection.connect(site.dsn):
            pass


def has_another_pid(site: LocalSite, process: str, old: int) -> bool:
    return site.pids[process] not in (None, old)


async def test_one_process_is_held_down_alone() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        site = cluster.site("vas")
        await cluster.kill("vas", "hub")
        await never(lambda: site.pids["hub"], for_seconds=0.5)
        assert guard_status(cluster, "vas")["hub"]["state"] == "held"
        assert guard_status(cluster, "vas")["majority"], "the guard still beats"
        await cluster.start("vas", "hub")
        assert site.pids["hub"] is not None
        await cluster.kill("vas", "postgres")
        assert {name for name, pid in site.pids.items() if pid} == {"hub", "edge", "guard"}
        await cluster.start("vas", "postgres")


async def test_a_second_run_continues_with_ports_data_and_passwords() -> None:
    with open_directory("granslos-cluster-") as directory:
        async with LocalCluster(directory=directory, sites=2, nodes=False) as cluster:
            first, tokens = cluster.site("vas"), cluster.tokens
            assert set(json.loads(cluster.run_file.read_bytes())["witness"]["pids"]) == {"hub", "guard"}
            client, stream = await open_log(cluster, "vas")
            await stream.publish("log.vas.incident.1", b"kept")
            await client.close()
        assert not cluster.run_file.exists()
        async with LocalCluster(directory=directory, nodes=False) as cluster:
            again = cluster.site("vas")
            assert (again.dsn, again.hub_urls, again.http) == (first.dsn, first.hub_urls, first.http)
            assert cluster.tokens == tokens
            client, stream = await open_log(cluster, "vas")
            assert (await stream.get_msg("LOG", 1)).data == b"kept"
            assert await log_leader(stream) in ("esk", "vas", "wit")
            await client.close()
        with pytest.raises(RefusedError, match="holds a cluster of 2 sites"):
            await LocalCluster(directory=directory, sites=3, nodes=False).open()


async def test_a_hung_site_answers_nothing_and_goes_on_afterwards() -> None:
    async with open_cluster(sites=1, nodes=False) as cluster:
        connection = await psycopg.AsyncConnection.connect(cluster.site("esk").dsn, autocommit=True)
        cluster.stop("esk")
        asking = asyncio.create_task(connection.execute("SELECT 1"))
        await never(asking.done, for_seconds=0.3)
        cluster.cont("esk")
        await asyncio.wait_for(asking, 2)
        with pytest.raises(RefusedError, match=f"is in use by process {os.getpid()}"):
            await LocalCluster(directory=cluster.directory, nodes=False).open()
        assert cluster.run_file.exists(), "a refused start harms nobody"
        await connection.execute("SELECT 1")
        await connection.close()


async def test_two_clusters_at_once_have_different_ports_and_a_taken_port_is_named() -> None:
    async with open_cluster(sites=1, nodes=False) as one, open_cluster(sites=1, nodes=False) as two:
        base = one.plan.layout.base
        assert base != two.plan.layout.base
        taken = f"port {base + 191} is in use, perhaps by another demo"
        with open_directory("granslos-cluster-") as directory, pytest.raises(RefusedError, match=taken):
            await LocalCluster(directory=directory, sites=1, nodes=False, base_port=base).open()


async def test_a_site_that_cannot_start_stops_everything_again() -> None:
    with open_directory("granslos-cluster-") as directory:
        cluster = LocalCluster(directory=directory, sites=1, node_command=("sh", "-c", "echo no such setting; exit 78"))
        with pytest.raises(Exception, match="no such setting"):
            await cluster.open()
        assert not cluster.run_file.exists()
        async with LocalCluster(directory=directory, nodes=False):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else for PostgreSQL")
async def test_a_directory_that_postgres_cannot_enter_is_refused(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    with pytest.raises(RefusedError, match=r"cannot enter .*choose a directory below"):
        await LocalCluster(directory=hidden / "demo", nodes=False).open()
    assert not (hidden / "demo" / "sites").exists()


async def test_power_off_is_silence_and_power_on_brings_it_back() -> None:
    async with open_cluster(sites=3, nodes=False) as cluster:
        await cluster.power_off("upp")
        assert not any(cluster.site("upp").pids.values())
        state = await cluster.links.state()
        assert ["esk", "upp"] in state["cut"] and ["upp", "esk"] in state["cut"]
        await cluster.power_on("upp")
        assert all(pid for name, pid in cluster.site("upp").pids.items() if name != "hub")
        await eventually(lambda: cluster.site("upp").pids["hub"], within_seconds=5)
