"""Units (enheter): with what is known of them live, and what crews report."""

from typing import Any

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.commands import CommandRoute
from granslos.api.fields import crew_status, refuse_swapped
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import not_found
from granslos.application.ports import NodeState
from granslos.contract.commands import RegisterUnit, ReportUnitStatus
from granslos.contract.envelope import encode
from granslos.contract.views import UnitView
from granslos.readmodel.pages import Page


class _Named(msgspec.Struct):
    id: str


class LastPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit was last; ``age_seconds`` as this site's clock sees it."""

    latitude: float
    longitude: float
    at: str | None = None
    age_seconds: float | None = None


UnitNow = msgspec.defstruct(
    "UnitNow",
    [("assignable", bool, True), ("grey", bool, False), ("last_position", LastPosition | None, None)],
    bases=(UnitView,),
    frozen=True,
    kw_only=True,
)
"""A unit with what this site knows of it live. ``grey``: its dispatch desk's site is silent."""


def with_overlay(view: msgspec.Raw, state: NodeState) -> msgspec.Raw:
    """Return a unit with what is known of it live; only its id is decoded."""
    data = bytes(view)
    overlay = state.unit_overlay(msgspec.json.decode(data, type=_Named).id)
    if not overlay:
        return view
    assert overlay.keys().isdisjoint(UnitView.__struct_fields__), "an overlay hides nothing"
    return msgspec.Raw(data[:-1] + b"," + encode(overlay)[1:])


async def list_units(call: Call) -> ASGIResponse:
    """Answer a page."""
    page = await call.api.queries.units(query.list_filter(call.parameters))
    return json_answer(Page([with_overlay(item, call.api.state) for item in page.items], page.next))


async def get_unit(call: Call) -> ASGIResponse:
    """Answer one."""
    found = await call.api.queries.unit(call.path["unit_id"])
    if found is None:
        raise not_found("unit")
    return json_answer(bytes(with_overlay(found, call.api.state)))


def _status(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    if "status" in fields:
        fields["status"] = crew_status(fields["status"])
    return {}


def _check_place(command: RegisterUnit) -> None:
    refuse_swapped("", command)


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="list_units",
            method="GET",
            path="/v1/units",
            verb="units.read",
            summary="Units by call sign.",
            handle=list_units,
            query={**query.STATE, **query.AREA, **query.CENTRE, **query.KIND, **query.LIST},
            answers={200: list_of(UnitNow)},
        ),
        Operation(
            name="read_unit",
            method="GET",
            path="/v1/units/{unit_id}",
            verb="units.read",
            summary="One unit.",
            handle=get_unit,
            answers={200: UnitNow},
        ),
        CommandRoute(
            RegisterUnit,
            ("POST", "/v1/units"),
            "Make a vehicle known, or change what is known of it.",
            verb="units.work",
            resource=UnitView,
            check=_check_place,
            created=True,
        ).operation(),
        CommandRoute(
            ReportUnitStatus,
            ("POST", "/v1/units/{unit_id}/status"),
            "A crew's status.",
            verb="units.status",
            resource=UnitView,
            hidden=("unit_id",),
            given=_status,
        ).operation(),
    ]
