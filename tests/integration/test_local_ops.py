"""The examples for production: read by the programs that read them there."""

import contextlib
import os
import re
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
import trustme
from nats.aio.subscription import Subscription

from granslos.local import nats as local_nats
from granslos.local.credentials import make_keys
from granslos.local.layout import Layout, take
from granslos.replication.guard_child import Child, end, spawn
from granslos.replication.guard_settings import load_settings
from granslos.runtime.settings import load_site
from support.cluster import http_json
from support.eventually import eventually, never

OPS = Path(__file__).parents[2] / "ops"


def installed(name: str, directory: Path) -> Path:
    """A copy whose paths lie in a directory, as on the machine of a site."""
    text = (OPS / name).read_text(encoding="utf-8")
    for folder in ("/etc/granslos", "/var/lib/granslos", "/var/log/granslos", "/run/granslos"):
        (directory / folder[1:]).mkdir(parents=True, exist_ok=True)
        text = text.replace(f'"{folder}', f'"{directory}{folder}')
    path = directory / Path(name).name
    path.write_text(text, encoding="utf-8")
    return path


def make_certificates(directory: Path, edge_identity: str = "edge.vasteras.example") -> trustme.CA:
    """What the configurations name, by an authority of this test; the hub's for `localhost`."""
    authority, tls = trustme.CA(), directory / "etc/granslos/tls"
    tls.mkdir()
    authority.cert_pem.write_to_path(tls / "ca.pem")
    for name, identity in (("hub", "localhost"), ("edge", edge_identity)):
        certificate = authority.issue_cert(identity)
        certificate.private_key_pem.write_to_path(tls / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(tls / f"{name}.pem")
    return authority


def passwords_of(*configs: Path) -> dict[str, str]:
    wanted = {name for config in configs for name in re.findall(r"\$(GRANSLOS_\w+)", config.read_text())}
    assert wanted, "passwords come from the environment"
    return {name: f"secret-of-{name.lower()}" for name in wanted}


@pytest.mark.parametrize("name", ["hub", "edge"])
def test_the_servers_read_their_configuration_and_no_password_may_be_missing(name: str, tmp_path: Path) -> None:
    config = installed(f"nats/{name}.conf", tmp_path)
    make_certificates(tmp_path)
    command = [local_nats.find_binary(), "-t", "-c", config]
    environment = os.environ | passwords_of(config)
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    without = subprocess.run(command, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "GRANSLOS_" in without.stderr


async def test_hub_and_edge_meet_over_tls_and_a_node_comes_in_with_its_password(tmp_path: Path) -> None:
    async with both_running(tmp_path, "edge.vasteras.example") as (layout, passwords, authority):
        await eventually(lambda: linked(layout), within_seconds=10)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        hub_url = local_nats.url("node-vas", passwords["GRANSLOS_NODE_VAS_PASSWORD"], layout.port("vas", "hub"), "tls")
        edge_url = local_nats.url("edge", passwords["GRANSLOS_EDGE_PASSWORD"], layout.port("vas", "edge"))
        node = await nats.connect(hub_url, tls=context, tls_hostname="localhost", allow_reconnect=False)
        adapter = await nats.connect(edge_url)
        heard = await adapter.subscribe("granslos.v1.beat.*")
        await adapter.flush()
        await eventually(lambda: crosses(node, heard), within_seconds=5)
        await node.close()
        await adapter.close()


async def test_an_edge_of_the_same_authority_that_the_hub_does_not_name_is_refused(tmp_path: Path) -> None:
    async with both_running(tmp_path, "edge.stranger.example") as (layout, _, _):
        log = tmp_path / "var/log/granslos/hub.log"
        await eventually(lambda: "authentication error" in log.read_text(), within_seconds=10)
        await never(lambda: linked(layout), for_seconds=0.5)


@contextlib.asynccontextmanager
async def both_running(directory: Path, edge_identity: str) -> AsyncIterator[tuple[Layout, dict[str, str], trustme.CA]]:
    """Hub and edge as they are configured, on loopback and free ports."""
    layout, claim = take(("vas",), "", directory=directory, base=None, kept=None)
    ports = {"4222": "hub", "8222": "hub_monitor", "6222": "route", "7422": "leaf", "4223": "edge", "8223": "edge_monitor"}
    hub, edge = installed("nats/hub.conf", directory), installed("nats/edge.conf", directory)
    for config in (hub, edge):
        text = re.sub(r"hub\.\w+\.example", local_name, config.read_text()).replace("0.0.0.0", "127.0.0.1")
        for port, service in ports.items():
            text = text.replace(f":{port}", f":{layout.port('vas', service)}")
        config.write_text(text)
    authority, passwords = make_certificates(directory, edge_identity), passwords_of(hub, edge)
    binary = str(local_nats.find_binary())
    servers = [spawn(Child(command=(binary, "-c", str(config)), environment=passwords)) for config in (hub, edge)]
    try:
        with claim:
            yield layout, passwords, authority
    finally:
        for server in servers:
            await end(server, signal.SIGTERM, within_seconds=5)


def local_name(name: re.Match[str]) -> str:
    """The own hub is here; at the others' addresses nobody listens."""
    return {"vasteras": "localhost", "eskilstuna": "127.0.0.2", "uppsala": "127.0.0.3"}[name[0].split(".")[1]]


async def linked(layout: Layout) -> bool:
    return len((await http_json(layout, "vas", "edge_monitor", "/leafz"))["leafs"]) == 1


async def crosses(node: nats.NATS, heard: Subscription) -> bool:
    await node.publish("granslos.v1.beat.vas", b"here")
    try:
        return (await heard.next_msg(timeout=0.2)).data == b"here"
    except nats.errors.TimeoutError:
        return False


def test_production_has_what_the_demo_has() -> None:
    hub, edge = ((OPS / "nats" / name).read_text() for name in ("hub.conf", "edge.conf"))
    for promise in ("sync_interval: always", "connect_backoff: false", 'ping_interval: "1s"', "verify: true"):
        assert promise in hub
    for subject in local_nats.NEVER_FROM_AN_EDGE:
        assert f'"{subject}"' in edge
    for subject in local_nats.node_permissions("vas")["publish"]["allow"]:
        assert f'"{subject}"' in hub


def test_the_site_file_is_read_by_node_and_guard(tmp_path: Path) -> None:
    path = installed("sites/vasteras.toml", tmp_path)
    make_keys(tmp_path / "etc/granslos/site.jwk", tmp_path / "etc/granslos/keys", "vas")
    site = load_site(path)
    assert site.site.environment == "production" and site.policy.takeover_after_seconds is None
    assert set(load_settings(path).peers) == {"esk", "upp"}


def test_the_witness_file_is_read_by_its_guard(tmp_path: Path) -> None:
    settings = load_settings(installed("sites/witness.toml", tmp_path))
    assert settings.site == "wit" and set(settings.peers) == {"esk", "vas"} and settings.system_url == ""
