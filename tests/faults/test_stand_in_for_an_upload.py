"""Hosts answer 200 with a good file that is another one: a small stand-in, a film of a moment."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.altered_demo_world import AlteredWorld, note_in
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.large_motion import without_sizes
from support.single_run import LIVE_NOTE, STREAM, get

from tools.demo_media.movies import make_silent_movie
from tools.demo_media.scenes import moving_scene
from xharchive.demo.world import ServedFile

NOTE = "6a4c0a12000000002001f7e6"
"""Two pictures, both declared as 900x1200."""


def jpeg(width: int, height: int, colour: str = "grey") -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(sink, "JPEG")
    return sink.getvalue()


STAND_IN = jpeg(200, 200)


def upload(world: AlteredWorld, slot: str, body: bytes, transcode: bytes | None = None) -> str:
    """Have a picture's own bytes be these, and what is made of it others; return its key."""
    key = world.notes[NOTE].originals[slot]
    served = world.media

    def media(host: str, raw_path_and_query: str) -> ServedFile | None:
        path = raw_path_and_query
        found = served(host, path)
        if found is None or not path.startswith("/" + key):
            return found
        given = body if transcode is None or "?" not in path else transcode
        return replace(found, body=given, content_type="image/jpeg", etag=f'"{len(given)}"')

    world.media = media  # type: ignore[method-assign]
    world._loaded = {**world._loaded, key: body}
    world._served = {**world._served, (key, "test"): ServedFile(transcode or body, "image/jpeg", '"x"')}
    return key


def test_stand_ins_everywhere(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """All addresses of both pictures give it: kept, doubtful, and the note is partial.

    The next run asks one address for each, and keeps what is there.
    """
    world, fake = altered
    keys = [upload(world, slot, STAND_IN) for slot in ("image-1", "image-2")]
    left = get(fake, tmp_path, notes=(NOTE,))
    assert (left.code, left.state(NOTE)) == (3, "partial")
    assert left.gaps(NOTE) == {"image-1": "not-as-declared", "image-2": "not-as-declared"}
    for slot, twin in (("image-1", "02.jpg"), ("image-2", "01.jpg")):
        entry = left.files(NOTE)[slot]
        words = "the reply declares 900x1200, this is 200x200"
        assert entry["problem"] == f"{words}; the same bytes as {twin}"
        assert entry["quality"] == "original"
    asked = [request.partition("?")[0] + request.partition("?")[2][:15] for request in fake.media]
    assert len(fake.media) == len(set(fake.media)), asked  # each address once
    manifest = left.manifest(NOTE)
    fake.forget()
    again = get(fake, tmp_path, notes=(NOTE,))
    assert again.code == 3
    assert sorted(fake.media) == sorted(f"ci.xiaohongshu.com/{key}" for key in keys)
    assert {**again.manifest(NOTE), "archived": ""} == {**manifest, "archived": ""}
    assert fake.calls == []
    assert again.billed == ["yes"]


def test_it_is_said_in_the_terminal_and_by_show(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """What the reply declares, and what came."""
    world, fake = altered
    upload(world, "image-1", STAND_IN)
    ran = run(["get", NOTE, "-d", tmp_path, *fake.with_gallery])
    words = "01.jpg is kept, but the reply declares 900x1200, this is 200x200"
    assert f"image-1: doubtful, not-as-declared: {words}" in ran.err
    assert words in run(["show", NOTE, "-d", tmp_path]).out
    assert "partial" in run(["ls", "-d", tmp_path]).out
    assert 'src="01.jpg"' in (folder_of(tmp_path, NOTE) / "index.html").read_text("utf-8")


def test_the_real_picture_behind_another_address(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """All upload hosts have the stand-in, the signed address has the picture: that one is archived."""
    world, fake = altered
    upload(world, "image-1", STAND_IN, jpeg(900, 1200, "red"))
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 0
    entry = left.files(NOTE)["image-1"]
    assert (entry["width"], entry["height"], entry["problem"]) == (900, 1200, None)
    assert ("ci.xiaohongshu.com", "not-as-declared") in left.refused("image-1", NOTE)


def test_one_host_of_several_has_the_upload(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """The mirrors are asked before a lesser rendition is."""
    world, fake = altered
    key = world.notes[NOTE].originals["image-1"]
    served = world.media

    def media(host: str, raw_path_and_query: str) -> ServedFile | None:
        path = raw_path_and_query
        found = served(host, path)
        gone = host == "ci.xiaohongshu.com" and path == f"/{key}"
        return replace(found, body=STAND_IN, etag='"s"') if found and gone else found

    world.media = media  # type: ignore[method-assign]
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 0
    assert left.is_complete(NOTE)
    assert left.refused("image-1", NOTE) == [("ci.xiaohongshu.com", "not-as-declared")]


def test_a_later_run_takes_the_picture_when_it_is_back(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """The stand-in, and what was made of it, give way to the upload; nothing is left over."""
    world, fake = altered
    original = world.original(NOTE, "image-1")
    served = world.media
    upload(world, "image-1", STAND_IN)
    assert get(fake, tmp_path, notes=(NOTE,)).code == 3
    world.media = served  # type: ignore[method-assign]
    key = world.notes[NOTE].originals["image-1"]
    world._loaded = {**world._loaded, key: original}
    world._served = {place: item for place, item in world._served.items() if place[0] != key}
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 0
    assert left.is_complete(NOTE)
    names = {path.name for path in folder_of(tmp_path, NOTE).iterdir()}
    assert "01.jpg" not in names
    assert run(["verify", "-d", tmp_path]).code == 0


@pytest.mark.parametrize("host_is_down", [False, True])
def test_what_is_there_stays_when_a_later_run_gets_nothing_better(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, *, host_is_down: bool
) -> None:
    """Nothing at all, or something that shows less."""
    world, fake = altered
    upload(world, "image-1", STAND_IN)
    before = get(fake, tmp_path, notes=(NOTE,)).files(NOTE)
    if host_is_down:
        fake.everywhere = "4"
    else:
        upload(world, "image-1", jpeg(100, 100))
        world._served = {**world._served, ("x", "test"): ServedFile(STAND_IN, "image/jpeg", '"x"')}
        world._loaded = {**world._loaded, world.notes[NOTE].originals["image-1"]: STAND_IN}
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 3
    assert left.files(NOTE) == before


def declared(width: int, height: int) -> Callable[[dict[str, Any]], Any]:
    """A change of a reply that declares another size for the first picture."""

    def change(reply: dict[str, Any]) -> Any:
        for entry in (found := note_in(reply)["images_list"][0], found["origin_img"]):
            entry |= {"width": width, "height": height}
        return reply

    return change


@pytest.mark.parametrize("size", [(1200, 900), (912, 1200), (800, 800), (0, 0), (900, 0)])
def test_an_honest_picture_costs_one_request(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, size: tuple[int, int]
) -> None:
    """Turned, padded, larger than declared, of a size that nobody tells: taken from the first address."""
    world, fake = altered
    world.tells("v1", NOTE, declared(*size))
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 0
    assert left.is_complete(NOTE)
    assert len(fake.media) == 2


def test_a_wrong_declared_size_loses_nothing(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """The upload is the upload, though the reply speaks of four times the pixels: kept, and doubtful."""
    world, fake = altered
    world.tells("v1", NOTE, declared(1800, 2400))
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 3
    assert left.gaps(NOTE) == {"image-1": "not-as-declared"}
    assert left.is_untouched("image-1", NOTE)
    assert left.files(NOTE)["image-1"]["quality"] == "original"


def test_the_same_bytes_where_no_size_is_declared(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """Two keys, one file: kept, and said of both."""
    world, fake = altered

    def change(reply: dict[str, Any]) -> Any:
        for entry in note_in(reply)["images_list"]:
            entry |= {"width": 0, "height": 0, "origin_img": {}}
        return reply

    world.tells("v1", NOTE, change)
    for slot in ("image-1", "image-2"):
        upload(world, slot, STAND_IN)
    for _ in range(2):
        fake.forget()
        left = get(fake, tmp_path, notes=(NOTE,))
        assert left.code == 3
        assert left.gaps(NOTE) == {"image-1": "same-bytes", "image-2": "same-bytes"}
        problems = {slot: entry["problem"] for slot, entry in left.files(NOTE).items()}
        assert problems == {"image-1": "the same bytes as 02.jpg", "image-2": "the same bytes as 01.jpg"}
        assert len(fake.media) == 2


def test_a_film_of_a_moment(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """A tenth of a second where three are declared, on every mirror: kept, and doubtful."""
    world, fake = altered
    film = make_silent_movie("h264", moving_scene(3, (160, 160), 1), 10)
    world.tells("v1", LIVE_NOTE, without_sizes)
    world.serves(STREAM[1:], film)
    world._served = {**world._served, ("film", "test"): ServedFile(film, "video/mp4", '"x"')}
    left = get(fake, tmp_path)
    assert left.code == 3
    assert left.gaps() == {"live-1": "not-as-declared"}
    assert left.files()["live-1"]["problem"].endswith("this is 0.1 s")
    fake.forget()
    assert get(fake, tmp_path).code == 3
    assert len(fake.media) == 1
