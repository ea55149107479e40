"""Ctrl-C: what is done, left and paid is said, and no piece of a progress bar stays on the screen."""

import json
import os
import signal
import threading
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from support.another_process import started
from support.fake_world import FakeWorld
from support.pseudo_terminal import Terminal, shown_on_screen
from support.single_run import HEIC, LIVE_NOTE, VIDEO_NOTE

from xharchive.cli import main

STILLS = "694c7be6000000002200e19b"


def test_the_screen_is_left_clean_and_says_what_was_done(world: FakeWorld, tmp_path: Path) -> None:
    """Each sentence on a line of its own, nothing of the bars among them."""
    world.script["*", HEIC] = "S"
    err = Terminal()

    def interrupt() -> None:
        world.until(lambda: any(HEIC in asked for asked in world.asked))
        os.kill(os.getpid(), signal.SIGINT)

    hand = threading.Thread(target=interrupt)
    hand.start()
    with redirect_stdout(StringIO()), redirect_stderr(err):
        code = main(["get", STILLS, LIVE_NOTE, "-d", str(tmp_path), "-j", "1", *world.options])
    hand.join()
    assert code == 130
    stopping, *_, report, last = shown_on_screen(err.getvalue())
    assert stopping.startswith(("xharchive: stopping; waiting for replies", "archived"))
    assert "API calls (2 billed)" in report
    assert " left; " in report
    assert last.startswith(
        "xharchive: interrupted; what is finished stays. Continue with: xharchive resume -d"
    )
    assert not any("|" in line or "it/s" in line for line in shown_on_screen(err.getvalue()))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_reports_what_it_did(
    world: FakeWorld, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """For people on standard error, for programs as the last event."""
    world.script["*", "/stream/"] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE, VIDEO_NOTE, "--timeout", "3600") as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert process.signal(number) == code
    assert "0 archived, 0 unchanged, 0 partial, 0 empty, 0 failed, 2 left; " in process.told
    assert "billed" in process.told


def test_a_run_that_the_disk_ends_reports_what_it_did(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends a run early, too."""
    from support.command import run

    from xharchive.archive import NoteFolders
    from xharchive.errors import ArchiveError

    def full(_self: NoteFolders, _needed: int) -> None:
        raise ArchiveError("the disk is full")

    monkeypatch.setattr(NoteFolders, "check_free_space", full)
    ran = run(["get", LIVE_NOTE, "-d", tmp_path, "--json", *world.options])
    assert ran.code == 5
    report = json.loads(ran.out.splitlines()[-1])
    assert (report["event"], report["left"], report["billed"]) == ("run_finished", 1, 1)
    assert report["stopped"] == "the disk is full"
    assert "1 left; 0 B fetched; 1 API call (1 billed)" in ran.err
