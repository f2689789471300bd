"""Commands over HTTP: what reaches the core, what comes back, and what is refused before."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from granslos.api.permissions import TABLE
from granslos.contract.answers import Answer, Problem, rejected
from granslos.contract.commands import (
    AddNote,
    AssessIncident,
    AssignUnit,
    BookTransport,
    CancelAssignment,
    CommandRequest,
    QueueIncident,
    ReceiveHandover,
    RegisterUnit,
    ReportUnitStatus,
    SetDuty,
    TakeOverDesk,
)
from granslos.contract.places import Role
from granslos.runtime import limits
from support.api_node import ROLES, ApiNode
from support.pacing import pause
from support.read_rows import incident_id

ONE = f"/v1/incidents/{incident_id(1)}"
HANDOVER = {"source": "sos", "source_id": "case-1"}
PLACE = {"latitude": 59.61, "longitude": 16.54}
BOOKING = {"pickup": PLACE, "destination": PLACE}


async def post(node: ApiNode, path: str, body: Any = None, role: Role | None = "supervisor", **headers: str) -> httpx.Response:
    """Posts a body, JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    async with node.client(role) as client:
        return await client.post(path, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


def refused(response: httpx.Response, status: int, field: str | None = None, code: str | None = None) -> None:
    """Checks a refusal."""
    made = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, made["status"]) == (status, status), response.text
    if field is not None:
        assert made["field"] == field
    if code is not None:
        assert made["code"] == code


# --- answers ----------------------------------------------------------------------------------------------------


async def test_an_answer_says_how_durable_it_is(node: ApiNode) -> None:
    resource = msgspec.Raw(b'{"id":"20261121-vas-000001","state":"answered"}')
    node.commands.answer(Answer(status=200, durability="cluster", position=42, resource=resource, event_ids=("e1",)))
    response = await post(node, f"{ONE}/answer")
    assert response.status_code == 200
    assert response.json() == {
        "durability": "cluster",
        "position": 42,
        "resource": {"id": incident_id(1), "state": "answered"},
        "event_ids": ["e1"],
    }
    node.commands.answer(Answer(status=201, durability="site", resource=resource, island=True, site="vas"))
    response = await post(node, "/v1/handovers", HANDOVER)
    assert (response.status_code, response.json()["position"], response.json()["island"]) == (201, None, True)
    assert response.headers["location"] == ONE


@pytest.mark.parametrize("status", [403, 404, 409, 422, 503])
async def test_a_refusal_of_the_core_is_a_problem(node: ApiNode, status: int) -> None:
    problem = Problem(code="already_answered", title="Answered", detail="by bo", field="operator", authority="upp")
    node.commands.answer(Answer(status=status, problem=problem))
    response = await post(node, f"{ONE}/answer")
    refused(response, status, "operator", "already_answered")
    assert response.json()["authority"] == "upp"
    assert response.json()["instance"] == f"{ONE}/answer"
    assert ("retry-after" in response.headers) == (status == 503)


async def test_an_unknown_outcome_is_503_and_says_to_ask_again(node: ApiNode) -> None:
    node.commands.answer(rejected(504, "outcome_unknown", "The outcome is unknown"))
    response = await post(node, f"{ONE}/answer")
    refused(response, 503, code="outcome_unknown")
    assert response.headers["retry-after"] == "1"


async def test_a_core_that_does_not_answer_holds_nobody(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: CommandRequest) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    node.commands.answering = hang
    started = time.monotonic()
    refused(await post(node, "/v1/handovers", HANDOVER), 503, code="outcome_unknown")
    bound = limits.HANDOVER_ANSWER_SECONDS + limits.HTTP_ANSWER_GRACE_SECONDS
    assert bound - 0.1 < time.monotonic() - started < bound + 0.2


# --- ids ----------------------------------------------------------------------------------------------------------


async def test_the_idempotency_key_is_the_commands_id(node: ApiNode) -> None:
    await post(node, f"{ONE}/answer", Idempotency_Key="cmd-1")
    assert node.commands.last.command_id == "cmd-1"
    await post(node, f"{ONE}/answer", Idempotency_Key='"8e03978e-40d5-43e8"')
    assert node.commands.last.command_id == "8e03978e-40d5-43e8"
    await post(node, f"{ONE}/answer")
    made = node.commands.last.command_id
    await post(node, f"{ONE}/answer")
    assert len(made) == 36
    assert node.commands.last.command_id > made, "a UUID of version 7"


@pytest.mark.parametrize("key", ["", " ", "a b", "å".encode().decode("latin-1"), "x" * 129, "-x", "open-abc", "generation-1"])
async def test_a_key_that_cannot_be_an_id_is_refused(node: ApiNode, key: str) -> None:
    async with node.client() as client:
        response = await client.post(f"{ONE}/answer", headers={"Idempotency-Key": key.encode("latin-1")})
    refused(response, 422, "Idempotency-Key")
    assert node.commands.requests == []


async def test_a_handover_sent_again_without_a_key_is_the_same_command(node: ApiNode) -> None:
    for _ in range(2):
        await post(node, "/v1/handovers", HANDOVER)
    await post(node, "/v1/handovers", HANDOVER | {"description": "mer"})
    await post(node, "/v1/handovers", HANDOVER, Idempotency_Key="mine")
    first, again, more, keyed = (request.command_id for request in node.commands.requests)
    assert first == again != more
    assert keyed == "mine"


# --- handovers ------------------------------------------------------------------------------------------------------


def handed(node: ApiNode) -> ReceiveHandover:
    """The handover that reached the core."""
    payload = node.commands.last.payload
    assert isinstance(payload, ReceiveHandover)
    return payload


async def test_a_handover_with_all_fields_reaches_the_core(node: ApiNode) -> None:
    body = HANDOVER | {
        "sent_at": "2026-11-21T03:13:05+01:00",
        "caller": {"number": "+46701234567", "name": "Åsa Öberg"},
        "location": PLACE | {"radius_m": 25, "source": "aml", "address": "Storgatan 1"},
        "description": "Bröstsmärta",
        "priority": "1A",
        "category": "bröstsmärta",
        "operator_desk": 7,
    }
    response = await post(node, "/v1/handovers", body, "adapter")
    assert response.status_code == 201
    command = handed(node)
    assert command.caller is not None and command.caller.name is not None and command.caller.name.reveal() == "Åsa Öberg"
    assert command.location is not None and (command.location.latitude, command.location.usable) == (59.61, True)
    assert (command.priority, command.extra, command.defects) == ("1A", {"operator_desk": 7}, ())
    assert command.raw == json.dumps(body).encode()
    assert node.commands.last.actor.role == "adapter"
    assert 0 < node.commands.last.deadline_ms <= limits.HANDOVER_ANSWER_SECONDS * 1000


async def test_the_handovers_budget_is_counted_from_the_first_byte(node: ApiNode) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        data = json.dumps(HANDOVER).encode()
        yield data[:5]
        await pause(0.3)
        yield data[5:]

    async with node.served() as url, httpx.AsyncClient(base_url=url, headers=node.headers("adapter")) as client:
        await client.post("/v1/handovers", content=slowly())
    assert 400 < node.commands.last.deadline_ms < 520


async def test_a_sender_slower_than_the_budget_is_served_all_the_same(node: ApiNode) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        data = json.dumps(HANDOVER).encode()
        yield data[:5]
        await pause(1.0)
        yield data[5:]

    async with node.served() as url, httpx.AsyncClient(base_url=url, headers=node.headers("adapter")) as client:
        response = await client.post("/v1/handovers", content=slowly())
    assert response.status_code == 201
    assert node.commands.last.deadline_ms == limits.HANDOVER_DECISION_SECONDS * 1000


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        ('{"source":"sos","source_id":"å"}'.encode("latin-1"), 400, None),
        (b"[]", 422, "$"),
        (b"null", 422, "$"),
        (b'"text"', 422, "$"),
        (b"{}", 422, "source"),
        (b'{"source":"sos"}', 422, "source_id"),
        (b'{"source":null,"source_id":"1"}', 422, "source"),
        (b'{"source":"","source_id":"1"}', 422, "source"),
        (b'{"source":1,"source_id":"1"}', 422, "source"),
        (b'{"source":"sos","source_id":["1"]}', 422, "source_id"),
        (b'{"source":"sos","source_id":"' + b"x" * 300 + b'"}', 422, "source_id"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, None),
    ],
)
async def test_only_what_names_no_case_is_refused(node: ApiNode, body: bytes, status: int, field: str | None) -> None:
    refused(await post(node, "/v1/handovers", body, "adapter"), status, field)
    assert node.commands.requests == []


async def test_a_photograph_does_not_refuse_a_call_but_more_than_the_bound_does(node: ApiNode) -> None:
    large = json.dumps(HANDOVER | {"photo": "x" * 3_000_000}).encode()
    assert (await post(node, "/v1/handovers", large, "adapter")).status_code == 201
    command = handed(node)
    assert command.raw is not None and len(command.raw) == limits.HANDOVER_RAW_BYTES_MAX
    assert {d.code for d in command.defects} == {"raw_cut", "extra_too_large"}
    larger = json.dumps(HANDOVER | {"photo": "x" * limits.HANDOVER_BODY_BYTES_MAX}).encode()
    refused(await post(node, "/v1/handovers", larger, "adapter"), 413, code="too_large")


# --- other commands ---------------------------------------------------------------------------------------------


async def test_every_kind_of_work_on_an_incident_reaches_the_core(node: ApiNode) -> None:
    bodies: dict[str, Any] = {
        "assess": {"priority": "1A"},
        "notes": {"text": "Porten är låst"},
        "merge": {"into": incident_id(2)},
    }
    names = "answer assess park resume wait review refer close reopen notes amend merge".split()
    for name in names:
        assert (await post(node, f"{ONE}/{name}", bodies.get(name, {}))).status_code == 200, name
    kinds = [type(request.payload).__name__ for request in node.commands.requests]
    assert len(set(kinds)) == len(names)
    assert isinstance(node.commands.requests[4].payload, QueueIncident)
    assert all(request.payload.incident_id == incident_id(1) for request in node.commands.requests)


async def test_bodies_may_be_left_out_where_the_address_says_enough(node: ApiNode) -> None:
    for body in (None, b"", b"  ", b"{}"):
        assert (await post(node, f"{ONE}/answer", body)).status_code == 200


async def test_other_names_of_fields_are_understood(node: ApiNode) -> None:
    body = {"chosen_priority": "2A", "recommended": "1B", "override_reason": "känd patient"}
    await post(node, f"{ONE}/assess", body)
    command = node.commands.last.payload
    assert command == AssessIncident(
        incident_id=incident_id(1), priority="2A", recommended_priority="1B", reason="känd patient"
    )
    refused(await post(node, f"{ONE}/assess", body | {"priority": "1A"}), 422, "chosen_priority")
    await post(node, f"{ONE}/notes", {"note": "hej"})
    assert node.commands.last.payload == AddNote(incident_id=incident_id(1), text="hej")
    await post(node, "/v1/units", {"id": "319-1", "centre": "vas"})
    assert node.commands.last.payload == RegisterUnit(unit_id="319-1", centre="vas")


@pytest.mark.parametrize("written", ["en_route", "en-route", "En route", " EN ROUTE ", "En-Route"])
async def test_a_crews_status_is_understood_however_it_is_written(node: ApiNode, written: str) -> None:
    response = await post(node, "/v1/units/319-3310/status", {"status": written}, "adapter")
    assert response.status_code == 200
    assert node.commands.last.payload == ReportUnitStatus(unit_id="319-3310", status="en_route")


async def test_units_are_assigned_and_turned_back(node: ApiNode) -> None:
    assert (await post(node, f"{ONE}/assignments", {"unit_id": "319-3310"})).status_code == 201
    assert node.commands.last.payload == AssignUnit(incident_id=incident_id(1), unit_id="319-3310")
    async with node.client() as client:
        response = await client.request("DELETE", f"{ONE}/assignments/319-3310", json={"reason": "återkallad"})
        assert response.status_code == 200
        expected = CancelAssignment(incident_id=incident_id(1), unit_id="319-3310", reason="återkallad")
        assert node.commands.last.payload == expected
        assert (await client.delete(f"{ONE}/assignments/319-3310")).status_code == 200


async def test_duty_takes_the_person_and_the_centre_from_the_token(node: ApiNode) -> None:
    await post(node, "/v1/operators/me/duty", {"on": True})
    assert node.commands.last.payload == SetDuty(user_id="supervisor1", on=True, centre="vas")
    await post(node, "/v1/operators/me/duty", {"on": True, "centre": "upp", "roles": ["doctor"]})
    assert node.commands.last.payload == SetDuty(user_id="supervisor1", on=True, centre="upp", roles=("doctor",))
    refused(await post(node, "/v1/operators/me/duty", {"on": True, "user_id": "bo"}), 422, "user_id")
    refused(await post(node, "/v1/operators/me/duty", {}), 422, "on")
    async with node.client("operator", centre=None) as client:
        refused(await client.post("/v1/operators/me/duty", json={"on": True}), 422, "centre")


async def test_desks_move_with_time_enough_for_an_election(node: ApiNode) -> None:
    assert (await post(node, "/v1/centres/upp/desks/calls/takeover", {"reason": "övning"})).status_code == 200
    assert node.commands.last.payload == TakeOverDesk(centre="upp", desk="calls", reason="övning")
    assert node.commands.last.deadline_ms > 9_000
    assert (await post(node, "/v1/centres/upp/desks/dispatch/handback")).status_code == 200
    refused(await post(node, "/v1/centres/upp/desks/kitchen/takeover"), 404)


async def test_a_booking_by_hand_names_itself(node: ApiNode) -> None:
    assert (await post(node, "/v1/bookings", BOOKING, Idempotency_Key="b-1")).status_code == 201
    command = node.commands.last.payload
    assert isinstance(command, BookTransport)
    assert (command.source, command.source_id) == ("http:supervisor1", "b-1")
    await post(node, "/v1/bookings", BOOKING | {"source": "suti", "source_id": "9"})
    command = node.commands.last.payload
    assert isinstance(command, BookTransport) and (command.source, command.source_id) == ("suti", "9")
    assert (await post(node, f"/v1/bookings/{incident_id(1)}/cancel", {"reason": "utskriven"})).status_code == 200


async def test_a_foreign_booking_is_not_an_adapters_to_cancel(node: ApiNode) -> None:
    refused(await post(node, f"/v1/bookings/{incident_id(1)}/cancel", {}, "adapter"), 403)


NUL = "a\x00b"
BAD: list[tuple[str, Any, str]] = [
    (f"{ONE}/assess", {}, "priority"),
    (f"{ONE}/assess", {"priority": 1}, "priority"),
    (f"{ONE}/assess", {"priority": "1a"}, "priority"),
    (f"{ONE}/assess", {"priority": "1A", "prio": "1A"}, "prio"),
    (f"{ONE}/assess", {"priority": "1A", "reason": NUL}, "reason"),
    (f"{ONE}/assess", {"priority": "1A", "reason": "x" * 8_001}, "reason"),
    (f"{ONE}/notes", {}, "text"),
    (f"{ONE}/notes", {"text": ""}, "text"),
    (f"{ONE}/notes", {"text": "\x1b[31m"}, "text"),
    (f"{ONE}/wait", {"review_at": "2026-11-21T02:00:00"}, "review_at"),
    (f"{ONE}/wait", {"review_at": "0001-01-01T00:00:00+14:00"}, "review_at"),
    (f"{ONE}/wait", {"review_at": 12}, "review_at"),
    (f"{ONE}/amend", {"location": {"lat": 59}}, "location.lat"),
    (f"{ONE}/amend", {"location": {"latitude": 16.5, "longitude": 59.6}}, "location.latitude"),
    (f"{ONE}/amend", {"location": {"latitude": 91, "longitude": 16}}, "location.latitude"),
    (f"{ONE}/amend", {"location": {"address": NUL}}, "location.address"),
    (f"{ONE}/amend", {"location": {"observed_at": "9999-12-31T23:59:59-12:00"}}, "location.observed_at"),
    (f"{ONE}/amend", {"caller": {"age": 1}}, "caller.age"),
    (f"{ONE}/answer", {"incident_id": incident_id(2)}, "incident_id"),
    (f"{ONE}/merge", {"into": "x"}, "into"),
    (f"{ONE}/assignments", {"unit_id": "a b"}, "unit_id"),
    (f"{ONE}/assignments", {}, "unit_id"),
    ("/v1/units", {"unit_id": "319-1", "centre": "vas", "latitude": 16.5, "longitude": 59.6}, "latitude"),
    ("/v1/units", {"unit_id": "319-1", "centre": "vas", "skills": ["a", 1]}, "skills[1]"),
    ("/v1/units/319-1/status", {"status": "flying"}, "status"),
    ("/v1/units/319-1/status", {"status": ["en_route"]}, "status"),
    ("/v1/bookings", {"pickup": PLACE}, "destination"),
    ("/v1/bookings", BOOKING | {"pickup": {"latitude": 16.5, "longitude": 59.6}}, "pickup.latitude"),
    ("/v1/bookings", BOOKING | {"destination": {"x": 1}}, "destination.x"),
    ("/v1/bookings", BOOKING | {"source": NUL}, "source"),
]


@pytest.mark.parametrize(("path", "body", "field"), BAD)
async def test_bad_input_is_422_and_names_the_field(node: ApiNode, path: str, body: Any, field: str) -> None:
    response = await post(node, path, body)
    made = response.json()
    assert (response.status_code, made["field"]) == (422, field), response.text
    assert node.commands.requests == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"text": "\xff"}', 400),
        (b'{"text": "\\ud800"}', 400),
        (b'{"text": NaN}', 400),
        (b'{"text": 1e999}', 400),
        (b"[" * 50_000 + b"]" * 50_000, 400),
        (b'{"text":' * 40 + b"1" + b"}" * 40, 400),
        (b'{"text": "' + b"x" * limits.COMMAND_BODY_BYTES_MAX + b'"}', 413),
        (b"[1]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"text": "a"} {}', 400),
    ],
)
async def test_unreadable_bodies_are_refused(node: ApiNode, body: bytes, status: int) -> None:
    refused(await post(node, f"{ONE}/notes", body), status)
    assert node.commands.requests == []


async def test_of_a_key_that_comes_twice_the_last_counts(node: ApiNode) -> None:
    await post(node, f"{ONE}/notes", b'{"text": "a", "text": "b"}')
    assert node.commands.last.payload == AddNote(incident_id=incident_id(1), text="b")


# --- bodies over the wire -----------------------------------------------------------------------------------------


async def test_a_body_that_never_ends_is_given_up_and_holds_up_nobody(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_SECONDS", 0.6)
    async with node.served() as url, httpx.AsyncClient(base_url=url, headers=node.headers("supervisor")) as client:
        slow = asyncio.create_task(endless_post(url, node.token("supervisor")))
        started = time.monotonic()
        assert (await client.post(f"{ONE}/answer")).status_code == 200
        assert time.monotonic() - started < 0.5
        head, body = (await slow).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert msgspec.json.decode(body)["code"] == "body_too_slow"


async def test_a_refused_sender_cannot_go_on_sending_for_ever(node: ApiNode) -> None:
    async with node.served() as url:
        answer = await endless_post(url, "not a token")
    assert answer.startswith(b"HTTP/1.1 401 ")


async def endless_post(url: str, token: str) -> bytes:
    """Sends a body without end; returns all that came when the server has closed the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/handovers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())

    async def drip() -> None:
        while True:
            writer.write(b"1\r\n \r\n")
            await pause(0.05)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        dripping.cancel()
        writer.close()


async def test_a_sender_of_too_much_gets_to_read_why(node: ApiNode) -> None:
    data = b"x" * (limits.COMMAND_BODY_BYTES_MAX + 4_000_000)

    async def streamed() -> AsyncIterator[bytes]:
        for n in range(0, len(data), 65_536):
            yield data[n : n + 65_536]

    async with node.served() as url, httpx.AsyncClient(base_url=url, headers=node.headers("supervisor")) as client:
        refused(await client.post(f"{ONE}/notes", content=data), 413)
        refused(await client.post(f"{ONE}/notes", content=streamed()), 413)


async def test_too_many_large_bodies_at_once_are_sent_elsewhere(node: ApiNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODIES_BYTES_MAX", 100_000)
    release = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield json.dumps(HANDOVER).encode().ljust(150_000)
        await release.wait()

    async with node.served() as url, httpx.AsyncClient(base_url=url, headers=node.headers("adapter")) as client:
        first = asyncio.create_task(client.post("/v1/handovers", content=held()))
        async with asyncio.timeout(3):
            while (response := await client.post("/v1/handovers", json=HANDOVER)).status_code == 201:
                await pause(0.02)
        refused(response, 503, code="busy")
        release.set()
        assert (await first).status_code == 201
        assert (await client.post("/v1/handovers", json=HANDOVER)).status_code == 201


# --- who may ------------------------------------------------------------------------------------------------------


WRITINGS: dict[str, tuple[str, Any]] = {
    "incidents.work": (f"{ONE}/answer", {}),
    "handovers.post": ("/v1/handovers", HANDOVER),
    "units.work": ("/v1/units", {"unit_id": "319-1", "centre": "vas"}),
    "units.status": ("/v1/units/319-1/status", {"status": "available"}),
    "bookings.post": ("/v1/bookings", BOOKING),
    "bookings.cancel": (f"/v1/bookings/{incident_id(1)}/cancel", {}),
    "operators.duty": ("/v1/operators/me/duty", {"on": True}),
    "centres.takeover": ("/v1/centres/upp/desks/calls/takeover", {}),
    "conflicts.acknowledge": ("/v1/conflicts/c1/acknowledge", {}),
}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_what_the_table_says(node: ApiNode, role: Role) -> None:
    for verb, (path, body) in WRITINGS.items():
        response = await post(node, path, body, role)
        granted = TABLE[role].get(verb)
        assert (response.status_code == 403) == (granted != "yes"), (role, verb, response.text)
        if granted == "yes":
            assert response.status_code in (200, 201)


async def test_nobody_writes_without_a_token(node: ApiNode) -> None:
    for path, body in WRITINGS.values():
        refused(await post(node, path, body, None), 401)
    assert node.commands.requests == []


async def test_every_command_leaves_a_row_and_every_forbidden_one(node: ApiNode) -> None:
    await post(node, f"{ONE}/answer", Idempotency_Key="cmd-1")
    await post(node, f"{ONE}/answer", {}, "observer")
    rows = [(row.action, row.resource, row.command_id, row.outcome) for row in node.audit.rows]
    assert rows == [
        ("answer_incident", f"{ONE}/answer", "cmd-1", 200),
        ("answer_incident", "/v1/incidents/{incident_id}/answer", None, 403),
    ]


async def test_a_bug_is_500_without_its_text(node: ApiNode) -> None:
    async def broken(_: CommandRequest) -> Answer:
        raise RuntimeError("Anna Andersson, Storgatan 1")

    node.commands.answering = broken
    response = await post(node, f"{ONE}/answer")
    refused(response, 500, code="internal")
    assert "Anna" not in response.text
