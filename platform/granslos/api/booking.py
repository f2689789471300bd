"""Transport bookings (sjuktransporter), their first form: incidents of kind ``b``."""

from typing import Any

from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.commands import CommandRoute
from granslos.api.fields import refuse_swapped
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import ProblemError, not_found
from granslos.contract.commands import BookTransport, CancelBooking
from granslos.contract.views import IncidentView

ONE = "/v1/bookings/{booking_id}"


async def list_bookings(call: Call) -> ASGIResponse:
    """Answer a page."""
    if call.grant == "own":
        raise ProblemError(403, "forbidden", "Not with this role", "An adapter reads its own bookings one by one")
    asked = query.list_filter({**call.parameters, "kind": "b"})
    return json_answer(await call.api.queries.incidents(asked))


async def get_booking(call: Call) -> ASGIResponse:
    """Answer one."""
    await _refuse_foreign(call)
    found = await call.api.queries.booking(call.path["booking_id"])
    if found is None:
        raise not_found("booking")
    return json_answer(bytes(found))


async def _refuse_foreign(call: Call) -> None:
    if call.grant != "own":
        return
    if not await call.api.queries.was_sent_by("incident", call.path["booking_id"], call.actor.subject):
        raise ProblemError(403, "forbidden", "Not sent by this bearer")


def _origin(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    """Name the orderer and the order where a person books by hand."""
    fields.setdefault("source", f"http:{call.actor.subject}")
    if "source_id" not in fields:
        fields["source_id"] = call.command_id
    return {}


def _check_places(command: BookTransport) -> None:
    refuse_swapped("pickup", command.pickup)
    refuse_swapped("destination", command.destination)


def operations() -> list[Operation]:
    """Return the routes."""
    cancel = CommandRoute(
        CancelBooking,
        ("POST", f"{ONE}/cancel"),
        "Withdraw a booking; refused once the patient is on board.",
        verb="bookings.cancel",
        resource=IncidentView,
        hidden=("booking_id",),
        before=_refuse_foreign,
    ).operation()
    return [
        Operation(
            name="list_bookings",
            method="GET",
            path="/v1/bookings",
            verb="bookings.read",
            summary="Bookings, the last ordered first.",
            handle=list_bookings,
            query={**query.STATE, **query.AREA, **query.CENTRE, **query.SINCE, **query.LIST},
            answers={200: list_of(IncidentView)},
        ),
        Operation(
            name="read_booking",
            method="GET",
            path=ONE,
            verb="bookings.read",
            summary="One booking.",
            handle=get_booking,
            answers={200: IncidentView},
        ),
        CommandRoute(
            BookTransport,
            ("POST", "/v1/bookings"),
            "Order a planned patient transport.",
            verb="bookings.post",
            resource=IncidentView,
            hidden=("source", "source_id"),
            given=_origin,
            check=_check_places,
            created=True,
        ).operation(),
        cancel,
    ]
