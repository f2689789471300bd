"""Commands over HTTP: the id, the deadline, and the answer as the outside relies on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api.fields import command_from
from granslos.api.operations import Call, Operation, answer_of, clamp_seconds, json_answer
from granslos.api.permissions import Verb
from granslos.api.problems import invalid, problem_response
from granslos.contract.answers import Answer, Durability, Problem
from granslos.contract.commands import AnyCommand, Command, CommandRequest
from granslos.contract.types import CommandId
from granslos.runtime import limits
from granslos.runtime.ids import new_command_id

DURABILITY = "granslos-durability"
IDEMPOTENCY_KEY = "Idempotency-Key"
RESERVED_PREFIXES = ("open-", "generation-")
"""Ids that nodes give their own commands; a foreign one would take their place."""
UNKNOWN = Problem(
    code="outcome_unknown",
    title="The outcome is unknown",
    detail="Ask again with the same Idempotency-Key: it will take effect once.",
)


class WriteAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command came to. ``durability`` ``cluster``: fsynced at a majority of sites, at LOG ``position``.

    ``site``: fsynced at the site that answers. ``event_ids`` are ticked off by the feed later. ``island``: that site
    hears no majority.
    """

    durability: Durability
    position: int | None
    resource: Any
    site: str | None = None
    island: bool = False
    event_ids: tuple[str, ...] = ()


class _Named(msgspec.Struct):
    id: str | None = None


def command_id(call: Call, otherwise: str | None = None) -> str:
    """Return the sender's id of the command, or ``otherwise``, or a new one.

    Raises:
        ProblemError: 422, an id that cannot be one.
    """
    given = call.request.headers.get(IDEMPOTENCY_KEY)
    if given is None:
        return otherwise or new_command_id()
    text = given.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    try:
        made = msgspec.convert(text, CommandId)
    except msgspec.ValidationError:
        raise invalid(IDEMPOTENCY_KEY, "1 to 128 letters, digits and ._:@+/=-, beginning with a letter or digit") from None
    if made.startswith(RESERVED_PREFIXES):
        raise invalid(IDEMPOTENCY_KEY, "This beginning is reserved")
    return made


async def submit(call: Call, payload: AnyCommand, key: str, deadline_ms: int) -> ASGIResponse:
    """Hand a command to the core and answer within its deadline and a grace.

    A sender that needs no more than this site's word says so (``Granslos-Durability: site``) and is answered sooner.
    """
    call.command_id = key
    wait: Literal["site", "cluster"] = "site" if call.request.headers.get(DURABILITY) == "site" else "cluster"
    request = CommandRequest(command_id=key, actor=call.actor, payload=payload, deadline_ms=deadline_ms, wait=wait)
    try:
        async with asyncio.timeout(deadline_ms / 1000 + limits.HTTP_ANSWER_GRACE_SECONDS):
            answer = await call.api.commands.submit(request)
    except TimeoutError:
        return problem_response(call.request.scope["path"], 503, UNKNOWN)
    return answer_response(call, answer)


def answer_response(call: Call, answer: Answer) -> ASGIResponse:
    """Translate the core's answer to HTTP."""
    instance = call.request.scope["path"]
    if answer.status == 504:
        return problem_response(instance, 503, msgspec.structs.replace(answer.problem or UNKNOWN, code=UNKNOWN.code))
    if answer.status >= 400:
        assert answer.problem is not None, "a refusal has a reason"
        return problem_response(instance, answer.status, answer.problem)
    assert answer.durability is not None, "what took effect is durable"
    made = WriteAnswer(
        durability=answer.durability,
        position=answer.position,
        resource=answer.resource,
        site=answer.site,
        island=answer.island,
        event_ids=answer.event_ids,
    )
    response = json_answer(made, answer.status)
    if answer.status == 201 and (address := _address(answer.resource)) is not None:
        response.headers["Location"] = address
    return response


def _address(resource: Any) -> str | None:
    """Return where a created incident or booking is read."""
    raw = bytes(resource) if isinstance(resource, msgspec.Raw) else None
    named = msgspec.json.decode(raw, type=_Named).id if raw else _id_of(resource)
    return f"/v1/incidents/{named}" if named is not None and named.count("-") == 2 and named[:8].isdigit() else None


def _id_of(resource: Any) -> str | None:
    found = resource.get("id") if isinstance(resource, dict) else getattr(resource, "id", None)
    return found if isinstance(found, str) else None


Given = Callable[[Call, dict[str, Any]], dict[str, Any]]
Check = Callable[[Any], None]
Before = Callable[[Call], Awaitable[None]]


class CommandRoute(msgspec.Struct, frozen=True):
    """The route of a command whose fields are in the body, the address (by the same names) and what ``given`` returns.

    ``hidden`` names fields that the address or ``given`` fills in. ``before`` looks at the request, ``check`` at the
    made command; both may raise ProblemError.
    """

    kind: type[Command]
    address: tuple[str, str]
    summary: str
    verb: Verb
    resource: type[msgspec.Struct]
    given: Given | None = None
    check: Check | None = None
    before: Before | None = None
    hidden: tuple[str, ...] = ()
    seconds: float = limits.HTTP_COMMAND_SECONDS
    created: bool = False

    def operation(self) -> Operation:
        """Return it as a row of the table."""
        method, path = self.address
        answer = answer_of(self.resource)
        return Operation(
            name=_snake(self.kind.__name__),
            method=method,
            path=path,
            verb=self.verb,
            summary=self.summary,
            handle=self.handle,
            body=self.kind,
            given=self.hidden,
            answers={200: answer, 201: answer} if self.created else {200: answer},
        )

    async def handle(self, call: Call) -> ASGIResponse:
        """Answer a request; raises ProblemError."""
        call.command_id = key = command_id(call)
        if self.before is not None:
            await self.before(call)
        fields = await call.fields()
        given = self.given(call, fields) if self.given is not None else {}
        command = command_from(self.kind, fields, {**call.path, **given})
        if self.check is not None:
            self.check(command)
        left = clamp_seconds(self.seconds, call.started)
        return await submit(call, command, key, left)  # type: ignore[arg-type]  # a subclass is one of AnyCommand


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
