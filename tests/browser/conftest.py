"""A Chromium for the gallery's tests, and archives on disk for it to open.

The browser is the system's: `XHARCHIVE_CHROMIUM` names it, or it is found on the PATH.

Browser and tests share one event loop for the session: Playwright's pages belong to the loop that made them.
"""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from support.gallery_files import write_gallery
from support.gallery_notes import a_note_page, many_cards
from support.gallery_visit import Visiting
from support.tools import chromium

_HERE = Path(__file__).parent
# No name of a host is looked up: a request that left the machine would fail at once and be seen.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Put this folder's tests on the session's loop, where the browser lives; they need it."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.needs("chromium"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start the system's Chromium once for all tests."""
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=chromium(), args=list(_ARGUMENTS))
        yield started
        await started.close()


@pytest.fixture
def visiting(browser: Browser) -> Visiting:
    """Visits to archives: `async with visiting(archive, locale="zh-CN") as visit`."""
    return Visiting(browser)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 130 notes in three data files and a note with real media, in a folder of an odd name."""
    folder = tmp_path_factory.mktemp("gallery") / "档案 #1 100% «a&b»'?"
    return write_gallery(folder, many_cards(130), a_note_page(), cards_per_file=50)


@pytest.fixture(scope="session")
def large_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 10,000 notes."""
    return write_gallery(tmp_path_factory.mktemp("large"), many_cards(10_000))
