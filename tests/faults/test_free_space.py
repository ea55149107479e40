"""A disk that is too small for what a note declares: found out before the first byte of media travels."""

import shutil
from pathlib import Path

import pytest
from support.command import manifests
from support.fake_world import FakeWorld
from support.one_run import LIVE_NOTE, VIDEO_NOTE, get, resume


def room_for(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let every disk say that it has so many bytes free."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))


def test_no_room_for_what_is_declared(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 5 with both figures, the reply kept and no media asked for; later it costs nothing to go on."""
    room_for(monkeypatch, 1000)
    left = get(world, tmp_path)
    assert left.code == 5
    assert "has 1,000 bytes free" in left.ran.err
    assert world.media == []
    assert manifests(tmp_path) == {}
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    monkeypatch.undo()
    monkeypatch.setenv("XHARCHIVE_TOKEN", "s3cret/t0ken+of=tests")
    healed = resume(world, tmp_path)
    assert healed.code == 0
    assert healed.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_what_is_there_already_needs_no_room(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what has still to travel is counted: a note without its cover is mended on a disk nearly full."""
    get(world, tmp_path, notes=(VIDEO_NOTE,))
    next(tmp_path.glob("*/cover.*")).unlink()
    room_for(monkeypatch, 1000)
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete(VIDEO_NOTE)
