"""kill -9 in the middle of a large body: the next run asks for the rest, under proof, and for no more."""

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.another_process import started
from support.command import folder_of, run
from support.fake_world import FakeWorld, running
from support.single_run import LIVE_NOTE, STREAM

from xharchive.demo.world import DemoWorld

MIB = 1 << 20
V8 = "sns-v8.rednotecdn.com"


def _without_sizes(value: Any) -> Any:
    """A reply that declares no sizes: the motion is larger than the demo's."""
    if isinstance(value, dict):
        return {name: _without_sizes(item) for name, item in value.items() if name != "size"}
    return [_without_sizes(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def motion(demo_world: DemoWorld) -> bytes:
    """A motion of 24 MiB: the demo's, and behind it a box that players pass over."""
    free = 24 * MIB
    return demo_world.original(LIVE_NOTE, "live-1") + free.to_bytes(4, "big") + b"free" + bytes(free - 8)


@pytest.fixture
def large(demo_world: DemoWorld, motion: bytes) -> Iterator[FakeWorld]:
    """A world that serves it, and falls silent in the middle of it the first time."""
    world = AlteredWorld(demo_world)
    world.tells("v1", LIVE_NOTE, _without_sizes)
    world.serves(STREAM[1:], motion)
    with running(world, {(V8, STREAM): "So"}) as fake:
        yield fake


def _get_and_kill(world: FakeWorld, archive: Path) -> int:
    """Kill the run when half of the motion is on its way to the disk; return how much of it is there."""
    part = archive / ".xharchive" / "work" / LIVE_NOTE / "live-1.part"
    with started(world, archive, "get", LIVE_NOTE, "--no-ranges") as process:
        process.until(lambda event: event["event"] == "asset_archived")
        process.writes(part, 8 * MIB)
        process.signal(signal.SIGKILL)
    world.until(lambda: world.count(V8, STREAM) == 1)
    return part.stat().st_size


def test_the_rest_is_asked_for(large: FakeWorld, tmp_path: Path, motion: bytes) -> None:
    """Bytes that reached the disk do not travel again; the file is the server's, byte for byte."""
    size = _get_and_kill(large, tmp_path)
    before = len(large.seen)
    ran = run(["resume", "-d", tmp_path, "--image-format", "keep", "--no-ranges", *large.options])
    assert ran.code == 0
    (asked,) = [seen for seen in large.seen[before:] if seen.kind == "media"]
    assert asked.headers["Range"] == f"bytes={size}-"
    assert asked.headers["If-Range"].startswith('"')
    assert (asked.status, asked.sent_bytes) == (206, len(motion) - size)
    archived = (folder_of(tmp_path, LIVE_NOTE) / "01.mp4").read_bytes()
    assert hashlib.sha256(archived).digest() == hashlib.sha256(motion).digest()
    assert len(large.calls) == 1
    assert run(["verify", "-d", tmp_path]).code == 0


def test_another_file_by_then(large: FakeWorld, tmp_path: Path, motion: bytes) -> None:
    """The server has other bytes under another ETag: all of them are fetched, none of the old ones stays."""
    _get_and_kill(large, tmp_path)
    changed = motion[:-MIB] + b"\x01" * MIB
    assert isinstance(large.world, AlteredWorld)
    large.world.changes(STREAM[1:], changed)
    before = len(large.seen)
    ran = run(["resume", "-d", tmp_path, "--image-format", "keep", "--no-ranges", *large.options])
    assert ran.code == 0
    (asked,) = [seen for seen in large.seen[before:] if seen.kind == "media"]
    assert asked.status == 200
    assert (folder_of(tmp_path, LIVE_NOTE) / "01.mp4").read_bytes() == changed
