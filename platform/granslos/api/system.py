"""The site itself: state, measures, health, metrics, the document of this API."""

from typing import Any

import msgspec
from litestar.response.base import ASGIResponse

from granslos.api import query
from granslos.api.operations import Call, Operation, json_answer
from granslos.api.ports import KpiQuery
from granslos.api.problems import COMMON_HEADERS, ProblemError, invalid
from granslos.contract.types import Instant
from granslos.runtime import metrics

UNTIL = {"until": (Instant, "Only what happened before this instant (RFC 3339, with offset).")}
EXPOSITION = "text/plain; version=0.0.4"


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The process runs."""

    status: str = "live"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this node should get traffic, with the reasons."""

    ready: bool
    reasons: dict[str, Any]


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of the period; see ``docs/`` for what each is."""


async def get_site(call: Call) -> ASGIResponse:
    """Answer this site's own state."""
    return json_answer(call.api.state.site_view())


async def get_kpi(call: Call) -> ASGIResponse:
    """Answer measures."""
    if call.api.kpi is None:
        raise ProblemError(503, "unavailable", "This node measures nothing")
    asked = KpiQuery(**call.parameters)
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise invalid("until", "The period ends before it begins")
    return json_answer(await call.api.kpi.kpi(asked))


async def get_live(call: Call) -> ASGIResponse:
    """Answer that the loop runs."""
    return json_answer(Live())


async def get_ready(call: Call) -> ASGIResponse:
    """Answer whether to send traffic here."""
    ready, reasons = call.api.state.is_ready()
    return json_answer(Ready(ready=ready, reasons=reasons), 200 if ready else 503)


async def get_metrics(call: Call) -> ASGIResponse:
    """Answer metrics; no personal data is in them."""
    body, _ = metrics.render()
    return ASGIResponse(body=body, media_type=EXPOSITION, headers=COMMON_HEADERS)


class ConsoleSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that a console may go to."""

    code: str
    name: str
    http: str


class ConsolePriority(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the scale, as a console shows it."""

    code: str
    rank: int
    label_sv: str
    label_en: str


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a console needs before anybody signs in: no secrets, no patient data."""

    site: str
    environment: str = ""
    sites: tuple[ConsoleSite, ...] = ()
    priorities: tuple[ConsolePriority, ...] = ()


def _console_config(config: ConsoleConfig) -> Operation:
    async def get_console_config(call: Call) -> ASGIResponse:
        return json_answer(config)

    return Operation(
        name="read_console_config",
        method="GET",
        path="/v1/console/config",
        verb=None,
        summary="The sites that a console may go to, and the scale of priorities.",
        handle=get_console_config,
        answers={200: ConsoleConfig},
    )


def operations(console: ConsoleConfig) -> list[Operation]:
    """Return the routes."""
    return [
        _console_config(console),
        Operation(
            name="read_site",
            method="GET",
            path="/v1/site",
            verb="site.read",
            summary="This site: role, quorum, island, lag, clock offset, version.",
            handle=get_site,
            answers={200: dict},
        ),
        Operation(
            name="read_kpi",
            method="GET",
            path="/v1/kpi",
            verb="kpi.read",
            summary="Measures of a period, without anything about a person.",
            handle=get_kpi,
            query={**query.SINCE, **UNTIL, **query.CENTRE, **query.AREA},
            answers={200: Kpi},
        ),
        Operation(
            name="read_live",
            method="GET",
            path="/health/live",
            verb=None,
            summary="The process runs.",
            handle=get_live,
            answers={200: Live},
        ),
        Operation(
            name="read_ready",
            method="GET",
            path="/health/ready",
            verb=None,
            summary="Whether this node should get traffic.",
            handle=get_ready,
            answers={200: Ready, 503: Ready},
        ),
        Operation(
            name="read_metrics",
            method="GET",
            path="/metrics",
            verb=None,
            summary="Metrics for Prometheus.",
            handle=get_metrics,
            answers={200: str},
            media_type=EXPOSITION,
        ),
    ]
