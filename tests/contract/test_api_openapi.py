"""The OpenAPI document is true: what it allows is taken, what it forbids is refused, what comes back is as it says."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import jsonschema_rs
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from granslos.api import openapi
from granslos.api.app import operations
from granslos.api.feed import FeedHub
from granslos.api.permissions import VERBS
from granslos.api.system import ConsoleConfig
from support.api_node import api_node
from support.read_rows import Rows, incident_id

EXAMPLES_MAX = 8
BOUNDED = settings(
    max_examples=EXAMPLES_MAX,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Served:
    """A node on a thread of its own, for tests that call it without asyncio."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._dsn, self._folder = dsn, folder
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = self.token = ""

    def start(self) -> None:
        """Returns once it answers."""
        self._thread.start()
        assert self._started.wait(20)

    def stop(self) -> None:
        """Returns once it has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        rows = await Rows.emptied(self._dsn)
        await fill(rows)
        await rows.close()
        async with api_node(self._dsn, self._folder) as node, node.served() as url:
            self.url, self.token = url, node.token("supervisor")
            self._started.set()
            await self._stop.wait()


async def fill(rows: Rows) -> None:
    """One of each."""
    await rows.incident(1, priority="1A")
    await rows.incident(2, kind="b")
    await rows.handover(1)
    await rows.unit("319-3310")
    await rows.operator("supervisor1")
    await rows.conflict("c1")


@pytest.fixture(scope="module")
def served(contract_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(contract_dsn, tmp_path_factory.mktemp("node"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{served.url}/schema").json()
    return found


TABLE = operations(FeedHub(cast(Any, None), cast(Any, None)), ConsoleConfig(site="vas"))
api = schemathesis.openapi.from_dict(msgspec.json.decode(openapi.document(TABLE, "0.1.0"))).exclude(path="/v1/feed")


@api.parametrize()
@BOUNDED
def test_the_document_is_true(case: Case, served: Served) -> None:
    # No schema can say which texts are cursors of this list, nor that a period begins before it ends.
    is_beyond = case.query and {"cursor", "until"} & case.query.keys()
    excluded = [positive_data_acceptance] if is_beyond else []
    # A parameter that nobody knows is not looked at; it is no reason to refuse a reading.
    known = {parameter.name for parameter in case.operation.query}
    excluded += [] if set(case.query or {}) <= known else [negative_data_rejection]
    headers = {"Authorization": f"Bearer {served.token}"}
    case.call_and_validate(base_url=served.url, headers=headers, excluded_checks=excluded)


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.path, operation.method) for operation in TABLE}


def test_every_verb_guards_something() -> None:
    assert {operation.verb for operation in TABLE if operation.verb} == set(VERBS)
    assert len({operation.name for operation in TABLE}) == len(TABLE)


def test_bodies_refuse_unknown_fields_but_for_the_handover(document: dict[str, Any]) -> None:
    seen = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                seen += 1
                assert media["schema"]["additionalProperties"] is (path == "/v1/handovers"), path
    assert seen > 20


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: dict[str, Any]) -> None:
    text = httpx.Response(200, json=document).text
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in document["components"]["schemas"]
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_every_refusal_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in methods.items():
            refusals = {status for status in operation["responses"] if status >= "400"}
            if not operation["security"]:
                assert not refusals, "nobody is refused where nobody is asked"
                continue
            assert {"401", "403", "503"} <= refusals, (path, method)
            assert method == "get" or {"409", "422", "413"} <= refusals, (path, method)
            for status in refusals:
                assert "application/problem+json" in operation["responses"][status]["content"]


def test_answers_are_as_described(served: Served, document: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {served.token}"}
    for path in ("/v1/incidents", f"/v1/incidents/{incident_id(1)}", "/v1/units", "/v1/centres", "/v1/conflicts"):
        body = httpx.get(f"{served.url}{path}", headers=headers).json()
        template = path.replace(incident_id(1), "{incident_id}")
        schema = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate(schema | {"components": document["components"]}, body)
