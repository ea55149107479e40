"""A disk that is too small for what a note declares: found out before the first byte of media travels."""

import json
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld, note_in
from support.another_process import started
from support.command import manifests
from support.fake_world import FakeWorld, running
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

from xharchive.demo.world import DemoWorld


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


def declaring(demo_world: DemoWorld, size: str) -> AlteredWorld:
    """A world whose reply says this of the motion's size, as it stands in the JSON."""
    world = AlteredWorld(demo_world)

    def change(reply: dict[str, Any]) -> bytes:
        live = note_in(reply)["images_list"][0]["live_photo"]
        live["media"]["stream"]["h265"][0]["size"] = "the size"
        return json.dumps(reply).replace('"the size"', size).encode()

    world.tells("v1", LIVE_NOTE, change)
    return world


@pytest.mark.parametrize("size", ["-1048339", "NaN", "Infinity", "1e999", "null", '"many"', "[1]", "0"])
def test_a_size_that_is_none(demo_world: DemoWorld, tmp_path: Path, size: str) -> None:
    """Negative, no number, a word: nothing is declared, and the file is archived."""
    with running(declaring(demo_world, size)) as world:
        left = get(world, tmp_path)
        assert left.code == 0
        assert left.is_complete()
        assert world.calls == [f"v1 {LIVE_NOTE}"]


@pytest.mark.parametrize("size", ["1000000000000000", "1e15", "9" * 18, "34359738369"])
def test_an_absurd_size_does_not_end_the_run(demo_world: DemoWorld, tmp_path: Path, size: str) -> None:
    """No disk has room for it, and no file is taken with it: a gap of that asset, all else is archived."""
    with running(declaring(demo_world, size)) as world:
        left = get(world, tmp_path, notes=(LIVE_NOTE, VIDEO_NOTE))
        assert left.code == 3
        assert left.gaps() == {"live-1": "size-differs"}
        assert left.is_untouched("image-1")
        assert left.is_complete(VIDEO_NOTE)


def test_a_large_size_that_is_possible_still_ends_it(demo_world: DemoWorld, tmp_path: Path) -> None:
    """A terabyte is too much for a file; 32 GiB are not, and a smaller disk has no room for them."""
    with running(declaring(demo_world, str(32 << 30))) as world:
        with pytest.MonkeyPatch.context() as patch:
            room_for(patch, (32 << 30) - 1)
            left = get(world, tmp_path)
        assert left.code == 5
        assert "declares 34,359,738,368" in left.ran.err
        assert world.media == []


def test_a_part_that_is_there_needs_no_room_again(
    world: FakeWorld, tmp_path: Path, half_sent: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the motion is on the disk: room for the rest is enough, and one byte less is not."""
    world.script["*", "/stream/"] = "S"
    part = tmp_path / ".xharchive" / "work" / LIVE_NOTE / "live-1.part"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert half_sent.wait(60)
        process.signal(signal.SIGINT)
    world.script.clear()
    size = len(world.world.original(LIVE_NOTE, "live-1"))
    there = part.stat().st_size
    assert 0 < there <= size // 2
    asked = len(world.media)
    room_for(monkeypatch, size - there - 1)
    refused = resume(world, tmp_path)
    assert refused.code == 5
    assert f"declares {size - there:,}" in refused.ran.err
    assert len(world.media) == asked
    room_for(monkeypatch, size - there)
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert [seen.sent_bytes for seen in world.seen if seen.kind == "media"][asked:] == [size - there]
    assert world.calls == [f"v1 {LIVE_NOTE}"]
