"""The write path at real sites: durability, idempotence across sites, routing, clashes, planned moves, islands."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from granslos.local.client import NoSiteAnsweredError, SiteClient
from granslos.local.cluster import LocalCluster
from support.cluster import open_cluster
from support.eventually import eventually
from support.handovers import assert_rows_equal, body, client, settle


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    async with open_cluster(sites=3) as cluster:
        yield cluster


pytestmark = pytest.mark.asyncio(loop_scope="module")


def _at(cluster: LocalCluster, code: str, role: str = "supervisor") -> SiteClient:
    return client(cluster, code, role, only=True, timeout=5.0)


async def _handed_over(cluster: LocalCluster, at: str, place: str, source_id: str) -> dict[str, Any]:
    async with _at(cluster, at, "adapter") as http:
        response = await http.post("/v1/handovers", body("write-path", source_id, place))
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer


async def test_a_handover_for_another_area_is_opened_by_its_own_centre(cluster: LocalCluster) -> None:
    answer = await _handed_over(cluster, "esk", "upp", "a1")
    assert answer["resource"]["centre"] == "upp"
    assert answer["resource"]["id"].split("-")[1] == "upp"
    async with _at(cluster, "esk") as http:

        async def is_cluster() -> bool:
            return bool((await http.get(f"/v1/incidents/{answer['resource']['id']}"))["durability"] == "cluster")

        await eventually(is_cluster, within_seconds=5)


async def test_the_same_command_at_two_sites_has_one_effect(cluster: LocalCluster) -> None:
    message = body("write-path", "twice", "vas")
    async with _at(cluster, "esk", "adapter") as one, _at(cluster, "upp", "adapter") as two:
        first, second = await asyncio.gather(
            one.post("/v1/handovers", message, "twice-1"), two.post("/v1/handovers", message, "twice-1")
        )
    await settle(cluster)
    rows = await assert_rows_equal(cluster)
    live = [row for row in rows["incident"].values() if row[8] == "twice" and row[10] is None]
    assert len(live) == 1
    assert {first.status_code, second.status_code} <= {200, 201}


async def test_the_same_id_with_another_body_is_refused_at_another_site(cluster: LocalCluster) -> None:
    incident = (await _handed_over(cluster, "vas", "vas", "reused"))["resource"]["id"]
    async with _at(cluster, "vas") as here, _at(cluster, "upp") as there:
        done = await here.post(f"/v1/incidents/{incident}/notes", {"text": "ett"}, "note-1")
        assert done.status_code == 200, done.text
        await settle(cluster)
        again = await there.post(f"/v1/incidents/{incident}/notes", {"text": "ett"}, "note-1")
        assert again.status_code == 200, again.text
        assert len(again.json()["resource"]["notes"]) == 1
        other = await there.post(f"/v1/incidents/{incident}/notes", {"text": "två"}, "note-1")
    assert (other.status_code, other.json()["code"]) == (422, "command_id_reused")


async def test_decisions_go_to_the_desk_whoever_is_asked(cluster: LocalCluster) -> None:
    incident = (await _handed_over(cluster, "vas", "vas", "routed"))["resource"]["id"]
    async with _at(cluster, "esk") as esk, _at(cluster, "upp") as upp:
        answered = await esk.post(f"/v1/incidents/{incident}/answer", {})
        assert (answered.status_code, answered.json()["site"]) == (200, "vas")
        taken = await upp.post(f"/v1/incidents/{incident}/answer", {})
        assert taken.status_code in (200, 409)
        unit = next(u["id"] for u in (await upp.get("/v1/units", limit=1000))["items"] if u["centre"] == "upp")
        given = await esk.post(f"/v1/incidents/{incident}/assignments", {"unit_id": unit})
        assert (given.status_code, given.json()["site"]) == (201, "upp")
        busy = (await _handed_over(cluster, "esk", "esk", "busy"))["resource"]["id"]
        refused = await esk.post(f"/v1/incidents/{busy}/assignments", {"unit_id": unit})
        assert (refused.status_code, refused.json()["code"]) == (409, "unit_busy")
        freed = await esk.delete(f"/v1/incidents/{incident}/assignments/{unit}")
        assert freed.status_code == 200, freed.text


async def test_two_sites_that_claim_one_unit_at_once_get_one_yes(cluster: LocalCluster) -> None:
    incidents = [(await _handed_over(cluster, c, c, f"race-{c}"))["resource"]["id"] for c in ("esk", "vas", "upp")]
    async with _at(cluster, "esk") as esk, _at(cluster, "vas") as vas, _at(cluster, "upp") as upp:
        unit = (await esk.get("/v1/units", limit=1000))["items"][-1]["id"]
        answers = await asyncio.gather(
            *(
                http.post(f"/v1/incidents/{incident}/assignments", {"unit_id": unit})
                for http, incident in zip((esk, vas, upp), incidents, strict=True)
            )
        )
    assert sorted(a.status_code for a in answers) == [201, 409, 409]


async def test_a_planned_takeover_refuses_no_command(cluster: LocalCluster) -> None:
    statuses: list[int] = []
    stop = asyncio.Event()

    async def traffic() -> None:
        async with _at(cluster, "esk", "adapter") as http:
            number = 0
            while not stop.is_set():
                number += 1
                statuses.append((await http.post("/v1/handovers", body("planned", f"p{number}", "vas"))).status_code)

    sending = asyncio.create_task(traffic())
    async with _at(cluster, "upp") as upp:
        taken = await upp.post("/v1/centres/vas/desks/calls/takeover", {"reason": "drill"})
        assert taken.status_code == 200, taken.text
        assert await _authority(upp) == "upp"
        given = await upp.post("/v1/centres/vas/desks/calls/handback", {"reason": "over"})
        assert given.status_code == 200, given.text
        assert await _authority(upp) == "vas"
    stop.set()
    await sending
    assert statuses
    assert set(statuses) == {201}


async def _authority(http: SiteClient) -> str:
    centres = (await http.get("/v1/centres"))["items"]
    found: str = next(c for c in centres if c["code"] == "vas")["desks"]["calls"]["authority"]
    return found


async def test_a_booking_becomes_an_incident_of_kind_b(cluster: LocalCluster) -> None:
    booking = {
        "source": "ward",
        "source_id": "avd-72-1",
        "pickup": {"latitude": 59.61, "longitude": 16.54, "address": "Västerås lasarett, avd 72"},
        "destination": {"latitude": 59.37, "longitude": 16.51, "address": "Mälarsjukhuset"},
        "needs": ["oxygen"],
    }
    async with _at(cluster, "esk") as http:
        made = await http.post("/v1/bookings", booking)
        assert made.status_code == 201, made.text
        resource = made.json()["resource"]
        assert (resource["kind"], resource["centre"]) == ("b", "vas")
        unit = next(u["id"] for u in (await http.get("/v1/units", limit=1000))["items"] if u["centre"] == "esk")
        given = await http.post(f"/v1/incidents/{resource['id']}/assignments", {"unit_id": unit})
        assert given.status_code == 201, given.text
        refused = await http.post(f"/v1/bookings/{resource['id']}/cancel", {})
        assert refused.status_code in (200, 409), refused.text


async def test_an_island_goes_on_and_merges(cluster: LocalCluster) -> None:
    await cluster.links.isolate("upp")
    async with _at(cluster, "upp") as island, _at(cluster, "upp", "adapter") as sender, _at(cluster, "vas") as main:

        async def is_island() -> bool:
            return bool((await island.get("/v1/site"))["island"])

        await eventually(is_island, within_seconds=10)
        made = await sender.post("/v1/handovers", body("island", "i1", "upp"))
        answer = made.json()
        assert (made.status_code, answer["durability"], answer["island"]) == (201, "site", True)
        incident = answer["resource"]["id"]
        for verb, content in (("answer", {}), ("assess", {"priority": "2A"}), ("wait", {})):
            done = await island.post(f"/v1/incidents/{incident}/{verb}", content)
            assert (done.status_code, done.json()["durability"]) == (200, "site"), done.text
        unit = next(u for u in (await island.get("/v1/units", limit=1000))["items"] if u["centre"] == "upp")
        assert unit["assignable"]
        foreign = next(u for u in (await island.get("/v1/units", limit=1000))["items"] if u["centre"] == "vas")

        async def is_grey() -> bool:
            return bool((await island.get(f"/v1/units/{foreign['id']}"))["grey"])

        await eventually(is_grey, within_seconds=5)
        given = await island.post(f"/v1/incidents/{incident}/assignments", {"unit_id": unit["id"]})
        assert given.status_code == 201, given.text
        with pytest.raises(NoSiteAnsweredError, match="503"):
            await island.post(f"/v1/incidents/{incident}/assignments", {"unit_id": foreign["id"]})
        await cluster.links.heal()
        await settle(cluster)
        rows = await assert_rows_equal(cluster)
        assert rows["incident"][incident][2] == "assigned"
        assert (await main.get(f"/v1/incidents/{incident}"))["durability"] == "cluster"
