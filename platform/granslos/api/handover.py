"""Handovers (överlämningar): taking a call, and reading what came."""

import hashlib
from typing import Annotated

from litestar.response.base import ASGIResponse
from msgspec import Meta

from granslos.api import query
from granslos.api.commands import command_id, submit
from granslos.api.handover_form import read_handover
from granslos.api.operations import Call, Operation, answer_of, clamp_seconds, json_answer, list_of
from granslos.api.problems import COMMON_HEADERS, ProblemError, not_found
from granslos.contract.commands import ReceiveHandover
from granslos.contract.envelope import derive_id
from granslos.contract.views import HandoverView, IncidentView
from granslos.runtime import limits

Number = Annotated[int, Meta(ge=0, lt=1_000_000)]
FRAGMENT = {"fragment": (Number, "Which message of it, counted from 0; the newest without.")}
BYTES = "application/octet-stream"


async def post_handover(call: Call) -> ASGIResponse:
    """Take a call: one budget from first byte to answer. A resend without key is the same command."""
    data = await call.body(limits.HANDOVER_BODY_BYTES_MAX)
    command = read_handover(data, call.request.headers.get("content-type"))
    derived = derive_id("handover", command.source, command.source_id, str(command.sent_at), _digest(data))
    key = command_id(call, otherwise=f"handover-{derived}")
    left = clamp_seconds(limits.HANDOVER_ANSWER_SECONDS, call.started)
    return await submit(call, command, key, max(left, int(limits.HANDOVER_DECISION_SECONDS * 1000)))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def list_handovers(call: Call) -> ASGIResponse:
    """Answer a page."""
    if call.grant == "own":
        raise ProblemError(403, "forbidden", "Not with this role", "An adapter reads its own handovers one by one")
    return json_answer(await call.api.queries.handovers(query.list_filter(call.parameters)))


async def get_handover(call: Call) -> ASGIResponse:
    """Answer one."""
    await _refuse_foreign(call)
    found = await call.api.queries.handover(call.path["handover_id"])
    if found is None:
        raise not_found("handover")
    return json_answer(bytes(found))


async def get_raw(call: Call) -> ASGIResponse:
    """Answer the bytes of one message as they came; never shown by a browser on this origin."""
    await _refuse_foreign(call)
    found = await call.api.queries.handover_raw(call.path["handover_id"], call.parameters.get("fragment"))
    if found is None:
        raise not_found("message")
    headers = COMMON_HEADERS | {
        "Content-Disposition": f'attachment; filename="{call.path["handover_id"]}"',
        "Content-Security-Policy": "sandbox",
        "X-Original-Content-Type": _header_text(found.media_type),
        "X-Fragments": str(found.count),
    }
    return ASGIResponse(body=found.data, media_type=BYTES, headers=headers)


def _header_text(media_type: str | None) -> str:
    text = media_type or BYTES
    return text if text.isascii() and text.isprintable() else BYTES


async def _refuse_foreign(call: Call) -> None:
    if call.grant != "own":
        return
    if not await call.api.queries.was_sent_by("handover", call.path["handover_id"], call.actor.subject):
        raise ProblemError(403, "forbidden", "Not sent by this bearer")


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="receive_handover",
            method="POST",
            path="/v1/handovers",
            verb="handovers.post",
            summary="Take a call handed over from 112. Only `source`, `source_id` are needed; unknown fields are kept.",
            handle=post_handover,
            body=ReceiveHandover,
            given=("raw", "raw_media_type", "defects"),
            answers={200: answer_of(IncidentView), 201: answer_of(IncidentView)},
        ),
        Operation(
            name="list_handovers",
            method="GET",
            path="/v1/handovers",
            verb="handovers.read",
            summary="Handovers, the last received first.",
            handle=list_handovers,
            query={**query.STATE, **query.SINCE, **query.LIST},
            answers={200: list_of(HandoverView)},
        ),
        Operation(
            name="read_handover",
            method="GET",
            path="/v1/handovers/{handover_id}",
            verb="handovers.read",
            summary="One handover with its messages.",
            handle=get_handover,
            answers={200: HandoverView},
        ),
        Operation(
            name="read_handover_raw",
            method="GET",
            path="/v1/handovers/{handover_id}/raw",
            verb="handovers.read",
            summary="A message's bytes as received.",
            handle=get_raw,
            query=FRAGMENT,
            answers={200: bytes},
            media_type=BYTES,
        ),
    ]
