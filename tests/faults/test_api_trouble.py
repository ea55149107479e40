"""An API that errs, stalls, breaks off or talks nonsense: what it costs, and what is archived in the end."""

from pathlib import Path

import pytest
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

API = "127.0.0.1"


@pytest.mark.parametrize(
    ("letter", "bill"),
    [
        ("T", "no"),
        ("E", "no"),
        ("I", "no"),
        ("X", "unknown"),
        ("C", "unknown"),
        ("5", "unknown"),
    ],
)
def test_trouble_that_passes(world: FakeWorld, tmp_path: Path, letter: str, bill: str) -> None:
    """Asked once more, archived; the ledger tells what the first call may have cost."""
    world.script[API, "/api/"] = f"{letter}o"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"] * 2
    assert left.billed == [bill, "yes"]
    assert left.ran.report["calls"] == 2
    assert left.ran.report["billed"] == 1


@pytest.mark.parametrize(
    ("letter", "asked"),
    [
        ("E", ["v1", "v1", "v1", "v6", "pgy"]),
        ("I", ["v1", "v1", "v1", "v6", "pgy"]),
        ("J", ["v1", "v6", "pgy"]),
        ("X", ["v1", "v1"]),
        ("C", ["v1", "v1"]),
        ("5", ["v1", "v1"]),
    ],
)
def test_trouble_that_stays(world: FakeWorld, tmp_path: Path, letter: str, asked: list[str]) -> None:
    """The note fails, nothing is claimed of it.

    The API's own errors are free: three calls, then one to each further endpoint. What may have been billed
    is repeated once at most, and a host that does not reply is not asked for another endpoint.
    """
    world.script[API, "/api/"] = letter
    left = get(world, tmp_path)
    assert left.code == 3
    assert world.calls == [f"{name} {LIVE_NOTE}" for name in asked]
    assert left.ran.report["notes"]["failed"] == 1
    assert list(tmp_path.glob("*/manifest.json")) == []
    world.script.clear()
    assert resume(world, tmp_path).is_complete()
    assert len(world.calls) == len(asked) + 1


def test_a_call_that_stalls_counts_as_billed_perhaps(world: FakeWorld, tmp_path: Path) -> None:
    """The time-out says nothing about the bill: intent and outcome stand, with "unknown"."""
    world.script[API, "/api/"] = "So"
    left = get(world, tmp_path, "--api-timeout", "2")
    assert left.code == 0
    assert left.is_complete()
    assert left.billed == ["unknown", "yes"]


def test_a_rate_limit_for_a_while(world: FakeWorld, tmp_path: Path) -> None:
    """302 four times is waited out and costs no retry."""
    world.script[API, "/api/"] = "TTTTo"
    left = get(world, tmp_path, "--retries", "0")
    assert left.code == 0
    assert left.is_complete()
    assert left.billed == ["no"] * 4 + ["yes"]


def test_a_permission_that_is_missing(world: FakeWorld, tmp_path: Path) -> None:
    """600: one call at a time, so exactly one is made for many notes; exit 4, and `resume` does the rest."""
    world.script[API, "/api/"] = "N"
    left = get(world, tmp_path, "--api-jobs", "1", notes=(LIVE_NOTE, VIDEO_NOTE))
    assert left.code == 4
    assert len(world.calls) == 1
    assert left.ran.report["left"] == 2
    assert world.media == []
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.code == 0
    assert again.is_complete(LIVE_NOTE)
    assert again.is_complete(VIDEO_NOTE)


def test_a_video_endpoint_that_errs_leaves_a_gap_and_what_was_paid_for(
    world: FakeWorld, tmp_path: Path
) -> None:
    """v6 and PGY do not answer: the cover is archived, the video is a gap, and a later run fills it."""
    world.script[API, "/api/xiaohongshu/get-note-detail/v6"] = "E"
    world.script[API, "/api/xiaohongshu-pgy/"] = "E"
    left = get(world, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 3
    assert left.gaps(VIDEO_NOTE) == {"video": "not-given"}
    assert left.is_untouched("cover", VIDEO_NOTE)
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.code == 0
    assert again.is_complete(VIDEO_NOTE)
    assert [call.split()[0] for call in world.calls] == ["v1", "v6", "v6", "v6", "pgy", "v6"]
