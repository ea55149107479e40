"""Hosts that answer 503, once or for ever, or that all hang up."""

from pathlib import Path

import pytest
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

V8, V10 = "sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com"
MOTIONS = (("*", "/stream/"), ("*", "/livephoto/"))


def test_busy_once(world: FakeWorld, tmp_path: Path) -> None:
    """A mirror of the same rendition is asked before anybody waits."""
    world.script[V8, STREAM] = "5o"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "busy")]
    assert (world.count(V8, STREAM), world.count(V10, STREAM)) == (1, 1)


def test_all_busy_once(world: FakeWorld, tmp_path: Path) -> None:
    """A pause, then the same rendition again: a passing fault never costs quality."""
    for place in (*MOTIONS, ("*", "/notes_uhdr/")):
        world.script[place] = "5o"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.files()["image-1"]["quality"] == "original"
    assert world.count("ci.xiaohongshu.com", HEIC) == 2


def test_one_mirror_down_for_ever(world: FakeWorld, tmp_path: Path) -> None:
    """It is asked once for this asset and left alone; the other mirror has it."""
    world.script[V8, "/"] = "5"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.count(V8, STREAM) == 1


@pytest.mark.parametrize(("letter", "reason"), [("5", "busy"), ("X", "cut")])
def test_all_hosts_down(world: FakeWorld, tmp_path: Path, letter: str, reason: str) -> None:
    """Bounded tries, a gap, exit 3; when the hosts are back, `resume` needs no call and nothing twice."""
    for place in MOTIONS:
        world.script[place] = letter
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.state() == "partial"
    assert left.gaps()["live-1"] in (reason, "resting")
    assert left.is_untouched("image-1")
    for asked in set(world.media):
        assert world.media.count(asked) <= 5, asked
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.code == 0
    assert again.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert world.count("ci.xiaohongshu.com", HEIC) == 1


def test_a_dropped_connection(world: FakeWorld, tmp_path: Path) -> None:
    """Nothing arrived, not even a status: the next mirror."""
    world.script[V8, STREAM] = "X"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "cut")]
