"""An upload that is whole as a file and that no decoder here reads, while a transcode of it decodes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.altered_demo_world import AlteredWorld
from support.command import folder_of, run
from support.fake_world import FakeWorld, running
from support.single_run import LIVE_NOTE, Left, get

from xharchive.demo.world import DemoWorld, ServedFile


@pytest.fixture
def unread(demo_world: DemoWorld) -> Iterator[FakeWorld]:
    """The HEIC of the live photo has a broken decoder configuration; what is made of it is good."""
    world = AlteredWorld(demo_world)
    key = world.notes[LIVE_NOTE].originals["image-1"]
    broken = bytearray(world.original(LIVE_NOTE, "image-1"))
    configuration = broken.index(b"hvcC") + 4
    broken[configuration : configuration + 23] = bytes(23)
    served = world.media

    def media(host: str, raw_path_and_query: str) -> ServedFile | None:
        found = served(host, raw_path_and_query)
        is_upload = raw_path_and_query == f"/{key}"
        return replace(found, body=bytes(broken), etag='"broken"') if found and is_upload else found

    world.media = media  # type: ignore[method-assign]
    with running(world) as fake:
        for query in (
            "?imageView2/2/w/5000/h/5000/format/heif/q/56",
            "?imageView2/2/w/1440/format/heif/q/75",
        ):
            served("ci.xiaohongshu.com", f"/{key}{query}")  # made before the upload is broken
        world._loaded = {**world._loaded, key: bytes(broken)}
        yield fake


def originals(left: Left) -> dict[str, dict[str, object]]:
    return {entry["path"]: entry for entry in left.manifest()["files"] if entry["kind"] == "image"}


def test_both_are_kept(unread: FakeWorld, tmp_path: Path) -> None:
    """The upload under its own name, with what is wrong; the transcode beside it, and what is made of that.

    A later run fetches nothing.
    """
    left = get(unread, tmp_path, "--image-format", "jpeg")
    assert (left.code, left.state()) == (3, "partial")
    found = originals(left)
    lesser = next(path for path, entry in found.items() if entry.get("stands_for"))
    assert lesser == "01.transcode.heic"
    assert set(found) == {"01.heic", lesser, "01.transcode.jpg"}
    assert (found["01.heic"]["quality"], found[lesser]["quality"]) == ("original", "transcode")
    assert "refused" in str(found["01.heic"]["problem"])
    assert found[lesser]["stands_for"] == "01.heic"
    assert found["01.transcode.jpg"]["derived_from"] == lesser
    (gap,) = left.manifest()["gaps"]
    assert (gap["role"], gap["reason"]) == ("derivative", "undecodable")
    assert gap["detail"].endswith(f"{lesser}, a lesser one, is shown in its place")
    manifest = {**left.manifest(), "archived": ""}
    unread.forget()
    again = get(unread, tmp_path, "--image-format", "jpeg")
    assert (again.code, unread.media, unread.calls) == (3, [], [])
    assert {**again.manifest(), "archived": ""} == manifest


def test_it_is_said_and_the_lesser_one_is_shown(unread: FakeWorld, tmp_path: Path) -> None:
    """In the terminal, by `ls`, by `show`, on the page."""
    ran = run(["get", LIVE_NOTE, "-d", tmp_path, *unread.with_gallery])
    assert "image-1: missing, undecodable: 01.heic is kept as it came" in ran.err
    assert "1 partial" in ran.err
    listed = run(["ls", "-d", tmp_path]).out
    assert "partial" in listed
    assert "  1 pic" in listed
    assert "shown in place of 01.heic" in run(["show", LIVE_NOTE, "-d", tmp_path]).out
    page = (folder_of(tmp_path, LIVE_NOTE) / "index.html").read_text("utf-8")
    assert 'src="01.transcode.jpg"' in page
    assert (tmp_path / "gallery" / "thumbs" / f"{LIVE_NOTE}.webp").exists()
