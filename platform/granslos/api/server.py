"""Serving the application: one process, uvloop, no access log; a port in use ends the process."""

import asyncio
import socket
from typing import Any

import uvicorn
from litestar import Litestar
from structlog import get_logger

from granslos.api.connection import BoundedConnection
from granslos.runtime import limits

log = get_logger(__name__)
BACKLOG_CONNECTIONS = 2_048
POLL_SECONDS = 0.01


class PortInUseError(OSError):
    """The address is taken, or not this machine's: the process ends."""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the node's supervisor has them."""

    def capture_signals(self) -> Any:
        return _NoSignals()


class _NoSignals:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def bind(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one.

    Raises:
        PortInUseError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG_CONNECTIONS)
    except OSError as error:
        made.close()
        raise PortInUseError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    made.setblocking(False)
    return made


async def serve(app: Litestar, host: str, port: int, ready: asyncio.Event) -> None:
    """Serve until cancelled; ``ready`` is set once requests are taken.

    Cancelling drains: no new connections, feeds are ended (their readers go to another site), requests under way get
    ``HTTP_DRAIN_SECONDS``.

    Raises:
        PortInUseError: before anything is served.
    """
    await serve_on(app, bind(host, port), ready)


async def serve_on(app: Litestar, listener: socket.socket, ready: asyncio.Event) -> None:
    """Serve on a bound socket, which it closes in the end; see ``serve``."""
    server = _Server(_config(app))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the HTTP server ended before it started")
            await asyncio.sleep(POLL_SECONDS)
        ready.set()
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await _drain(app, server, task)
        raise
    finally:
        listener.close()


async def _drain(app: Litestar, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    for end in app.state.drain:
        end()
    server.should_exit = True
    done, _ = await asyncio.wait({task}, timeout=limits.HTTP_DRAIN_SECONDS + 1)
    if not done:
        log.warning("http_not_drained", seconds=limits.HTTP_DRAIN_SECONDS)
        task.cancel()


def _config(app: Litestar) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="on",
        loop="none",
        http=BoundedConnection,
        ws="none",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG_CONNECTIONS,
        limit_concurrency=limits.HTTP_REQUESTS_MAX,
        timeout_keep_alive=limits.HTTP_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=limits.HTTP_DRAIN_SECONDS,
    )
