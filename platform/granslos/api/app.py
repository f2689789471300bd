"""The ASGI application of a node: all routes of `docs/api.md`, from one table."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Response
from litestar.config.app import AppConfig
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send

from granslos.api import booking, centre, conflict, feed_route, handover, incident, operator, system, unit
from granslos.api.bodies import BodyReader
from granslos.api.feed import FeedHub
from granslos.api.openapi import document
from granslos.api.operations import Api, Operation, run
from granslos.api.ports import AuditPort, KpiPort, RecommendationPort
from granslos.api.problems import COMMON_HEADERS, AnyRequest, as_response, bug_problem, http_problem, problem_response
from granslos.api.static import Console
from granslos.application.ports import CommandPort, NodeState
from granslos.contract.answers import Problem
from granslos.readmodel.queries import Queries
from granslos.runtime import limits
from granslos.runtime.tokens import TokenVerifier

CONSOLE_FOLDER = Path(__file__).resolve().parent.parent / "console" / "static"
SCHEMA_PATHS = ("/schema", "/schema/openapi.json")
_OF_THE_API = ("v1", "health", "metrics", "schema")
_PREFLIGHT_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Cache-Control"


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs per site. ``console_connects``: origins of other sites' nodes that the console may talk to."""

    site: str
    version: str = "0.1.0"
    console_folder: Path = CONSOLE_FOLDER
    console_connects: tuple[str, ...] = ()
    console: system.ConsoleConfig = system.ConsoleConfig(site="")
    body_bytes_max: int = limits.COMMAND_BODY_BYTES_MAX


def operations(feed: FeedHub, console: system.ConsoleConfig) -> list[Operation]:
    """Return all routes."""
    return [
        *handover.operations(),
        *incident.operations(),
        *unit.operations(),
        *operator.operations(),
        *centre.operations(),
        *conflict.operations(),
        *booking.operations(),
        *system.operations(console),
        *feed_route.operations(feed),
    ]


def create_app(  # noqa: PLR0913 -- the composition root names each part it gives
    *,
    commands: CommandPort,
    state: NodeState,
    queries: Queries,
    feed: FeedHub,
    tokens: TokenVerifier,
    settings: ApiSettings,
    audit: AuditPort,
    kpi: KpiPort | None = None,
    recommendations: RecommendationPort | None = None,
) -> Litestar:
    """Build the application. The caller runs ``feed.run()`` and the audit beside it; ``server.serve`` serves it."""
    api = Api(
        commands=commands,
        state=state,
        queries=queries,
        tokens=tokens,
        audit=audit,
        kpi=kpi,
        recommendations=recommendations,
        bodies=BodyReader(),
        body_bytes_max=settings.body_bytes_max,
    )
    table = operations(feed, settings.console)
    methods = _methods(table)
    handlers = [_route(api, operation) for operation in table]
    handlers += _schema(document(table, settings.version))
    handlers += _console(Console(settings.console_folder, settings.console_connects))
    patterns = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"): allowed for path, allowed in methods.items()}

    def refused(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        return as_response(_refused(request, error, patterns))

    def failed(request: AnyRequest, error: Exception) -> Response[bytes]:
        return as_response(bug_problem(request, error))

    app = Litestar(
        handlers,
        openapi_config=None,
        logging_config=None,
        exception_handlers={HTTPException: refused, Exception: failed},
        request_max_body_size=None,
        middleware=[_options(patterns)],
        on_app_init=[_without_signatures],
    )
    app.state.drain = [feed.close]
    return app


def _without_signatures(config: AppConfig) -> AppConfig:
    """Leave names in annotations to the modules that have them."""
    config.signature_namespace.update({"AnyRequest": AnyRequest, "ASGIResponse": ASGIResponse})
    return config


def _methods(table: Sequence[Operation]) -> dict[str, tuple[str, ...]]:
    methods: dict[str, set[str]] = {path: {"GET", "HEAD", "OPTIONS"} for path in SCHEMA_PATHS}
    for operation in table:
        methods.setdefault(operation.path, {"OPTIONS"}).add(operation.method)
        if operation.verb is None:
            methods[operation.path].add("HEAD")
    return {path: tuple(sorted(allowed)) for path, allowed in methods.items()}


def _typed(path: str) -> str:
    return re.sub(r"\{(\w+)\}", r"{\1:str}", path)


def _route(api: Api, operation: Operation) -> HTTPRouteHandler:
    async def endpoint(request: AnyRequest) -> ASGIResponse:
        return await run(api, operation, request)

    methods: list[Any] = [operation.method, *(["HEAD"] if operation.verb is None else [])]
    return HTTPRouteHandler(_typed(operation.path), http_method=methods, name=operation.name, status_code=200)(endpoint)


def _options(patterns: Mapping[re.Pattern[str], tuple[str, ...]]) -> Callable[[ASGIApp], ASGIApp]:
    """Answer OPTIONS with the methods of all handlers of a path; Litestar 2 names those of one only."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            asked = scope.get("method") == "OPTIONS"
            allowed = _allowed(patterns, scope["path"]) if asked else None
            if allowed is None:
                await app(scope, receive, send)
                return
            headers = COMMON_HEADERS | {
                "Allow": ", ".join(allowed),
                "Access-Control-Allow-Methods": ", ".join(allowed),
                "Access-Control-Allow-Headers": _PREFLIGHT_HEADERS,
                "Access-Control-Max-Age": "600",
            }
            await ASGIResponse(status_code=204, headers=headers)(scope, receive, send)

        return middleware

    return wrap


def _allowed(patterns: Mapping[re.Pattern[str], tuple[str, ...]], path: str) -> tuple[str, ...] | None:
    return next((methods for pattern, methods in patterns.items() if pattern.fullmatch(path)), None)


def _schema(body: bytes) -> list[HTTPRouteHandler]:
    async def endpoint(request: AnyRequest) -> ASGIResponse:
        headers = COMMON_HEADERS | {"Cache-Control": "no-cache"}
        return ASGIResponse(body=body, media_type="application/vnd.oai.openapi+json", headers=headers)

    return [HTTPRouteHandler(path, http_method=["GET", "HEAD"], status_code=200)(endpoint) for path in SCHEMA_PATHS]


def _console(console: Console) -> list[HTTPRouteHandler]:
    async def endpoint(request: AnyRequest) -> ASGIResponse:
        path = request.scope["path"].strip("/")
        found = None if path.split("/", 1)[0] in _OF_THE_API else console.answer(request, path)
        if found is None:
            return problem_response(request.scope["path"], 404, Problem(code="not_found", title="Nothing has this address"))
        return found

    return [HTTPRouteHandler(path, http_method=["GET", "HEAD"], status_code=200)(endpoint) for path in ("/", "/{path:path}")]


def _refused(request: AnyRequest, error: HTTPException, patterns: Mapping[re.Pattern[str], tuple[str, ...]]) -> ASGIResponse:
    """Answer what the router refuses: a method with those that are allowed, unless nothing has this address."""
    path = request.scope["path"]
    allowed = _allowed(patterns, path)
    if error.status_code == 405 and allowed is None and path.strip("/").split("/", 1)[0] in _OF_THE_API:
        return problem_response(path, 404, Problem(code="not_found", title="Nothing has this address"))
    if error.status_code == 405:
        error.headers = {**(error.headers or {}), "Allow": ", ".join(allowed or ("GET", "HEAD"))}
    return http_problem(request, error)
