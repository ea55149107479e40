"""Redirects that lead where nothing may be asked, or nowhere."""

from pathlib import Path

from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get

V8 = "sns-v8.rednotecdn.com"
CI = "ci.xiaohongshu.com"


def test_to_a_forbidden_place(world: FakeWorld, tmp_path: Path) -> None:
    """127.0.0.1:1 is refused, the mirrors are asked; no second try of what is not allowed."""
    world.script = {(V8, STREAM): "R", (CI, HEIC): "R"}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "outside-borders")]
    assert left.refused("image-1") == [(CI, "outside-borders")]
    assert (world.count(V8, STREAM), world.count(CI, HEIC)) == (1, 1)


def test_in_a_circle(world: FakeWorld, tmp_path: Path) -> None:
    """Followed five times, then given up for good."""
    world.script[V8, STREAM] = "L"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "bad-answer")]
    assert world.count(V8, STREAM) == 6


def test_of_the_api(world: FakeWorld, tmp_path: Path) -> None:
    """The token is not taken elsewhere: the note fails, and nothing is archived."""
    world.script["127.0.0.1", "/api/"] = "R"
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.ran.report["notes"]["failed"] == 1
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert left.billed == ["unknown"]
    assert world.media == []
