"""The adapters' HTTP side: bearer guard, bounded bodies, health, metrics, problem details (RFC 9457)."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import prometheus_client
import structlog
from litestar import Litestar, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from granslos.contract.places import Actor
from granslos_adapters.kit import metrics
from granslos_adapters.kit.auth import InvalidTokenError, Verifier

BODIES_BYTES_MAX: Final = 256 << 20
"""Bodies being read at once, all senders together; beyond it new ones get 503 and go to another endpoint."""
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
_SMALL_BODY_BYTES: Final = 1 << 20

Check = Callable[[], tuple[bool, str]]
"""A health check: whether the adapter can do its work as to this, and one line without personal data."""
Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]
AnyRequest = Request[Any, Any, Any]
_log = structlog.get_logger(__name__)


class Health:
    """Checks by name. A failed *vital* one makes the adapter not ready; another one only shows as degraded."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[Check, bool]] = {}

    def register(self, name: str, check: Check, *, vital: bool = False) -> None:
        """Add a check; the name is shown."""
        assert name not in self._checks, f"health check {name} registered twice"
        self._checks[name] = (check, vital)

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the adapter is ready, and the report for a person."""
        ready, degraded, lines = True, [], {}
        for name, (check, vital) in self._checks.items():
            good, lines[name] = check()
            if not good:
                degraded.append(name)
                ready = ready and not vital
        return ready, {"ready": ready, "degraded": degraded, "checks": lines}


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A request's body as far as it came."""

    data: bytes
    complete: bool = True
    too_big: bool = False


class BodyReader:
    """Reads bodies within bounds of size, time, and memory for all of them together."""

    def __init__(self, *, bytes_max: int, keep_bytes_max: int, seconds_max: float) -> None:
        """Set the bounds: bytes beyond ``bytes_max`` are too many, kept up to ``keep_bytes_max`` all the same."""
        self._bytes_max = bytes_max
        self._keep_bytes_max = max(bytes_max, keep_bytes_max)
        self._seconds_max = seconds_max
        self._held_bytes = 0

    async def read(self, request: AnyRequest) -> Body:
        """Return what the sender sent.

        Raises:
            HTTPException: 503, too many bytes are being read already.
        """
        if self._held_bytes > BODIES_BYTES_MAX:
            raise HTTPException(status_code=503, detail="too many large messages at once")
        chunks: list[bytes] = []
        size, complete = 0, True
        try:
            async with asyncio.timeout(self._seconds_max):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    self._held_bytes += len(chunk)
                    if size > self._keep_bytes_max:
                        complete = False
                        break
        except (TimeoutError, HTTPException):  # Litestar says a lost client with the latter
            complete = False
        finally:
            self._held_bytes -= size
        data = b"".join(chunks)[: self._keep_bytes_max]
        return Body(data=data, complete=complete, too_big=size > self._bytes_max)


def require_roles(verifier: Verifier | None, *roles: str) -> Guard:
    """Make a guard that lets bearers with one of ``roles`` in and puts the actor into the request's state.

    Without a ``verifier`` every request is refused.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
        if verifier is None or scheme.lower() != "bearer":
            raise NotAuthorizedException(detail="a bearer token is needed")
        try:
            actor: Actor = verifier.verify(token.strip())
        except InvalidTokenError as error:
            raise NotAuthorizedException(detail=str(error)) from None
        if actor.role not in roles:
            raise PermissionDeniedException(detail=f"role {actor.role} may not do this")
        connection.state.actor = actor

    return guard


def problem(status: int, code: str, title: str, detail: str = "", headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """Build a problem answer; ``code`` is stable and for machines."""
    body = {"type": f"urn:granslos:problem:{code}", "code": code, "title": title, "status": status, "detail": detail}
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM_MEDIA_TYPE, headers=dict(headers or {}))


def make_app(adapter: str, handlers: Sequence[HTTPRouteHandler], health: Health) -> Litestar:
    """Build the ASGI application: the protocol's handlers, health and metrics."""

    @get("/health/live", media_type="application/json")
    async def live() -> dict[str, str]:
        return {"status": "live", "adapter": adapter}

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        good, report = health.report()
        return Response(msgspec.json.encode(report), status_code=200 if good else 503, media_type="application/json")

    @get("/metrics")
    async def exposition() -> Response[bytes]:
        return Response(prometheus_client.generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def count(request: AnyRequest) -> None:
        status = request.scope.get("state", {}).get("answered_status", 0)
        metrics.REQUESTS.labels(adapter, request.scope["path_template"], str(status)).inc()

    return Litestar(
        [live, ready, exposition, *handlers],
        openapi_config=None,
        exception_handlers={HTTPException: _http_problem, Exception: _bug_problem},
        after_response=count,
        before_send=[_remember_status],
        request_max_body_size=_SMALL_BODY_BYTES,
        logging_config=None,
    )


async def _remember_status(message: Any, scope: Any) -> None:
    if message["type"] == "http.response.start":
        scope.setdefault("state", {})["answered_status"] = message["status"]


def _http_problem(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else error.headers
    code = {401: "unauthorised", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_big"}.get(
        error.status_code, "bad_request" if error.status_code < 500 else "unavailable"
    )
    return problem(error.status_code, code, code.replace("_", " "), error.detail, headers)


def _bug_problem(request: AnyRequest, error: Exception) -> Response[bytes]:
    # The server's edge: a bug in one handler must not take the process down. The text stays out, it may hold a patient.
    _log.error("handler failed", path=request.scope["path_template"], error=type(error).__name__, frames=frames(error))
    return problem(500, "internal", "internal error")


def frames(error: BaseException) -> list[str]:
    """Return where an exception came from, without its text and without variables: either may hold personal data."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
