"""Filters of the index page that split one place in two, end without a word, or slide under the bar."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from support.gallery_files import write_gallery
from support.gallery_notes import a_card, many_cards
from support.gallery_visit import Visiting

PLACES = (
    "浙江",
    "Zhejiang",
    "浙江省",
    "zhejiang",
    "香港",
    "中国香港",
    "Hong Kong",
    "美国",
    "United States",
    "火星",
)
IN_ENGLISH = {"All", "Zhejiang (4)", "Hong Kong (3)", "United States (2)", "火星 (1)"}
IN_CHINESE = {"全部", "浙江 (4)", "中国香港 (3)", "美国 (2)", "火星 (1)"}


async def options(page: Page, facet: str) -> Sequence[str]:
    return await page.locator(f"#{facet} option").all_text_contents()


@pytest.mark.parametrize(("locale", "names"), [("en-US", IN_ENGLISH), ("zh-CN", IN_CHINESE)])
async def test_a_place_is_one_place_in_either_language(
    tmp_path: Path, visiting: Visiting, locale: str, names: set[str]
) -> None:
    """Both names are one filter, in the page's language; a place that is not known keeps its name."""
    cards = [replace(a_card(number), place=place) for number, place in enumerate(PLACES)]
    async with visiting(write_gallery(tmp_path / "a", cards), locale=locale) as visit:
        page = await visit.open()
        assert set(await options(page, "place")) == names
        await page.locator("#place").select_option("浙江")
        await expect(page.locator(".card")).to_have_count(4)
        by_link = await visit.open(fragment="place=Zhejiang")
        await expect(by_link.locator(".card")).to_have_count(4)
        await expect(by_link.locator("#place")).to_have_value("浙江")
        by_word = await visit.open(fragment="q=Hong+Kong")
        await expect(by_word.locator(".card")).to_have_count(3)


@pytest.mark.parametrize(
    ("authors", "last"),
    [
        (300, "Author 299 (1)"),
        (301, "1 more: find it by the search"),
        (1500, "1,200 more: find them by the search"),
    ],
)
async def test_a_long_list_of_authors_says_how_many_more_there_are(
    tmp_path: Path, visiting: Visiting, authors: int, last: str
) -> None:
    """It has three hundred; what is beyond them is counted, and found by the search."""
    cards = [
        replace(a_card(number), author=f"Author {number:03}", author_id=f"{number:024}")
        for number in range(authors)
    ]
    async with visiting(write_gallery(tmp_path / "a", cards)) as visit:
        page = await visit.open()
        assert (await options(page, "author"))[-1] == last
        await page.locator("#q").fill(f"Author {authors - 1:03}")
        await expect(page.locator(".card")).to_have_count(1)


async def test_an_author_beyond_the_list_can_be_chosen_by_a_link(tmp_path: Path, visiting: Visiting) -> None:
    """Who is listed because of it is not counted among the others."""
    cards = [
        replace(a_card(number), author=f"Author {number:03}", author_id=f"{number:024}")
        for number in range(302)
    ]
    async with visiting(write_gallery(tmp_path / "a", cards)) as visit:
        page = await visit.open(fragment=f"author={301:024}")
        await expect(page.locator(".card")).to_have_count(1)
        await expect(page.locator("#author option:checked")).to_have_text("Author 301 (1)")
        assert (await options(page, "author"))[-1] == "1 more: find it by the search"


# The filters and the bar, and whether a filter's box touches the bar's.
COVERED_FILTERS = """() => {
  const bar = document.querySelector(".bar").getBoundingClientRect();
  return [...document.querySelectorAll(".facet, #count, #filters summary")]
    .filter((each) => each.checkVisibility())
    .filter((each) => each.getBoundingClientRect().top < bar.bottom - 1
      && each.getBoundingClientRect().bottom > bar.top + 1)
    .map((each) => each.textContent);
}"""


@pytest.mark.parametrize("size", [(360, 740), (740, 360), (800, 800), (1280, 800)])
async def test_no_filter_lies_under_the_bar_wherever_the_page_is_scrolled(
    archive: Path, visiting: Visiting, size: tuple[int, int]
) -> None:
    """Bar and filters stay at the top together, or leave the window together."""
    width, height = size
    async with visiting(archive, viewport={"width": width, "height": height}) as visit:
        page = await visit.open()
        await page.evaluate("document.getElementById('filters').open = true")
        for top in range(0, 400, 25):
            await page.evaluate(f"scrollTo(0, {top})")
            assert await page.evaluate(COVERED_FILTERS) == [], f"scrolled by {top}"


async def test_a_card_that_gets_the_focus_does_not_lie_under_the_bar(
    archive: Path, visiting: Visiting
) -> None:
    """Upward by the arrow keys, each card stands below the bar and the filters as a whole."""
    async with visiting(archive) as visit:
        page = await visit.open()
        await page.keyboard.press("/")
        for key in ("ArrowDown", *["ArrowDown"] * 5, *["ArrowUp"] * 4):
            await page.keyboard.press(key)
        assert await page.evaluate("scrollY") > 0
        assert await page.evaluate(
            "document.activeElement.getBoundingClientRect().top >="
            " document.querySelector('header').getBoundingClientRect().bottom - 1"
        )


async def test_chinese_pages_use_one_word_for_one_thing(archive: Path, visiting: Visiting) -> None:
    """归档 is the archive, 用途 what a file is for."""
    async with visiting(archive, locale="zh-CN") as visit:
        page = await visit.open()
        words = await page.evaluate("Object.values(xharchive.WORDS.zh).join(' ')")
        assert "档案" not in words
        assert "存档" not in words
        assert "角色" not in words
        await expect(page.locator(".wordmark")).to_have_text("归档")


async def test_one_note_is_not_called_notes(tmp_path: Path, visiting: Visiting) -> None:
    """In a gallery of one note, searched or not."""
    async with visiting(write_gallery(tmp_path / "a", many_cards(1))) as visit:
        page = await visit.open()
        await expect(page.locator("#count")).to_have_text("1 note")
        await page.locator("#q").fill("nothing of the kind")
        await expect(page.locator("#count")).to_have_text("0 of 1 note")
