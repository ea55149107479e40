"""A budget of API calls: never one more, and what is paid for is finished."""

from pathlib import Path

import pytest
from support.command import ledger, manifests, run
from support.fake_world import FakeWorld

STILLS = [
    "68f2b6a0000000000703a1c4",
    "694c7be6000000002200e19b",
    "6a34c6f0000000000900d3b8",
    "6a63481c000000000e02a9d5",
]
VIDEO = "698ab064000000001503876d"


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_run_never_sends_more_than_its_budget(world: FakeWorld, tmp_path: Path, jobs: str) -> None:
    """Two calls, two notes archived, exit 4; `resume` pays for the others and for nothing twice."""
    ran = run(
        ["get", *STILLS, "-d", tmp_path, "--max-calls", "2", "--api-jobs", jobs, "--json", *world.options]
    )
    assert ran.code == 4
    assert len(world.calls) == 2
    assert ran.report["calls"] == 2
    assert ran.report["left"] == 2
    assert "--max-calls" in str(ran.report["stopped"])
    assert [data["state"] for data in manifests(tmp_path).values()] == ["complete"] * 2
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert sorted(world.calls) == sorted(f"v1 {note}" for note in STILLS)
    assert sum(line["event"] == "intent" for line in ledger(tmp_path)) == len(world.calls)


def test_retries_count(world: FakeWorld, tmp_path: Path) -> None:
    """Every call that is sent may cost money, so every one is in the budget."""
    world.script[("127.0.0.1", "/api/")] = "E"
    ran = run(["get", STILLS[0], "-d", tmp_path, "--max-calls", "2", "--retries", "9", *world.options])
    assert ran.code == 4
    assert len(world.calls) == 2


def test_a_note_is_archived_as_far_as_the_budget_went(world: FakeWorld, tmp_path: Path) -> None:
    """v1 is paid for, v6 is not: cover and sound are there, the video is a gap."""
    ran = run(["get", VIDEO, "-d", tmp_path, "--max-calls", "1", *world.options])
    assert ran.code == 4
    data = manifests(tmp_path)[VIDEO]
    assert data["state"] == "partial"
    assert {entry["kind"] for entry in data["files"]} == {"cover", "sound"}


def test_no_budget_means_kept_replies_only(world: FakeWorld, tmp_path: Path) -> None:
    """What was paid for is repaired without a call; a new note is left, with exit 4."""
    run(["get", STILLS[0], "-d", tmp_path, *world.options])
    (picture,) = tmp_path.glob("*/02.webp")
    picture.unlink()
    calls = list(world.calls)
    assert run(["get", STILLS[0], "-d", tmp_path, "--max-calls", "0", *world.options]).code == 0
    assert picture.exists()
    assert run(["get", STILLS[1], "-d", tmp_path, "--max-calls", "0", *world.options]).code == 4
    assert world.calls == calls
