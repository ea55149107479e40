"""The disk fills up: at each single write in turn, and for real on a file system of 400 kB."""

import errno
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.command import manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, Left, resume

from xharchive.archive import NoteFolders

KEEP = ["--image-format", "keep"]


class FullAt:
    """Counts what a run does to an archive that needs room, and lets the n-th such call fail.

    Below SQLite's own writes, which no Python sees; those are for the tiny file system.
    """

    def __init__(self, archive: Path, number: int, patch: pytest.MonkeyPatch) -> None:
        self._archive = str(archive)
        self._left = number
        self.calls: list[str] = []
        for name in ("write", "writev", "fsync"):
            patch.setattr(os, name, self._counted(name, getattr(os, name), _of_descriptor))
        patch.setattr(os, "replace", self._counted("replace", os.replace, _of_path))
        patch.setattr(os, "mkdir", self._counted("mkdir", os.mkdir, _of_new_folder))
        patch.setattr(os, "open", self._counted("open", os.open, _of_new_descriptor))
        patch.setattr(io, "open", self._counted("open", io.open, _of_new_file))

    def _counted(self, name: str, call: Callable[..., Any], place: Callable[..., str]) -> Callable[..., Any]:
        def shim(*arguments: Any, **named: Any) -> Any:
            where = place(*arguments, **named)
            if where.startswith(self._archive):
                self.calls.append(f"{name} {where.removeprefix(self._archive)}")
                self._left -= 1
                if self._left == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **named)

        return shim


def _whole(path: Any, folder: int | None) -> str:
    """Return the path that a call means which gives it relative to an opened folder."""
    return str(path) if folder is None else str(Path(f"/proc/self/fd/{folder}").readlink() / path)


def _of_path(path: Any, *_rest: Any, src_dir_fd: int | None = None, **_named: Any) -> str:
    return _whole(path, src_dir_fd)


def _of_new_folder(path: Any, *_rest: Any, dir_fd: int | None = None) -> str:
    whole = _whole(path, dir_fd)
    return "" if Path(whole).is_dir() else whole


def _of_descriptor(descriptor: int, *_rest: Any) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _of_new_descriptor(path: Any, flags: int, *_rest: Any, dir_fd: int | None = None) -> str:
    return _whole(path, dir_fd) if flags & os.O_CREAT else ""


def _of_new_file(path: Any, mode: str = "r", *_rest: Any, **_named: Any) -> str:
    return "" if isinstance(path, int) or mode[0] == "r" else str(path)


def get(world: FakeWorld, archive: Path, number: int) -> tuple[Left, list[str]]:
    """A run of `get` whose n-th call that needs room finds none."""
    with pytest.MonkeyPatch.context() as patch:
        disk = FullAt(archive, number, patch)
        ran = run(["get", LIVE_NOTE, "-d", archive, "--json", *KEEP, *world.options])
    return Left(ran, archive, world), disk.calls


@pytest.mark.usefixtures("no_workers")
def test_at_every_single_write(world: FakeWorld, tmp_path: Path) -> None:
    """For n = 1 to the last: exit 5, a sentence, no manifest that lies; what is kept is not paid for again.

    Then there is room, and the same command ends complete.
    """
    healthy, calls = get(world, tmp_path / "healthy", 0)
    assert healthy.code == 0
    assert len(calls) >= 40
    failed = 0
    for number in count(1):
        archive = tmp_path / str(number)
        world.forget()
        left, done = get(world, archive, number)
        if len(done) < number:  # the last: how a body arrives in pieces decides how many writes it takes
            assert left.code == 0
            break
        # Who holds the archive is a courtesy; every other byte is needed.
        assert left.code == (0 if "holder.json" in done[number - 1] else 5), (done[number - 1], left.ran.err)
        failed += left.code == 5
        assert left.code == 0 or "the disk is full; free some space and run again" in left.ran.err
        assert not [path for path in archive.rglob("*.tmp") if path.name != "wanted.txt.tmp"]
        if manifests(archive):
            assert run(["verify", "-d", archive]).code == 0
        kept = [*archive.glob(".xharchive/work/*/replies/*.json"), *archive.glob("*/replies/*.json")]
        paid = len(world.calls)
        assert paid <= 1
        pay = ["--on-unknown", "pay"]  # an intent that could not be synced is a call that may have been sent
        again = run(["get", LIVE_NOTE, "-d", archive, "--json", *pay, *KEEP, *world.options])
        assert again.code == 0, (done[number - 1], again.err)
        assert Left(again, archive, world).is_complete()
        assert len(world.calls) == (1 if kept else paid + 1), done[number - 1]
    assert failed >= 30


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("looked", [True, False])
def test_a_disk_that_is_really_too_small(
    world: FakeWorld, tiny: Path, monkeypatch: pytest.MonkeyPatch, looked: bool
) -> None:
    """The motion of 1 MB does not fit: exit 5 at once, no try elsewhere; with room, no further call.

    It is seen before the first byte, or, where another program takes the room meanwhile, when it is full.
    """
    with monkeypatch.context() as patch:
        if not looked:
            patch.setattr(NoteFolders, "check_free_space", lambda *_: None)
        ran = run(["get", LIVE_NOTE, "-d", tiny / "a", *KEEP, *world.options])
    assert ran.code == 5
    assert (" bytes free" if looked else "the disk is full") in ran.err
    assert bool(world.media) is not looked
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert list(tiny.glob("a/*/manifest.json")) == []
    assert list(tiny.glob("a/.xharchive/work/*/live-1.part")) == []
    subprocess.run(["mount", "-o", "remount,size=16m", tiny], check=True)
    left = resume(world, tiny / "a")
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
