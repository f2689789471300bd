"""An adapter's own table ``[adapters.<name>]`` of the site file; the rest of the file is read as the node reads it.

A wrong value and a misspelt key end the process (exit code 78), since a misspelt bound would silently be the default.
"""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from granslos.contract.errors import SettingsError
from granslos.runtime.settings import SiteSettings, load_site

Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0.0, le=3_600.0)]


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each adapter can set; a protocol's own settings inherit from it.

    Times in seconds, sizes in bytes. ``deadline_seconds`` is the whole wait for a node's answer, all sites together.
    ``command_bytes_max`` is far below what the bus takes: a command becomes events, which the LOG must take as well.
    """

    host: str = "127.0.0.1"
    port: Port = 0
    spool_dir: str = ""
    archive_dir: str = ""
    command_bytes_max: Annotated[int, Meta(ge=1 << 16, le=1 << 20)] = 384 << 10
    deadline_seconds: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.8
    spool_messages_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    spool_bytes_max: Annotated[int, Meta(ge=1)] = 1 << 30
    archive_bytes_max: Annotated[int, Meta(ge=1)] = 4 << 30
    body_bytes_max: Annotated[int, Meta(ge=1)] = 1 << 20
    body_seconds_max: Seconds = 10.0
    drain_seconds: Seconds = 5.0


Settings = TypeVar("Settings", bound=AdapterSettings)


def load(path: Path, name: str, kind: type[Settings]) -> tuple[SiteSettings, Settings]:
    """Read the site file and the table ``[adapters.<name>]``; folders that are not set lie below ``data_dir``.

    Raises:
        SettingsError: no such file, not TOML, a table or key missing or unknown, or a value out of its range.
    """
    site = load_site(path)
    table = site.adapters.get(name)
    if table is None:
        raise SettingsError(f"{path}: no table [adapters.{name}]")
    try:
        settings = msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: adapters.{name}: {error}") from error
    folder = site.site.data_dir / "adapters" / name
    return site, msgspec.structs.replace(
        settings,
        spool_dir=settings.spool_dir or str(folder / "spool"),
        archive_dir=settings.archive_dir or str(folder / "archive"),
    )


def sites_own_first(site: SiteSettings) -> tuple[str, ...]:
    """Return the codes of all sites, this one first, the others as listed."""
    own = site.site.code
    return (own, *(code for code in site.cluster.sites if code != own))
