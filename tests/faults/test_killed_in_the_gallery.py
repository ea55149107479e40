"""kill -9 before a change that a gallery's refresh makes on the disk: the next one makes all of it good."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.gallery_and_note_files import contents, originals
from support.single_run import LIVE_NOTE, VIDEO_NOTE

# Ends itself before the n-th change of a file of the gallery's, by what the interpreter tells of its calls.
PROGRAM = r"""
import os, re, signal, sys
ours = re.compile(r"(.*/)?(gallery.*|thumbs|screens|index\.html|.*\.(webp|css|js))(\.tmp|\.new)?")
left = [int(sys.argv.pop(1))]
def changes(event, arguments):
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "sqlite3.connect")
def hook(event, arguments):
    if changes(event, arguments) and any(
        ours.fullmatch(str(argument)) for argument in arguments
    ):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from xharchive.cli import main
code = main(sys.argv[1:])
sys.stdout.write(f"left {left[0]}")
sys.stdout.flush()
os._exit(code)
"""
NOTES = (LIVE_NOTE, VIDEO_NOTE)
NEVER = 1_000_000
TRIES = 8


def killed_before(change: int, *command: str | Path) -> tuple[int, str]:
    """Run a command that ends itself before so many changes; return its exit code and what it said."""
    arguments = [sys.executable, "-c", PROGRAM, str(change), *map(str, command)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(arguments, capture_output=True, check=False, env=environment, timeout=60)
    return done.returncode, done.stdout.decode()


def some_of(changes: int) -> list[int]:
    """The first, the last, and some between."""
    return sorted({1 + number * (changes - 1) // (TRIES - 1) for number in range(TRIES)})


@pytest.mark.timeout(240)
def test_a_gallery_that_is_made(world: FakeWorld, tmp_path: Path) -> None:
    """Of two notes, killed at each of some moments, then made to its end: as if nothing had been."""
    archive = tmp_path / "archive"
    assert run(["get", *NOTES, "-d", archive, *world.options]).code == 0
    held = originals(archive)
    shutil.copytree(archive, tmp_path / "twin")
    code, said = killed_before(NEVER, "gallery", "-d", tmp_path / "twin")
    assert code == 0
    changes = NEVER - int(said.rpartition("left ")[2])
    assert changes > 10
    expected = contents(tmp_path / "twin")
    assert len(expected) > 5
    for change in some_of(changes):
        other = tmp_path / f"killed {change}"
        shutil.copytree(archive, other)
        assert killed_before(change, "gallery", "-d", other)[0] == -signal.SIGKILL
        assert held.items() <= originals(other).items()
        assert run(["gallery", "-d", other]).code == 0
        assert contents(other) == expected
        assert originals(other) == held
        assert run(["verify", "-d", other]).code == 0


@pytest.mark.timeout(240)
def test_a_runs_own_refresh(world: FakeWorld, tmp_path: Path) -> None:
    """The run is killed while it refreshes: nothing is paid or fetched again, and the pages are all there."""
    command = ["get", *NOTES, "-q", *world.with_gallery]
    code, said = killed_before(NEVER, *command, "-d", tmp_path / "twin")
    assert code == 0
    changes = NEVER - int(said.rpartition("left ")[2])
    expected = contents(tmp_path / "twin")
    whole = 0
    for change in some_of(changes):
        archive = tmp_path / f"killed {change}"
        assert killed_before(change, *command, "-d", archive)[0] == -signal.SIGKILL
        asked, is_whole = len(world.seen), len(list(archive.glob("2*/manifest.json"))) == len(NOTES)
        assert run(["resume", "-d", archive, "-q", *world.with_gallery]).code == 0
        assert len(world.seen) == asked or not is_whole
        whole += is_whole
        assert set(contents(archive)) == set(expected)
        for note in NOTES:
            assert (folder_of(archive, note) / "index.html").stat().st_size
            with Image.open(archive / "gallery" / "thumbs" / f"{note}.webp") as thumb:
                thumb.load()
        assert run(["verify", "-d", archive]).code == 0
    assert whole >= TRIES // 2
