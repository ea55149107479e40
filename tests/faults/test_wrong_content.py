"""Answers with status 200 that are not the file: pages, nothing, other files, flipped bits."""

import copy
import hashlib
from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld, running
from support.single_run import HEIC, LIVE_NOTE, STREAM, VIDEO_NOTE, Left, get

from xharchive.demo.world import DemoWorld

V8 = "sns-v8.rednotecdn.com"
CI = "ci.xiaohongshu.com"


@pytest.mark.parametrize(
    ("letter", "picture", "motion"),
    [
        ("H", "not-media", "not-media"),
        ("Z", "zero-bytes", "zero-bytes"),
        ("W", "wrong-kind", "wrong-kind"),
    ],
)
def test_another_thing_under_the_right_type(
    world: FakeWorld, tmp_path: Path, letter: str, picture: str, motion: str
) -> None:
    """A login page, nothing, a movie for a picture: refused by the bytes, whatever the label says."""
    world.script = {(CI, HEIC): letter, (V8, STREAM): letter}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("image-1") == [(CI, picture)]
    assert left.refused("live-1") == [(V8, motion)]


def test_pages_everywhere(world: FakeWorld, tmp_path: Path) -> None:
    """All hosts lead to a login page: a gap, never a page with a picture's name."""
    world.script["*", "/notes_uhdr/"] = "H"
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.gaps() == {"image-1": "not-media"}
    assert set(left.files()) == {"live-1"}


def test_flipped_bits_that_still_decode(world: FakeWorld, tmp_path: Path) -> None:
    """4 KiB of pixels flipped: no check but a declared digest can see that.

    What must hold: nothing is cut, and the manifest's digest is that of the bytes on the disk, so that
    `verify` knows every later change. Measured: docs/reliability.md#pictures-films-and-names.
    """
    world.script = {(CI, HEIC): "B", (V8, STREAM): "B"}
    ran = run(["get", LIVE_NOTE, "-d", tmp_path, "--json", "--image-format", "keep", *world.options])
    left = Left(ran, tmp_path, world)
    for slot in ("image-1", "live-1"):
        entry = left.files()[slot]
        content = (folder_of(tmp_path, LIVE_NOTE) / entry["path"]).read_bytes()
        assert len(content) == entry["size"] == len(world.world.original(LIVE_NOTE, slot))
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert run(["verify", "-d", tmp_path]).code == 0


def test_flipped_bits_under_a_declared_digest(world: FakeWorld, tmp_path: Path) -> None:
    """The upload's MD5 is declared: the flipped copy is refused twice, and a stream is taken instead."""
    world.script["*", "/pre_post/"] = "B"
    left = get(world, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 0
    assert set(left.refused("video", VIDEO_NOTE)) == {
        ("sns-video-bd.xhscdn.com", "md5-differs"),
        ("sns-video-hw.xhscdn.com", "md5-differs"),
    }
    video = left.files(VIDEO_NOTE)["video"]
    assert video["quality"] == "rendition"
    assert video["source"]["path"].startswith("/stream/")
    assert not left.is_untouched("video", VIDEO_NOTE)
    assert world.calls == [f"v1 {VIDEO_NOTE}", f"v6 {VIDEO_NOTE}"]


def test_one_flipped_copy_of_two(world: FakeWorld, tmp_path: Path) -> None:
    """The other host's copy has the declared MD5: the upload is archived."""
    world.script["sns-video-bd.xhscdn.com", "/pre_post/"] = "B"
    left = get(world, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 0
    assert left.is_complete(VIDEO_NOTE)
    assert "md5" in left.files(VIDEO_NOTE)["video"]["checks"]


def test_a_declared_size_that_is_wrong(demo_world: DemoWorld, tmp_path: Path) -> None:
    """The reply declares one byte more than the streams have: none is taken on trust, each is asked twice."""
    altered = copy.copy(demo_world)

    def reply(endpoint: str, note_id: str) -> bytes:
        return demo_world.reply(endpoint, note_id).replace(b"1048339", b"1048340")

    altered.reply = reply  # type: ignore[method-assign]
    with running(altered) as world:
        left = get(world, tmp_path)
        assert left.code == 3
        assert left.gaps() == {"live-1": "size-differs"}
        assert world.count(V8, STREAM) == 2
        assert left.is_untouched("image-1")
