"""A console in a browser, and what a test does with it."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from support.fake_console_api import STATIC, token

CHROMIUM = shutil.which("chromium")
CHROMIUM_FLAGS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
  console.error(`Content Security Policy: ${effectiveDirective} ${blockedURI} ${sample}`));
"""
"""The browser's own words for it change; this event does not."""


def skip_without_browser() -> None:
    """Skips a test where there is no chromium, or no built console, with a line that says what to do."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install --no-install-recommends chromium")
    if not (STATIC / "index.html").is_file():
        pytest.skip("the console is not built here: make console")


class Console:
    """A console in a browser, used by keyboard alone."""

    def __init__(self, page: Page, faults: list[str]) -> None:
        self.page, self.faults = page, faults

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def sees(self, selector: str, within_seconds: float = 5) -> None:
        """Waits for something to be in sight."""
        await self.page.locator(selector).first.wait_for(state="visible", timeout=within_seconds * 1000)

    async def misses(self, selector: str, within_seconds: float = 5) -> None:
        """Waits for something to be out of sight."""
        await self.page.locator(selector).first.wait_for(state="hidden", timeout=within_seconds * 1000)

    async def count(self, selector: str) -> int:
        return await self.page.locator(selector).count()

    async def rows(self) -> list[str]:
        """The ids in the list, from above."""
        rows = await self.page.locator(".row").all()
        return [str(await row.get_attribute("data-id")) for row in rows]


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A browser of its own; closed with the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def open_console(browser: Browser, url: str, bearer: str | None = None, **options: Any) -> Console:
    """A console on its own profile, signed in by the address; what the page throws or the policy refuses is kept."""
    context = await browser.new_context(
        **{
            "locale": "sv-SE",
            "timezone_id": "Europe/Stockholm",
            "viewport": {"width": 1440, "height": 900},
            "color_scheme": "dark",
            "reduced_motion": "reduce",
            **options,
        }
    )
    await context.add_init_script(TELL_VIOLATIONS)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    await page.goto(f"{url}/#token={bearer or token()}")
    return Console(page, faults)
