"""Pages and small pictures that were damaged: a refresh or a rebuild makes them good."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.gallery_and_note_files import contents
from support.single_run import LIVE_NOTE, VIDEO_NOTE
from support.unprivileged import ordinary_rights


@pytest.fixture
def archive(world: FakeWorld, tmp_path: Path) -> Path:
    """Two notes with their gallery: of HEIFs that stay as they are there are pictures for the screen."""
    kept = ["--image-format", "keep", *world.with_gallery]
    assert run(["get", LIVE_NOTE, VIDEO_NOTE, "-d", tmp_path / "archive", *kept]).code == 0
    return tmp_path / "archive"


def refreshed(archive: Path, *arguments: str) -> tuple[int, int]:
    """Refresh; return how many pages and pictures were made."""
    told = json.loads(run(["gallery", "-d", archive, "--json", *arguments]).out)
    return told["pages"], told["pictures"]


def thumb(archive: Path) -> Path:
    """The thumbnail of a note."""
    return archive / "gallery" / "thumbs" / f"{LIVE_NOTE}.webp"


def screen(archive: Path) -> Path:
    """A picture that is made of the note's HEIF for the screen."""
    return next((archive / "gallery" / "screens" / LIVE_NOTE).iterdir())


def page(archive: Path) -> Path:
    """The note's page."""
    return folder_of(archive, LIVE_NOTE) / "index.html"


def zeros(content: bytes) -> bytes:
    return bytes(len(content))


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def blocks_missing(content: bytes) -> bytes:
    """The first block had arrived."""
    return content[:512] + bytes(len(content) - 512)


@pytest.mark.parametrize("damage", [zeros, half, blocks_missing])
def test_a_page_that_was_spoilt_is_made_again(archive: Path, damage: Callable[[bytes], bytes]) -> None:
    """Whatever its size; byte for byte as it was, and once."""
    before = contents(archive)
    page(archive).write_bytes(damage(page(archive).read_bytes()))
    assert refreshed(archive) == (1, 0)
    assert contents(archive) == before
    assert refreshed(archive) == (0, 0)


@pytest.mark.parametrize("damage", [zeros, half, blocks_missing])
@pytest.mark.parametrize("place", [thumb, screen])
def test_a_rebuild_makes_a_spoilt_picture_again(
    archive: Path, place: Callable[[Path], Path], damage: Callable[[bytes], bytes]
) -> None:
    """No refresh opens the pictures that are there (decision 0036)."""
    before = contents(archive)
    spoilt = place(archive)
    spoilt.write_bytes(damage(spoilt.read_bytes()))
    assert refreshed(archive) == (0, 0)
    assert refreshed(archive, "--rebuild") != (0, 0)
    assert contents(archive) == before


def test_an_index_of_zeros_is_ours(archive: Path) -> None:
    """It is no page of somebody else, which would be left alone."""
    before = contents(archive)
    index = archive / "index.html"
    index.write_bytes(zeros(index.read_bytes()))
    assert run(["gallery", "-d", archive]).code == 0
    assert contents(archive) == before


@pytest.mark.parametrize("loss", ["the file", "its content", "the folder", "all folders"])
def test_a_lost_screen_picture_is_made_again(archive: Path, loss: str) -> None:
    """By the next refresh, as a lost thumbnail is; and nothing else."""
    before = contents(archive)
    lost = len(list(archive.glob("gallery/screens/*/*"))) if loss == "all folders" else 1
    if loss == "its content":
        screen(archive).write_bytes(b"")
    elif loss == "the file":
        screen(archive).unlink()
    else:
        shutil.rmtree(screen(archive).parent if loss == "the folder" else screen(archive).parent.parent)
    assert refreshed(archive) == (0, lost)
    assert contents(archive) == before
    assert refreshed(archive) == (0, 0)


def test_screen_pictures_that_may_not_be_read_end_the_refresh(archive: Path) -> None:
    """In one sentence that names their folder."""
    folder = screen(archive).parent
    folder.chmod(0)
    with ordinary_rights():
        ran = run(["gallery", "-d", archive])
    folder.chmod(0o755)
    assert (ran.code, str(folder) in ran.err) == (5, True)


def test_a_page_that_could_not_be_written_is_written_later(archive: Path) -> None:
    """As soon as the rights allow it, although the note has not changed since."""
    before = contents(archive)
    folder = folder_of(archive, LIVE_NOTE)
    page(archive).unlink()
    folder.chmod(0o555)
    with ordinary_rights():
        for _ in range(2):
            ran = run(["gallery", "-d", archive])
            assert (ran.code, "0 pages" in ran.out, str(folder) in ran.err) == (5, True, True)
    folder.chmod(0o755)
    assert refreshed(archive) == (1, 0)
    assert contents(archive) == before


def test_what_is_not_the_gallery_s_is_left_alone(archive: Path, tmp_path: Path) -> None:
    """Files of other names, what a link leads to, and what a linked folder holds: be it nothing but zeros."""
    thumbs, screens = archive / "gallery" / "thumbs", archive / "gallery" / "screens"
    elsewhere = (screens / LIVE_NOTE).rename(tmp_path / "elsewhere")
    mine = [elsewhere / "mine.webp", elsewhere / "01.heic.webp", thumbs / "mine.webp", screens / "mine.webp"]
    for file in mine:
        file.write_bytes(bytes(90))
    (screens / LIVE_NOTE).symlink_to(elsewhere)
    thumb(archive).unlink()
    (thumbs / "linked.webp").symlink_to(elsewhere / "mine.webp")
    assert run(["gallery", "-d", archive]).code == 0
    assert [file.read_bytes() for file in mine] == [bytes(90)] * len(mine)
    assert (thumbs / "linked.webp").is_symlink()
    assert thumb(archive).is_file(), "the note was read again all the same"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("place", [thumb, page])
def test_a_pipe_holds_nobody_up(archive: Path, place: Callable[[Path], Path]) -> None:
    """Planted in the place of a picture or a page."""
    before = contents(archive)
    planted = place(archive)
    planted.unlink()
    os.mkfifo(planted)
    assert run(["gallery", "-d", archive]).code == 0
    assert place is thumb or contents(archive) == before
