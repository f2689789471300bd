"""Writes what the processes of a local cluster read: site files, server configurations, the links' plan."""

from typing import Any

import msgspec

from granslos.local import nats as local_nats
from granslos.local.credentials import make_keys, write_private
from granslos.local.layout import LINK_SERVICES, UDP_SERVICES
from granslos.local.links import LinkPlan, LinksConfig
from granslos.local.plan import Plan, replicas_of
from granslos.local.regions import centres_table, units_table
from granslos.local.toml_text import toml_text

HUB_STORE_MARGIN_BYTES = 1024**3
"""What a hub may store beyond the LOG, so that the LOG meets its own bound first, which refuses cleanly."""


def write_files(plan: Plan, *, wan_delay_ms: float, seed: int) -> None:
    """Writes or rewrites every file; keys and data that exist stay as they are."""
    (plan.directory / "log").mkdir(exist_ok=True)
    write_private(plan.guard_key, plan.passwords.guard_key.encode() + b"\n")
    for code in plan.layout.hubs:
        plan.of(code).mkdir(parents=True, exist_ok=True)
        plan.guard_status(code).unlink(missing_ok=True)
        local_nats.write_config(plan.of(code) / "hub.conf", local_nats.hub_config(_hub(plan, code)))
    for region in plan.regions:
        make_keys(plan.of(region.code) / "site.jwk", plan.keys, region.code)
        local_nats.write_config(plan.of(region.code) / "edge.conf", local_nats.edge_config(_edge(plan, region.code)))
        write_private(plan.site_file(region.code), toml_text(_site_document(plan, region.code)).encode())
    if plan.layout.witness:
        witness = plan.layout.witness
        write_private(plan.site_file(witness), toml_text(_machines(plan, witness, "witness")).encode())
    config = links_config(plan, wan_delay_ms=wan_delay_ms, seed=seed)
    (plan.directory / "links.json").write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=1))
    (plan.directory / "links-state.json").unlink(missing_ok=True)


def _hub(plan: Plan, code: str) -> local_nats.HubPlan:
    layout, passwords = plan.layout, plan.passwords
    return local_nats.HubPlan(
        code=code,
        client_port=layout.port(code, "hub"),
        monitor_port=layout.port(code, "hub_monitor"),
        route_port=layout.port(code, "route"),
        leaf_port=layout.port(code, "leaf"),
        routes=tuple(layout.link_address(code, other, "route") for other in layout.hubs if other != code),
        store=plan.of(code) / "hub",
        log=plan.log(f"{code}-hub"),
        max_file_bytes=plan.policy.log_max_bytes + HUB_STORE_MARGIN_BYTES,
        node_passwords=passwords.node,
        edge_passwords=passwords.edge_link,
        route_password=passwords.route,
        system_password=passwords.system,
    )


def _edge(plan: Plan, code: str) -> local_nats.EdgePlan:
    layout, passwords = plan.layout, plan.passwords
    others = tuple(layout.link_address(code, other, "leaf") for other in layout.hubs if other != code)
    return local_nats.EdgePlan(
        code=code,
        client_port=layout.port(code, "edge"),
        monitor_port=layout.port(code, "edge_monitor"),
        hub_leafs=(layout.address(code, "leaf"), *others),
        log=plan.log(f"{code}-edge"),
        client_password=passwords.edge[code],
        leaf_password=passwords.edge_link[code],
        system_password=passwords.system,
    )


def _machines(plan: Plan, code: str, name: str) -> dict[str, Any]:
    """What a site file has of a witness too: machines, cluster, hub, guard."""
    layout = plan.layout
    others = [other for other in layout.hubs if other != code]
    return {
        "site": {
            "code": code,
            "name": name,
            "environment": "demo",
            "data_dir": str(plan.of(code) / "data"),
        },
        "cluster": {
            "sites": list(layout.sites),
            "witness": layout.witness,
            "replicas": replicas_of(len(layout.hubs)),
            "log_max_bytes": plan.policy.log_max_bytes,
        },
        "hub": {
            "binary": str(plan.nats_server),
            "config": str(plan.of(code) / "hub.conf"),
            "system_url": plan.system_url(code),
            "monitor_url": plan.hub_monitor(code),
        },
        "guard": {
            "listen": layout.address(code, "guard"),
            "status": str(plan.guard_status(code)),
            "key_file": str(plan.guard_key),
            "hold_file": str(plan.hold_file(f"{code}-hub")),
            "peers": {other: layout.link_address(code, other, "guard") for other in others},
        },
    }


def _site_document(plan: Plan, code: str) -> dict[str, Any]:
    layout, region = plan.layout, next(region for region in plan.regions if region.code == code)
    others = [other for other in layout.sites if other != code]
    return _machines(plan, code, region.site_name) | {
        "http": {"host": "127.0.0.1", "port": layout.port(code, "http")},
        "postgres": {"dsn": plan.dsn(code)},
        "nats": {"edge_urls": [plan.edge_url(code)], "hub_urls": plan.hub_urls(code)},
        "policy": {
            "takeover_after_seconds": plan.policy.takeover_after_seconds,
            "pool_after_seconds": plan.policy.pool_after_seconds,
        },
        "auth": {"signing_key": str(plan.of(code) / "site.jwk"), "public_keys": str(plan.keys)},
        "centres": centres_table(plan.regions),
        "units": units_table(plan.regions),
        "peers": [{"code": other, "http": f"http://{layout.link_address(code, other, 'http')}"} for other in others],
        "adapters": {
            name: {
                "host": "127.0.0.1",
                "port": layout.port(code, name),
                "spool_dir": str(plan.of(code) / "spool" / name),
            }
            for name in plan.adapters
        },
    }


def links_config(plan: Plan, *, wan_delay_ms: float, seed: int) -> LinksConfig:
    """The plan of the network between the sites: every ordered pair, every service that the called one has."""
    layout = plan.layout
    links = [
        LinkPlan(
            from_site=caller,
            to_site=called,
            service=service,
            kind="udp" if service in UDP_SERVICES else "tcp",
            listen=layout.link_address(caller, called, service),
            target=layout.address(called, service),
        )
        for caller in layout.hubs
        for called in layout.hubs
        for service in LINK_SERVICES
        if caller != called and not (service == "http" and called == layout.witness)
    ]
    return LinksConfig(
        control=f"127.0.0.1:{layout.control}",
        state=str(plan.directory / "links-state.json"),
        sites=layout.hubs,
        links=tuple(links),
        delay_ms=wan_delay_ms,
        seed=seed,
    )
