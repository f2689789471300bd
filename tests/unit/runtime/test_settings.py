"""The site file: a good one is read whole, a bad one is refused with a line that names the key."""

from pathlib import Path

import pytest

from granslos.contract.errors import SettingsError
from granslos.local.credentials import load_passwords
from granslos.local.layout import ADAPTERS, Layout
from granslos.local.plan import Plan, Policy, regions_of, witness_of
from granslos.local.site_files import write_files
from granslos.runtime.settings import load_site

GOOD = """
[site]
code = "vas"
name = "vasteras"
environment = "demo"
data_dir = "data"
[http]
host = "127.0.0.1"
port = 26100
[postgres]
dsn = "postgresql://granslos:hunter2@127.0.0.1:26103/granslos"
[nats]
edge_urls = ["nats://edge:edge-secret@127.0.0.1:26101"]
hub_urls = ["nats://vas:hub-secret@127.0.0.1:26102"]
[cluster]
sites = ["esk", "vas", "upp"]
witness = ""
replicas = 3
log_max_bytes = 8589934592
[hub]
binary = "nats-server"
config = "hub.conf"
[guard]
listen = "127.0.0.1:26104"
status = "guard.json"
peers = {esk = "127.0.0.1:26201", upp = "127.0.0.1:26202"}
[policy]
takeover_after_seconds = 10.0
pool_after_seconds = 8.0
[auth]
signing_key = "site.jwk"
public_keys = "keys"
[[centres]]
code = "vas"
name = "Västerås"
site = "vas"
areas = ["19"]
succession = ["esk"]
[[centres]]
code = "esk"
name = "Eskilstuna"
site = "esk"
areas = ["04"]
succession = ["vas"]
[[units]]
id = "319-3310"
kind = "ambulance"
centre = "vas"
station = "Västerås"
latitude = 59.61
longitude = 16.54
skills = []
[[peers]]
code = "esk"
http = "http://127.0.0.1:26301"
[adapters.eido]
host = "127.0.0.1"
port = 26110
spool_dir = "spool"
secret = "adapter-secret"
"""

Change = tuple[str, str]


def write(folder: Path, *changes: Change) -> Path:
    text = GOOD
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path = folder / "SITE.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    settings = load_site(write(tmp_path))
    assert settings.site.code == "vas"
    assert settings.http.port == 26100
    assert settings.guard is not None
    assert settings.guard.peers == {"esk": "127.0.0.1:26201", "upp": "127.0.0.1:26202"}
    assert settings.centres[0].areas == ("19",)
    assert settings.units[0].latitude == 59.61
    assert settings.policy.takeover_after_seconds == 10.0
    assert settings.adapters["eido"]["port"] == 26110


def test_without_a_policy_a_person_takes_dispatch_over(tmp_path: Path) -> None:
    settings = load_site(write(tmp_path, ("takeover_after_seconds = 10.0\npool_after_seconds = 8.0\n", "")))
    assert settings.policy.takeover_after_seconds is None
    assert settings.policy.pool_after_seconds == 8.0


@pytest.mark.parametrize("secret", ["hunter2", "edge-secret", "hub-secret", "adapter-secret"])
def test_no_secret_shows_in_repr(tmp_path: Path, secret: str) -> None:
    settings = load_site(write(tmp_path))
    shown = "".join(map(repr, (settings, settings.postgres, settings.nats)))
    assert "127.0.0.1:26103" in shown
    assert secret not in shown


WRONG = {
    "a key of another type": (("port = 26100", 'port = "x"'), "http.port: Expected `int`, got `str`"),
    "a port out of range": (("port = 26100", "port = 70000"), "http.port: Expected `int` <= 65535"),
    "an unknown key": (("[http]", "[http]\nprot = 1"), "http.prot: no such key"),
    "an unknown table": (("[http]", "[htpt]\n[http]"), "htpt: no such key"),
    "a missing key": (("port = 26100\n", ""), "http.port: missing"),
    "a missing table": (
        ('[postgres]\ndsn = "postgresql://granslos:hunter2@127.0.0.1:26103/granslos"', ""),
        "postgres: missing",
    ),
    "a site code of four letters": (('code = "vas"\nname = "vasteras"', 'code = "vast"\nname = "v"'), "site.code: "),
    "an unknown environment": (('"demo"', '"test"'), "site.environment: Invalid enum value 'test'"),
    "no own code among the sites": (
        ('sites = ["esk", "vas", "upp"]', 'sites = ["esk", "upp"]'),
        "cluster.sites: this site 'vas'",
    ),
    "a site twice": (('"esk", "vas", "upp"]', '"esk", "vas", "esk"]'), "cluster.sites: 'esk' twice"),
    "a witness that is a site": (('witness = ""', 'witness = "upp"'), "cluster.witness: 'upp' is a site"),
    "more replicas than hubs": (("replicas = 3", "replicas = 5"), "cluster.replicas: 5 is more than the 3 hubs"),
    "an even number of replicas": (("replicas = 3", "replicas = 2"), "cluster.replicas: Invalid enum value 2"),
    "a centre at an unknown site": (('site = "esk"', 'site = "kar"'), "centres: esk.site 'kar'"),
    "an unknown heir": (('succession = ["esk"]', 'succession = ["kar"]'), "centres: vas.succession names 'kar'"),
    "a centre that inherits itself": (('succession = ["esk"]', 'succession = ["vas"]'), "vas.succession names itself"),
    "an heir twice": (('succession = ["esk"]', 'succession = ["esk", "esk"]'), "vas.succession names 'esk' twice"),
    "an area of two centres": (('areas = ["04"]', 'areas = ["19"]'), "centres: area '19' twice"),
    "a unit of no centre": (('centre = "vas"', 'centre = "upp"'), "units: 319-3310.centre 'upp' is no centre"),
    "a unit off the globe": (("latitude = 59.61", "latitude = 95.0"), "units[0].latitude: Expected `float` <= 90"),
    "a peer that is this site": (('code = "esk"\nhttp', 'code = "vas"\nhttp'), "peers: 'vas' is not another site"),
    "a guard of nobody": (("peers = {esk =", "peers = {kar ="), "guard.peers.kar: neither another site"),
    "a guard's port out of range": (('"127.0.0.1:26104"', '"127.0.0.1:99999"'), "guard.listen: '127.0.0.1:99999'"),
    "an address without port": (('"127.0.0.1:26104"', '"127.0.0.1"'), "guard.listen: Expected `str` matching"),
    "a port used twice": (("port = 26110", "port = 26100"), "adapters.eido.port: 26100 is http's"),
    "an adapter's port of no number": (("port = 26110", 'port = "x"'), "adapters.eido.port: 'x' is no port"),
    "a bus that is no bus": (('"nats://edge:', '"http://edge:'), "nats.edge_urls[0]: Expected `str` matching"),
    "a takeover sooner than silence": (
        ("takeover_after_seconds = 10.0", "takeover_after_seconds = 1.0"),
        "policy.takeover_after_seconds: ",
    ),
    "no TOML": (("[site]", "[site"), "not TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_the_key(tmp_path: Path, name: str) -> None:
    change, expected = WRONG[name]
    path = write(tmp_path, change)
    with pytest.raises(SettingsError) as caught:
        load_site(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_site(tmp_path / "SITE.toml")


def _production(folder: Path, kid: str, foreign_kid: str = "site-esk-2026") -> Path:
    (folder / "keys").mkdir()
    (folder / "site.jwk").write_text(f'{{"kty": "OKP", "kid": "{kid}", "d": "private"}}')
    (folder / "keys/esk.jwk").write_text(f'{{"kty": "OKP", "kid": "{foreign_kid}"}}')
    place = f"{folder}/"
    return write(
        folder,
        ('"demo"', '"production"'),
        ('signing_key = "', f'signing_key = "{place}'),
        ('public_keys = "', f'public_keys = "{place}'),
    )


def test_production_takes_its_own_keys(tmp_path: Path) -> None:
    assert load_site(_production(tmp_path, "site-vas-2026")).site.environment == "production"


@pytest.mark.parametrize(
    ("kid", "foreign_kid", "named"),
    [("demo-vas", "site-esk-2026", "site.jwk"), ("site-vas-2026", "demo-esk", "esk.jwk")],
)
def test_production_refuses_demo_keys(tmp_path: Path, kid: str, foreign_kid: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"{named} is a demo key"):
        load_site(_production(tmp_path, kid, foreign_kid))


def test_production_needs_its_signing_key(tmp_path: Path) -> None:
    path = _production(tmp_path, "site-vas-2026")
    (tmp_path / "site.jwk").unlink()
    with pytest.raises(SettingsError, match=r"auth\.signing_key: .*No such file"):
        load_site(path)


@pytest.mark.parametrize("sites", [1, 2, 3, 4])
def test_the_demos_own_site_files_are_good(tmp_path: Path, sites: int) -> None:
    regions = regions_of(sites)
    layout = Layout(base=20_000, sites=tuple(region.code for region in regions), witness=witness_of(sites))
    plan = Plan(
        directory=tmp_path,
        regions=regions,
        layout=layout,
        passwords=load_passwords(tmp_path / "passwords.json", layout.hubs),
        policy=Policy(),
        nats_server=Path("nats-server"),
        adapters=ADAPTERS,
    )
    write_files(plan, wan_delay_ms=0.0, seed=1)
    for region in regions:
        settings = load_site(plan.site_file(region.code))
        assert settings.site.code == region.code
        assert {centre.code for centre in settings.centres} == {other.code for other in regions}
        assert {unit.centre for unit in settings.units} == {other.code for other in regions}
