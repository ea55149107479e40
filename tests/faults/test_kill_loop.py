"""The short form of `make soak`: kills at random moments, and the proof that the proof sees what is wrong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from support.archive_check import moment_breaches, tree_breaches, tree_of
from support.command import folder_of
from support.fake_world import FakeWorld
from support.faulty_mirrors import Plan
from support.kill_loop import killed_archive, undisturbed
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get

from xharchive.demo.world import DemoWorld

NOTES = (LIVE_NOTE, "6a34c6f0000000000900d3b8", VIDEO_NOTE, "694c7be6000000002200e19b")
SCRIPT = {
    ("127.0.0.1", "/"): "so",
    ("ci.xiaohongshu.com", "/"): "C",
    ("sns-img-bd.xhscdn.com", "/"): "H",
    ("sns-img-hw.xhscdn.com", "/"): "Cs",
    ("sns-v8.rednotecdn.com", "/"): "s",
    ("sns-video-bd.xhscdn.com", "/"): "B",
}
"""Uploads come from the third host, slowly and after a cut; wrong bytes are told by a digest in the reply."""
FEWEST_KILLS = 3


def test_kills_at_random_moments(demo_world: DemoWorld, tmp_path: Path) -> None:
    """Whatever the moments: the undisturbed tree in the end, nothing false on the way, no idle call."""
    plan = Plan(NOTES, ("--image-format", "jpeg"), 3, SCRIPT)
    twin = undisturbed(demo_world, plan, tmp_path / "twin")
    assert twin.code == 0
    random = Random(11)  # noqa: S311 - to be had again, not secret
    kills = archives = 0
    while kills < FEWEST_KILLS:
        archives += 1
        figures = killed_archive(demo_world, twin, tmp_path / str(archives), random, FEWEST_KILLS)
        assert figures.breaches == []
        kills += figures.kills


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: _cut(folder / "01.heic"), {"corrupt", "lying"}),
        (lambda folder: (folder / "01.heic").unlink(), {"lying"}),
        (lambda folder: _cut(folder / "replies" / "v1.json"), {"corrupt", "lying"}),
        (lambda folder: (folder / "03.jpg").write_bytes(b"\xff\xd8"), {"corrupt"}),
        (lambda folder: _cut(folder / "manifest.json"), {"lying"}),
        (lambda folder: (folder / "manifest.json").unlink(), {"lost"}),
    ],
)
def test_the_proof_sees_what_is_wrong_after_a_kill(
    world: FakeWorld, tmp_path: Path, damage: Callable[[Path], object], told: set[str]
) -> None:
    """Cut or strange files, manifests that lie, notes that are gone; and nothing before the damage."""
    left = get(world, tmp_path / "archive")
    heard, right = left.ran.events, tree_of(left.archive)
    assert moment_breaches(left.archive, right, (LIVE_NOTE,), heard) == []
    damage(folder_of(left.archive, LIVE_NOTE))
    found = moment_breaches(left.archive, right, (LIVE_NOTE,), heard)
    assert {breach.kind for breach in found} == told


def test_the_proof_sees_a_note_that_nobody_remembers(world: FakeWorld, tmp_path: Path) -> None:
    """Asked for, neither archived nor on the list."""
    left = get(world, tmp_path / "archive")
    asked = (LIVE_NOTE, VIDEO_NOTE)
    found = moment_breaches(left.archive, tree_of(left.archive), asked, left.ran.events)
    assert [breach.kind for breach in found] == ["lost"]
    assert VIDEO_NOTE in found[0].detail


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda archive: _cut(folder_of(archive, LIVE_NOTE) / "01.heic"), "differs"),
        (lambda archive: _another_size(folder_of(archive, LIVE_NOTE) / "manifest.json"), "differs"),
        (lambda archive: (archive / ".xharchive" / "work" / "x.part").write_bytes(b""), "left"),
        (lambda archive: (archive / ".xharchive" / "lock").write_bytes(b"=s3cret%2Ft0ken"), "token"),
    ],
)
def test_the_proof_sees_what_is_wrong_in_the_end(
    world: FakeWorld, tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    """Another tree, leftovers, the token."""
    left = get(world, tmp_path / "archive")
    right = tree_of(left.archive)
    assert tree_breaches(left.archive, right) == []
    damage(left.archive)
    assert [breach.kind for breach in tree_breaches(left.archive, right)] == [told]


def test_the_proof_counts_calls_and_reads_the_exit_code(demo_world: DemoWorld, tmp_path: Path) -> None:
    """A call that the twin did not make, and that no kill explains; an exit code that is not the twin's."""
    twin = undisturbed(demo_world, Plan(("694c7be6000000002200e19b",)), tmp_path / "twin")
    frugal = replace(twin, calls=Counter(), code=3)
    figures = killed_archive(demo_world, frugal, tmp_path / "archive", Random(1), 0)  # noqa: S311
    assert [breach.kind for breach in figures.breaches] == ["exit", "paid", "paid"]
    assert (figures.kills, figures.calls, figures.calls_too_many) == (0, 1, 1)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _another_size(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"size": ', '"size": 1', 1), "utf-8")
