"""A CDN host does not have the file: 404."""

from pathlib import Path

from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get


def test_the_next_host_has_it(world: FakeWorld, tmp_path: Path) -> None:
    """404 on the first host: one request there, none again, and the same upload from the second."""
    world.script["ci.xiaohongshu.com", HEIC] = "4"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("image-1") == [("ci.xiaohongshu.com", "not-found")]
    assert sorted(world.media) == [
        f"ci.xiaohongshu.com{HEIC}",
        f"sns-img-bd.xhscdn.com{HEIC}",
        f"sns-v8.rednotecdn.com{STREAM}",
    ]


def test_nobody_has_it(world: FakeWorld, tmp_path: Path) -> None:
    """404 everywhere: each address is asked once, the motion is a gap, the picture is archived."""
    world.script = {("*", STREAM): "4", ("*", "/livephoto/"): "4"}
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.gaps() == {"live-1": "not-found"}
    assert left.is_untouched("image-1")
    motions = [asked for asked in world.media if STREAM in asked or "/livephoto/" in asked]
    assert len(motions) == len(set(motions)) == 6
    assert world.calls == [f"v1 {LIVE_NOTE}"]
