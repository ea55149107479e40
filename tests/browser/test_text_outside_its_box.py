"""Text that a page prints and a reader cannot see: cut off by a box, outside the window, or covered."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from support.gallery_files import NOTE, write_gallery
from support.gallery_notes import a_note_page
from support.gallery_visit import Visiting
from support.hidden_text import hidden_texts

WIDTHS = (360, 800, 1280)
LOCALES = ("en-US", "zh-CN")


async def open_everything(page: Page) -> None:
    """Unfold what a reader can unfold, and have the page show the notice for a film that cannot be played."""
    await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    if await page.locator(".picture .live").count():
        await page.locator(".picture .live").last.press("Enter")
        await expect(page.locator(".cannot")).to_be_visible()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["index.html", NOTE], ids=["index", "note"])
async def test_every_text_of_a_page_is_visible(
    archive: Path, visiting: Visiting, path: str, width: int, locale: str
) -> None:
    """Every text lies inside the boxes around it and inside the window, and nothing covers it."""
    async with visiting(archive, viewport={"width": width, "height": 800}, locale=locale) as visit:
        page = await visit.open(path)
        await open_everything(page)
        assert await hidden_texts(page) == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_note_page_shows_its_counts(tmp_path: Path, visiting: Visiting, width: int) -> None:
    """The numbers of likes, collects, comments and shares stand inside their list."""
    archive = write_gallery(tmp_path / "a", [], replace(a_note_page(), counts=(12345, 876, 0, 34)))
    async with visiting(archive, viewport={"width": width, "height": 800}) as visit:
        page = await visit.open(NOTE)
        await expect(page.locator(".words .counts dd")).to_have_text(["12,345", "876", "0", "34"])
        assert await page.locator(".words .counts").evaluate(
            "list => [...list.querySelectorAll('dd')].every("
            "dd => dd.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom)"
        )


async def test_the_check_finds_what_a_box_cuts_off(archive: Path, visiting: Visiting) -> None:
    """A text that is cut, one outside the window, and one under a cover are all reported."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.evaluate(
            """() => {
              const add = (style, text) => {
                const box = document.createElement("div");
                box.style.cssText = style;
                box.append(text);
                document.body.append(box);
                return box;
              };
              add("height: 1.5em; overflow: hidden", "").innerHTML = "<p>seen</p><p>cut off</p>";
              add("position: absolute; top: 0; left: -9rem; width: 8rem", "outside");
              add("height: 3em", "covered");
              add("position: relative; height: 3em; margin-top: -3em; background: red", "");
            }"""
        )
        assert [text.split(":")[0] for text in await hidden_texts(page)] == ["cut off", "outside", "covered"]
