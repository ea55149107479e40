"""The day's quota ends in the middle of a list."""

from pathlib import Path

from support.fake_world import FakeWorld, outcomes
from support.single_run import LIVE_NOTE, get, resume

API = "127.0.0.1"
TOKEN = "s3cret%2Ft0ken%2Bof%3Dtests"
NOTES = (LIVE_NOTE, "694c7be6000000002200e19b", "6a34c6f0000000000900d3b8", "6a63481c000000000e02a9d5")


def test_after_two_of_four_notes(world: FakeWorld, tmp_path: Path) -> None:
    """Two notes are archived, two are left; exit 4; `resume` finishes with two calls, five in all."""
    for note in NOTES[2:]:
        world.script[API, f"/api/xiaohongshu/get-note-detail/v1?token={TOKEN}&noteId={note}"] = "Q"
    left = get(world, tmp_path, "--api-jobs", "1", notes=NOTES)
    assert left.code == 4
    assert "quota" in left.ran.err
    assert outcomes(left.ran.events) == {"archived": 2}
    assert left.ran.report["left"] == 2
    assert "quota" in str(left.ran.report["stopped"])
    assert len(world.calls) == 3
    assert left.is_complete(NOTES[0])
    assert left.is_complete(NOTES[1])
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.code == 0
    assert all(again.is_complete(note) for note in NOTES)
    assert len(world.calls) == 5
    assert again.ran.report["calls"] == 2
    assert again.billed.count("yes") == 4
