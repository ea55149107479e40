"""Thumbnails that were made with a conversion: the gallery takes them where they are what they should be."""

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.command import Ran, folder_of, run
from support.fake_world import FakeWorld

from xharchive.gallery import refresh as gallery_refresh
from xharchive.gallery.refresh import RefreshResult
from xharchive.images import Converter, DecodedImage, DecodeStatus

NOTE = "691e44b2000000001f00c8d1"
"""Five pictures, all of them HEICs."""


def get(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    return run(["get", NOTE, "-d", archive, *world.with_gallery, *arguments])


def aside(archive: Path) -> Path:
    return archive / ".xharchive" / "thumbs"


def derived_from(archive: Path) -> list[str]:
    """The SHA-256 of the originals of the note's converted pictures, in their order."""
    files = json.loads((folder_of(archive, NOTE) / "manifest.json").read_text("utf-8"))["files"]
    sums = {each["path"]: each["sha256"] for each in files}
    twins = sorted(each["derived_from"] for each in files if each.get("derived_from"))
    return [str(sums[path]) for path in twins]


def in_between(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Have something happen when a run has converted everything and refreshes the gallery."""
    refresh = gallery_refresh.refresh_gallery

    async def refresh_after(*arguments: Any, **named: Any) -> RefreshResult:
        happens()
        return await refresh(*arguments, **named)

    monkeypatch.setattr(gallery_refresh, "refresh_gallery", refresh_after)


def refuse_to_shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise AssertionError("a picture was decoded for its thumbnail alone")

    monkeypatch.setattr(Converter, "make_thumbnail", refuse)


def thumb(archive: Path) -> Path:
    return archive / "gallery" / "thumbs" / f"{NOTE}.webp"


def index(archive: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(archive.glob("gallery/data-*.js")))


def test_a_run_decodes_no_picture_twice(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thumbnail of the first picture is made with its twin, and no other; nothing is left of the way."""
    found: list[str] = []
    in_between(monkeypatch, lambda: found.extend(path.stem for path in aside(tmp_path).iterdir()))
    refuse_to_shrink(monkeypatch)
    assert get(world, tmp_path).code == 0
    assert len(derived_from(tmp_path)) == 5
    assert found == derived_from(tmp_path)[:1]
    with Image.open(thumb(tmp_path)) as picture:
        size = f"{picture.width},{picture.height}]"
    assert size in re.sub(r"\s", "", index(tmp_path))
    assert not aside(tmp_path).exists()


def test_a_twin_that_is_made_later_comes_with_its_thumbnail(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The originals are there since a run whose workers died of them."""

    async def die(*_: object) -> DecodedImage:
        return DecodedImage(DecodeStatus.DIED, "the worker was killed")

    with monkeypatch.context() as patch:
        patch.setattr(Converter, "examine", die)
        assert get(world, tmp_path, "--no-gallery").code == 3
    assert not derived_from(tmp_path)
    refuse_to_shrink(monkeypatch)
    assert get(world, tmp_path).code == 0
    assert len(derived_from(tmp_path)) == 5
    assert thumb(tmp_path).stat().st_size > 0
    assert not aside(tmp_path).exists()


def test_none_is_put_aside_without_a_gallery(world: FakeWorld, tmp_path: Path) -> None:
    """It would lie there for ever."""
    assert get(world, tmp_path, "--no-gallery").code == 0
    assert not aside(tmp_path).exists()


def red(size: tuple[int, int] = (90, 120)) -> bytes:
    sink = BytesIO()
    Image.new("RGB", size, "red").save(sink, "WEBP")
    return sink.getvalue()


def is_red(archive: Path) -> bool:
    with Image.open(thumb(archive)) as shown, Image.open(BytesIO(red())) as expected:
        return shown.convert("RGB").getpixel((30, 30)) == expected.convert("RGB").getpixel((30, 30))


CONTENTS = {"whole": red(), "cut": red()[:-9], "empty": b"", "too large": red((361, 90))}


@pytest.mark.parametrize("state", [*CONTENTS, "a link", "in a linked folder", "gone"])
def test_only_one_that_is_whole_is_taken(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Any other is made of the twin; in the end none lies there, and nobody else's file is touched."""
    archive, victim = tmp_path / "a", tmp_path / "victim"
    victim.mkdir()

    def tamper() -> None:
        (waiting,) = aside(archive).iterdir()
        if state in CONTENTS:
            waiting.write_bytes(CONTENTS[state])
            return
        waiting.unlink()
        if state == "a link":
            (victim / "red.webp").write_bytes(red())
            waiting.symlink_to(victim / "red.webp")
        elif state == "in a linked folder":
            (victim / waiting.name).write_bytes(red())
            aside(archive).rmdir()
            aside(archive).symlink_to(victim)

    in_between(monkeypatch, tamper)
    ran = get(world, archive, "--json")
    theirs = {path.name: path.read_bytes() for path in victim.iterdir()}
    assert (ran.code, ran.events[-2]["event"], ran.events[-2]["pictures"]) == (0, "gallery_refreshed", 1)
    assert is_red(archive) == (state == "whole")
    assert set(theirs.values()) <= {red()}
    assert len(theirs) == (state in ("a link", "in a linked folder"))
    assert aside(archive).is_symlink() or not aside(archive).exists()


@pytest.mark.parametrize("by", ["a run", "the gallery"])
def test_what_an_earlier_run_left_is_removed_and_not_taken(world: FakeWorld, tmp_path: Path, by: str) -> None:
    """It may have been made otherwise, or be what a power cut left of it. What is not ours stays."""
    assert get(world, tmp_path, "--no-gallery").code == 0
    aside(tmp_path).mkdir()
    name = derived_from(tmp_path)[0]
    for left in (f"{name}.webp", f"{'0' * 64}.webp", f"{'1' * 64}.webp.new"):
        (aside(tmp_path) / left).write_bytes(red())
    (aside(tmp_path) / "mine.txt").write_text("mine")
    (aside(tmp_path) / "folder").mkdir()
    ran = get(world, tmp_path) if by == "a run" else run(["gallery", "-d", tmp_path])
    assert ran.code == 0
    assert "could not be refreshed" not in ran.err
    assert not is_red(tmp_path)
    assert sorted(path.name for path in aside(tmp_path).iterdir()) == ["folder", "mine.txt"]
