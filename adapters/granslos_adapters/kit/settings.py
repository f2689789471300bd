"""The site file as an adapter sees it, and the adapter's own table ``[adapters.<name>]`` in it.

Only what adapters use is read; the node reads the rest of the same file. Unknown keys are left alone, wrong values of
known keys end the process (exit code 78).
"""

import tomllib
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from granslos.contract.errors import SettingsError
from granslos.contract.types import CentreCode, SiteCode

Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0.0, le=3_600.0)]


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """Table ``[site]``."""

    code: SiteCode
    name: str
    environment: str = "production"
    data_dir: str


class Nats(msgspec.Struct, frozen=True, kw_only=True):
    """Table ``[nats]``: the site's own bus first, others after it."""

    edge_urls: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Table ``[cluster]``: every site's code, in the order in which they are asked."""

    sites: Annotated[tuple[SiteCode, ...], Meta(min_length=1, max_length=64)]


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """Table ``[auth]``: the folder of Ed25519 public keys (JWK), one file a key."""

    public_keys: str


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """One of ``[[centres]]``: the people whom a site serves, and their counties."""

    code: CentreCode
    name: str
    site: SiteCode
    areas: tuple[str, ...] = ()


class SiteFile(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter reads of the site file."""

    site: Machines
    nats: Nats
    cluster: Cluster
    auth: Auth | None = None
    centres: tuple[Centre, ...] = ()

    def sites_own_first(self) -> tuple[str, ...]:
        """Return the codes of all sites, this one first, the others as listed."""
        own = self.site.code
        return (own, *(code for code in self.cluster.sites if code != own))


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What each adapter can set; a protocol's own settings inherit from it.

    Times in seconds, sizes in bytes. ``deadline_seconds`` is the whole wait for a node's answer, all sites together.
    """

    host: str = "127.0.0.1"
    port: Port = 0
    spool_dir: str = ""
    archive_dir: str = ""
    deadline_seconds: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.8
    spool_messages_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    spool_bytes_max: Annotated[int, Meta(ge=1)] = 1 << 30
    archive_bytes_max: Annotated[int, Meta(ge=1)] = 4 << 30
    body_bytes_max: Annotated[int, Meta(ge=1)] = 1 << 20
    body_seconds_max: Seconds = 10.0
    drain_seconds: Seconds = 5.0


Settings = TypeVar("Settings", bound=AdapterSettings)


def load(path: Path, name: str, kind: type[Settings]) -> tuple[SiteFile, Settings]:
    """Read the site file and the table ``[adapters.<name>]``; folders that are not set lie below ``data_dir``.

    Raises:
        SettingsError: no such file, not TOML, a table or key missing, or a value out of its range.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    table = document.get("adapters", {}).get(name)
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: no table [adapters.{name}]")
    try:
        site = msgspec.convert(document, SiteFile)
        settings = msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}") from error
    folder = Path(site.site.data_dir) / "adapters" / name
    return site, msgspec.structs.replace(
        settings,
        spool_dir=settings.spool_dir or str(folder / "spool"),
        archive_dir=settings.archive_dir or str(folder / "archive"),
    )
