"""Clashes: what two sites decided apart, and a person's word on it."""

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.commands import CommandRoute
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import not_found
from granslos.contract.commands import AcknowledgeConflict
from granslos.contract.envelope import encode
from granslos.contract.views import ConflictView
from granslos.readmodel.pages import Page


def redacted(view: msgspec.Raw) -> msgspec.Raw:
    """Return a clash without free text, which may speak of a patient."""
    known = msgspec.json.decode(view, type=ConflictView)
    return msgspec.Raw(encode(msgspec.structs.replace(known, text="", note=None)))


async def list_conflicts(call: Call) -> ASGIResponse:
    """Answer a page."""
    page = await call.api.queries.conflicts(query.list_filter(call.parameters))
    if call.grant == "redacted":
        page = Page([redacted(item) for item in page.items], page.next)
    return json_answer(page)


async def get_conflict(call: Call) -> ASGIResponse:
    """Answer one."""
    found = await call.api.queries.conflict(call.path["conflict_id"])
    if found is None:
        raise not_found("conflict")
    return json_answer(bytes(redacted(found) if call.grant == "redacted" else found))


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="list_conflicts",
            method="GET",
            path="/v1/conflicts",
            verb="conflicts.read",
            summary="Clashes, the last found first.",
            handle=list_conflicts,
            query={**query.STATE, **query.KIND, **query.SINCE, **query.LIST},
            answers={200: list_of(ConflictView)},
        ),
        Operation(
            name="read_conflict",
            method="GET",
            path="/v1/conflicts/{conflict_id}",
            verb="conflicts.read",
            summary="One clash.",
            handle=get_conflict,
            answers={200: ConflictView},
        ),
        CommandRoute(
            AcknowledgeConflict,
            ("POST", "/v1/conflicts/{conflict_id}/acknowledge"),
            "Settle a clash: its outcome is frozen.",
            verb="conflicts.acknowledge",
            resource=ConflictView,
            hidden=("conflict_id",),
        ).operation(),
    ]
