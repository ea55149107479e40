"""Two processes want one archive."""

import time
from pathlib import Path

from support.another_process import started
from support.command import run
from support.fake_world import FakeWorld
from support.one_run import LIVE_NOTE, VIDEO_NOTE


def test_the_second_leaves_at_once(world: FakeWorld, tmp_path: Path) -> None:
    """Exit 5 in under a second, without a request, and with a sentence that says what to do."""
    world.script["*", "/stream/"] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        asked = len(world.seen)
        begun = time.monotonic()
        for command in (["get", VIDEO_NOTE], ["resume"]):
            second = run([*command, "-d", tmp_path, *world.options])
            assert second.code == 5
            assert "another xharchive is at work" in second.err
        assert time.monotonic() - begun < 1.0
        assert len(world.seen) == asked
    world.script.clear()
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert world.calls == [f"v1 {LIVE_NOTE}"]
