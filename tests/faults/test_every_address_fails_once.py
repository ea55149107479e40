"""Every address of every note fails once, then works: a host's rest is waited for, nothing is given up."""

from pathlib import Path

import pytest
from support.command import manifests
from support.fake_world import FakeWorld
from support.single_run import get


@pytest.mark.parametrize("letter", ["5", "X", "C", "c", "n", "Z", "3"])
def test_the_run_ends_complete(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """Busy, broken, cut in three ways, empty, forbidden: exit 0, every original, one call an endpoint."""
    notes = tuple(note.id for note in world.world.notes.values() if note.state == "complete")
    world.everywhere = f"{letter}o"
    # One transfer at a time: several that fail at once make a host rest, and a guessed one is not waited for.
    left = get(world, tmp_path, "-j", "1", notes=notes)
    assert left.code == 0
    assert all(left.is_complete(note) for note in notes)
    assert set(manifests(tmp_path)) == set(notes)
    assert len(set(world.calls)) == len(world.calls)
