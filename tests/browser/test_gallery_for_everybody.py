"""Both pages for every reader: two languages, two schemes, phones, paper, and what axe knows of access."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import expect
from support.gallery_files import NOTE
from support.gallery_visit import Visiting, played

PAGES = ("index.html", NOTE)
# Its preload asks for the stylesheet a second time, by a way that the page's policy rightly refuses.
AXE = {"preload": False}
PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_axe_finds_nothing(
    archive: Path, visiting: Visiting, path: str, scheme: str, locale: str
) -> None:
    """Landmarks, names, contrast (WCAG AA): axe-core has nothing to say in either scheme and language."""
    async with visiting(archive, color_scheme=scheme, locale=locale) as visit:
        page = await visit.open(path)
        if path == NOTE:
            await page.locator(".facts summary").click()
            await page.locator(".transcript summary").click()
            await page.locator(".picture .live").nth(1).press("Enter")
            await expect(page.locator(".cannot")).to_be_visible()
        found: Any = await Axe().run(page, options=AXE)
        assert found.response["violations"] == [], found.generate_report()


async def test_axe_finds_nothing_in_the_light_box(archive: Path, visiting: Visiting) -> None:
    """The dialog has a name, its buttons too."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.locator(".frame").first.click()
        await expect(page.locator(".lightbox")).to_be_visible()
        found: Any = await Axe().run(page, options=AXE)
        assert found.response["violations"] == [], found.generate_report()


async def test_the_words_are_those_of_the_reader(archive: Path, visiting: Visiting) -> None:
    """The browser's language first; the switch changes everything and is remembered."""
    async with visiting(archive, locale="zh-CN") as visit:
        page = await visit.open()
        await expect(page.locator("#count")).to_have_text("130 篇笔记")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        await page.locator("#language").click()
        await expect(page.locator("#count")).to_have_text("130 notes")
        await expect(page.locator("#sort option").first).to_have_text("Newest first")
        note = await visit.open(NOTE)
        await expect(note.locator("html")).to_have_attribute("lang", "en")
        await note.locator("#language").click()
        await expect(note.locator("#home")).to_contain_text("全部笔记")


@pytest.mark.parametrize("path", PAGES)
async def test_every_word_is_there_in_both_languages(archive: Path, visiting: Visiting, path: str) -> None:
    """No key without words; what the page says without a script is what the table says in English."""
    async with visiting(archive) as visit:
        page = await visit.open(path)
        tables: dict[str, dict[str, str]] = await page.evaluate("xharchive.WORDS")
        assert tables["en"].keys() == tables["zh"].keys()
        assert all(words.strip() for table in tables.values() for words in table.values())
        used = await page.evaluate(
            "[...document.querySelectorAll('[data-w], [data-w-label], [data-w-placeholder]')]"
            ".flatMap(at => [at.dataset.w, at.dataset.wLabel, at.dataset.wPlaceholder]).filter(Boolean)"
        )
        assert set(used) <= tables["en"].keys()
    async with visiting(archive, java_script_enabled=False) as visit:
        page = await visit._context.new_page()
        page.on("request", lambda request: visit.requests.append(request.url))
        await page.goto((archive / path).as_uri())
        for at in await page.locator("[data-w]").all():
            key = await at.get_attribute("data-w") or ""
            assert await at.text_content() == tables["en"][key], key


@pytest.mark.parametrize("path", PAGES)
async def test_the_colours_are_those_of_the_system_or_the_readers_choice(
    archive: Path, visiting: Visiting, path: str
) -> None:
    """Dark by system; the switch goes auto, light, dark, and is remembered."""
    async with visiting(archive, color_scheme="dark") as visit:
        page = await visit.open(path)
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = await page.evaluate(colour)
        await page.locator("#theme").click()
        light = await page.evaluate(colour)
        assert dark != light
        await page.reload()
        assert await page.evaluate(colour) == light
        await page.locator("#theme").click()
        assert await page.evaluate(colour) == dark


@pytest.mark.parametrize("path", PAGES)
async def test_a_phone_scrolls_one_way_only(archive: Path, visiting: Visiting, path: str) -> None:
    """Nothing is wider than a phone; the filters are folded away and open by a tap."""
    async with visiting(archive, viewport=PHONE, has_touch=True, is_mobile=True, locale="zh-CN") as visit:
        page = await visit.open(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        if path == "index.html":
            await expect(page.locator("#author")).to_be_hidden()
            await page.locator("#filters summary").tap()
            await expect(page.locator("#author")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        else:
            await page.locator(".picture .live").first.tap()
            await played(page)


@pytest.mark.parametrize("path", PAGES)
async def test_on_paper(archive: Path, visiting: Visiting, path: str) -> None:
    """No buttons, no bar, black on white, whatever the scheme; the pictures and words stay."""
    async with visiting(archive, color_scheme="dark") as visit:
        page = await visit.open(path)
        await page.emulate_media(media="print")
        await expect(page.locator(".bar")).to_be_hidden()
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        if path == NOTE:
            await expect(page.locator(".text")).to_be_visible()
            await expect(page.locator(".picture img").first).to_be_visible()
            await expect(page.locator(".live").first).to_be_hidden()
        assert (await page.pdf())[:5] == b"%PDF-"


async def test_nothing_jumps_while_pictures_arrive(archive: Path, visiting: Visiting) -> None:
    """Cards and pictures have their place before they are loaded: the layout never shifts."""
    async with visiting(archive) as visit:
        for path in PAGES:
            page = await visit.open(path)
            shift = await page.evaluate(
                "new Promise(done => new PerformanceObserver(list => done(list.getEntries().reduce("
                "(sum, entry) => sum + entry.value, 0))).observe({type: 'layout-shift', buffered: true})"
                " || setTimeout(done, 300, 0))"
            )
            assert shift < 0.02, path
