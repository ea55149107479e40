"""A server that falls silent in the middle of a body."""

from pathlib import Path

from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get

from xharchive.demo.world import DEAD_HOST

V8 = "sns-v8.rednotecdn.com"


def test_one_host_stalls(world: FakeWorld, tmp_path: Path) -> None:
    """After the time-out the next host is asked, and its file is whole: no mix of the two."""
    world.script = {(V8, STREAM): "S", ("ci.xiaohongshu.com", HEIC): "S"}
    left = get(world, tmp_path, "--timeout", "5")
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "stalled")]
    assert left.refused("image-1") == [("ci.xiaohongshu.com", "stalled")]
    assert all("Range" not in seen.headers for seen in world.seen)


def test_every_host_of_an_asset_stalls(world: FakeWorld, tmp_path: Path) -> None:
    """A stalling address is asked twice at most; the run ends, and the other asset is there."""
    world.script = {("*", "/stream/"): "S", ("*", "/livephoto/"): "4"}
    left = get(world, tmp_path, "--timeout", "1")
    assert left.code == 3
    assert set(left.gaps()) == {"live-1"}
    assert left.is_untouched("image-1")
    stalled = [asked for asked in world.asked if STREAM in asked and DEAD_HOST not in asked]
    assert {stalled.count(asked) for asked in stalled} == {2}
    assert world.calls == [f"v1 {LIVE_NOTE}"]
