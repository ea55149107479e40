"""Two processes want one archive; one of them may be dead; the file system may have no locks to tell."""

import errno
import fcntl
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from support.another_process import started
from support.command import run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

MOTIONS = ("*", "/stream/")
SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def note_of(archive: Path) -> Path:
    return archive / ".xharchive" / "holder.json"


def test_the_second_leaves_at_once_and_says_who_holds_it(world: FakeWorld, tmp_path: Path) -> None:
    """Exit 5 without waiting for the first, without a request, with process, host, time, and what to do."""
    world.script[MOTIONS] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        asked = len(world.seen)
        for command in (["get", VIDEO_NOTE], ["resume"]):
            second = run([*command, "-d", tmp_path, *world.options])
            assert second.code == 5
            holder = rf"\(process {process.pid} on {re.escape(socket.gethostname())}, {SINCE}\)"
            assert re.search(rf"another xharchive is at work in .* {holder}; wait for it", second.err)
        assert process.is_running
        assert len(world.seen) == asked
    world.script.clear()
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert not note_of(tmp_path).exists()


def test_a_lock_of_a_dead_process_is_taken_over(world: FakeWorld, tmp_path: Path) -> None:
    """kill -9 leaves the lock's file and the note about its holder; the next run goes on as if alone."""
    world.script[MOTIONS] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert process.signal(signal.SIGKILL) == -signal.SIGKILL
    assert json.loads(note_of(tmp_path).read_bytes())["pid"] == process.pid
    world.script.clear()
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert not any(event["event"] == "warned" for event in left.ran.events)
    assert world.calls == [f"v1 {LIVE_NOTE}"]


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 1000,
        b'{"pid": 1}',
        b'{"pid": "x", "host": "h", "since": "2026-01-02T03:04:05+00:00"}',
        b'{"pid": 1e999, "host": "h", "since": "2026-01-02T03:04:05+00:00"}',
        b'{"pid": 1, "host": "h", "since": "soon"}',
        b'{"pid": 1, "host": "h", "since": "2026-01-02T03:04:05"}',
        b'{"pid": -1, "host": "h", "since": "2026-01-02T03:04:05+00:00"}',
        b'{"pid": 1, "since": "2026-01-02T03:04:05+00:00", "host": "' + b"h" * 5000 + b'"}',
        None,
    ],
)
def test_a_note_that_makes_no_sense_is_not_repeated(tmp_path: Path, written: bytes | None) -> None:
    """Garbage in the note, or a pipe in its place: the second is refused all the same, and names nobody."""
    state = tmp_path / ".xharchive"
    state.mkdir()
    if written is None:
        os.mkfifo(note_of(tmp_path))
    else:
        note_of(tmp_path).write_bytes(written)
    with (state / "lock").open("wb") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        second = run(["get", LIVE_NOTE, "-d", tmp_path])
    assert second.code == 5
    assert second.err == (
        f"xharchive: another xharchive is at work in {tmp_path}; wait for it or use another --directory\n"
    )


def test_a_hostile_note_commands_no_terminal(tmp_path: Path) -> None:
    """Escape codes and lines in the host's name are not repeated; a link in the note's place is not read."""
    state = tmp_path / ".xharchive"
    state.mkdir()
    hostile = json.dumps({"pid": 7, "host": "\x1b[2J\nnas\u202e", "since": "2026-01-02T03:04:05+00:00"})
    (tmp_path / "elsewhere").write_text(hostile)
    with (state / "lock").open("wb") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        note_of(tmp_path).write_text(hostile)
        told = run(["get", LIVE_NOTE, "-d", tmp_path]).err
        note_of(tmp_path).unlink()
        note_of(tmp_path).symlink_to(tmp_path / "elsewhere")
        silent = run(["get", LIVE_NOTE, "-d", tmp_path]).err
    assert "(process 7 on [2J nas, since 2026-01-02 03:04:05 UTC)" in told
    assert told.count("\n") == 1
    assert not {"\x1b", "\u202e"} & set(told)
    assert "process 7" not in silent


def test_a_note_that_cannot_be_written_stops_nobody(world: FakeWorld, tmp_path: Path) -> None:
    """A folder stands where the note should be: the lock is what counts."""
    (note_of(tmp_path) / "full").mkdir(parents=True)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As on some network folders: one clear warning, and the run goes on; no lock of another kind is made."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    (warning,) = [event["text"] for event in left.ran.events if event["event"] == "warned"]
    assert warning == (
        f"the file system of {tmp_path} has no locks: nothing keeps a second xharchive out, "
        "so never run two here at once"
    )
    assert f"warning: {warning}\n" in left.ran.err
    note_of(tmp_path).write_text(json.dumps({"pid": 7, "host": "nas", "since": "2026-01-02T03:04:05+00:00"}))
    again = run(["resume", "-d", tmp_path, "--quiet", *world.options])
    assert again.code == 0
    assert "(perhaps still at work: process 7 on nas, since 2026-01-02 03:04:05 UTC)" in again.err


def test_another_trouble_with_the_lock_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input error of the disk is no missing feature."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    ran = run(["get", LIVE_NOTE, "-d", tmp_path])
    assert ran.code == 5
    assert "locking the archive" in ran.err
