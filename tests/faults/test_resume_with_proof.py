"""Transfers that break off: the rest is taken only with proof that it is of the same file, else all of it."""

import signal
import threading
from pathlib import Path

import pytest
from support.another_process import started
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

V8 = "sns-v8.rednotecdn.com"
CI = "ci.xiaohongshu.com"


def asked(world: FakeWorld, path: str) -> list[tuple[str, str, int]]:
    """Range, If-Range and status of each request for a path that the first host was sent."""
    return [
        (seen.headers.get("Range", ""), seen.headers.get("If-Range", ""), seen.status)
        for seen in world.seen
        if seen.raw_path == path and seen.host in (V8, CI)
    ]


def etag_of(world: FakeWorld, host: str, path: str) -> str:
    """The validator that the server gives a file."""
    served = world.world.media(host, path)
    assert served is not None
    return served.etag


def size_of(world: FakeWorld, slot: str) -> int:
    """The size of an upload in bytes."""
    return len(world.world.original(LIVE_NOTE, slot))


def sent(world: FakeWorld, path: str) -> int:
    """The body bytes that all hosts sent for a path."""
    return sum(seen.sent_bytes for seen in world.seen if seen.raw_path == path)


def test_a_cut_body_is_continued(world: FakeWorld, tmp_path: Path) -> None:
    """Half came: the other half is asked for under the same ETag, at once, and not a byte travels twice."""
    world.script = {(V8, STREAM): "Co", (CI, HEIC): "Co"}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    for slot, host, path in (("live-1", V8, STREAM), ("image-1", CI, HEIC)):
        half = size_of(world, slot) // 2
        assert asked(world, path) == [("", "", 200), (f"bytes={half}-", etag_of(world, host, path), 206)]
        assert sent(world, path) == size_of(world, slot)
        assert left.refused(slot) == []


def test_a_host_that_always_cuts_gives_way(world: FakeWorld, tmp_path: Path) -> None:
    """Each time half of the rest: after a few steps that bring less and less, the next host is asked."""
    world.script = {(V8, STREAM): "C"}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, "cut")]
    assert 2 < len(asked(world, STREAM)) < 10


@pytest.mark.parametrize(
    ("letters", "statuses"),
    [
        ("C2", [200, 200]),
        ("C1", [200, 416, 200]),
        ("C6", [200, 206, 200]),
        ("Cv", [200, 206, 200]),
        ("no", [200, 200]),
        ("wo", [200, 200]),
    ],
    ids=["range ignored", "416", "late range", "changed", "no validator", "weak validator"],
)
def test_without_proof_all_of_it_is_fetched_again(
    world: FakeWorld, tmp_path: Path, letters: str, statuses: list[int]
) -> None:
    """The same address, from its first byte; nothing of the half is in the file, nothing is lost."""
    world.script = {(CI, HEIC): letters, ("*", HEIC): "4"}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert [status for _, _, status in asked(world, HEIC)] == statuses
    assert asked(world, HEIC)[-1][:2] == ("", "") or letters == "C2"


def test_a_file_that_changed_meanwhile_is_taken_as_it_is_now(world: FakeWorld, tmp_path: Path) -> None:
    """The second answer is another file: it fails the checks of its kind, and no mix of the two is made."""
    world.script = {(CI, HEIC): "CV"}
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("image-1") == [(CI, "wrong-kind")]


def test_bytes_of_two_mirrors_are_never_put_together(world: FakeWorld, tmp_path: Path) -> None:
    """The first host falls silent at half: the next one is asked for all of it."""
    world.script = {(CI, HEIC): "S"}
    left = get(world, tmp_path, "--timeout", "3")
    assert left.code == 0
    assert left.is_complete()
    others = [seen for seen in world.seen if seen.raw_path == HEIC and seen.host != CI]
    assert [seen.headers.get("Range") for seen in others] == [None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_transfer_goes_on_in_the_next_run(
    world: FakeWorld, tmp_path: Path, half_sent: threading.Event, number: signal.Signals
) -> None:
    """What came of the motion is parked; the next run asks for the rest of it, and for nothing else."""
    world.script["*", "/stream/"] = "S"
    part = tmp_path / ".xharchive" / "work" / LIVE_NOTE / "live-1.part"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert half_sent.wait(60)
        process.signal(number)
    there = part.stat().st_size
    assert 0 < there <= size_of(world, "live-1") // 2
    world.script.clear()
    before = len(world.seen)
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    later = world.seen[before:]
    assert [seen.raw_path for seen in later] == [STREAM]
    assert later[0].headers["Range"] == f"bytes={there}-"
    assert later[0].sent_bytes == size_of(world, "live-1") - there
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_healthy_run_asks_for_no_range(world: FakeWorld, tmp_path: Path) -> None:
    """Ranges are for what broke off."""
    assert get(world, tmp_path).code == 0
    assert all("Range" not in seen.headers for seen in world.seen)
