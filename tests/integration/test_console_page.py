"""The console in a real browser against real sites: a call appears live, is answered by keyboard, and survives its site."""

import shutil
import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from granslos.local.cluster import LocalCluster
from support.cluster import open_cluster
from support.handovers import body, client

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
FLAGS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MILLISECONDS = 15_000
HUNG_SECONDS = 2.5
"""A console is on another site within this after its own hangs (GOALS R4)."""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1360, "height": 820}, locale="sv-SE")
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        yield page
        await browser.close()


async def _hand_over(cluster: LocalCluster, source_id: str, text: str) -> str:
    async with client(cluster, "upp", "adapter") as http:
        message = body("console", source_id, "vas") | {"description": text, "category": text}
        answer = (await http.post("/v1/handovers", message)).json()
    incident: str = answer["resource"]["id"]
    return incident


async def test_a_call_appears_is_answered_by_keyboard_and_outlives_its_site(page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    async with open_cluster(sites=3) as cluster:
        await page.goto(f"{cluster.site('vas').http}/#token={cluster.tokens['supervisor']}")
        await expect(page.get_by_text("demo-supervisor")).to_be_visible()
        incident = await _hand_over(cluster, "c1", "bröstsmärta")
        row = page.get_by_text(incident).first
        await expect(row).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("besvarat av dig").first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        await expect(page.locator(".command[data-what=answer][data-state=cluster]")).to_be_visible()
        async with client(cluster, "esk", "observer") as http:
            assert (await http.get(f"/v1/incidents/{incident}"))["state"] == "answered"
        await cluster.kill("vas")
        later = await _hand_over(cluster, "c2", "andning")
        await expect(page.locator(".queued")).to_contain_text("1 nytt samtal ringer", timeout=PATIENCE_MILLISECONDS)
        await page.keyboard.press("u")
        await expect(page.get_by_text(later).first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    assert errors == []


async def test_when_its_site_hangs_the_console_is_on_another_in_time_with_all_that_was_typed(page: Page) -> None:
    async with open_cluster(sites=3) as cluster:
        await page.goto(f"{cluster.site('vas').http}/#token={cluster.tokens['supervisor']}")
        incident = await _hand_over(cluster, "c1", "bröstsmärta")
        await expect(page.get_by_text(incident).first).to_be_visible()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator(".command[data-what=answer][data-state=cluster]")).to_be_visible()
        await page.keyboard.press("n")
        await page.keyboard.type("strålar ut i vänster arm")
        cluster.stop("vas", "node")
        begun = time.monotonic()
        await expect(page.locator(".site[data-phase=live][data-away]")).to_be_visible()
        took = time.monotonic() - begun
        cluster.cont("vas", "node")
        assert took <= HUNG_SECONDS
        await expect(page.locator("#note")).to_have_value("strålar ut i vänster arm")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".command[data-what=note][data-state=cluster]")).to_be_visible()
        await expect(page.locator(".notes")).to_contain_text("strålar ut i vänster arm")
