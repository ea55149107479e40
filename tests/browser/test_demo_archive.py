"""The demo archive, as a new user opens it after `xharchive demo`, and the screenshots of the README.

`make screenshots` has these tests write their pictures into `docs/pictures` (XHARCHIVE_SCREENSHOTS); else
they are written where pytest keeps its files.
"""

import os
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image
from playwright.async_api import Page, expect
from support.command import Ran, folder_of
from support.gallery_visit import Visiting, until

LIVE = "69aed4e2000000000e00c358"
HOSTILE = "6a1d8bee000000000f02c1a4"
SHOWN = 19
"""The notes of the demo, but for the one that is empty."""


@pytest.fixture(scope="session")
def demo(first_demo: tuple[Ran, Path]) -> Path:
    """The archive that `xharchive demo` makes."""
    return first_demo[1]


@pytest.fixture(scope="session")
def folders(demo: Path) -> list[str]:
    """The folders that have a page."""
    return sorted(path.parent.name for path in demo.glob("2*/index.html"))


@pytest.fixture
def moved(demo: Path, tmp_path: Path) -> Path:
    """The archive under a name that is hard on addresses, without its own folder."""
    copy = tmp_path / "移动 & #1?"
    copy.mkdir()
    for path in demo.iterdir():
        if path.name != ".xharchive":
            (copy / path.name).symlink_to(path)
    return copy


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go."""
    wanted = os.environ.get("XHARCHIVE_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def shoot(page: Page, target: Path) -> None:
    """Take a picture of what a reader sees, small enough for a README."""
    await page.wait_for_timeout(200)
    with Image.open(BytesIO(await page.screenshot())) as taken:
        assert len(taken.convert("RGB").getcolors(1 << 24) or ()) > 1000, "nothing but plain surfaces"
        taken.convert("RGB").save(target, "WEBP", quality=86, method=6)


async def drawn(page: Page) -> None:
    """Wait until every picture in sight is there."""
    await until(
        page,
        "[...document.images].filter(i => i.getClientRects().length"
        " && i.getBoundingClientRect().top < innerHeight).every(i => i.complete && i.naturalWidth > 0)",
    )


def missing(addresses: set[str]) -> list[str]:
    """Which of these are no file or folder."""
    return [address for address in addresses if not Path(unquote(urlsplit(address).path)).exists()]


async def test_the_index_shows_every_note(visiting: Visiting, demo: Path, pictures: Path) -> None:
    """All but the empty one, with pictures, in light and in dark, found by a word of one character."""
    async with visiting(demo, color_scheme="light") as visit:
        page = await visit.open()
        assert await page.locator("#cards > *").count() == SHOWN
        days = await page.locator("#cards time").all_text_contents()
        assert len(days) == SHOWN
        assert not any(":" in day for day in days), "a card has room for the day only"
        await drawn(page)
        await shoot(page, pictures / "gallery.webp")
        await page.locator("#q").fill("豫")
        await until(page, "document.querySelectorAll('#cards > *').length === 1")
        await expect(page.locator("#cards")).to_contain_text("豫园")
    async with visiting(demo, color_scheme="dark", locale="zh-CN") as visit:
        page = await visit.open()
        await drawn(page)
        await shoot(page, pictures / "gallery-dark.webp")


async def test_a_note_can_be_read(visiting: Visiting, demo: Path, pictures: Path) -> None:
    """From its card to its page, and back."""
    async with visiting(demo, viewport={"width": 1280, "height": 900}) as visit:
        page = await visit.open()
        await page.locator(f"#cards a[href*='{LIVE}']").first.click()
        await page.wait_for_url("**/2026-03-09_*/index.html")
        await drawn(page)
        assert await page.locator("h1").inner_text() == "被豫园的氛围感硬控了"
        await shoot(page, pictures / "note.webp")
        await page.go_back()
        await page.wait_for_selector("main[data-ready]", state="attached")


async def test_on_a_phone(visiting: Visiting, demo: Path, pictures: Path) -> None:
    """Nothing is wider than the screen."""
    phone = {"width": 390, "height": 780}
    async with visiting(demo, viewport=phone, device_scale_factor=2, locale="zh-CN") as visit:
        page = await visit.open()
        await drawn(page)
        await shoot(page, pictures / "gallery-phone.webp")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_every_page_is_calm_and_every_link_leads_somewhere(
    visiting: Visiting, demo: Path, folders: list[str]
) -> None:
    """No complaint, no request to a network, no picture or page that is not there; no title does anything."""
    assert len(folders) == SHOWN
    async with visiting(demo) as visit:
        for folder in folders:
            page = await visit.open(f"{folder}/index.html")
            addresses = await page.evaluate(
                "[...document.querySelectorAll('a[href], img[src], video[src], source[src], audio[src]')]"
                ".map(e => e.href || e.src)"
            )
            files = {address for address in addresses if address.startswith("file:")}
            assert not missing(files)
            await page.close()
        page = await visit.open(f"{folder_of(demo, HOSTILE).name}/index.html")
        assert await page.evaluate("document.querySelectorAll('script:not([src])').length") == 0


async def test_a_copy_without_its_state_works_the_same(visiting: Visiting, moved: Path) -> None:
    """Moved to a folder of an odd name, its own folder left behind."""
    async with visiting(moved) as visit:
        page = await visit.open()
        await drawn(page)
        assert await page.locator("#cards > *").count() == SHOWN
