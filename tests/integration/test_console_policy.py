"""The console lives under its content policy: no inline style, nothing from a blob, nothing from elsewhere."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from support.console_browser import Console, open_browser, open_console, skip_without_browser
from support.fake_console_api import FakeSite, centre, incident, open_sites, token, unit

pytestmark = pytest.mark.browser

CALL = "20261125-vas-000001"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    skip_without_browser()
    async with open_browser() as made:
        yield made


@pytest.fixture
async def site() -> AsyncIterator[FakeSite]:
    async with open_sites() as (vas, _):
        vas.log.incidents[CALL] = incident(1, "answered", answered_by="anna", recommended_priority="2A", conflicts=["k1"])
        vas.log.incidents["20261125-vas-000002"] = incident(2, "waiting", priority="2A")
        vas.log.units = {"319-3310": unit("319-3310"), "303-1110": unit("303-1110", centre="upp", grey=True)}
        clash = {"id": "k1", "kind": "unit_twice", "state": "open", "outcome": "kept", "text": "Larmad två gånger", "level": 1}
        vas.log.conflicts = [{**clash, "incidents": [CALL], "units": [], "detected_at": "2026-11-25T04:00:00Z"}]
        vas.log.centres = [centre("vas", "Västerås"), centre("upp", "Uppsala", calls={"reachable": False})]
        yield vas


async def ask_and_answer(console: Console) -> None:
    """Opens every question that keys open, and answers one."""
    await console.press("s")
    await console.sees(".row")
    await console.press("ArrowDown")
    await console.sees(".panel h2")
    for key in "pthc":
        await console.press(key)
        await console.sees(".question")
        await console.press("Escape")
        await console.misses(".question")
    await console.press("p", "1")
    await console.sees(".question >> text=2A → 1A")
    await console.press("3")
    await console.sees(".command[data-what=assess]")
    await console.press("n")
    await console.page.keyboard.type("svag puls")
    await console.press("Control+Enter", "Escape")
    await console.sees(".notes >> text=svag puls")


async def look_around(console: Console) -> None:
    """Shows every view, both dialogs, both themes and both languages."""
    for key, shown in (("v", ".row"), ("e", ".row"), ("l", ".conflict")):
        await console.press(key)
        await console.sees(shown)
    await console.press("e")
    await console.sees(".row")
    await console.press("ArrowDown", "x")
    await console.sees(".question")
    await console.press("Escape")
    for key in ("?", "o"):
        await console.press(key)
        await console.sees("[role=dialog]")
        await console.press("Escape")
        await console.misses("[role=dialog]")
    await console.press("m")
    await console.page.get_by_role("button", name="English").click()
    await console.sees("nav >> text=Waiting room")
    await console.page.get_by_role("button", name="Svenska").hover()


async def test_a_tour_of_the_whole_console_breaks_no_rule_of_the_policy(browser: Browser, site: FakeSite) -> None:
    console = await open_console(browser, site.url, "wrong")
    await console.sees("[role=alert]")
    await console.page.keyboard.type(token("supervisor"))
    await console.press("Enter")
    await console.sees(".site[data-phase=live]")
    await ask_and_answer(console)
    await look_around(console)
    await console.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await console.page.set_viewport_size({"width": 640, "height": 800})
    await site.kill()
    await console.sees(".site[data-away]")
    assert console.faults == []


@pytest.mark.parametrize(
    ("attempt", "directive"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')", "style-src"),
        ("document.head.append(Object.assign(document.createElement('style'), { textContent: 'p {}' }))", "style-src"),
        ("void new Worker(URL.createObjectURL(new Blob(['1'])))", "worker-src"),
        ("void fetch('http://192.0.2.1/').catch(() => 0)", "connect-src"),
    ],
)
async def test_what_the_policy_forbids_is_noticed_here(browser: Browser, site: FakeSite, attempt: str, directive: str) -> None:
    console = await open_console(browser, site.url, token())
    await console.sees(".site[data-phase=live]")
    async with console.page.expect_console_message(lambda said: said.text.startswith("Content Security Policy:")):
        await console.page.evaluate(attempt)
    assert any(directive in fault for fault in console.faults)
