"""Reading over HTTP: what lists and items look like, who sees what, and the trace of it."""

from typing import Any

import msgspec
import pytest

from granslos.api.permissions import TABLE
from granslos.contract.envelope import handover_id
from granslos.contract.errors import StoreUnavailableError
from granslos.contract.events import HandoverReceived
from granslos.contract.places import Role
from support.api_node import ROLES, ApiNode
from support.read_rows import EIDO, START, Rows, incident_id


async def body(node: ApiNode, path: str, role: Role = "operator", **options: Any) -> Any:
    """The body of a good answer."""
    async with node.client(role, **options) as client:
        response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def problem(node: ApiNode, path: str, role: Role | None = "operator", **options: Any) -> Any:
    """The body of a refusal; checks what all refusals have in common."""
    async with node.client(role, **options) as client:
        response = await client.get(path)
    made = response.json()
    assert response.status_code >= 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert made["status"] == response.status_code
    assert made["type"] == f"urn:granslos:problem:{made['code']}"
    assert made["instance"] == path.partition("?")[0]
    assert made["title"]
    return made


async def test_a_list_has_items_and_next(node: ApiNode, rows: Rows) -> None:
    for number in (1, 2, 3):
        await rows.incident(number)
    first = await body(node, "/v1/incidents?state=open&limit=2")
    rest = await body(node, f"/v1/incidents?state=open&limit=2&cursor={first['next']}")
    assert [item["id"] for item in first["items"] + rest["items"]] == [incident_id(n) for n in (3, 2, 1)]
    assert rest["next"] is None


async def test_items_carry_the_agreed_fields(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1, priority="1A")
    item = (await body(node, "/v1/incidents"))["items"][0]
    agreed = "id state centre area priority description source source_id location durability merged_into t_offered"
    assert set(agreed.split()) <= item.keys()
    assert item["t_offered"] == "2026-11-21T02:01:00Z"
    assert await body(node, f"/v1/incidents/{item['id']}") == item


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit"),
        ("since=2026-11-21T02:00:00", "since"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("state=%00", "state"),
        ("state=", "state"),
        ("area=19%27--", "area"),
        ("centre=v%C3%A4s", "centre"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("kind=E", "kind"),
    ],
)
async def test_a_bad_parameter_is_named(node: ApiNode, address: str, field: str) -> None:
    made = await problem(node, f"/v1/incidents?{address}")
    assert (made["status"], made["field"]) == (422, field)


async def test_a_large_limit_is_clamped_and_unknown_parameters_are_not_looked_at(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    assert len((await body(node, "/v1/incidents?limit=100000000&verbose=1"))["items"]) == 1


async def test_an_unescaped_offset_is_understood(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    assert len((await body(node, "/v1/incidents?since=2026-11-21T03:00:00+01:00"))["items"]) == 1


@pytest.mark.parametrize("address", ["a=" + "x" * 9_000, "&".join(f"p{n}=1" for n in range(100)), "state=%ff"])
async def test_an_unreadable_address_is_refused(node: ApiNode, address: str) -> None:
    assert (await problem(node, f"/v1/incidents?{address}"))["status"] in (400, 414)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/incidents/20261121-vas-000099",
        "/v1/incidents/20261121-vas-000099/history",
        "/v1/incidents/20261121-vas-000099/recommendations",
        "/v1/incidents/nonsense",
        "/v1/incidents/%00",
        "/v1/incidents/..%2f..",
        "/v1/units/999-9999",
        "/v1/handovers/0123456789abcdef0123456789abcdef",
        "/v1/handovers/0123456789abcdef0123456789abcdef/raw",
        "/v1/operators/nobody",
        "/v1/centres/xyz",
        "/v1/conflicts/none",
        "/v1/bookings/20261121-vas-000099",
        "/v1/nonsense",
        "/assets/none.js",
    ],
)
async def test_what_is_not_there_is_404(node: ApiNode, path: str) -> None:
    async with node.client() as client:
        response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


async def test_units_come_with_what_is_known_live(node: ApiNode, rows: Rows) -> None:
    await rows.unit("319-3310", area="19")
    node.state.overlay = {
        "assignable": False,
        "grey": True,
        "last_position": {"latitude": 59.6, "longitude": 16.5, "at": "2026-11-21T02:00:00Z", "age_seconds": 3.5},
    }
    item = (await body(node, "/v1/units?area=19"))["items"][0]
    assert (item["id"], item["assignable"], item["grey"], item["last_position"]["age_seconds"]) == (
        "319-3310",
        False,
        True,
        3.5,
    )
    assert await body(node, "/v1/units/319-3310") == item
    assert (await body(node, "/v1/units?area=03"))["items"] == []
    node.state.overlay = {}
    assert "grey" not in (await body(node, "/v1/units/319-3310"))


async def test_centres_site_operators_and_kpi(node: ApiNode, rows: Rows) -> None:
    await rows.operator("operator1")
    assert [c["code"] for c in (await body(node, "/v1/centres"))["items"]] == ["vas"]
    assert (await body(node, "/v1/centres/vas"))["desks"]["calls"]["authority"] == "vas"
    assert (await body(node, "/v1/site"))["code"] == "vas"
    assert (await body(node, "/v1/operators/me"))["id"] == "operator1"
    asked = (await body(node, "/v1/kpi?since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z&area=19"))["asked"]
    assert asked["area"] == "19"
    made = await problem(node, "/v1/kpi?since=2026-12-01T00:00:00Z&until=2026-11-01T00:00:00Z")
    assert (made["status"], made["field"]) == (422, "until")


async def test_recommendations_and_history(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    assert await body(node, f"/v1/incidents/{incident_id(1)}/recommendations") == {"items": [], "next": None}
    assert await body(node, f"/v1/incidents/{incident_id(1)}/history") == {"items": [], "next": None}


# --- who sees what ----------------------------------------------------------------------------------------------


READINGS = {
    "incidents.read": ["/v1/incidents", f"/v1/incidents/{incident_id(1)}", f"/v1/incidents/{incident_id(1)}/history"],
    "handovers.read": ["/v1/handovers"],
    "units.read": ["/v1/units"],
    "bookings.read": ["/v1/bookings"],
    "operators.read": ["/v1/operators"],
    "centres.read": ["/v1/centres"],
    "conflicts.read": ["/v1/conflicts"],
    "kpi.read": ["/v1/kpi"],
    "site.read": ["/v1/site"],
}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reads_what_the_table_says(node: ApiNode, rows: Rows, role: Role) -> None:
    await rows.incident(1)
    for verb, paths in READINGS.items():
        granted = TABLE[role].get(verb)
        for path in paths:
            async with node.client(role) as client:
                response = await client.get(path)
            assert response.status_code == (403 if granted in (None, "own") else 200), (role, path)


async def test_nobody_reads_without_a_valid_token(node: ApiNode) -> None:
    for paths in READINGS.values():
        for path in paths:
            assert (await problem(node, path, None))["status"] == 401
    async with node.client(None) as client:
        for header in ("Bearer", "Bearer x", "Basic YTpi", "bearer a.b.c", ""):
            response = await client.get("/v1/incidents", headers={"Authorization": header})
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")


async def test_health_metrics_and_schema_need_no_token(node: ApiNode) -> None:
    async with node.client(None) as client:
        assert (await client.get("/health/live")).json() == {"status": "live"}
        assert (await client.get("/health/ready")).status_code == 200
        node.state.ready = False
        response = await client.get("/health/ready")
        assert (response.status_code, response.json()["reasons"]) == (503, {"store": "away"})
        metrics = await client.get("/metrics")
        assert "granslos_http_requests_total" in metrics.text
        assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await client.get("/schema")).json()["openapi"] == "3.1.0"
        assert (await client.head("/health/live")).status_code == 200


async def test_metrics_name_routes_and_no_case(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    await body(node, f"/v1/incidents/{incident_id(1)}")
    async with node.client(None) as client:
        text = (await client.get("/metrics")).text
    assert 'path="/v1/incidents/{incident_id}"' in text
    assert incident_id(1) not in text
    assert "operator1" not in text


async def test_a_technician_sees_clashes_without_their_text(node: ApiNode, rows: Rows) -> None:
    await rows.conflict("c1", text="Patienten på Storgatan", note="Anna ringde")
    for path in ("/v1/conflicts", "/v1/conflicts/c1"):
        seen = msgspec.json.encode(await body(node, path, "technician")).decode()
        assert "c1" in seen
        assert "Storgatan" not in seen and "Anna" not in seen
        assert "Storgatan" in msgspec.json.encode(await body(node, path)).decode()


async def test_an_adapter_reads_its_own_posts_only(node: ApiNode, rows: Rows) -> None:
    call = handover_id("sos", "case-1")
    await rows.handover(1)
    event = HandoverReceived(
        handover_id=call,
        source="sos",
        source_id="case-1",
        received_at=START,
        raw=b"<script>alert(1)</script>",
        raw_media_type="text/html",
    )
    await rows.event(event, "handover", call, actor=EIDO)
    assert (await body(node, f"/v1/handovers/{call}", "adapter", subject="eido@vas"))["id"] == call
    for path in (f"/v1/handovers/{call}", f"/v1/handovers/{call}/raw", f"/v1/bookings/{incident_id(1)}"):
        assert (await problem(node, path, "adapter", subject="other@vas"))["status"] == 403


async def test_bytes_as_received_are_never_run_by_a_browser(node: ApiNode, rows: Rows) -> None:
    call = handover_id("sos", "case-1")
    raw = b"<script>alert(1)</script>"
    event = HandoverReceived(
        handover_id=call, source="sos", source_id="case-1", received_at=START, raw=raw, raw_media_type="text/html"
    )
    await rows.event(event, "handover", call)
    async with node.client() as client:
        response = await client.get(f"/v1/handovers/{call}/raw")
        assert response.content == raw
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["x-original-content-type"] == "text/html"
        assert response.headers["content-disposition"].startswith("attachment")
        assert (await client.get(f"/v1/handovers/{call}/raw?fragment=1")).status_code == 404
        assert (await client.get(f"/v1/handovers/{call}/raw?fragment=-1")).status_code == 422


# --- the trace --------------------------------------------------------------------------------------------------


async def test_every_reading_of_patient_data_leaves_a_row(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    await body(node, f"/v1/incidents/{incident_id(1)}")
    await body(node, "/v1/incidents?state=open&area=19&q=Anna+Andersson")
    async with node.client("technician") as client:
        await client.get(f"/v1/incidents/{incident_id(1)}")
    await body(node, "/v1/site")
    seen = [(row.action, row.resource, row.outcome, row.actor.subject) for row in node.audit.rows]
    assert seen == [
        ("read_incident", f"/v1/incidents/{incident_id(1)}", 200, "operator1"),
        ("list_incidents", "/v1/incidents?area=19&state=open", 200, "operator1"),
        ("read_incident", "/v1/incidents/{incident_id}", 403, "technician1"),
    ]


async def test_what_cannot_be_recorded_is_not_shown(node: ApiNode, rows: Rows) -> None:
    await rows.incident(1)
    node.audit.full = StoreUnavailableError("access cannot be recorded")
    made = await problem(node, f"/v1/incidents/{incident_id(1)}")
    assert (made["status"], made["code"]) == (503, "unavailable")


async def test_a_store_that_is_away_is_503_with_a_time_to_come_back(node: ApiNode) -> None:
    await node.pool.close()
    async with node.client() as client:
        response = await client.get("/v1/incidents")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


# --- methods, origins, console ------------------------------------------------------------------------------------


async def test_options_and_405_name_the_methods_of_all_handlers(node: ApiNode) -> None:
    async with node.client() as client:
        response = await client.options("/v1/handovers", headers={"Origin": "http://esk.test"})
        assert response.status_code == 204
        assert response.headers["allow"] == "GET, OPTIONS, POST"
        assert response.headers["access-control-allow-origin"] == "*"
        assert "Idempotency-Key" in response.headers["access-control-allow-headers"]
        refused = await client.put("/v1/handovers")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, OPTIONS, POST")
        assert refused.json()["code"] == "method_not_allowed"
        assert (await client.options("/v1/incidents/x/assignments/319-1")).headers["allow"] == "DELETE, OPTIONS"
        assert (await client.post("/v1/nonsense")).status_code == 404
        assert (await client.delete("/health/live")).headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await client.post("/any/page")).status_code == 405


async def test_without_a_built_console_the_page_says_so(node: ApiNode) -> None:
    async with node.client(None) as client:
        for path in ("/", "/arenden/1"):
            response = await client.get(path)
            assert response.status_code == 200
            assert "make console" in response.text
            assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert (await client.get("/assets/app.js")).status_code == 404


async def test_other_sites_consoles_may_read_answers(node: ApiNode) -> None:
    async with node.client(None) as client:
        for path in ("/v1/incidents", "/health/live", "/v1/nonsense"):
            assert (await client.get(path)).headers["access-control-allow-origin"] == "*"
