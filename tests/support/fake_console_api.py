"""Sites as a console sees them: a small HTTP server that tests break as sites break.

`FakeSite` speaks the part of `docs/api.md` that the console uses. It can hang (connections stay open, nothing is said) and be
killed (connections are reset), which an application inside a real server cannot do to itself.
"""

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from granslos.api.static import security_headers

STATIC = Path(__file__).resolve().parents[2] / "platform" / "granslos" / "console" / "static"
HEARTBEAT_SECONDS = 1.0
MEDIA_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Cache-Control",
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Max-Age": "600",
    "Cache-Control": "no-store",
}


def now() -> str:
    return datetime.now(UTC).isoformat()


def token(role: str = "dispatcher", subject: str = "anna", centre: str = "vas") -> str:
    """A token as the console reads it; nobody signed it."""
    claims = json.dumps({"sub": subject, "role": role, "centre": centre, "exp": 4_000_000_000}).encode()
    return ".".join(["e30", base64.urlsafe_b64encode(claims).decode().rstrip("="), "sig"])


def incident(serial: int, state: str = "offered", **more: Any) -> dict[str, Any]:
    """An incident as the feed sends it."""
    return {
        "id": f"20261125-vas-{serial:06d}",
        "kind": "e",
        "state": state,
        "centre": "vas",
        "area": "19",
        "source": "sos",
        "source_id": str(serial),
        "description": "Bröstsmärta, kallsvettig",
        "caller": {"number": "+46701234567", "name": None},
        "location": {"latitude": 59.61, "longitude": 16.54, "address": f"Storgatan {serial}, Västerås", "radius_m": 30},
        "durability": "cluster",
        "position": serial,
        "version": 1,
        "t_offered": now(),
        **more,
    }


def unit(call_sign: str, state: str = "available", **more: Any) -> dict[str, Any]:
    """A unit as the feed sends it."""
    return {
        "id": call_sign,
        "kind": "ambulance",
        "centre": "vas",
        "state": state,
        "station": "Västerås",
        "durability": "cluster",
        "position": 1,
        "version": 1,
        "assignable": True,
        "grey": False,
        **more,
    }


def centre(code: str, name: str, **desks: Any) -> dict[str, Any]:
    """A centre with its desks at home, but for what `desks` says."""
    usual = {"authority": code, "epoch": 1, "why": "normal", "reachable": True}
    return {
        "id": code,
        "code": code,
        "name": name,
        "site": code,
        "state": "normal",
        "areas": [],
        "succession": [],
        "staff": 3,
        "desks": {desk: {"desk": desk, **usual, **desks.get(desk, {})} for desk in ("calls", "dispatch")},
    }


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def command_id(self) -> str:
        return self.headers.get("idempotency-key", "")


Answer = tuple[int, dict[str, Any]]


@dataclass
class Log:
    """What all sites share: the picture, and the events in order."""

    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    centres: list[dict[str, Any]] = field(default_factory=lambda: [centre("vas", "Västerås"), centre("upp", "Uppsala")])
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    position: int = 100
    events: list[tuple[int, str]] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))


class FakeSite:
    """One site. `answering` may answer a command instead of the site; None lets the site do it."""

    def __init__(self, code: str, name: str, log: Log) -> None:
        self.code, self.name, self.log = code, name, log
        self.peers: list[FakeSite] = [self]
        self.requests: list[Request] = []
        self.answering: Callable[[Request], Answer | None] = lambda _: None
        self.ticks_at_once = True
        self.island = False
        self.port = 0
        self._feeds: set[asyncio.StreamWriter] = set()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._awake = asyncio.Event()
        self._awake.set()

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listens, at the port it had before if it had one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """Connections stay, new ones are taken, and nothing is ever said: as a black hole, or SIGSTOP."""
        self._awake.clear()

    async def kill(self) -> None:
        """All connections are reset, and nobody listens."""
        assert self._server is not None
        self._server.close()
        for writer in self._connections.values():
            writer.transport.abort()
        serving = list(self._connections)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await self._server.wait_closed()
        # An aborted transport lets go of its socket in the next turns of the loop.
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def feeds(self) -> int:
        """How many read the feed now."""
        return len(self._feeds)

    def commands(self, verb: str) -> list[Request]:
        """The commands that came whose address ends so."""
        return [request for request in self.requests if request.method != "GET" and request.path.endswith(verb)]

    # --- the feed ----------------------------------------------------------------------------------------------------

    def change(self, kind: str, resource: dict[str, Any], *, pending: bool = False, event_id: str | None = None) -> str:
        """Something happened: all sites tell it, or, while it is pending, this one alone. Returns its event id."""
        made = event_id or f"event-{next(self.log.numbers)}"
        store = self.log.incidents if kind == "incident" else self.log.units
        store[resource["id"]] = resource
        position = None if pending else self._advance()
        data = {
            "event_id": made,
            "type": "Something",
            "at": now(),
            "site": self.code,
            "position": position,
            "durability": "site" if pending else "cluster",
            "changes": [{"kind": kind, "id": resource["id"], "resource": resource}],
        }
        frame = _frame("change", data, position)
        if position is not None:
            self.log.events.append((position, frame))
        for site in [self] if pending else self.peers:
            site.send(frame)
        return made

    def confirm(self, event_id: str, kind: str, resource: dict[str, Any]) -> None:
        """An event that was pending is in the LOG."""
        position = self._advance()
        tick = {
            "kind": kind,
            "id": resource["id"],
            "durability": "cluster",
            "position": position,
            "version": resource["version"],
        }
        for site in self.peers:
            site.send(_frame("confirmed", {"event_id": event_id, "position": position, "ticks": [tick]}, position))

    def announce(self, name: str, data: dict[str, Any]) -> None:
        """What is no event."""
        self.send(_frame(name, data, None))

    def send(self, frame: str) -> None:
        if self._awake.is_set():
            for writer in self._feeds:
                _chunk(writer, frame)

    def _advance(self) -> int:
        self.log.position += 1
        return self.log.position

    def _snapshot(self) -> str:
        data = {
            "position": self.log.position,
            "incidents": list(self.log.incidents.values()),
            "units": list(self.log.units.values()),
            "operators": [{"id": "anna", "state": "on_duty", "centre": "vas", "roles": ["dispatcher"]}],
            "conflicts": self.log.conflicts,
            "centres": self.log.centres,
            "site": self._site(),
        }
        return _frame("snapshot", data, self.log.position)

    def _site(self) -> dict[str, Any]:
        heard = {"silent": False, "lost": False, "last_beat_seconds": 0.2, "log_position": self.log.position, "backlog": 0}
        others = {site.code: heard for site in self.peers if site is not self}
        return {"code": self.code, "version": "0.1.0", "log_leader": "vas", "journal_backlog": 0, "sites": others}

    async def _feed(self, request: Request, writer: asyncio.StreamWriter) -> None:
        head = {**CORS, "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        writer.write(_head(200, head))
        after = request.query.removeprefix("after=") if request.query else ""
        if after:
            for position, frame in self.log.events:
                if position > int(after):
                    _chunk(writer, frame)
        else:
            _chunk(writer, self._snapshot())
        self._feeds.add(writer)
        try:
            while not writer.is_closing():
                await self._awake.wait()
                beat = {"position": self.log.position, "at": now(), "data_age_seconds": 0.2, "island": self.island}
                _chunk(writer, _frame("heartbeat", beat, None))
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            self._feeds.discard(writer)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                request = await _read(reader)
                await self._awake.wait()
                await self._reply(request, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/v1/feed" and request.method == "GET":
            if "authorization" not in request.headers or request.headers["authorization"] == "Bearer wrong":
                return _respond(writer, 401, {"code": "unauthorised", "title": "The bearer token is refused"})
            return await self._feed(request, writer)
        if request.method == "OPTIONS":
            writer.write(_head(204, {**CORS, "Content-Length": "0"}))
        elif request.path.startswith(("/v1/", "/health/")):
            status, body = self._api(request)
            _respond(writer, status, body)
        else:
            self._file(request.path, writer)
        await writer.drain()
        return None

    def _api(self, request: Request) -> Answer:
        reading = self._reading(request.path)
        if request.method == "GET":
            return (200, reading) if reading is not None else (404, {"code": "not_found", "title": "No such thing"})
        self.requests.append(request)
        return self.answering(request) or self._command(request)

    def _reading(self, path: str) -> dict[str, Any] | None:
        if path.endswith("/recommendations"):
            return {"items": [_proposal(n, one) for n, one in enumerate(self.log.units.values(), start=1)], "next": None}
        sites = [{"code": site.code, "name": site.name, "http": site.url} for site in self.peers]
        return {
            "/v1/console/config": {"site": self.code, "sites": sites, "environment": "test"},
            "/v1/site": self._site(),
            "/v1/centres": {"items": self.log.centres, "next": None},
            "/v1/units": {"items": list(self.log.units.values()), "next": None},
            "/health/ready": {"ready": True, "reasons": {}},
        }.get(path)

    def _command(self, request: Request) -> Answer:
        known = self.log.done.get(request.command_id)
        if known is not None:
            return 200, {**known, "durability": "cluster", "position": self.log.position}
        parts = request.path.strip("/").split("/")
        kind, subject, verb = parts[1], parts[2], parts[3] if len(parts) > 3 else ""
        if kind != "incidents":
            return 200, {"durability": "cluster", "position": self.log.position, "resource": {}, "event_ids": []}
        changed = _worked(self.log.incidents[subject], verb, request)
        pending = not self.ticks_at_once
        event_id = self.change("incident", changed, pending=pending)
        answer = {
            "durability": "site" if pending else "cluster",
            "position": None if pending else self.log.position,
            "resource": changed,
            "site": self.code,
            "event_ids": [event_id],
        }
        self.log.done[request.command_id] = answer
        return 200, answer

    def _file(self, path: str, writer: asyncio.StreamWriter) -> None:
        file = STATIC / (path.strip("/") or "index.html")
        if not file.is_file():
            return _respond(writer, 404, {"code": "not_found", "title": "Nothing has this address"})
        body = file.read_bytes()
        origins = tuple(site.url for site in self.peers if site is not self)
        headers = {
            **security_headers(origins),
            "Content-Type": MEDIA_TYPES.get(file.suffix, "application/octet-stream"),
            "Content-Length": str(len(body)),
            "Cache-Control": "no-cache",
        }
        writer.write(_head(200, headers) + body)
        return None


def _worked(before: dict[str, Any], verb: str, request: Request) -> dict[str, Any]:
    """What a command makes of an incident; as much of the rules as a console can tell."""
    states = {"answer": "answered", "park": "parked", "resume": "answered", "wait": "waiting", "close": "closed"}
    made = before | {"version": before["version"] + 1, "durability": "site", "state": states.get(verb, before["state"])}
    if verb == "answer":
        made |= {"answered_by": "anna", "t_answered": now()}
    elif verb == "assess":
        made |= {"priority": request.body["priority"], "override_reason": request.body.get("reason")}
    elif verb == "notes":
        note = {"at": now(), "author": "anna", "text": request.body["text"]}
        made |= {"notes": [*before.get("notes", []), note]}
    elif verb == "assignments":
        made |= {"state": "assigned", "assignments": [_assignment(before["id"], request.body["unit_id"])]}
    elif verb == "reopen":
        made |= {"state": "answered"}
    return made


def _assignment(incident_id: str, unit_id: str) -> dict[str, Any]:
    return {
        "assignment_id": f"{incident_id}:{unit_id}",
        "unit_id": unit_id,
        "incident_id": incident_id,
        "state": "alarmed",
        "active": True,
        "t_alarmed": now(),
    }


def _proposal(rank: int, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "unit_id": one["id"],
        "kind": one["kind"],
        "standing": "main" if one["assignable"] else "unreachable",
        "rank": rank,
        "assignable": one["assignable"],
        "arrives_in_s": 120 * rank,
        "preempts": one.get("incident_id"),
        "crosses_border": one["centre"] != "vas",
        "free_left": 2,
        "reasons": [],
    }


def _frame(name: str, data: dict[str, Any], position: int | None) -> str:
    identifier = "" if position is None else f"id: {position}\n"
    return f"event: {name}\n{identifier}data: {json.dumps(data)}\n\n"


def _chunk(writer: asyncio.StreamWriter, text: str) -> None:
    body = text.encode()
    writer.write(b"%x\r\n%b\r\n" % (len(body), body))


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _respond(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    writer.write(_head(status, {**CORS, "Content-Type": "application/json", "Content-Length": str(len(data))}) + data)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, json.loads(body) if body else {})


@contextlib.asynccontextmanager
async def open_sites(*names: tuple[str, str]) -> AsyncIterator[list[FakeSite]]:
    """Sites that know each other and share one log; by default Västerås and Uppsala."""
    log = Log()
    sites = [FakeSite(code, name, log) for code, name in names or (("vas", "Västerås"), ("upp", "Uppsala"))]
    for site in sites:
        site.peers = sites
        await site.start()
    try:
        yield sites
    finally:
        for site in sites:
            await site.kill()
