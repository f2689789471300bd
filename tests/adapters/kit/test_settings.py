"""The site file as an adapter reads it."""

from pathlib import Path

import pytest

from granslos.contract.errors import SettingsError
from granslos_adapters.kit.settings import AdapterSettings, load, sites_own_first
from support.adapter_site import SiteFolder


def test_the_table_and_its_defaults(tmp_path: Path) -> None:
    path = SiteFolder(tmp_path).write("eido", "nats://127.0.0.1:1", "spool_messages_max = 7")
    site, settings = load(path, "eido", AdapterSettings)
    assert sites_own_first(site) == ("vas", "esk", "upp")
    assert settings.spool_messages_max == 7
    assert settings.spool_dir == str(tmp_path / "data/adapters/eido/spool")
    assert settings.archive_dir == str(tmp_path / "data/adapters/eido/archive")
    assert site.centres[0].areas == ("19",)


@pytest.mark.parametrize(
    ("name", "table", "says"),
    [
        ("aml", "", "no table [adapters.aml]"),
        ("eido", "port = 99999", "adapters.eido.port"),
        ("eido", "deadline_seconds = 1.5", "<= 1.0"),
        ("eido", "host = 3", "str"),
        ("eido", "spol_dir = 'x'", "spol_dir"),
        ("eido", "not toml", "site.toml"),
    ],
)
def test_a_bad_file_names_what_is_wrong(tmp_path: Path, name: str, table: str, says: str) -> None:
    path = SiteFolder(tmp_path).write("eido", "nats://127.0.0.1:1", table)
    with pytest.raises(SettingsError) as caught:
        load(path, name, AdapterSettings)
    assert says in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path / "absent.toml", "eido", AdapterSettings)
