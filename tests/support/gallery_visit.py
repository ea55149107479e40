"""A reader's visit to a gallery, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

__all__ = ["Visit", "Visiting", "played", "until"]

PATIENCE = 30_000  # milliseconds; a slow machine is no failure

# Films of tests are shorter than a busy machine may take to look at them: what ran is kept.
KEEP_WHAT_RAN = """addEventListener("timeupdate", ({ target }) => {
  if (target.currentTime < 0.05 || !target.matches(".motion")) return;
  const button = target.closest(".picture").querySelector(".live");
  window.ran = { muted: target.muted, pressed: button.getAttribute("aria-pressed") };
}, true)"""


async def until(page: Page, expression: str) -> None:
    """Wait until JavaScript finds something true.

    Playwright's own `wait_for_function` evaluates text inside the page, which the page's policy forbids.
    """
    for _ in range(PATIENCE // 20):
        if await page.evaluate(expression):
            return
        await page.wait_for_timeout(20)
    raise AssertionError(f"never came true: {expression}")


async def played(page: Page) -> dict[str, Any]:
    """Wait until a live photo's film really ran; whether it was `muted`, and how its button was `pressed`."""
    await until(page, "window.ran")
    ran: dict[str, Any] = await page.evaluate("window.ran")
    return ran


class Visit:
    """A reader's visit to an archive: opens its pages, keeps what the console said and what was asked for."""

    def __init__(self, context: BrowserContext, archive: Path) -> None:
        self._context = context
        self._archive = archive
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def open(self, path: str = "index.html", fragment: str = "", *, script: str = "") -> Page:
        """Open a page of the archive and wait until its scripts have read everything.

        `script` runs before those of the page.
        """
        page = await self._context.new_page()
        page.set_default_timeout(PATIENCE)
        await page.add_init_script(KEEP_WHAT_RAN)
        await page.add_init_script(script)
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        address = (self._archive / path).as_uri() + (f"#{fragment}" if fragment else "")
        await page.goto(address)
        if path == "index.html":
            await page.wait_for_selector("main[data-ready]", state="attached")
        return page

    def assert_calm(self) -> None:
        """Nothing was complained about, and nothing left the files."""
        assert not self.complaints, self.complaints
        assert self.requests
        outside = [url for url in self.requests if not url.startswith("file:")]
        assert not outside, outside


class Visiting:
    """Visits to archives, each in a browser context of its own; every one of them must stay calm."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        expect.set_options(timeout=PATIENCE)

    @asynccontextmanager
    async def __call__(self, archive: Path, **options: Any) -> AsyncIterator[Visit]:
        """Visit an archive; `options` are those of Playwright's `new_context`."""
        settings = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **options}
        context = await self._browser.new_context(**settings)
        visit = Visit(context, archive)
        try:
            yield visit
            visit.assert_calm()
        finally:
            await context.close()
