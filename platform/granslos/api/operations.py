"""Routes as data, and how each is run: who asks, may they, what came, what is answered, and the trace of it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.bodies import BodyReader, decode_object
from granslos.api.permissions import PATIENT_VERBS, Grant, Verb, grant
from granslos.api.ports import AuditPort, KpiPort, RecommendationPort
from granslos.api.problems import COMMON_HEADERS, AnyRequest, ProblemError, problem_response
from granslos.application.ports import CommandPort, NodeState
from granslos.contract.answers import Problem
from granslos.contract.commands import DeskName
from granslos.contract.envelope import encode
from granslos.contract.errors import InvalidFieldError, StoreUnavailableError
from granslos.contract.places import Actor
from granslos.contract.types import CentreCode, HandoverId, IncidentId, Token, UnitId, UserId
from granslos.readmodel.audit import AuditRow
from granslos.readmodel.queries import Queries
from granslos.runtime import metrics
from granslos.runtime.tokens import InvalidTokenError, TokenVerifier

JSON = "application/json"
PATH_TYPES: Mapping[str, Any] = {
    "incident_id": IncidentId,
    "booking_id": IncidentId,
    "handover_id": HandoverId,
    "unit_id": UnitId,
    "user_id": UserId,
    "conflict_id": Token,
    "centre": CentreCode,
    "desk": DeskName,
}
"""What stands in an address; anything else names nothing: 404."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """All that the handlers use."""

    commands: CommandPort
    state: NodeState
    queries: Queries
    tokens: TokenVerifier
    audit: AuditPort
    kpi: KpiPort | None
    recommendations: RecommendationPort | None
    bodies: BodyReader
    body_bytes_max: int


class Call:
    """One request of a bearer who may make it."""

    __slots__ = ("actor", "api", "body_taken", "command_id", "grant", "parameters", "path", "request", "started")

    def __init__(self, api: Api, request: AnyRequest, started: float) -> None:
        self.api, self.request, self.started = api, request, started
        self.actor = Actor(subject="anonymous", role="observer")
        self.grant: Grant = "yes"
        self.path: dict[str, str] = {}
        self.parameters: dict[str, Any] = {}
        self.command_id: str | None = None
        self.body_taken = False

    async def body(self, bytes_max: int | None = None) -> bytes:
        """Return the body's bytes; raises ProblemError."""
        declared = self.request.headers.get("content-length")
        largest = bytes_max or self.api.body_bytes_max
        data = await self.api.bodies.read(self.request.receive, largest, declared)
        self.body_taken = True
        return data

    @property
    def leaves_body(self) -> bool:
        """Tell whether the sender may be sending still."""
        headers = self.request.headers
        return not self.body_taken and ("transfer-encoding" in headers or headers.get("content-length", "0") != "0")

    async def fields(self) -> dict[str, Any]:
        """Return the body's fields; raises ProblemError."""
        return decode_object(await self.body())


Handle = Callable[[Call], Awaitable[ASGIResponse]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A route. ``verb`` None: anybody. ``body`` and ``answers`` are for the OpenAPI document (``openapi``)."""

    name: str
    method: str
    path: str
    verb: Verb | None
    summary: str
    handle: Handle
    query: Mapping[str, tuple[Any, str]] = {}
    body: type[msgspec.Struct] | None = None
    given: tuple[str, ...] = ()
    answers: Mapping[int, Any] = {}
    media_type: str = JSON

    @property
    def is_reading(self) -> bool:
        """Tell whether it changes nothing."""
        return self.method == "GET"


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> ASGIResponse:
    """Build a JSON answer of a contract struct, plain data or ready bytes."""
    data = body if isinstance(body, bytes) else encode(body)
    return ASGIResponse(
        body=data,
        status_code=status,
        media_type=JSON,
        headers=COMMON_HEADERS | dict(headers) if headers else COMMON_HEADERS,
    )


async def run(api: Api, operation: Operation, request: AnyRequest) -> ASGIResponse:
    """Answer one request; nothing but a bug raises."""
    call = Call(api, request, time.monotonic())
    try:
        _admit(call, operation)
        response = await operation.handle(call)
        await _trace(call, operation, response.status_code)
    except ProblemError as error:
        response = problem_response(request.scope["path"], error.status, error.problem, error.headers)
        _trace_refusal(call, operation, error.status)
    except InvalidFieldError as error:
        problem = Problem(code="invalid_field", title="A field cannot be used", detail=error.detail, field=error.field)
        response = problem_response(request.scope["path"], 422, problem)
    except StoreUnavailableError as error:
        problem = Problem(code="unavailable", title="This site cannot answer now", detail=str(error))
        response = problem_response(request.scope["path"], 503, problem)
    if call.leaves_body:
        # Else a sender could go on for ever on this connection.
        response.headers["Connection"] = "close"
    metrics.HTTP_REQUESTS.labels(operation.path, operation.method, str(response.status_code)).inc()
    metrics.HTTP_SECONDS.labels(operation.path).observe(time.monotonic() - call.started)
    return response


def _admit(call: Call, operation: Operation) -> None:
    """Check who asks, the address and its parameters, in this order."""
    if operation.verb is not None:
        call.actor = _bearer(call)
        granted = grant(call.actor.role, operation.verb)
        if granted is None:
            raise ProblemError(403, "forbidden", "Not with this role", f"{call.actor.role} has no {operation.verb}")
        call.grant = granted
    for name, value in call.request.path_params.items():
        try:
            call.path[name] = msgspec.convert(value, PATH_TYPES[name])
        except msgspec.ValidationError:
            raise ProblemError(404, "not_found", "Nothing has this address", field=name) from None
    call.parameters = query.parse(call.request.scope["query_string"], operation.query)


def _bearer(call: Call) -> Actor:
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ProblemError(401, "unauthorised", "A bearer token is needed")
    try:
        return call.api.tokens.verify(token.strip())
    except InvalidTokenError as error:
        problem = ProblemError(401, "unauthorised", "The bearer token is refused", str(error))
        problem.headers["WWW-Authenticate"] = 'Bearer realm="granslos", error="invalid_token"'
        raise problem from None


# --- the trace --------------------------------------------------------------------------------------------------------


def _row(call: Call, operation: Operation, status: int) -> AuditRow:
    asked = "&".join(f"{name}={value}" for name, value in sorted(call.parameters.items()) if name != "cursor")
    address = operation.path.format_map(call.path) if call.path else operation.path
    return AuditRow(
        at=datetime.now(UTC),
        actor=call.actor,
        action=operation.name,
        resource=f"{address}?{asked}" if asked else address,
        outcome=status,
        command_id=call.command_id,
    )


async def _trace(call: Call, operation: Operation, status: int) -> None:
    if operation.verb not in PATIENT_VERBS:
        return
    row = _row(call, operation, status)
    if operation.is_reading:
        await call.api.audit.record_reading(row)
    else:
        call.api.audit.record_command(row)


def _trace_refusal(call: Call, operation: Operation, status: int) -> None:
    """Keep that somebody known was refused: 403 shows who tries what is not theirs."""
    if status == HTTPStatus.FORBIDDEN:
        call.api.audit.record_command(msgspec.structs.replace(_row(call, operation, status), resource=operation.path))


# --- shapes -----------------------------------------------------------------------------------------------------------


def list_of(kind: type[msgspec.Struct]) -> Any:
    """Return the shape of a list's answer, for the document."""
    return ("list", kind)


def answer_of(kind: type[msgspec.Struct]) -> Any:
    """Return the shape of a command's answer, for the document."""
    return ("answer", kind)


def clamp_seconds(seconds: float, started: float) -> int:
    """Return how many milliseconds of ``seconds`` are left since ``started``, at least one."""
    return max(1, int((seconds - (time.monotonic() - started)) * 1000))
