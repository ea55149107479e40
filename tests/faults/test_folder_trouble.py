"""The archive's folder is the trouble: read-only, too deep, over its quota; or too few files may be open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.altered_demo_world import AlteredWorld
from support.command import run
from support.fake_world import FakeWorld, running
from support.single_run import LIVE_NOTE, get, resume

from xharchive.demo.world import DemoWorld

STILL = "6a1d8bee000000000f02c1a4"


def read_only(folder: Path) -> bool:
    """Make a folder a read-only file system of its own; False where nobody may do that."""
    binding = subprocess.run(["mount", "--bind", folder, folder], check=False, capture_output=True)
    return (
        not binding.returncode
        and not subprocess.run(
            ["mount", "-o", "remount,ro,bind", folder], check=False, capture_output=True
        ).returncode
    )


def test_a_read_only_file_system(world: FakeWorld, tmp_path: Path) -> None:
    """Exit 5 before anything is asked or paid; looking at what is there still works."""
    archive = tmp_path / "archive"
    assert get(world, archive).code == 0
    seen = len(world.seen)
    if not read_only(archive):
        pytest.skip("mounting needs root")
    try:
        ran = run(["get", STILL, "-d", archive, *world.options])
        looks = [run([verb, "-d", archive]).code for verb in ("status", "verify")]
    finally:
        subprocess.run(["umount", "-l", archive], check=True)
    assert ran.code == 5
    assert "read-only" in ran.err
    assert looks == [0, 0]
    assert len(world.seen) == seen
    assert get(world, archive, notes=(STILL,)).code == 0


def test_a_path_that_is_too_long(world: FakeWorld, tmp_path: Path) -> None:
    """A folder so deep that nothing has room in it: exit 5 before a call, and what to do about it."""
    deep = tmp_path
    while len(os.fsencode(deep)) < 4096 - 260:
        deep = deep / ("d" * min(200, 4096 - 255 - len(os.fsencode(deep))))
    deep.mkdir(parents=True)
    archive = deep / "a"
    ran = run(["get", LIVE_NOTE, "-d", archive, "--image-format", "keep", *world.options])
    assert ran.code == 5
    assert "too long" in ran.err
    assert "--directory" in ran.err
    assert world.calls == []
    moved = tmp_path / "short"
    archive.rename(moved) if archive.exists() else moved.mkdir()
    assert get(world, moved).code == 0
    assert len(world.calls) == 1


def limited(world: FakeWorld, archive: Path, limit: str, *notes: str) -> "subprocess.CompletedProcess[str]":
    """A run of `get` in a process with a limit, as `ulimit` sets it."""
    code = f"import resource, sys; resource.setrlimit(resource.{limit})\n"
    code += "from xharchive.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["get", *notes, "-d", str(archive), "--image-format", "keep", *world.options]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, timeout=60
    )


def test_a_quota(world: FakeWorld, tmp_path: Path) -> None:
    """No file may grow beyond 300 kB (EFBIG, as quotas say it too): exit 5; without the limit all is well."""
    ran = limited(world, tmp_path, "RLIMIT_FSIZE, (300_000, 300_000)", LIVE_NOTE)
    assert ran.returncode == 5, ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.glob("*/manifest.json")) == []
    assert list(tmp_path.glob(".xharchive/work/*/live-1.part")) == []
    assert "larger than this file system or a limit (ulimit -f) allows" in ran.stderr
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_few_open_files(demo_world: DemoWorld, tmp_path: Path) -> None:
    """`ulimit -n 64` and 60 notes: the pools are bounded, so all are archived."""
    world = AlteredWorld(demo_world)
    ids = [f"{0x6A1D8BEE:08x}{number:016x}" for number in range(60)]
    world.copies(STILL, {note: lambda reply: reply for note in ids})
    with running(world) as fake:
        ran = limited(fake, tmp_path, "RLIMIT_NOFILE, (64, 64)", *ids)
        assert ran.returncode == 0, ran.stderr
        assert len(fake.calls) == 60
    assert len(list(tmp_path.glob("*/manifest.json"))) == 60
    assert run(["verify", "-d", tmp_path]).code == 0


def test_no_open_files_left(world: FakeWorld, tmp_path: Path) -> None:
    """With next to none, the run says so and ends; no host is blamed for it, and nothing is lost."""
    ran = limited(world, tmp_path, "RLIMIT_NOFILE, (16, 16)", LIVE_NOTE)
    assert ran.returncode in (2, 5), ran.stderr
    assert "too many open files" in ran.stderr.lower()
    assert list(tmp_path.glob("*/manifest.json")) == []
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert len(world.calls) <= 2
