"""The silent corruptions of other tools, tried on this one.

The list: docs/reliability.md#corruptions-seen-in-other-tools.
"""

import random
from pathlib import Path

import pytest
from support.command import folder_of
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, get, resume

FIVE_STILLS = "68f2b6a0000000000703a1c4"
TWO_OF_FIVE_MOVE = "691e44b2000000001f00c8d1"


@pytest.mark.parametrize("size", [30_000, 5_000_000])
def test_stale_partial_files(world: FakeWorld, tmp_path: Path, size: int) -> None:
    """C1, C3, C4: an older part, smaller or larger, leaves no byte in the file; no range is asked for."""
    work = tmp_path / ".xharchive" / "work" / LIVE_NOTE
    work.mkdir(parents=True)
    junk = random.Random(size).randbytes(size)  # noqa: S311 - any bytes will do
    for name in ("image-1.part", "live-1.part", "01.heic", "01.mp4", "image-1.derivative"):
        (work / name).write_bytes(junk)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert all("Range" not in seen.headers for seen in world.seen)


def test_one_picture_that_fails_renumbers_nothing(world: FakeWorld, tmp_path: Path) -> None:
    """C7: the second of five is a gap, and the third is still 03 with its own suffix."""
    key = world.world.notes[FIVE_STILLS].originals["image-2"]
    world.script["*", f"/{key}"] = "4"
    left = get(world, tmp_path, notes=(FIVE_STILLS,))
    assert left.code == 3
    assert left.gaps(FIVE_STILLS) == {"image-2": "not-found"}
    names = sorted(path.name for path in folder_of(tmp_path, FIVE_STILLS).glob("0*"))
    assert [name.partition(".")[0] for name in names] == ["01", "03", "04", "05"]
    assert all(left.is_untouched(f"image-{place}", FIVE_STILLS) for place in (1, 3, 4, 5))


def test_motions_stay_with_their_stills(world: FakeWorld, tmp_path: Path) -> None:
    """C8: the second and the fourth picture move; their motions are 02 and 04."""
    left = get(world, tmp_path, notes=(TWO_OF_FIVE_MOVE,))
    assert left.code == 0
    assert left.is_complete(TWO_OF_FIVE_MOVE)
    names = {path.name for path in folder_of(tmp_path, TWO_OF_FIVE_MOVE).glob("*.mp4")}
    assert names == {"02.mp4", "04.mp4"}


def test_a_partial_note_is_not_done(world: FakeWorld, tmp_path: Path) -> None:
    """C9: what failed today is fetched by a later `get`, without another call and without the rest."""
    world.script["*", "/notes_uhdr/"] = "4"
    first = get(world, tmp_path)
    assert (first.code, first.state()) == (3, "partial")
    world.script.clear()
    before = len(world.media)
    second = get(world, tmp_path)
    assert second.code == 0
    assert second.is_complete()
    assert len(world.media) == before + 1
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_cut_final_file_is_not_taken_for_whole(world: FakeWorld, tmp_path: Path) -> None:
    """C6: a final file of the wrong size is repaired, whatever its name says."""
    get(world, tmp_path)
    motion = folder_of(tmp_path, LIVE_NOTE) / "01.mp4"
    motion.write_bytes(motion.read_bytes()[:1000])
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
