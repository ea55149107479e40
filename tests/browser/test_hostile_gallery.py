"""Prepared archives in a real browser: once the gallery was refreshed, no script of theirs runs."""

import pytest
from support.gallery_visit import Visiting
from support.hostile.galleries import PAGES
from support.hostile.gallery_databases import GALLERY_DATABASES
from support.hostile.judge import LIMITS, PROGRAM, run_limited
from support.hostile.notes import FOLDERS, MANIFESTS
from support.hostile.scene import SCRIPT, Scene
from support.hostile.sqlite_files import Builder

_ARCHIVES = {
    **PAGES,
    **{name: build for name, build in {**MANIFESTS, **FOLDERS}.items() if "script" in name},
    **{name: build for name, build in GALLERY_DATABASES.items() if "script" in name},
    "two folders of one id": FOLDERS["two folders of one id"],
}
_LISTENS = """
window.ran = [];
window.hostile = () => { window.ran.push("hostile()"); document.title = "HOSTILE"; };
addEventListener("securitypolicyviolation", ({ blockedURI }) => window.ran.push(`refused: ${blockedURI}`));
"""


@pytest.mark.parametrize("build", _ARCHIVES.values(), ids=_ARCHIVES)
async def test_no_script_of_a_prepared_archive_runs(scene: Scene, visiting: Visiting, build: Builder) -> None:
    """Neither in the index nor on a note's page, and nobody is asked for anything."""
    scene.prepare(build)
    ended = run_limited([*PROGRAM, "gallery", "-d", "."], scene, LIMITS)
    assert ended.code == 0, ended.err.decode()
    pages = sorted(page.relative_to(scene.archive).as_posix() for page in scene.archive.glob("*/index.html"))
    assert pages
    async with visiting(scene.archive) as visit:
        for path in ("index.html", *pages):
            page = await visit.open(path, script=_LISTENS)
            assert await page.evaluate("window.ran") == [], path
            assert "HOSTILE" not in await page.title()
            assert await page.locator("script:not([src])").count() == 0, path
    assert scene.listener.connections() == 0


async def test_a_script_that_runs_is_seen(scene: Scene, visiting: Visiting) -> None:
    """The proof itself: a page that nobody made again runs its script."""
    page = scene.archive / "index.html"
    page.write_text(f"<!DOCTYPE html><title>x</title><main data-ready></main>{SCRIPT}", "utf-8")
    async with visiting(scene.archive) as visit:
        opened = await visit.open(script=_LISTENS)
        assert await opened.evaluate("window.ran") == ["hostile()"]
        assert await opened.title() == "HOSTILE"
