"""The adapters' HTTP: who may come in, how much they may send, what health says."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Request, Response, post

from granslos_adapters.kit.auth import Verifier
from granslos_adapters.kit.http import BODIES_BYTES_MAX, BodyReader, Health, make_app, require_roles
from support.adapter_site import SiteFolder


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path)


def client_of(site: SiteFolder, reader: BodyReader, health: Health | None = None) -> httpx.AsyncClient:
    verifier = Verifier(site.folder / "keys")

    @post("/in", guards=[require_roles(verifier, "adapter")], request_max_body_size=None)
    async def take(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        body = await reader.read(request)
        return Response(
            {
                "size": len(body.data),
                "big": body.too_big,
                "complete": body.complete,
                "who": request.state.actor.subject,
            },
            status_code=200,
        )

    @post("/bug", guards=[require_roles(verifier, "adapter")])
    async def bug() -> None:
        raise ValueError("patient 19121212-1212")

    app = make_app("test", [take, bug], health or Health())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


@pytest.fixture
def reader() -> BodyReader:
    return BodyReader(bytes_max=100, keep_bytes_max=150, seconds_max=5)


async def test_the_bearer_is_known_by_name(site: SiteFolder, reader: BodyReader) -> None:
    async with client_of(site, reader) as client:
        answer = await client.post("/in", content=b"x" * 100, headers=site.headers())
    assert answer.json() == {"size": 100, "big": False, "complete": True, "who": "sos-alarm"}


@pytest.mark.parametrize(("sent", "kept", "complete"), [(101, 101, True), (150, 150, True), (400, 150, False)])
async def test_too_big_bodies_are_kept_as_far_as_the_second_bound(
    site: SiteFolder, reader: BodyReader, sent: int, kept: int, complete: bool
) -> None:
    async with client_of(site, reader) as client:
        answer = await client.post("/in", content=b"x" * sent, headers=site.headers())
    assert answer.json() == {"size": kept, "big": True, "complete": complete, "who": "sos-alarm"}


async def test_too_many_bytes_at_once_are_sent_elsewhere(site: SiteFolder, reader: BodyReader) -> None:
    reader._held_bytes = BODIES_BYTES_MAX + 1
    async with client_of(site, reader) as client:
        answer = await client.post("/in", content=b"x", headers=site.headers())
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("scheme", ["", "Basic abc", "Bearer ", "Bearer not-a-token", "Bearer " + "a" * 9000])
async def test_strangers_get_401(site: SiteFolder, reader: BodyReader, scheme: str) -> None:
    async with client_of(site, reader) as client:
        answer = await client.post("/in", content=b"x", headers={"Authorization": scheme} if scheme else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorised"


async def test_a_wrong_role_gets_403(site: SiteFolder, reader: BodyReader) -> None:
    async with client_of(site, reader) as client:
        answer = await client.post("/in", content=b"x", headers=site.headers("observer"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_bug_answers_a_problem_without_the_patient(
    site: SiteFolder, reader: BodyReader, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client_of(site, reader) as client:
        answer = await client.post("/bug", headers=site.headers())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    shown = answer.text + "".join(capsys.readouterr())
    assert "19121212" not in shown


async def test_health_tells_ready_from_degraded(site: SiteFolder, reader: BodyReader) -> None:
    health, state = Health(), {"bus": True, "vital": True}
    health.register("bus", lambda: (state["bus"], "line"))
    health.register("takes_calls", lambda: (state["vital"], "line"), vital=True)
    async with client_of(site, reader, health) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).json()["degraded"] == []
        state["bus"] = False
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["degraded"]) == (200, ["bus"])
        state["vital"] = False
        assert (await client.get("/health/ready")).status_code == 503
        assert "granslos_adapter_http_requests_total" in (await client.get("/metrics")).text
