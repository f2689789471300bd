"""Incidents (ärenden): lists, one, its history, work on it, its assignments, proposals of units."""

from typing import Any

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.commands import CommandRoute
from granslos.api.fields import refuse_swapped
from granslos.api.operations import Call, Operation, json_answer, list_of
from granslos.api.problems import ProblemError, not_found
from granslos.contract.commands import (
    AddNote,
    AmendIncident,
    AnswerIncident,
    AssessIncident,
    AssignUnit,
    CancelAssignment,
    CloseIncident,
    IncidentCommand,
    MergeIncident,
    ParkIncident,
    QueueIncident,
    ReferIncident,
    ReopenIncident,
    ResumeIncident,
    ReviewIncident,
)
from granslos.contract.views import HistoryItem, IncidentView, UnitView
from granslos.domain.recommendation import Recommendation

ONE = "/v1/incidents/{incident_id}"
WORK: tuple[tuple[str, type[IncidentCommand], str], ...] = (
    ("answer", AnswerIncident, "Take an offered incident: the operator holds its call."),
    ("assess", AssessIncident, "Set the priority, with a reason where it differs from the recommended one."),
    ("park", ParkIncident, "Put the caller on hold for another call."),
    ("resume", ResumeIncident, "Take a parked caller back."),
    ("wait", QueueIncident, "Put the patient in the waiting room."),
    ("review", ReviewIncident, "Record a renewed contact with a waiting patient."),
    ("refer", ReferIncident, "Refer to other care, no ambulance."),
    ("close", CloseIncident, "Close."),
    ("reopen", ReopenIncident, "Open a closed incident again."),
    ("notes", AddNote, "Add a note."),
    ("amend", AmendIncident, "Correct the place, the caller or the description."),
    ("merge", MergeIncident, "Join this incident into another one."),
)


class IncidentRecommendations(msgspec.Struct, frozen=True, kw_only=True):
    """Units for an incident, the one to propose first."""

    items: tuple[Recommendation, ...]
    next: None = None


async def list_incidents(call: Call) -> ASGIResponse:
    """Answer a page."""
    return json_answer(await call.api.queries.incidents(query.list_filter(call.parameters)))


async def get_incident(call: Call) -> ASGIResponse:
    """Answer one."""
    found = await call.api.queries.incident(call.path["incident_id"])
    if found is None:
        raise not_found("incident")
    return json_answer(bytes(found))


async def get_history(call: Call) -> ASGIResponse:
    """Answer the events that made it what it is."""
    found = await call.api.queries.history(call.path["incident_id"], query.list_filter(call.parameters))
    if found is None:
        raise not_found("incident")
    return json_answer(found)


async def get_recommendations(call: Call) -> ASGIResponse:
    """Answer which units to send."""
    if call.api.recommendations is None:
        raise ProblemError(503, "unavailable", "This node proposes no units")
    found = await call.api.recommendations.recommendations(call.path["incident_id"])
    if found is None:
        raise not_found("incident")
    return json_answer({"items": found, "next": None})


def _note_text(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    """Accept ``note`` for ``text``, as the review has it."""
    if "text" not in fields and "note" in fields:
        return {"text": fields.pop("note")}
    return {}


def _check_place(command: AmendIncident) -> None:
    refuse_swapped("location", command.location)


def _work(name: str, kind: type[IncidentCommand], summary: str) -> Operation:
    return CommandRoute(
        kind,
        ("POST", f"{ONE}/{name}"),
        summary,
        verb="incidents.work",
        resource=IncidentView,
        hidden=("incident_id",),
        given=_note_text if kind is AddNote else None,
        check=_check_place if kind is AmendIncident else None,
    ).operation()


def operations() -> list[Operation]:
    """Return the routes."""
    return [
        Operation(
            name="list_incidents",
            method="GET",
            path="/v1/incidents",
            verb="incidents.read",
            summary="Incidents, the last offered first. `state=open`: all but closed and merged.",
            handle=list_incidents,
            query={**query.STATE, **query.AREA, **query.CENTRE, **query.KIND, **query.SINCE, **query.LIST},
            answers={200: list_of(IncidentView)},
        ),
        Operation(
            name="read_incident",
            method="GET",
            path=ONE,
            verb="incidents.read",
            summary="One incident.",
            handle=get_incident,
            answers={200: IncidentView},
        ),
        Operation(
            name="read_incident_history",
            method="GET",
            path=f"{ONE}/history",
            verb="incidents.read",
            summary="The events that made it what it is, in LOG order, this site's pending ones last.",
            handle=get_history,
            query=query.LIST,
            answers={200: list_of(HistoryItem)},
        ),
        Operation(
            name="read_recommendations",
            method="GET",
            path=f"{ONE}/recommendations",
            verb="incidents.read",
            summary="Which units to send, with reasons. A person decides.",
            handle=get_recommendations,
            answers={200: IncidentRecommendations},
        ),
        *(_work(*entry) for entry in WORK),
        CommandRoute(
            AssignUnit,
            ("POST", f"{ONE}/assignments"),
            "Give a unit to the incident (larma ut).",
            verb="incidents.work",
            resource=UnitView,
            hidden=("incident_id",),
            created=True,
        ).operation(),
        CommandRoute(
            CancelAssignment,
            ("DELETE", f"{ONE}/assignments/{{unit_id}}"),
            "Turn a unit back.",
            verb="incidents.work",
            resource=UnitView,
            hidden=("incident_id", "unit_id"),
        ).operation(),
    ]
