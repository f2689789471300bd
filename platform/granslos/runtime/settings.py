"""The site file (TOML): one per site, the same release everywhere, and the only thing in which sites differ.

Everything is checked when the process starts; a wrong file ends it (exit code 78) with one line that names the key.
Keys that nobody knows are refused, since a misspelt bound would silently be the default. Passwords never show in
``repr``.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from granslos.contract.errors import SettingsError
from granslos.contract.types import AreaCode, CentreCode, Latitude, Longitude, ShortText, SiteCode, UnitId
from granslos.runtime.masks import mask_credentials

Environment = Literal["demo", "staging", "production"]
DEMO_KEY_PREFIX = "demo"
"""A key id (``kid``, RFC 7517 §4.5) that begins so belongs to a demo; production refuses it."""

Port = Annotated[int, Meta(ge=0, le=65_535)]
Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]
"""``host:port``."""
NatsUrl = Annotated[str, Meta(pattern=r"^(nats|tls|ws|wss)://\S+$", max_length=512)]
HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", max_length=512)]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=32)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the site file; its ``repr`` shows no credentials."""

    def __repr__(self) -> str:
        shown = (f"{name}={mask_credentials(repr(getattr(self, name)))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"


class Machines(Table, frozen=True, kw_only=True):
    """``[site]``: the machines in one place."""

    code: SiteCode
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    environment: Environment = "production"
    data_dir: Path


class Http(Table, frozen=True, kw_only=True):
    """``[http]``: where the node listens; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Port


class Postgres(Table, frozen=True, kw_only=True):
    """``[postgres]``: this site's own server."""

    dsn: Annotated[str, Meta(min_length=1, max_length=1_000)]


class Nats(Table, frozen=True, kw_only=True):
    """``[nats]``: the own edge; the own hub first, then the other sites' hubs."""

    edge_urls: Annotated[tuple[NatsUrl, ...], Meta(min_length=1, max_length=16)]
    hub_urls: Annotated[tuple[NatsUrl, ...], Meta(min_length=1, max_length=16)]


class Cluster(Table, frozen=True, kw_only=True):
    """``[cluster]``: all sites in one order, the witness's code or "", the LOG's replicas and its bound in bytes."""

    sites: Annotated[tuple[SiteCode, ...], Meta(min_length=1, max_length=64)]
    witness: Annotated[str, Meta(pattern=r"^([a-z]{3})?$")] = ""
    replicas: Literal[1, 3, 5] = 3
    log_max_bytes: Annotated[int, Meta(ge=1 << 20)] = 8 << 30


class Hub(Table, frozen=True, kw_only=True):
    """``[hub]``: the nats-server that the guard runs, and where it is asked about itself."""

    binary: Path
    config: Path
    system_url: NatsUrl | None = None
    monitor_url: HttpUrl | None = None


class Guard(Table, frozen=True, kw_only=True):
    """``[guard]``: the guard's UDP address, where it writes its word each second, and the other guards' addresses.

    ``key_file`` holds the key that all guards share; while ``hold_file`` exists the hub is kept down.
    """

    listen: Address
    status: Path
    key_file: Path | None = None
    hold_file: Path | None = None
    peers: dict[SiteCode, Address] = msgspec.field(default_factory=dict)


class Policy(Table, frozen=True, kw_only=True):
    """``[policy]``: what a region chooses. Seconds.

    ``takeover_after_seconds`` moves a lost site's dispatch desk by a timer; without it a person's key does.
    ``pool_after_seconds`` offers an unanswered incident to all centres.
    """

    takeover_after_seconds: Annotated[float, Meta(ge=2.0, le=3_600.0)] | None = None
    pool_after_seconds: Annotated[float, Meta(ge=0.0, le=600.0)] = 8.0


class Auth(Table, frozen=True, kw_only=True):
    """``[auth]``: this site's private key, and a folder with every site's public keys (Ed25519 JWKs, RFC 8037)."""

    signing_key: Path
    public_keys: Path


class CentreSettings(Table, frozen=True, kw_only=True):
    """One of ``[[centres]]``, the same at all sites; ``succession`` are centres, the first to take over first."""

    code: CentreCode
    name: Annotated[ShortText, Meta(min_length=1)]
    site: SiteCode
    areas: tuple[AreaCode, ...] = ()
    succession: tuple[CentreCode, ...] = ()


class UnitSettings(Table, frozen=True, kw_only=True):
    """One of ``[[units]]``; latitude and longitude of its station in WGS 84 degrees."""

    id: UnitId
    kind: Word
    centre: CentreCode
    station: ShortText = ""
    latitude: Latitude
    longitude: Longitude
    skills: tuple[Word, ...] = ()


class Peer(Table, frozen=True, kw_only=True):
    """One of ``[[peers]]``: another site's node."""

    code: SiteCode
    http: HttpUrl


class SiteSettings(Table, frozen=True, kw_only=True):
    """The whole site file. ``adapters`` holds each adapter's own table, which only that adapter reads."""

    site: Machines
    http: Http
    postgres: Postgres
    nats: Nats
    cluster: Cluster
    auth: Auth
    hub: Hub | None = None
    guard: Guard | None = None
    policy: Policy = Policy()
    centres: Annotated[tuple[CentreSettings, ...], Meta(min_length=1)]
    units: tuple[UnitSettings, ...] = ()
    peers: tuple[Peer, ...] = ()
    adapters: dict[Word, dict[str, Any]] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Name the site only: adapters' tables may hold secrets of protocols unknown here."""
        return f"SiteSettings(site={self.site.code!r}, environment={self.site.environment!r})"


def load_site(path: Path) -> SiteSettings:
    """Read and check a site file.

    Raises:
        SettingsError: unreadable, not TOML, a key missing, unknown or out of its range, or keys that contradict one
            another; one line that names the file and the key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    try:
        settings = msgspec.convert(document, SiteSettings, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_named(str(error))}") from error
    for complaint in _complaints(settings):
        raise SettingsError(f"{path}: {complaint}")
    return settings


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected a path")


def _named(message: str) -> str:
    """Put the key first: ``http.port: Expected `int`, got `str```."""
    text, _, at = message.partition(" - at `$")
    place = at.rstrip("`").lstrip(".")
    for phrase in ("Object missing required field `", "Object contains unknown field `"):
        if text.startswith(phrase):
            key = text.removeprefix(phrase).rstrip("`")
            place = f"{place}.{key}" if place else key
            text = "missing" if "missing" in phrase else "no such key"
    return f"{place}: {text}"


def _complaints(settings: SiteSettings) -> Iterator[str]:
    yield from _cluster_complaints(settings)
    yield from _peer_complaints(settings)
    yield from _centre_complaints(settings)
    yield from _unit_complaints(settings)
    yield from _address_complaints(settings)
    if settings.site.environment == "production":
        yield from _demo_keys(settings.auth)


def _repeated(values: Iterable[str]) -> Iterator[str]:
    return (value for value, count in Counter(values).items() if count > 1)


def _cluster_complaints(settings: SiteSettings) -> Iterator[str]:
    own, cluster = settings.site.code, settings.cluster
    if own not in cluster.sites:
        yield f"cluster.sites: this site {own!r} is not among them"
    for code in _repeated(cluster.sites):
        yield f"cluster.sites: {code!r} twice"
    if cluster.witness in cluster.sites:
        yield f"cluster.witness: {cluster.witness!r} is a site"
    hubs = len(cluster.sites) + bool(cluster.witness)
    if cluster.replicas > hubs:
        yield f"cluster.replicas: {cluster.replicas} is more than the {hubs} hubs"


def _peer_complaints(settings: SiteSettings) -> Iterator[str]:
    others = {*settings.cluster.sites} - {settings.site.code}
    for peer in settings.peers:
        if peer.code not in others:
            yield f"peers: {peer.code!r} is not another site of cluster.sites"
    for code in _repeated(peer.code for peer in settings.peers):
        yield f"peers: {code!r} twice"
    for code in settings.guard.peers if settings.guard else ():
        if code not in others and code != settings.cluster.witness:
            yield f"guard.peers.{code}: neither another site of cluster.sites nor the witness"


def _centre_complaints(settings: SiteSettings) -> Iterator[str]:
    codes = {centre.code for centre in settings.centres}
    for code in _repeated(centre.code for centre in settings.centres):
        yield f"centres: {code!r} twice"
    for area in _repeated(area for centre in settings.centres for area in centre.areas):
        yield f"centres: area {area!r} twice; an area is answered for by one centre"
    for centre in settings.centres:
        if centre.site not in settings.cluster.sites:
            yield f"centres: {centre.code}.site {centre.site!r} is not in cluster.sites"
        yield from _succession_complaints(centre, codes)


def _succession_complaints(centre: CentreSettings, codes: AbstractSet[str]) -> Iterator[str]:
    for heir in centre.succession:
        if heir not in codes:
            yield f"centres: {centre.code}.succession names {heir!r}, which is no centre"
        if heir == centre.code:
            yield f"centres: {centre.code}.succession names itself"
    for heir in _repeated(centre.succession):
        yield f"centres: {centre.code}.succession names {heir!r} twice"


def _unit_complaints(settings: SiteSettings) -> Iterator[str]:
    codes = {centre.code for centre in settings.centres}
    for call_sign in _repeated(unit.id for unit in settings.units):
        yield f"units: {call_sign!r} twice"
    for unit in settings.units:
        if unit.centre not in codes:
            yield f"units: {unit.id}.centre {unit.centre!r} is no centre"


def _address_complaints(settings: SiteSettings) -> Iterator[str]:
    taken = {(settings.http.host, settings.http.port): "http"} if settings.http.port else {}
    for name, table in settings.adapters.items():
        port = table.get("port", 0)
        if not isinstance(port, int) or not 0 <= port <= 65_535:
            yield f"adapters.{name}.port: {port!r} is no port"
            continue
        place = (str(table.get("host", "127.0.0.1")), port)
        if port and place in taken:
            yield f"adapters.{name}.port: {port} is {taken[place]}'s"
        taken[place] = f"adapters.{name}"
    guard = settings.guard
    addresses = [("guard.listen", guard.listen), *((f"guard.peers.{c}", a) for c, a in guard.peers.items())] if guard else []
    for key, address in addresses:
        if int(address.rpartition(":")[2]) > 65_535:
            yield f"{key}: {address!r} has no such port"


class _KeyId(msgspec.Struct):
    kid: str = ""


def _demo_keys(auth: Auth) -> Iterator[str]:
    """Name the demo keys that a production site would trust."""
    files = [("auth.signing_key", auth.signing_key)]
    if auth.public_keys.is_dir():
        files += [("auth.public_keys", path) for path in sorted(auth.public_keys.iterdir()) if path.is_file()]
    for key, path in files:
        try:
            kid = msgspec.json.decode(path.read_bytes(), type=_KeyId).kid
        except OSError as error:
            yield f"{key}: {path}: {error.strerror or error}"
        except msgspec.MsgspecError:
            yield f"{key}: {path.name} is no JWK"
        else:
            if kid.startswith(DEMO_KEY_PREFIX):
                yield f"{key}: {path.name} is a demo key, which production refuses"
