"""Problem details (RFC 9457): every refusal has a stable ``code``, and ``field`` where one field is to blame."""

import traceback
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse
from structlog import get_logger

from granslos.contract.answers import Problem

AnyRequest = Request[Any, Any, Any]
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
COMMON_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Retry-After, Allow, Content-Disposition",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""Consoles of other sites read here too; a bearer token, not a cookie, says who they are, so any origin may ask."""

log = get_logger(__name__)


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a refusal. ``authority`` names the site that would decide."""

    type: str
    title: str
    status: int
    code: str
    instance: str
    detail: str | None = None
    field: str | None = None
    authority: str | None = None


class ProblemError(Exception):
    """A request that is refused before it reaches the core."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.headers: dict[str, str] = {}
        self.problem = Problem(code=code, title=title, detail=detail, field=field)


def invalid(field: str, detail: str, code: str = "invalid_field") -> ProblemError:
    """Return a 422 that names the field."""
    return ProblemError(422, code, "A field cannot be used", detail, field)


def not_found(what: str) -> ProblemError:
    """Return a 404."""
    return ProblemError(404, "not_found", f"No such {what}")


def problem_response(instance: str, status: int, problem: Problem, headers: dict[str, str] | None = None) -> ASGIResponse:
    """Build the answer; 503 says when to try again."""
    body = ProblemDetails(
        type=f"urn:granslos:problem:{problem.code}",
        title=problem.title,
        status=status,
        code=problem.code,
        detail=problem.detail or None,
        field=problem.field,
        authority=problem.authority,
        instance=instance,
    )
    made = COMMON_HEADERS | (headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        made.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    if status == HTTPStatus.UNAUTHORIZED:
        made.setdefault("WWW-Authenticate", 'Bearer realm="granslos"')
    return ASGIResponse(body=msgspec.json.encode(body), status_code=status, media_type=MEDIA_TYPE, headers=made)


_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def http_problem(request: AnyRequest, error: HTTPException) -> ASGIResponse:
    """Answer what the router refuses: an unknown path, an unknown method."""
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "unavailable")
    headers = {"Allow": error.headers["Allow"]} if error.headers and "Allow" in error.headers else None
    return problem_response(request.url.path, status, Problem(code=code, title=status.phrase), headers)


def bug_problem(request: AnyRequest, error: Exception) -> ASGIResponse:
    """Answer a bug: 500, and a line for a person. The error's text stays out, it may hold a patient."""
    log.error("request_failed", path=request.scope.get("path_template"), error=type(error).__name__, frames=_frames(error))
    return problem_response(request.url.path, 500, Problem(code="internal", title="Internal error"))


def as_response(made: ASGIResponse) -> Response[bytes]:
    """Return an answer in the form that Litestar wants from its exception handlers."""
    headers = dict(made.headers.items())
    media_type = headers.pop("content-type", MEDIA_TYPE)
    headers.pop("content-length", None)
    return Response(bytes(made.body), status_code=made.status_code, media_type=media_type, headers=headers)


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
