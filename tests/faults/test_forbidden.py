"""403: a signature that is past its time, a host that wants a Referer, or both."""

from pathlib import Path

from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

SITE = "https://www.xiaohongshu.com/"


def test_one_host_forbids(world: FakeWorld, tmp_path: Path) -> None:
    """One try more, with a Referer; then the next host, without a byte of the 403's page.

    Another tool kept that page: C2 of docs/reliability.md#corruptions-seen-in-other-tools.
    """
    world.script["ci.xiaohongshu.com", HEIC] = "3"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    asked = [(seen.host, seen.headers.get("Referer")) for seen in world.seen if seen.raw_path == HEIC]
    assert asked == [
        ("ci.xiaohongshu.com", None),
        ("ci.xiaohongshu.com", SITE),
        ("sns-img-bd.xhscdn.com", None),
    ]
    assert left.refused("image-1") == [("ci.xiaohongshu.com", "forbidden")]


def test_a_host_that_wants_a_referer(world: FakeWorld, tmp_path: Path) -> None:
    """The Referer helps: nothing is held against the host, and no other host is asked."""
    world.script["ci.xiaohongshu.com", HEIC] = "3o"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.refused("image-1") == []
    assert world.count("ci.xiaohongshu.com", HEIC) == 2
    assert world.count("sns-img-bd.xhscdn.com", HEIC) == 0


def test_all_hosts_forbid(world: FakeWorld, tmp_path: Path) -> None:
    """Every address twice and no more, a gap with its reason; a later run heals it without a call."""
    world.script["*", "/stream/"] = "3"
    world.script["*", "/livephoto/"] = "3"
    left = get(world, tmp_path, "--no-reresolve")
    assert left.code == 3
    assert left.gaps() == {"live-1": "forbidden"}
    assert {world.media.count(asked) for asked in world.media if STREAM in asked} == {2}
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.code == 0
    assert again.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert world.count("ci.xiaohongshu.com", HEIC) == 1
