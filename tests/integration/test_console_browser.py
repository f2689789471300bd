"""The console in a real browser, by keyboard alone, against sites that are broken as sites break."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from support.console_browser import Console, open_browser, open_console, skip_without_browser
from support.eventually import eventually, never
from support.fake_console_api import Answer, FakeSite, Request, centre, incident, open_sites, token, unit

pytestmark = pytest.mark.browser

KILLED_SECONDS = 1.0
HUNG_SECONDS = 2.5
"""A console is on another site within this (GOALS R4)."""
AMBER_SECONDS = 2.0
TEXT = "Bröstsmärta sedan i natt, åäö, strålar ut i vänster arm"

Sites = list[FakeSite]
Recorder = Callable[[str, object], None]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    skip_without_browser()
    async with open_browser() as made:
        yield made


@pytest.fixture
async def sites() -> AsyncIterator[Sites]:
    async with open_sites() as made:
        yield made


async def ready(browser: Browser, site: FakeSite, role: str = "dispatcher", **options: object) -> Console:
    """A console that shows its site's picture."""
    console = await open_console(browser, site.url, token(role), **options)
    await console.sees(".site[data-phase=live]")
    return console


async def kept_shell(console: Console) -> None:
    """Waits until the page itself is in the browser's cache."""
    kept = "async () => (await (await caches.open('granslos-shell-1')).keys()).length >= 3"

    async def is_kept() -> bool:
        return bool(await console.page.evaluate(kept))

    await eventually(is_kept, within_seconds=5)


# --- a call -----------------------------------------------------------------------------------------------------------


async def test_an_offered_call_appears_is_answered_by_one_key_and_is_ticked_off(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    vas.ticks_at_once = False
    console = await ready(browser, vas)
    assert await console.count(".row") == 0
    call = incident(1)
    vas.change("incident", call)
    await console.sees(f".row[data-id='{call['id']}'] >> text=ringer i Västerås")
    await console.press("a")
    await console.sees(".command[data-what=answer][data-state=site] >> text=i Västerås")
    await console.sees(f".row[data-id='{call['id']}'] >> text=besvarat av dig")
    assert await console.count(".command[data-state=cluster]") == 0
    await console.sees(".command[data-state=amber]", within_seconds=AMBER_SECONDS + 2)
    [request] = vas.commands("/answer")
    vas.confirm(f"event-{2}", "incident", vas.log.incidents[call["id"]])
    await console.sees(".command[data-what=answer][data-state=cluster]")
    await console.sees(f".row[data-id='{call['id']}'] .tick[data-tick=cluster]")
    assert len(request.command_id) == 36
    assert console.faults == []


async def test_the_whole_work_on_an_incident_takes_keys_only(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    call = incident(1, recommended_priority="2A")
    vas.log.incidents[call["id"]] = call
    vas.log.units = {"319-3310": unit("319-3310"), "319-3320": unit("319-3320")}
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("a")
    await console.sees(".row >> text=besvarat av dig")
    await console.press("p", "1")
    await console.sees(".question >> text=2A → 1A")
    assert vas.commands("/assess") == []
    await console.press("3")
    await console.sees(".row .chip[data-level='1']")
    assert vas.commands("/assess")[0].body == {
        "priority": "1A",
        "recommended_priority": "2A",
        "reason": "Ålder eller samsjuklighet",
    }
    await console.press("t")
    await console.sees(".choice >> text=319-3320")
    await console.press("2")
    await eventually(lambda: vas.commands("/assignments"), within_seconds=3)
    assert vas.commands("/assignments")[0].body == {"unit_id": "319-3320"}
    await console.press("n")
    await console.page.keyboard.type("svw vs", delay=10)
    assert await console.page.locator("#note").input_value() == "svw vs"
    await console.press("Control+Enter", "Escape")
    await console.sees(".notes >> text=svw vs")
    assert await console.page.locator("#note").input_value() == ""
    assert console.faults == []


async def test_an_alarm_never_waits_for_a_reason(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    call = incident(1, "answered", answered_by="anna", recommended_priority="2A")
    vas.log.incidents[call["id"]] = call
    vas.log.units = {"319-3310": unit("319-3310", "en_route", incident_id="20261125-vas-000099")}
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("ArrowDown", "p", "1", "t")
    await console.sees(".choice >> text=319-3310")
    await eventually(lambda: vas.commands("/assess"), within_seconds=3)
    assert vas.commands("/assess")[0].body == {"priority": "1A", "recommended_priority": "2A"}
    fits = "document.querySelector('.choice').getBoundingClientRect().right <= innerWidth"
    assert await console.page.evaluate(fits)
    await console.press("1")
    await eventually(lambda: vas.commands("/assignments"), within_seconds=3)
    assert vas.commands("/assignments")[0].body == {"unit_id": "319-3310", "preempt": True}


async def test_closing_is_undone_by_one_key(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    call = incident(1, "answered", answered_by="anna")
    vas.log.incidents[call["id"]] = call
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("ArrowDown", "c", "4")
    await console.sees(".command[data-what=close] >> text=Ångra")
    assert vas.commands("/close")[0].body == {"outcome": "no_patient"}
    await console.press("z")
    await eventually(lambda: vas.commands("/reopen"), within_seconds=3)


async def test_a_no_is_shown_with_its_reason_and_stays_until_it_is_removed(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1)
    vas.answering = lambda _: (409, {"code": "already_answered", "title": "Another operator holds the call"})
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("a")
    await console.sees(".command[data-state=rejected] >> text=en annan operatör har samtalet")
    assert await console.page.locator(".row >> text=ringer").count() == 1


async def test_a_grey_unit_is_shown_and_its_digit_does_nothing(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1, "answered", answered_by="anna", priority="1A")
    vas.log.units = {"303-1110": unit("303-1110", centre="upp", grey=True, assignable=False)}
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("ArrowDown", "t")
    await console.sees(".choice >> text=303-1110")
    await console.press("1")
    await never(lambda: vas.commands("/assignments"), for_seconds=0.3)
    await console.press("Escape", "e")
    await console.sees(".row >> text=grå: dirigeringen svarar inte")


# --- rows that hold still ---------------------------------------------------------------------------------------------


async def test_no_row_moves_under_the_focus(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    for serial in (1, 2, 3):
        waiting = incident(serial, "waiting", priority="2B", review_due_at=f"2099-01-01T00:00:0{serial}Z")
        vas.log.incidents[waiting["id"]] = waiting
    console = await ready(browser, vas)
    await console.press("v")
    await console.sees(".row")
    await console.press("ArrowDown", "ArrowDown")
    before = await console.rows()
    place = await console.page.locator(".row[aria-selected=true]").bounding_box()
    for serial in range(10, 20):
        vas.change("incident", incident(serial, "waiting", priority="1B", review_due_at="2099-01-01T00:00:00Z"))
    vas.change("incident", incident(1, "closed"))
    await console.sees(".queued >> text=10 nya")
    await console.sees(".row[data-gone]")
    assert await console.rows() == before
    assert await console.page.locator(".row[aria-selected=true]").get_attribute("data-id") == before[1]
    now_at = await console.page.locator(".row[aria-selected=true]").bounding_box()
    assert place is not None
    assert now_at is not None
    # The bar stands above the list: rows keep their order and distance, and the chosen one stays chosen.
    assert abs(now_at["height"] - place["height"]) < 1
    await console.press("u")
    await console.misses(".queued")
    assert len(await console.rows()) == 12
    assert await console.page.locator(".row[aria-selected=true]").get_attribute("data-id") == before[1]


# --- a site that fails ------------------------------------------------------------------------------------------------


async def typing(console: Console, during: asyncio.Task[None]) -> str:
    """Types until a task is done and the text is at its end; returns what the field holds."""
    for letter in TEXT:
        await console.page.keyboard.type(letter)
    await during
    return await console.page.locator("#note").input_value()


@pytest.mark.parametrize(("fault", "bound"), [("kill", KILLED_SECONDS), ("hang", HUNG_SECONDS)])
async def test_on_another_site_in_time_and_no_letter_lost(
    browser: Browser, sites: Sites, record_property: Recorder, fault: str, bound: float
) -> None:
    vas, upp = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1, "answered", answered_by="anna")
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("ArrowDown", "n")
    took = 0.0

    async def fail() -> None:
        nonlocal took
        begun = time.monotonic()
        if fault == "kill":
            await vas.kill()
        else:
            vas.hang()
        await console.sees(".site[data-phase=live][data-away] >> text=Uppsala", within_seconds=10)
        took = time.monotonic() - begun

    written = await typing(console, asyncio.create_task(fail()))
    record_property("console_moved_seconds", round(took, 2))
    assert written == TEXT
    assert took <= bound, f"{took:.2f} s"
    await console.sees(".banner[data-kind=away] >> text=Du är på Uppsala: Västerås svarar inte.")
    await console.press("Control+Enter", "Escape")
    await eventually(lambda: upp.commands("/notes"), within_seconds=3)
    assert upp.commands("/notes")[0].body == {"text": TEXT}
    upp.change("incident", incident(2))
    await console.sees(".queued >> text=1 nytt samtal ringer")
    await console.press("a")
    await console.sees(".row[data-id='20261125-vas-000002'] >> text=besvarat av dig")


async def test_a_command_without_an_answer_goes_to_the_next_site_with_the_same_id(browser: Browser, sites: Sites) -> None:
    vas, upp = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1)

    def cannot(_: Request) -> Answer:
        return 503, {"code": "not_durable", "title": "This site cannot make it durable"}

    vas.answering = cannot
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("a")
    await console.sees(".command[data-what=answer][data-state=cluster]")
    assert [request.command_id for request in upp.commands("/answer")] == [vas.commands("/answer")[0].command_id]
    await console.sees(".row >> text=besvarat av dig")


async def test_reloaded_while_its_site_hangs_the_page_and_the_text_are_there(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1, "answered", answered_by="other")
    console = await ready(browser, vas)
    await console.sees(".row")
    await console.press("ArrowDown", "n")
    await console.page.keyboard.type(TEXT)
    await kept_shell(console)
    vas.hang()
    await console.page.reload()
    await console.sees(".site[data-phase=live][data-away] >> text=Uppsala", within_seconds=8)
    await console.sees(".row")
    await console.press("ArrowDown")
    assert await console.page.locator("#note").input_value() == TEXT


async def test_with_no_site_left_the_picture_stays_readable_and_says_how_old_it_is(browser: Browser, sites: Sites) -> None:
    vas, upp = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1)
    console = await ready(browser, vas)
    await console.sees(".row")
    await vas.kill()
    await upp.kill()
    await console.sees(".banner[data-kind=offline] >> text=Ingen förbindelse med något driftställe. Bilden är")
    assert await console.rows() == ["20261125-vas-000001"]
    await console.press("a")
    await console.sees(".command[data-state=queued] >> text=väntar på förbindelse")
    await upp.start()
    await console.sees(".command[data-what=answer][data-state=cluster]", within_seconds=8)
    await console.misses(".banner[data-kind=offline]")


async def test_what_only_the_lost_site_knew_stays_in_sight(browser: Browser, sites: Sites) -> None:
    vas, upp = sites
    console = await ready(browser, vas)
    vas.change("incident", incident(1, durability="site", position=None), pending=True)
    await console.sees(".row .tick[data-tick=site]")
    del upp.log.incidents["20261125-vas-000001"]
    await vas.kill()
    await console.sees(".banner[data-kind=stranded] >> text=20261125-vas-000001")


# --- desks, people, windows -------------------------------------------------------------------------------------------


async def test_a_supervisor_takes_a_silent_desk_over_with_one_key_and_a_reason(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    console = await ready(browser, vas, "supervisor")
    silent = centre("upp", "Uppsala", dispatch={"reachable": False})
    vas.log.centres = [centre("vas", "Västerås"), silent]
    vas.announce("centres", {"centres": vas.log.centres})
    await console.sees(".banner[data-kind=deskSilent] >> text=Uppsalas dirigering svarar inte")
    await console.press("o")
    await console.sees("[role=dialog] >> text=Ta över Uppsalas dirigering")
    await console.press("Enter")
    assert vas.commands("/takeover") == []
    await console.page.keyboard.type("Strömavbrott")
    await console.press("Enter")
    await eventually(lambda: vas.commands("/takeover"), within_seconds=3)
    [request] = vas.commands("/takeover")
    assert (request.path, request.body) == ("/v1/centres/upp/desks/dispatch/takeover", {"reason": "Strömavbrott"})


@pytest.mark.parametrize(("role", "works", "takes_over"), [("operator", True, False), ("observer", False, False)])
async def test_a_role_is_shown_what_it_may_do(browser: Browser, sites: Sites, role: str, works: bool, takes_over: bool) -> None:
    vas, _ = sites
    vas.log.incidents["20261125-vas-000001"] = incident(1)
    vas.log.centres = [centre("upp", "Uppsala", calls={"reachable": False})]
    console = await ready(browser, vas, role)
    await console.sees(".row")
    await console.press("ArrowDown")
    await console.sees(".panel h2")
    assert (await console.count(".panel .action") > 0) is works
    assert (await console.count(".banner .action") > 0) is takes_over
    await console.press("o")
    assert await console.count("[role=dialog]") == 0
    await console.press("a")
    if works:
        await eventually(lambda: vas.commands("/answer"), within_seconds=3)
    else:
        await never(lambda: vas.requests, for_seconds=0.3)


async def test_two_windows_share_one_connection_and_one_picture(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    first = await ready(browser, vas)
    page = await first.page.context.new_page()
    await page.goto(f"{vas.url}/#token={token()}")
    second = Console(page, [])
    await second.sees(".site[data-phase=live]")
    assert vas.feeds == 1
    vas.change("incident", incident(1))
    for console in (first, second):
        await console.sees(".row")
    await first.press("a")
    await second.sees(".command[data-what=answer][data-state=cluster]")
    await second.sees(".row >> text=besvarat av dig")
    await first.page.close()
    vas.change("incident", incident(2))
    await second.sees(".queued")
    await second.press("u")
    await second.sees(".row[data-id='20261125-vas-000002']")


async def test_without_a_shared_worker_the_window_has_its_own_connection(browser: Browser, sites: Sites) -> None:
    vas, upp = sites
    context = await browser.new_context(locale="sv-SE")
    await context.add_init_script("delete globalThis.SharedWorker")
    page = await context.new_page()
    await page.goto(f"{vas.url}/#token={token()}")
    console = Console(page, [])
    await console.sees(".site[data-phase=live]")
    assert await page.evaluate("typeof SharedWorker") == "undefined"
    await vas.kill()
    await console.sees(".site[data-phase=live][data-away]")
    upp.change("incident", incident(1))
    await console.sees(".row")


async def test_a_refused_token_asks_for_another_and_the_address_keeps_none(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    console = await open_console(browser, vas.url, "wrong")
    await console.sees("[role=alert] >> text=Nyckeln godtas inte")
    assert "wrong" not in console.page.url
    await console.page.keyboard.type(token())
    await console.press("Enter")
    await console.sees(".site[data-phase=live]")
    await console.sees(".person >> text=anna, dirigent")
    asked = "performance.getEntriesByType('resource').map((entry) => entry.name).join(' ')"
    assert token() not in await console.page.evaluate(asked)


# --- for everybody ----------------------------------------------------------------------------------------------------


def filled(site: FakeSite) -> None:
    """Puts something of everything into the picture."""
    for serial, more in enumerate(
        [
            {"state": "offered", "recommended_priority": "1A"},
            {"state": "answered", "answered_by": "anna", "priority": "1A", "durability": "site"},
            {"state": "waiting", "priority": "2A", "review_due_at": "2020-01-01T00:00:00Z", "test": True},
            {"state": "waiting", "priority": "3", "review_due_at": "2099-01-01T00:00:00Z", "priority_disputed": True},
            {"state": "waiting", "priority": "4", "conflicts": ["k1"]},
            {"state": "answered", "answered_by": "bo", "priority": "H", "language": "engelska"},
        ],
        start=1,
    ):
        made = incident(serial, **more)
        site.log.incidents[made["id"]] = made
    site.log.units = {
        "319-3310": unit("319-3310", last_position={"latitude": 59, "longitude": 16, "at": "2020-01-01T00:00:00Z"}),
        "319-3320": unit("319-3320", "on_scene", incident_id="20261125-vas-000002"),
        "303-1110": unit("303-1110", centre="upp", grey=True, assignable=False),
        "319-3330": unit("319-3330", "out_of_service", emergency_since="2020-01-01T00:00:00Z"),
    }
    clash = {"id": "k1", "kind": "unit_twice", "state": "open", "outcome": "kept", "text": "Larmad två gånger", "level": 1}
    site.log.conflicts = [
        {**clash, "incidents": ["20261125-vas-000005"], "units": ["319-3310"], "detected_at": "2026-11-25T04:00:00Z"}
    ]
    site.log.centres = [
        centre("vas", "Västerås"),
        centre("upp", "Uppsala", calls={"authority": "vas", "why": "takeover"}, dispatch={"reachable": False}),
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_no_barrier_that_axe_can_find(browser: Browser, sites: Sites, theme: str) -> None:
    vas, _ = sites
    filled(vas)
    console = await ready(browser, vas, "supervisor", color_scheme=theme)
    await console.sees(".row")
    axe = Axe()
    found: list[str] = []
    for key, shown in (("s", ".row"), ("v", ".row"), ("e", ".row"), ("l", ".conflict"), ("?", "[role=dialog]")):
        await console.press(key)
        await console.sees(shown)
        if shown == ".row":
            await console.press("ArrowDown")
            await console.sees(".panel h2")
        result = await axe.run(console.page)
        found += [f"{key} {one['id']}: {one['nodes'][0]['html'][:160]}" for one in result.response["violations"]]
    assert found == []


async def test_everything_comes_from_the_sites_and_the_strictest_policy_holds(browser: Browser, sites: Sites) -> None:
    vas, upp = sites
    filled(vas)
    console = await ready(browser, vas, "supervisor")
    asked: set[str] = set()
    console.page.context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    await console.page.reload()
    await console.sees(".row")
    for key in ("v", "e", "l", "?"):
        await console.press(key)
    await console.sees("[role=dialog]")
    assert asked <= {urlsplit(vas.url).netloc, urlsplit(upp.url).netloc}
    assert console.faults == []


async def test_english_and_the_theme_are_kept(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    console = await ready(browser, vas)
    await console.press("m")
    await console.page.get_by_role("button", name="English").focus()
    await console.press("Enter")
    await console.sees("nav >> text=Waiting room")
    await console.page.reload()
    await console.sees("nav >> text=Waiting room")
    assert await console.page.evaluate("document.documentElement.dataset.theme + document.documentElement.lang") == "lighten"


async def test_narrow_or_zoomed_to_200_percent_nothing_is_cut_off(browser: Browser, sites: Sites) -> None:
    vas, _ = sites
    filled(vas)
    console = await ready(browser, vas, viewport={"width": 720, "height": 800})
    await console.sees(".row")
    await console.press("ArrowDown")
    await console.sees(".panel h2")
    for key in ("s", "v", "e", "l"):
        await console.press(key)
        assert await console.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), key
