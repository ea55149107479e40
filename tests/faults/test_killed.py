"""Runs that are killed, interrupted or terminated in the middle, and what `resume` makes of them."""

import shutil
import signal
from pathlib import Path

import pytest
from support.another_process import started
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

NOTES = (LIVE_NOTE, "694c7be6000000002200e19b", "6a34c6f0000000000900d3b8")
CI = "ci.xiaohongshu.com"


def test_killed_between_two_assets(world: FakeWorld, tmp_path: Path) -> None:
    """The picture is there, the motion hangs, kill -9: no call and no picture is asked for again."""
    world.script["*", "/stream/"] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert process.signal(signal.SIGKILL) == -signal.SIGKILL
    assert list(tmp_path.glob("*/manifest.json")) == []
    world.script.clear()
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert world.count(CI, HEIC) == 1
    assert world.count("sns-v8.rednotecdn.com", STREAM) <= 2


@pytest.mark.parametrize("event", [0, 3, 7])
def test_killed_after_any_event(world: FakeWorld, tmp_path: Path, event: int) -> None:
    """Whatever had happened by then: the tree ends complete, with no call beyond those in flight."""
    with started(world, tmp_path, "get", *NOTES) as process:
        process.until(lambda _: len(process.events) > event)
        process.signal(signal.SIGKILL)
    left = resume(world, tmp_path, "--on-unknown", "pay")
    assert left.code == 0
    assert all(left.is_complete(note) for note in NOTES)
    assert len(world.calls) <= len(NOTES) + 3
    again = resume(world, tmp_path)
    assert again.code == 0
    assert again.ran.report["calls"] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(world: FakeWorld, tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM end the run at once with their own codes; what is finished stays."""
    world.script["*", "/stream/"] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert process.signal(number) == code
    world.script.clear()
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert world.count(CI, HEIC) == 1


def test_killed_after_the_commit(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is there, its work folder too: the next run tidies, and `verify` sees strays again."""
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_args, **_kwargs: None)
        assert get(world, tmp_path).code == 0
    work = tmp_path / ".xharchive" / "work" / LIVE_NOTE
    assert work.is_dir()
    left = resume(world, tmp_path)
    assert (left.code, left.ran.report["calls"]) == (0, 0)
    assert not work.exists()
    (folder_of(tmp_path, LIVE_NOTE) / "stray").touch()
    assert run(["verify", "--strict", "-d", tmp_path]).code == 5
