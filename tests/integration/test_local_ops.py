"""The examples for production: read by the programs that read them there."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import trustme

from granslos.local import nats as local_nats
from granslos.local.credentials import make_keys
from granslos.replication.guard_settings import load_settings
from granslos.runtime.settings import load_site

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


@pytest.mark.parametrize("name", ["hub", "edge"])
def test_the_servers_read_their_configuration_with_certificates(name: str, tmp_path: Path) -> None:
    config = installed(f"nats/{name}.conf", tmp_path)
    tls = tmp_path / "etc/granslos/tls"
    tls.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tls / "ca.pem")
    certificate = authority.issue_cert(f"{name}.vasteras.example")
    certificate.private_key_pem.write_to_path(tls / f"{name}.key")
    certificate.cert_chain_pems[0].write_to_path(tls / f"{name}.pem")
    wanted = set(re.findall(r"\$(GRANSLOS_\w+)", config.read_text()))
    assert wanted, "passwords come from the environment"
    environment = os.environ | {variable: f"x{number}secret" for number, variable in enumerate(sorted(wanted))}
    command = [local_nats.find_binary(), "-t", "-c", config]
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    without = subprocess.run(command, capture_output=True, text=True, check=False)
    assert without.returncode != 0 and "GRANSLOS_" in without.stderr, "a missing password is no empty password"


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
