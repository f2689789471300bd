"""The process of an adapter: settings, port, spool, bus, HTTP, drain. Exit codes: ``granslos.runtime.process``.

One line ``ready <adapter> <url>`` on stdout says that the port answers; the edge need not be reachable for it.
"""

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic

import structlog
import uvicorn
from litestar.handlers import HTTPRouteHandler

from granslos.contract.errors import SettingsError
from granslos.runtime.logging import configure
from granslos.runtime.process import run_main
from granslos.runtime.settings import SiteSettings
from granslos_adapters.kit.archive import Archive
from granslos_adapters.kit.auth import Verifier
from granslos_adapters.kit.bus import NodeBus
from granslos_adapters.kit.delivery import Delivery
from granslos_adapters.kit.errors import PortInUseError
from granslos_adapters.kit.http import Health, make_app
from granslos_adapters.kit.settings import Settings, load, sites_own_first
from granslos_adapters.kit.spool import Spool

CONNECTIONS_MAX = 500

Service = Callable[[], Coroutine[Any, Any, None]]
"""A loop of the protocol's own that runs until cancelled."""
Ready = Callable[[str], None]


class Adapter(Generic[Settings]):
    """One adapter process put together; the protocol adds HTTP handlers and services to it."""

    def __init__(self, name: str, site: SiteSettings, settings: Settings) -> None:
        """Open the spool and the archive, read the keys; nothing runs yet.

        Raises:
            SettingsError: a folder cannot be used.
        """
        self.name = name
        self.site = site
        self.settings = settings
        self.handlers: list[HTTPRouteHandler] = []
        self.services: list[Service] = []
        self.health = Health()
        self.bus = NodeBus(name, sites_own_first(site), site.nats.edge_urls)
        try:
            self.spool = Spool(
                name,
                Path(settings.spool_dir),
                messages_max=settings.spool_messages_max,
                bytes_max=settings.spool_bytes_max,
            )
            self.archive = Archive(name, Path(settings.archive_dir), bytes_max=settings.archive_bytes_max)
        except OSError as error:
            raise SettingsError(f"folder cannot be used: {error}") from error
        self.verifier = Verifier(site.auth.public_keys)
        self.delivery = Delivery(
            self.bus,
            self.spool,
            deadline_seconds=settings.deadline_seconds,
            payload_bytes_max=settings.command_bytes_max,
        )
        self._register_health()

    async def serve(self, listener: socket.socket, stop: asyncio.Event, ready: Ready) -> None:
        """Serve until ``stop`` is set, then finish what was begun (within ``drain_seconds``) and return."""
        server = _Server(
            uvicorn.Config(
                make_app(self.name, self.handlers, self.health),
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=max(1, int(self.settings.drain_seconds)),
            )
        )
        host, port = listener.getsockname()[:2]
        server.on_started = lambda: ready(f"http://{host}:{port}")
        async with asyncio.TaskGroup() as group:
            services: list[Service] = [self.bus.run, self.delivery.run, *self.services]
            loops = [group.create_task(service()) for service in services]
            serving = group.create_task(server.serve(sockets=[listener]))
            await stop.wait()
            server.should_exit = True
            await serving
            await self.bus.drain(self.settings.drain_seconds)
            for task in loops:
                task.cancel()

    def _register_health(self) -> None:
        spool, bus, archive, limits = self.spool, self.bus, self.archive, self.settings

        def room() -> tuple[bool, str]:
            good = len(spool) < limits.spool_messages_max and spool.bytes_used < limits.spool_bytes_max
            return good or bus.connected, f"{len(spool)} of {limits.spool_messages_max} messages"

        self.health.register("bus", lambda: (bus.connected, "connected" if bus.connected else "away, spooling"))
        self.health.register("spool", lambda: (len(spool) == 0, f"{len(spool)} commands waiting"))
        self.health.register("takes_calls", room, vital=True)
        self.health.register("set_aside", lambda: (spool.set_aside == 0, f"{spool.set_aside} for a person to look at"))
        self.health.register("archive", lambda: (not archive.full, f"{archive.bytes_used} bytes kept"))


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: stopping is the adapter's business."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()


def bind(host: str, port: int) -> socket.socket:
    """Bind the adapter's port (0: any free one).

    Raises:
        PortInUseError: it cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUseError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def main(name: str, kind: type[Settings], build: Callable[[Adapter[Settings]], None], argv: Sequence[str] | None = None) -> int:
    """Run an adapter process; return its exit code.

    Args:
        name: the adapter's name, e.g. ``eido``; its table in the site file is ``[adapters.eido]``.
        kind: the adapter's settings.
        build: adds the protocol's handlers and services.
        argv: command line without the program's name.
    """
    parser = argparse.ArgumentParser(prog=f"granslos_adapters.{name}", description=f"The {name} adapter of a site.")
    parser.add_argument("--config", type=Path, required=True, help="the site file (TOML)")
    config = parser.parse_args(argv).config

    async def run(stop: asyncio.Event) -> None:
        site, settings = load(config, name, kind)
        configure(site.site.code, stream=sys.stderr)
        structlog.contextvars.bind_contextvars(adapter=name)
        listener = bind(settings.host, settings.port)
        adapter = Adapter(name, site, settings)
        build(adapter)
        await adapter.serve(listener, stop, lambda url: _say(f"ready {name} {url}"))

    return run_main(run)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
