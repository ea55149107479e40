"""Bodies that end in the middle, with and without a Content-Length to prove it."""

from pathlib import Path

import pytest
from support.command import folder_of
from support.fake_world import FakeWorld
from support.single_run import HEIC, STREAM, VIDEO_NOTE, get, resume

V8 = "sns-v8.rednotecdn.com"
CI = "ci.xiaohongshu.com"


@pytest.mark.parametrize("letter", ["C", "c"])
def test_cut_on_one_host(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """Half a picture and half a motion: neither is taken, the mirrors have both whole."""
    world.script = {(V8, STREAM): letter, (CI, HEIC): letter}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    reason = "cut" if letter == "C" else "not-whole"
    assert left.refused("live-1") == [(V8, "size-differs" if letter == "c" else "cut")]
    assert left.refused("image-1") == [(CI, reason)]


@pytest.mark.parametrize("letter", ["C", "c"])
def test_cut_everywhere(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """All candidates cut: nothing is kept, both assets are gaps, and no half file lies in the folder."""
    for start in ("/notes_uhdr/", "/stream/", "/livephoto/"):
        world.script["*", start] = letter
    left = get(world, tmp_path)
    assert left.code == 3
    assert set(left.gaps()) == {"image-1", "live-1"}
    assert left.files() == {}
    names = {path.name for path in folder_of(tmp_path, "69aed4e2000000000e00c358").iterdir()}
    assert names == {"manifest.json", "note.md", "replies"}
    world.script.clear()
    assert resume(world, tmp_path).is_complete()


def test_subtitles_without_a_length(world: FakeWorld, tmp_path: Path) -> None:
    """A text has no end mark: half of one without a length is refused, whole as it may look."""
    world.script["*", "/subtitle/"] = "c"
    left = get(world, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 3
    assert set(left.gaps(VIDEO_NOTE)) == {"subtitle-zh-CN", "subtitle-en-US"}
    assert set(left.gaps(VIDEO_NOTE).values()) <= {"unproven", "not-whole"}
    assert left.is_untouched("video", VIDEO_NOTE)
