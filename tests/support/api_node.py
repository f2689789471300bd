"""A node's HTTP side with its neighbours faked: the core answers what a test says, rows are on a real PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from granslos.api.app import ApiSettings, create_app
from granslos.api.feed import FeedHub
from granslos.api.server import bind, serve_on
from granslos.contract.answers import Answer
from granslos.contract.commands import CommandRequest
from granslos.contract.places import Actor, Role
from granslos.contract.views import CentreView, DeskView, SiteView
from granslos.readmodel.audit import AuditRow
from granslos.readmodel.pool import make_read_pool
from granslos.readmodel.queries import Queries
from granslos.runtime.tokens import TokenIssuer, TokenVerifier, make_key, write_key
from support.read_rows import incident_id

ROLES: tuple[Role, ...] = ("operator", "dispatcher", "supervisor", "technician", "adapter", "observer")
SITE = SiteView(
    code="vas",
    name="vasteras",
    environment="test",
    version="0.1.0",
    role="member",
    island=False,
    quorum=True,
    log_leader="vas",
    log_position=0,
    log_last=0,
    lag=0,
    journal_generation=1,
    journal_head=0,
    journal_backlog=0,
    backlog_age_seconds=0.0,
    can_commit=True,
    clock_offset_seconds=0.0,
    parked_events=0,
    desks=(),
    sites={},
)
CENTRE = CentreView(
    id="vas",
    code="vas",
    name="Västerås",
    site="vas",
    state="normal",
    areas=("19",),
    succession=("esk", "upp"),
    desks={"calls": DeskView(desk="calls", authority="vas", epoch=0, why="normal")},
)


class FakeState:
    """What a node knows of itself; tests change the fields."""

    def __init__(self) -> None:
        self.position = 0
        self.island = False
        self.ready = True
        self.centres: tuple[CentreView, ...] = (CENTRE,)
        self.overlay: dict[str, Any] = {"assignable": True, "grey": False, "last_position": None}

    def site_view(self) -> SiteView:
        return msgspec.structs.replace(SITE, log_position=self.position, island=self.island)

    def centre_views(self) -> tuple[CentreView, ...]:
        return self.centres

    def unit_overlay(self, unit_id: str) -> dict[str, Any]:
        return self.overlay

    def is_ready(self) -> tuple[bool, dict[str, Any]]:
        return self.ready, {"store": "connected" if self.ready else "away"}

    def feed_position(self) -> int:
        return self.position

    def data_age_seconds(self) -> float:
        return 0.25

    def is_island(self) -> bool:
        return self.island


Answering = Callable[[CommandRequest], Awaitable[Answer]]


async def taken(request: CommandRequest) -> Answer:
    """The core's usual answer: done, durable at this site."""
    created = type(request.payload).__name__ in ("ReceiveHandover", "BookTransport", "AssignUnit", "RegisterUnit")
    return Answer(
        status=201 if created else 200,
        durability="site",
        resource={"id": incident_id(1), "state": "offered"},
        site="vas",
        event_ids=("event-1",),
    )


class FakeCommands:
    """The core: keeps what it was asked, answers what ``answering`` says."""

    def __init__(self) -> None:
        self.requests: list[CommandRequest] = []
        self.answering: Answering = taken

    async def submit(self, request: CommandRequest) -> Answer:
        self.requests.append(request)
        return await self.answering(request)

    def answer(self, answer: Answer) -> None:
        async def fixed(_: CommandRequest) -> Answer:
            return answer

        self.answering = fixed

    @property
    def last(self) -> CommandRequest:
        return self.requests[-1]


class FakeAudit:
    """Keeps rows; ``full`` makes readings fail."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.full: Exception | None = None

    async def record_reading(self, row: AuditRow) -> None:
        if self.full is not None:
            raise self.full
        self.rows.append(row)

    def record_command(self, row: AuditRow) -> None:
        self.rows.append(row)


class FakeKpi:
    """Answers the question."""

    async def kpi(self, query: Any) -> Any:
        return {"asked": query}


class FakeRecommendations:
    """Knows one incident."""

    async def recommendations(self, asked: str) -> list[Any] | None:
        return [] if asked == incident_id(1) else None


class ApiNode:
    """The application with its neighbours, and a client for each role."""

    def __init__(self, dsn: str, folder: Path) -> None:
        key = make_key("vas")
        write_key(key, folder / "vas.jwk", private=False)
        self.issuer = TokenIssuer(key)
        self.commands, self.state, self.audit = FakeCommands(), FakeState(), FakeAudit()
        self.pool = make_read_pool(dsn)
        self.queries = Queries(self.pool)
        self.feed = FeedHub(self.queries, self.state)
        self.folder = folder
        self.app: Litestar = create_app(
            commands=self.commands,
            state=self.state,
            queries=self.queries,
            feed=self.feed,
            tokens=TokenVerifier(folder),
            settings=ApiSettings(site="vas", console_folder=folder / "static"),
            audit=self.audit,
            kpi=FakeKpi(),
            recommendations=FakeRecommendations(),
        )

    def token(self, role: Role = "operator", subject: str | None = None, centre: str | None = "vas") -> str:
        """A bearer token of that role."""
        actor = Actor(subject=subject or f"{role}1", role=role, centre=centre)
        return self.issuer.issue(actor, timedelta(minutes=5))

    def headers(self, role: Role = "operator", subject: str | None = None, centre: str | None = "vas") -> dict[str, str]:
        """Headers of a bearer."""
        return {"Authorization": f"Bearer {self.token(role, subject, centre)}"}

    def client(self, role: Role | None = "operator", **options: Any) -> httpx.AsyncClient:
        """A client within the process; None: without a token."""
        app: Any = self.app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = self.headers(role, **options) if role is not None else {}
        return httpx.AsyncClient(transport=transport, base_url="http://vas.test", headers=headers)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serves it on a port of its own; yields its address."""
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            feed = group.create_task(self.feed.run())
            server = group.create_task(serve_on(self.app, listener, ready))
            try:
                async with asyncio.timeout(5):
                    await ready.wait()
                yield f"http://127.0.0.1:{port}"
            finally:
                server.cancel()
                await asyncio.wait({server})
                feed.cancel()


@contextlib.asynccontextmanager
async def api_node(dsn: str, folder: Path) -> AsyncIterator[ApiNode]:
    """An application on a prepared database."""
    node = ApiNode(dsn, folder)
    await node.pool.open()
    try:
        yield node
    finally:
        await node.pool.close()
