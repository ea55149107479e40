"""A note's page in a real browser, from file://: light box, live photos, films, subtitles, hostile words."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect
from support.gallery_files import NOTE, write_gallery
from support.gallery_notes import HOSTILE_TEXTS, a_note_page
from support.gallery_visit import Visiting, played

from xharchive.gallery.pages import TextSpan, Video

COUNTER = ".lightbox .counter"


async def test_the_light_box_by_keyboard(archive: Path, visiting: Visiting) -> None:
    """Enter opens, arrows turn, + and - zoom, Esc closes and gives the focus back to the picture."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.locator(".frame").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(COUNTER)).to_have_text("1 / 4")
        await expect(page.locator(".lightbox .back")).to_be_disabled()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(COUNTER)).to_have_text("3 / 4")
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator(".stage img")).to_have_attribute("alt", f"{a_note_page().title} · 2 / 4")
        await page.keyboard.press("+")
        await expect(page.locator(".lightbox")).to_contain_class("near")
        assert "scale(1.6)" in await page.locator(".stage img").evaluate("image => image.style.transform")
        await page.keyboard.press("-")
        await expect(page.locator(".lightbox")).not_to_contain_class("near")
        await page.keyboard.press("Escape")
        await expect(page.locator(".lightbox")).to_be_hidden()
        await expect(page.locator(".frame").nth(1)).to_be_focused()


async def test_the_light_box_by_hand(archive: Path, visiting: Visiting) -> None:
    """Click opens, a swipe turns, wheel and double click zoom, a drag moves the near picture."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.locator(".frame").first.click()
        await expect(page.locator(COUNTER)).to_have_text("1 / 4")
        await page.mouse.move(800, 400)
        await page.mouse.down()
        await page.mouse.move(500, 405, steps=4)
        await page.mouse.up()
        await expect(page.locator(COUNTER)).to_have_text("2 / 4")
        await page.mouse.dblclick(640, 400)
        await expect(page.locator(".lightbox")).to_contain_class("near")
        await page.mouse.down()
        await page.mouse.move(700, 450, steps=3)
        await page.mouse.up()
        await expect(page.locator(COUNTER)).to_have_text("2 / 4")
        assert "translate(60px, 50px)" in await page.locator(".stage img").evaluate("i => i.style.transform")
        await page.mouse.dblclick(640, 400)
        await expect(page.locator(".lightbox")).not_to_contain_class("near")
        await page.mouse.wheel(0, -100)
        await expect(page.locator(".lightbox")).to_contain_class("near")
        await page.locator(".lightbox-bar .close").click()
        await expect(page.locator(".lightbox")).to_be_hidden()


async def test_a_live_photo_plays_by_its_button(archive: Path, visiting: Visiting) -> None:
    """The button plays the film over the still; at its end the still is back."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        button = page.locator(".picture .live").first
        await button.focus()
        await page.keyboard.press("Enter")
        assert await played(page) == {"muted": False, "pressed": "true"}
        await expect(page.locator(".motion")).to_have_count(0)
        await expect(button).to_have_attribute("aria-pressed", "false")


async def test_a_live_photo_plays_under_the_pointer(archive: Path, visiting: Visiting) -> None:
    """A resting pointer plays it without sound; a reader who asked for calm is left in calm."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.locator(".frame").nth(1).hover()
        assert (await played(page))["muted"]
        await page.mouse.move(0, 0)
        await expect(page.locator(".motion")).to_have_count(0)
    async with visiting(archive, reduced_motion="reduce") as visit:
        page = await visit.open(NOTE)
        await page.locator(".frame").nth(1).hover()
        await page.wait_for_timeout(400)
        await expect(page.locator(".motion")).to_have_count(0)


async def test_a_live_photo_that_the_browser_cannot_show(archive: Path, visiting: Visiting) -> None:
    """HEVC: the still stays, a sentence tells of the file and of `xharchive preview`."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        figure = page.locator(".picture").nth(2)
        await figure.locator(".live").press("Enter")
        notice = figure.locator(".cannot")
        await expect(notice).to_contain_text("This browser cannot show")
        await expect(notice.locator("code").first).to_have_text("xharchive preview")
        await expect(notice.locator("a").first).to_have_attribute("href", "03.mp4")
        await expect(figure.locator("img")).to_be_visible()
        await expect(figure.locator(".motion")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "shown", "not_shown"),
    [
        ("en-US", "This browser cannot show", "此浏览器无法播放"),
        ("zh-CN", "此浏览器无法播放", "This browser cannot show"),
    ],
)
async def test_what_cannot_be_shown_is_said_in_the_language_of_the_page(
    archive: Path, visiting: Visiting, locale: str, shown: str, not_shown: str
) -> None:
    """In that language alone, and in the other one after the reader has changed it."""
    async with visiting(archive, locale=locale) as visit:
        page = await visit.open(NOTE)
        await page.locator(".picture").nth(2).locator(".live").press("Enter")
        notice = page.locator(".cannot")
        await expect(notice).to_contain_text(shown)
        await expect(notice).not_to_contain_text(not_shown)
        await page.locator("#language").click()
        await expect(notice).to_contain_text(not_shown)
        await expect(notice).not_to_contain_text(shown)
        await expect(notice.locator("a")).to_have_attribute("href", "03.mp4")


async def test_a_preview_stands_in_for_what_cannot_be_shown(tmp_path: Path, visiting: Visiting) -> None:
    """With an H.264 preview the reader sees it and no apology, for live photos and for videos."""
    page_ = a_note_page()
    third = replace(page_.pictures[2], motion_preview="02.mp4")
    video = Video("hevc.mp4", "cover.jpg", preview="video.mp4", width=96, height=64)
    told = replace(page_, pictures=(*page_.pictures[:2], third), videos=(video,))
    async with visiting(write_gallery(tmp_path / "a", [], told)) as visit:
        page = await visit.open(NOTE)
        await expect(page.locator(".film video")).to_have_attribute("src", "video.mp4")
        await page.locator(".live").nth(1).click()
        await played(page)
        await expect(page.locator(".cannot")).to_have_count(0)


async def test_a_video_that_the_browser_cannot_show(tmp_path: Path, visiting: Visiting) -> None:
    """Chromium says no error for HEVC, the film only has no width: the cover and the sentence stand there."""
    told = replace(a_note_page(), videos=(Video("hevc.mp4", "cover.jpg", width=96, height=64),))
    async with visiting(write_gallery(tmp_path / "a", [], told)) as visit:
        page = await visit.open(NOTE)
        await expect(page.locator(".film .cannot a").first).to_have_attribute("href", "hevc.mp4")
        await expect(page.locator(".film .still")).to_be_visible()
        await expect(page.locator(".film video")).to_have_count(0)


async def test_a_video_shows_its_subtitles(archive: Path, visiting: Visiting) -> None:
    """The page makes cues of its own lines, as words and not as markup."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        texts = await page.locator(".film video").evaluate(
            "v => [...v.textTracks[0].cues].map(c => [c.startTime, c.endTime, c.getCueAsHTML().textContent])"
        )
        assert texts == [[0, 0.9, "你好 <b>灯会</b> & 我"], [1, 2, "再见"]]
        assert await page.locator(".film video").evaluate("video => video.textTracks[0].mode") == "showing"


async def test_tags_and_author_lead_into_the_search(archive: Path, visiting: Visiting) -> None:
    """A tag's link opens the index with the notes of that tag, an author's with the author's."""
    async with visiting(archive) as visit:
        page = await visit.open(NOTE)
        await page.locator(".text a").last.click()
        await expect(page.locator("#tag")).to_have_value("灯会")
        await expect(page.locator("#count")).to_have_text("26 of 130 notes")
        await page.go_back()
        await page.locator(".byline a").click()
        await expect(page.locator("#author")).to_have_value("5f0e01")


async def test_the_page_is_whole_without_scripts(archive: Path, visiting: Visiting) -> None:
    """Text, pictures, film, facts: nothing of a note needs JavaScript."""
    async with visiting(archive, java_script_enabled=False) as visit:
        page = await visit.open(NOTE)
        await expect(page.locator(".text")).to_contain_text("下午四点到的。")
        await expect(page.locator(".picture img")).to_have_count(3)
        await page.locator(".facts summary").click()
        await expect(page.locator(".digest")).to_be_visible()
        await expect(page.locator("button")).to_have_count(2)
        await expect(page.locator("#theme")).to_be_hidden()


async def test_hostile_words_do_nothing(tmp_path: Path, visiting: Visiting) -> None:
    """Every text that ever broke a gallery is only shown, in every place of the page at once."""
    text = " ".join(HOSTILE_TEXTS)
    hostile = replace(
        a_note_page(),
        title=text,
        author=text,
        place=text,
        pieces=(TextSpan(text), TextSpan(text, "javascript:alert(1)")),
        tags=(TextSpan(text, "../index.html#tag=x"),),
        switches=(text,),
    )
    async with visiting(
        write_gallery(tmp_path / "a", [], hostile), viewport={"width": 390, "height": 800}
    ) as visit:
        page = await visit.open(NOTE)
        await expect(page.locator("h1")).to_contain_text("<img src=x onerror=alert(1)>")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.locator(".frame").first.click()
        await expect(page.locator(COUNTER)).to_have_text("1 / 4")
