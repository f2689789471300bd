"""What a local cluster consists of: which sites, which ports, which files. No process is started here."""

from pathlib import Path

import msgspec

from granslos.local import nats as local_nats
from granslos.local import postgres
from granslos.local.credentials import Passwords
from granslos.local.errors import RefusedError
from granslos.local.layout import Layout
from granslos.local.limits import SITES_MAX
from granslos.local.regions import REGIONS, WITNESS, Region

REPLICAS_MAX = 5
SITES_DEFAULT = 3


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a region chooses; the demo's choices.

    Attributes:
        takeover_after_seconds: A silent site's dispatch desk is taken after this.
        pool_after_seconds: An unanswered incident is offered to all centres after this.
        log_max_bytes: Bound of the LOG.
    """

    takeover_after_seconds: float = 10.0
    pool_after_seconds: float = 8.0
    log_max_bytes: int = 8 * 1024**3


def regions_of(sites: int) -> tuple[Region, ...]:
    """The regions of a cluster of that many sites.

    Raises:
        RefusedError: Too few or too many.
    """
    if not 1 <= sites <= SITES_MAX:
        raise RefusedError(f"--sites must be between 1 and {SITES_MAX}; got {sites}")
    return REGIONS[:sites]


def witness_of(sites: int) -> str:
    """The witness's code; "" for an odd number of sites, whose hubs have majorities of their own."""
    return WITNESS if sites % 2 == 0 else ""


def replicas_of(hubs: int) -> int:
    """Replicas of the LOG: all hubs of one and three, five of more."""
    return min(hubs, REPLICAS_MAX)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is decided before a process starts.

    Attributes:
        directory: Of the cluster; every file lies below it.
        regions: The sites in order.
        layout: The ports.
        passwords: All of them.
        policy: The region's choices.
        nats_server: The nats-server binary.
        adapters: Names of the adapters that run at every site.
    """

    directory: Path
    regions: tuple[Region, ...]
    layout: Layout
    passwords: Passwords
    policy: Policy
    nats_server: Path
    adapters: tuple[str, ...]

    def of(self, code: str) -> Path:
        """The directory of a site or witness."""
        return self.directory / "sites" / code

    def site_file(self, code: str) -> Path:
        """The site file."""
        return self.of(code) / "site.toml"

    def guard_status(self, code: str) -> Path:
        """The status that the site's hub guard writes."""
        return self.of(code) / "guard.json"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.directory / "log" / f"{name}.log"

    def hold_file(self, name: str) -> Path:
        """The file that holds a site or a process down."""
        return self.directory / f"down-{name}"

    @property
    def keys(self) -> Path:
        """The directory with everybody's public keys."""
        return self.directory / "keys"

    @property
    def guard_key(self) -> Path:
        """The file with the guards' shared key."""
        return self.directory / "guard.key"

    def http(self, code: str, service: str = "http") -> str:
        """URL of a site's node or adapter."""
        return f"http://{self.layout.address(code, service)}"

    def dsn(self, code: str) -> str:
        """Connection string of a site's database."""
        return postgres.dsn(self.layout.port(code, "postgres"), self.passwords.postgres)

    def edge_url(self, code: str) -> str:
        """URL of a site's edge."""
        return local_nats.url(local_nats.EDGE_USER, self.passwords.edge[code], self.layout.port(code, "edge"))

    def hub_urls(self, code: str) -> list[str]:
        """URLs of all hubs as a site's node uses them: its own, then the others through the links, the witness last."""
        others = [hub for hub in self.layout.hubs if hub != code]
        addresses = [self.layout.address(code, "hub"), *(self.layout.link_address(code, hub, "hub") for hub in others)]
        user, password = local_nats.node_user(code), self.passwords.node[code]
        return [local_nats.url(user, password, address) for address in addresses]

    def system_url(self, code: str) -> str:
        """URL of the system account at a hub."""
        return local_nats.url(local_nats.SYSTEM_USER, self.passwords.system, self.layout.port(code, "hub"))

    def hub_monitor(self, code: str) -> str:
        """URL of a hub's monitoring."""
        return f"http://{self.layout.address(code, 'hub_monitor')}"
