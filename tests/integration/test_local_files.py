"""What is written before a process starts: ports, configurations, site files, credentials."""

import json
import math
import socket
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from joserfc import jwt
from joserfc.jwk import OKPKey

from granslos.domain.geography import area_of
from granslos.local import nats as local_nats
from granslos.local.credentials import (
    DEMO_KEY,
    ROLES,
    demo_tokens,
    load_passwords,
    make_keys,
    write_private,
)
from granslos.local.errors import RefusedError
from granslos.local.layout import SERVICES, Layout, claimed, take, taken
from granslos.local.limits import (
    PORT_BASE_FIRST,
    PORT_BASE_LAST,
    PORTS_TOTAL,
    SITES_MAX,
    TOKEN_LIFE_DAYS,
    TOKEN_RENEW_DAYS,
)
from granslos.local.plan import Plan, Policy, regions_of, replicas_of, witness_of
from granslos.local.regions import REGIONS, centres_table, units_table
from granslos.local.site_files import links_config, write_files
from granslos.local.toml_text import toml_text
from granslos.replication.guard_settings import load_key, load_settings

DAY = 86_400


def make_plan(directory: Path, sites: int, adapters: tuple[str, ...] = ("eido", "rakel")) -> Plan:
    regions = regions_of(sites)
    layout = Layout(base=26_000, sites=tuple(region.code for region in regions), witness=witness_of(sites))
    return Plan(
        directory=directory,
        regions=regions,
        layout=layout,
        passwords=load_passwords(directory / "secrets.json", layout.sites),
        policy=Policy(),
        nats_server=local_nats.find_binary(),
        adapters=adapters,
    )


@pytest.mark.parametrize("sites", range(1, SITES_MAX + 1))
def test_every_configuration_is_valid_and_no_listener_is_anonymous(tmp_path: Path, sites: int) -> None:
    plan = make_plan(tmp_path, sites)
    write_files(plan, wan_delay_ms=0, seed=1)
    files = sorted(tmp_path.glob("sites/*/*.conf"))
    assert len(files) == sites + len(plan.layout.hubs)
    for file in files:
        checked = subprocess.run([plan.nats_server, "-t", "-c", file], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert file.stat().st_mode & 0o077 == 0, "it holds passwords"
        config = json.loads(file.read_text())
        assert all(config["accounts"][account]["users"] for account in config["accounts"])
        for listener in ("listen", "http"):
            assert config[listener].startswith("127.0.0.1:")
        if file.name == "hub.conf":
            assert config["jetstream"]["sync_interval"] == "always"
            assert config["leafnodes"]["authorization"]["users"]
            if "cluster" in config:
                assert config["cluster"]["authorization"]["password"]
                assert len(config["cluster"]["routes"]) == len(plan.layout.hubs) - 1


def test_hubs_meet_only_through_the_links(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, 4)
    write_files(plan, wan_delay_ms=0, seed=1)
    own = {plan.layout.port(code, service) for code in plan.layout.hubs for service in SERVICES}
    for code in plan.layout.hubs:
        config = json.loads((plan.of(code) / "hub.conf").read_text())
        assert not own & {int(url.rpartition(":")[2]) for url in config["cluster"]["routes"]}
        assert config["cluster"]["advertise"] == local_nats.NO_ADVICE


@pytest.mark.parametrize("sites", range(1, SITES_MAX + 1))
def test_an_odd_number_of_hubs_always_and_replicas_of_a_majority(sites: int) -> None:
    hubs = sites + bool(witness_of(sites))
    assert hubs % 2 == 1
    assert replicas_of(hubs) == {1: 1, 3: 3, 5: 5, 7: 5}[hubs]


@pytest.mark.parametrize("sites", [0, -1, SITES_MAX + 1])
def test_too_few_and_too_many_sites_are_refused(sites: int) -> None:
    with pytest.raises(RefusedError, match="--sites must be between 1 and 7"):
        regions_of(sites)


def read_site(plan: Plan, code: str) -> dict[str, Any]:
    return tomllib.loads(plan.site_file(code).read_text(encoding="utf-8"))


def test_a_site_file_has_what_node_guard_and_adapters_read(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, 2)
    write_files(plan, wan_delay_ms=0, seed=1)
    site = read_site(plan, "vas")
    assert site["site"]["code"] == "vas" and site["site"]["environment"] == "demo"
    assert site["cluster"] == {"sites": ["esk", "vas"], "witness": "wit", "replicas": 3, "log_max_bytes": 8 * 1024**3}
    assert site["http"]["port"] == plan.layout.port("vas", "http")
    assert len(site["nats"]["hub_urls"]) == 3, "own, the other site's, the witness's"
    assert site["nats"]["hub_urls"][0].endswith(f":{plan.layout.port('vas', 'hub')}")
    assert site["peers"] == [{"code": "esk", "http": f"http://{plan.layout.link_address('vas', 'esk', 'http')}"}]
    assert set(site["adapters"]) == {"eido", "rakel"}
    assert site["centres"] == read_site(plan, "esk")["centres"], "centres and units are the same at all sites"
    assert site["units"] == read_site(plan, "esk")["units"]
    assert json.loads(Path(site["auth"]["signing_key"]).read_bytes())["kid"] == "vas"
    assert {path.stem for path in Path(site["auth"]["public_keys"]).iterdir()} == {"esk", "vas"}
    assert "units" not in read_site(plan, "wit") and "postgres" not in read_site(plan, "wit")
    for code in plan.layout.hubs:
        guard = load_settings(plan.site_file(code))
        assert set(guard.peers) == set(plan.layout.hubs) - {code}
        assert len(load_key(Path(guard.key_file))) == 32
        assert plan.site_file(code).stat().st_mode & 0o077 == 0


def test_what_is_written_twice_keeps_keys_and_passwords(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, 3)
    write_files(plan, wan_delay_ms=0, seed=1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_files(make_plan(tmp_path, 3), wan_delay_ms=0, seed=1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_every_ordered_pair_has_its_links(tmp_path: Path) -> None:
    config = links_config(make_plan(tmp_path, 4), wan_delay_ms=5, seed=2)
    pairs = {(link.from_site, link.to_site) for link in config.links}
    assert len(pairs) == 5 * 4 and config.delay_ms == 5
    assert len(config.links) == 20 * 5 - 4, "the witness has no node"
    assert {link.kind for link in config.links if link.service == "guard"} == {"udp"}
    assert len({link.listen for link in config.links}) == len(config.links)


# --- ports


@pytest.mark.parametrize("sites", range(1, SITES_MAX + 1))
def test_no_port_is_given_twice_and_all_lie_in_the_block(sites: int) -> None:
    layout = Layout(base=20_000, sites=tuple(r.code for r in regions_of(sites)), witness=witness_of(sites))
    ports = [port for port, _ in layout.all_ports()] + [layout.claim]
    assert len(set(ports)) == len(ports)
    assert min(ports) >= 20_000 and max(ports) < 20_000 + PORTS_TOTAL


def test_the_blocks_lie_below_the_ephemeral_ports() -> None:
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(first_ephemeral, 32_768) >= PORT_BASE_LAST + PORTS_TOTAL
    assert (PORT_BASE_LAST - PORT_BASE_FIRST) % PORTS_TOTAL == 0


def test_a_claim_is_exclusive_and_a_kept_base_is_preferred(tmp_path: Path) -> None:
    layout, claim = take(("esk",), "", directory=tmp_path, base=None, kept=None)
    with claim:
        other, other_claim = take(("esk",), "", directory=tmp_path, base=None, kept=layout.base)
        other_claim.close()
        assert other.base != layout.base
        assert claimed(layout) is None
    again, claim = take(("esk",), "", directory=tmp_path / "elsewhere", base=None, kept=layout.base)
    claim.close()
    assert again.base == layout.base


def test_a_taken_port_is_found_udp_too() -> None:
    layout, claim = take(("esk", "vas", "upp"), "", directory=Path("/x"), base=None, kept=None)
    with claim, socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert taken(layout) == []
        tcp.bind(("127.0.0.1", layout.port("vas", "hub")))
        tcp.listen(1)
        udp.bind(("127.0.0.1", layout.link("esk", "upp", "guard")))
        assert taken(layout) == [layout.port("vas", "hub"), layout.link("esk", "upp", "guard")]


@pytest.mark.parametrize("base", [0, 1023, 65536 - PORTS_TOTAL + 1, 70_000])
def test_a_base_port_out_of_range_is_refused(base: int, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="--base-port must be between 1024"):
        take(("esk",), "", directory=tmp_path, base=base, kept=None)


# --- credentials


def test_tokens_are_signed_by_the_demo_and_renewed_in_time(tmp_path: Path) -> None:
    key, file, now = (
        make_keys(tmp_path / "demo.jwk", tmp_path / "keys", DEMO_KEY),
        tmp_path / "tokens.json",
        1_800_000_000,
    )
    tokens = demo_tokens(file, key, now)
    assert set(tokens) == set(ROLES) == {"operator", "dispatcher", "supervisor", "technician", "adapter", "observer"}
    public = OKPKey.import_key(json.loads((tmp_path / "keys" / "demo.jwk").read_bytes()))
    assert not public.is_private
    for role, token in tokens.items():
        decoded = jwt.decode(token, public, algorithms=["Ed25519"])
        assert decoded.header["kid"] == "demo"
        assert decoded.claims == {
            "iss": "granslos-demo",
            "sub": f"demo-{role}",
            "role": role,
            "centre": None,
            "iat": now,
            "exp": now + TOKEN_LIFE_DAYS * DAY,
        }
    still_long = now + (TOKEN_LIFE_DAYS - TOKEN_RENEW_DAYS) * DAY - 1
    assert demo_tokens(file, key, still_long) == tokens
    assert demo_tokens(file, key, still_long + 1) != tokens
    assert file.stat().st_mode & 0o077 == 0


def test_every_site_has_passwords_of_its_own_and_a_kept_file_is_kept(tmp_path: Path) -> None:
    made = load_passwords(tmp_path / "secrets.json", ("esk", "vas"))
    every = [*made.edge.values(), *made.edge_link.values(), *made.node.values(), made.route, made.system, made.postgres]
    assert len(set(every)) == len(every) == 9 and all(len(password) >= 32 for password in every)
    assert load_passwords(tmp_path / "secrets.json", ("esk", "vas")) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.with_name("x.part").write_text("left by a killed process")
    write_private(path, b"1")
    write_private(path, b"2")
    assert path.read_bytes() == b"2" and sorted(tmp_path.iterdir()) == [path]


# --- regions


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(x), math.radians(y)) for x, y in (a, b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(h))


def test_the_fleet_stands_in_its_county_and_nobody_has_two_call_signs() -> None:
    units = units_table(REGIONS)
    assert len(units) == 8 * len(REGIONS) == len({unit["id"] for unit in units})
    for region in REGIONS:
        fleet = [unit for unit in units if unit["centre"] == region.code]
        assert all(unit["id"].startswith(f"3{region.area}-") and len(unit["id"]) == 8 for unit in fleet)
        assert {unit["kind"] for unit in fleet} == {"ambulance", "transport_ambulance", "doctor_car"}
        home = (fleet[0]["latitude"], fleet[0]["longitude"])
        assert all(kilometres(home, (unit["latitude"], unit["longitude"])) < 160 for unit in fleet)


def test_stations_lie_in_the_county_of_the_shipped_map() -> None:
    for unit in units_table(REGIONS):
        assert area_of(unit["latitude"], unit["longitude"]) == unit["id"][1:3], unit


def test_each_centre_is_succeeded_by_all_others_in_a_ring() -> None:
    table = centres_table(regions_of(3))
    assert [centre["succession"] for centre in table] == [["vas", "upp"], ["upp", "esk"], ["esk", "vas"]]
    assert [centre["areas"] for centre in table] == [["04"], ["19"], ["03"]]
    assert centres_table(regions_of(1))[0]["succession"] == []


# --- TOML

plain = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",))),
)
values = st.one_of(plain, st.lists(plain, max_size=3))
keys = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
tables = st.dictionaries(keys, values, max_size=4)


@given(
    st.dictionaries(
        keys,
        st.one_of(tables, st.dictionaries(keys, tables, max_size=2), st.lists(tables, min_size=1, max_size=3)),
        max_size=4,
    )
)
def test_what_is_written_as_toml_is_read_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document


def test_what_toml_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError):
        toml_text({"a": {"b": None}})
