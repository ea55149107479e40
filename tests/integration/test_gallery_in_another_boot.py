"""The machine was started anew, and nobody knows why: what a power cut may have spoilt is looked into."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.gallery_found import contents
from support.one_run import LIVE_NOTE, VIDEO_NOTE


@pytest.fixture
def archive(world: FakeWorld, tmp_path: Path) -> Path:
    """Two notes with their gallery: of HEIFs that stay as they are there are pictures for the screen."""
    kept = ["--image-format", "keep", *world.with_gallery]
    assert run(["get", LIVE_NOTE, VIDEO_NOTE, "-d", tmp_path / "archive", *kept]).code == 0
    return tmp_path / "archive"


def refreshed(archive: Path) -> tuple[int, int]:
    """Refresh; return how many pages and pictures were made."""
    told = json.loads(run(["gallery", "-d", archive, "--json"]).out)
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


@pytest.mark.parametrize("damage", [zeros, half])
@pytest.mark.parametrize("place", [thumb, screen, page])
def test_what_was_spoilt_is_made_again(
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[Path], Path],
    damage: Callable[[bytes], bytes],
) -> None:
    """Zeros of the right size, or the first half; byte for byte as it was, and once."""
    before = contents(archive)
    spoilt = place(archive)
    spoilt.write_bytes(damage(spoilt.read_bytes()))
    monkeypatch.setattr("xharchive.gallery.boot_id", lambda: "another")
    assert refreshed(archive) != (0, 0)
    assert contents(archive) == before
    assert refreshed(archive) == (0, 0)


def test_an_index_of_zeros_is_ours(archive: Path) -> None:
    """It is no page of somebody else, which would be left alone."""
    before = contents(archive)
    index = archive / "index.html"
    index.write_bytes(zeros(index.read_bytes()))
    assert run(["gallery", "-d", archive]).code == 0
    assert contents(archive) == before


def test_a_preview_that_was_spoilt_is_no_preview(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes, and the page shows the film itself until `preview` makes it again; a whole one stays."""
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'xharchive[preview]'")
    assert run(["preview", "-d", archive]).code == 0
    (preview,) = (archive / "gallery" / "previews" / LIVE_NOTE).iterdir()
    monkeypatch.setattr("xharchive.gallery.boot_id", lambda: "another")
    assert refreshed(archive) == (0, 0)
    preview.write_bytes(half(preview.read_bytes()))
    monkeypatch.setattr("xharchive.gallery.boot_id", lambda: "a third")
    assert refreshed(archive) == (1, 0)
    assert not preview.exists()
    assert "previews" not in page(archive).read_text("utf-8")


def test_all_is_looked_into_once_in_a_boot(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same boot nobody notices what is spoilt; where boots have no name, each is another one."""
    kept = thumb(archive).read_bytes()
    for name, is_seen in (("one", True), ("one", False), ("two", True), ("", True), ("", True)):
        monkeypatch.setattr("xharchive.gallery.boot_id", lambda name=name: name)
        thumb(archive).write_bytes(zeros(kept))
        refreshed(archive)
        assert (thumb(archive).read_bytes() == kept) is is_seen


def test_what_is_not_the_gallery_s_is_left_alone(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files of other names, and links, be they to zeros."""
    (tmp_path / "mine.webp").write_bytes(bytes(9))
    link = archive / "gallery" / "thumbs" / "mine.webp"
    link.symlink_to(tmp_path / "mine.webp")
    (archive / "gallery" / "thumbs" / "mine.txt").write_bytes(bytes(9))
    monkeypatch.setattr("xharchive.gallery.boot_id", lambda: "another")
    assert refreshed(archive) == (0, 0)
    assert link.is_symlink()
    assert (tmp_path / "mine.webp").read_bytes() == bytes(9)
    assert (archive / "gallery" / "thumbs" / "mine.txt").is_file()
