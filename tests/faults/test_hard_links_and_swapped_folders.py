"""Files and folders of an archive that are something else too: hard links, and folders swapped meanwhile."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE

STATE = [
    *("lock", "holder.json", "ledger.jsonl", "wanted.txt", "wanted.txt.tmp", "gallery.stale"),
    *("catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-journal", "gallery.sqlite3"),
    "gallery.sqlite3-journal",
]
NOTE = ["manifest.json", "manifest.json.tmp", "note.md", "index.html", "01.heic", "01.jpg", "replies/v1.json"]
GALLERY = ["index.html", "gallery/index.js", "gallery/gallery.css", f"gallery/thumbs/{LIVE_NOTE}.webp"]
PLACES = [*(f".xharchive/{name}" for name in STATE), *(f"NOTE/{name}" for name in NOTE), *GALLERY]
COMMANDS = [["get", LIVE_NOTE, VIDEO_NOTE], ["gallery"], ["reindex"], ["get", LIVE_NOTE]]


@pytest.mark.parametrize("place", PLACES)
def test_a_file_with_a_second_name_elsewhere_is_not_written_into(
    world: FakeWorld, tmp_path: Path, place: str
) -> None:
    """Whatever is written in its place is a new file: a snapshot, or somebody's file outside, stays."""
    archive = tmp_path / "archive"
    assert run(["get", LIVE_NOTE, "-d", archive, *world.with_gallery]).code == 0
    file = archive / place.replace("NOTE", folder_of(archive, LIVE_NOTE).name)
    outside = tmp_path / "outside"
    outside.write_bytes(file.read_bytes() if file.exists() else b"somebody's\n")
    before = outside.read_bytes()
    file.unlink(missing_ok=True)
    os.link(outside, file)
    for command in COMMANDS:
        options = world.with_gallery if command[0] == "get" else []
        assert run([*command, "-d", archive, *options]).code in (0, 3, 5)
    assert outside.read_bytes() == before


@contextmanager
def swapping(folder: Path, elsewhere: Path) -> Iterator[None]:
    """Put a link to `elsewhere` in the place of a folder and back, over and over, until the block ends."""
    over = threading.Event()
    aside, link = folder.with_name("aside"), folder.with_name("link")
    if aside.exists():
        shutil.rmtree(aside)
    link.symlink_to(elsewhere)

    def swap() -> None:
        while not over.is_set():
            try:
                folder.rename(aside)
                link.rename(folder)
                folder.rename(link)
                aside.rename(folder)
            except OSError:  # a command made the folder anew meanwhile
                over.wait(0.001)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        over.set()
        swapper.join()
        for place in (link, folder):
            if place.is_symlink():
                place.unlink()
        if aside.exists() and not folder.exists():
            aside.rename(folder)


@pytest.mark.parametrize("place", ["NOTE", "NOTE/replies", "gallery", "gallery/thumbs", ".xharchive/work"])
def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(
    world: FakeWorld, tmp_path: Path, place: str
) -> None:
    """However often while commands run: nothing appears or changes where the link leads."""
    archive, victim = tmp_path / "archive", tmp_path / "victim"
    victim.mkdir()
    assert run(["get", LIVE_NOTE, "-d", archive, *world.with_gallery]).code == 0
    name = folder_of(archive, LIVE_NOTE).name
    for file in ("manifest.json", "01.heic", "index.html", "v1.json"):
        (victim / file).write_bytes(b"precious")
    before = {path.name: path.read_bytes() for path in victim.iterdir()}
    folder = archive / place.replace("NOTE", name)
    folder.mkdir(exist_ok=True)
    for _ in range(2):
        (archive / name / "01.heic").unlink(missing_ok=True)  # so that there is something to do
        with swapping(folder, victim):
            for command in (["get", LIVE_NOTE], ["gallery", "--rebuild"]):
                options = world.with_gallery if command[0] == "get" else []
                assert run([*command, "-d", archive, *options]).code in (0, 3, 5)
    assert {path.name: path.read_bytes() for path in victim.iterdir()} == before
