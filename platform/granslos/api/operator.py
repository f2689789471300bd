"""Operators: who is on duty where; going on and off duty."""

from typing import Any

from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.commands import CommandRoute
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import not_found
from granslos.contract.commands import SetDuty
from granslos.contract.views import OperatorView


async def list_operators(call: Call) -> ASGIResponse:
    """Answer a page."""
    return json_answer(await call.api.queries.operators(query.list_filter(call.parameters)))


async def get_operator(call: Call) -> ASGIResponse:
    """Answer one; ``me`` is the bearer."""
    asked = call.path["user_id"]
    found = await call.api.queries.operator(call.actor.subject if asked == "me" else asked)
    if found is None:
        raise not_found("operator")
    return json_answer(bytes(found))


def _me(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    """The token says who, and where if the body does not."""
    if "centre" not in fields and call.actor.centre is not None:
        fields["centre"] = call.actor.centre
    return {"user_id": call.actor.subject}


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="list_operators",
            method="GET",
            path="/v1/operators",
            verb="operators.read",
            summary="Operators by user id.",
            handle=list_operators,
            query={**query.STATE, **query.CENTRE, **query.LIST},
            answers={200: list_of(OperatorView)},
        ),
        Operation(
            name="read_operator",
            method="GET",
            path="/v1/operators/{user_id}",
            verb="operators.read",
            summary="One operator; `me` is the bearer.",
            handle=get_operator,
            answers={200: OperatorView},
        ),
        CommandRoute(
            SetDuty,
            ("POST", "/v1/operators/me/duty"),
            "Go on or off duty.",
            verb="operators.duty",
            resource=OperatorView,
            hidden=("user_id", "centre"),
            given=_me,
        ).operation(),
    ]
