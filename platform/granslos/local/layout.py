"""Which port is whose: one block of a fixed shape, so that a restart finds every server where it was.

Servers of a cluster must know each other's ports before any of them runs, so the ports cannot come from the servers.
The block lies below the ephemeral ports, and its claim port is held by the supervisor: of two clusters that want the
same block, one finds the claim taken.

    base + 20 · slot + 0 … 9      servers of a site (slot: its place in the list; the witness's is the last)
    base + 20 · slot + 10 … 19    its adapters
    base + 190, base + 191        the links' control socket, the claim
    base + 200 …                  a link for every ordered pair of slots and every service
"""

import socket
import time
import zlib
from pathlib import Path

import msgspec

from granslos.local.errors import RefusedError
from granslos.local.limits import (
    PORT_BASE_FIRST,
    PORT_BASE_LAST,
    PORT_WAIT_SECONDS,
    PORTS_PER_SITE,
    PORTS_TOTAL,
    SITES_MAX,
)

SERVICES = ("http", "edge", "hub", "postgres", "guard", "hub_monitor", "route", "leaf", "edge_monitor")
"""Offset in a site's block."""
ADAPTERS = ("eido", "rakel", "sip", "aml", "suti", "fhir")
"""Offset from the tenth port of a site's block."""
LINK_SERVICES = ("hub", "route", "leaf", "http", "guard")
"""What one site calls at another; guard is UDP."""
UDP_SERVICES = frozenset({"guard"})

_ADAPTERS_FROM = 10
_CONTROL, _CLAIM, _LINKS_FROM = 190, 191, 200
_SLOTS = SITES_MAX + 1


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The ports of one cluster, all on 127.0.0.1.

    Attributes:
        base: The first port.
        sites: Site codes in order.
        witness: The witness's code, or "".
    """

    base: int
    sites: tuple[str, ...]
    witness: str = ""

    @property
    def hubs(self) -> tuple[str, ...]:
        """Codes of all that have a hub: the sites and the witness."""
        return (*self.sites, self.witness) if self.witness else self.sites

    def port(self, code: str, service: str) -> int:
        """The port of a server or adapter of a site."""
        start = self.base + PORTS_PER_SITE * self.hubs.index(code)
        if service in ADAPTERS:
            return start + _ADAPTERS_FROM + ADAPTERS.index(service)
        return start + SERVICES.index(service)

    def link(self, caller: str, called: str, service: str) -> int:
        """The port at which a site reaches a service of another."""
        pair = self.hubs.index(caller) * _SLOTS + self.hubs.index(called)
        return self.base + _LINKS_FROM + pair * len(LINK_SERVICES) + LINK_SERVICES.index(service)

    def address(self, code: str, service: str) -> str:
        """`127.0.0.1:port` of a server of a site."""
        return f"127.0.0.1:{self.port(code, service)}"

    def link_address(self, caller: str, called: str, service: str) -> str:
        """`127.0.0.1:port` at which a site reaches a service of another."""
        return f"127.0.0.1:{self.link(caller, called, service)}"

    @property
    def control(self) -> int:
        """The port of the links' control socket."""
        return self.base + _CONTROL

    @property
    def claim(self) -> int:
        """The port that the supervisor holds as long as it runs."""
        return self.base + _CLAIM

    def all_ports(self) -> list[tuple[int, bool]]:
        """Every port but the claim, and whether it is UDP."""
        own = [(self.port(code, service), service in UDP_SERVICES) for code in self.hubs for service in (*SERVICES, *ADAPTERS)]
        links = [
            (self.link(caller, called, service), service in UDP_SERVICES)
            for caller in self.hubs
            for called in self.hubs
            if caller != called
            for service in LINK_SERVICES
        ]
        return [*own, *links, (self.control, False)]


def claimed(layout: Layout) -> socket.socket | None:
    """Takes the claim of a layout; None when another cluster (or anybody) has it."""
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind(("127.0.0.1", layout.claim))
    except OSError:
        claim.close()
        return None
    claim.listen(1)
    return claim


def taken(layout: Layout) -> list[int]:
    """The ports of a layout that somebody listens on."""
    return [port for port, udp in layout.all_ports() if not _is_free(port, udp=udp)]


def _is_free(port: int, *, udp: bool) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as tried:
        if not udp:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def take(
    sites: tuple[str, ...], witness: str, *, directory: Path, base: int | None, kept: int | None
) -> tuple[Layout, socket.socket]:
    """Chooses a layout and claims it.

    Args:
        sites: Site codes.
        witness: The witness's code, or "".
        directory: The cluster's directory; where the search starts depends on it, so that it tends to stay.
        base: The first port that the user wants, or None.
        kept: The first port of the directory's last run, or None.

    Returns:
        The layout, and the claim, to be kept open as long as the cluster runs.

    Raises:
        RefusedError: The wanted ports are taken or out of range, or no block is free.
    """
    if base is not None:
        if not 1024 <= base <= 65536 - PORTS_TOTAL:
            raise RefusedError(f"--base-port must be between 1024 and {65536 - PORTS_TOTAL}; got {base}")
        return _taken_or_refused(Layout(base=base, sites=sites, witness=witness))
    blocks = range(PORT_BASE_FIRST, PORT_BASE_LAST + 1, PORTS_TOTAL)
    start = zlib.crc32(str(directory).encode()) % len(blocks)
    candidates = [blocks[(start + step) % len(blocks)] for step in range(len(blocks))]
    if kept is not None:
        candidates.insert(0, kept)
    for number, candidate in enumerate(candidates):
        layout = Layout(base=candidate, sites=sites, witness=witness)
        claim = claimed(layout)
        if claim is None:
            continue
        if not _busy_after_waiting(layout, PORT_WAIT_SECONDS if number == 0 and kept is not None else 0.0):
            return layout, claim
        claim.close()
    raise RefusedError(f"no free block of {PORTS_TOTAL} ports between {PORT_BASE_FIRST} and {PORT_BASE_LAST}")


def _taken_or_refused(layout: Layout) -> tuple[Layout, socket.socket]:
    claim = claimed(layout)
    if claim is None:
        raise RefusedError(f"port {layout.claim} is in use, perhaps by another demo; choose another --base-port")
    busy = _busy_after_waiting(layout, PORT_WAIT_SECONDS)
    if busy:
        claim.close()
        raise RefusedError(f"port {busy[0]} is in use; choose another --base-port")
    return layout, claim


def _busy_after_waiting(layout: Layout, seconds: float) -> list[int]:
    """Ports still taken after that time: those of a killed run become free when its last server has ended."""
    end = time.monotonic() + seconds
    while (busy := taken(layout)) and time.monotonic() < end:
        time.sleep(0.1)
    return busy
