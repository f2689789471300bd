"""Centres: who serves their desks; taking over and handing back."""

from litestar.response.base import ASGIResponse

from granslos.api.commands import CommandRoute
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import not_found
from granslos.contract.commands import HandBackDesk, TakeOverDesk
from granslos.contract.views import CentreView
from granslos.runtime import limits

DESK = "/v1/centres/{centre}/desks/{desk}"


async def list_centres(call: Call) -> ASGIResponse:
    """Answer all: they are few."""
    return json_answer({"items": call.api.state.centre_views(), "next": None})


async def get_centre(call: Call) -> ASGIResponse:
    """Answer one."""
    found = next((view for view in call.api.state.centre_views() if view.code == call.path["centre"]), None)
    if found is None:
        raise not_found("centre")
    return json_answer(found)


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="list_centres",
            method="GET",
            path="/v1/centres",
            verb="centres.read",
            summary="Centres with their desks' authorities, as this site knows them.",
            handle=list_centres,
            answers={200: list_of(CentreView)},
        ),
        Operation(
            name="read_centre",
            method="GET",
            path="/v1/centres/{centre}",
            verb="centres.read",
            summary="One centre.",
            handle=get_centre,
            answers={200: CentreView},
        ),
        CommandRoute(
            TakeOverDesk,
            ("POST", f"{DESK}/takeover"),
            "Serve a desk from this site.",
            verb="centres.takeover",
            resource=CentreView,
            hidden=("centre", "desk"),
            seconds=limits.HTTP_TAKEOVER_SECONDS,
        ).operation(),
        CommandRoute(
            HandBackDesk,
            ("POST", f"{DESK}/handback"),
            "Give a desk back to the centre's own site.",
            verb="centres.takeover",
            resource=CentreView,
            hidden=("centre", "desk"),
            seconds=limits.HTTP_TAKEOVER_SECONDS,
        ).operation(),
    ]
