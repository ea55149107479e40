"""Ctrl-C (or SIGTERM) while a paid call is under way, and once more because it takes too long."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.another_process import Process, started
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, resume

PATIENT = (
    "-c",
    """
import functools, sys, xharchive.run.run_options as options
from xharchive.cli import main
options.CallOptions = functools.partial(options.CallOptions, patience=3600.0)
sys.exit(main())
""",
)
"""The program, but an interrupted run waits an hour for its calls: whoever waited would be seen to."""

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def interrupted_in_a_call(world: FakeWorld, process: Process, number: signal.Signals) -> None:
    """Have one call on its way that will not be answered, and a first signal that was heard."""
    world.until(lambda: bool(world.asked))
    process.send(number)
    process.says("(again: stops at once)")


@pytest.mark.parametrize(
    ("first", "second", "code"), [(INT, INT, 130), (TERM, TERM, 143), (INT, TERM, 143), (HUP, TERM, 143)]
)
def test_the_second_signal_stops_at_once(
    world: FakeWorld, tmp_path: Path, first: signal.Signals, second: signal.Signals, code: int
) -> None:
    """The first waits for the answer (here up to an hour), the second for nothing; it says how to go on.

    The call is in the ledger as an intent, so its bill is known to be unknown.
    """
    world.script["127.0.0.1", "/api/"] = "So"
    with started(world, tmp_path, "get", LIVE_NOTE, "--api-timeout", "3600", program=PATIENT) as process:
        interrupted_in_a_call(world, process, first)
        assert process.signal(second) == code
    assert f"Continue with: xharchive resume -d {tmp_path}" in process.told
    assert "Traceback" not in process.told
    assert resume(world, tmp_path).code == 4  # it may have been billed, and nobody decided yet
    assert len(world.calls) == 1
    left = resume(world, tmp_path, "--on-unknown", "pay")
    assert left.code == 0
    assert left.is_complete()
    assert [line["event"] for line in left.ledger] == ["intent", "intent", "outcome"]
    assert world.calls == [f"v1 {LIVE_NOTE}"] * 2


def test_a_download_is_not_waited_for(world: FakeWorld, tmp_path: Path) -> None:
    """One signal is enough where no call is under way: the stalled motion is given up, the reply is kept."""
    world.script["*", "/stream/"] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE, "--timeout", "3600", program=PATIENT) as process:
        process.until(lambda event: event["event"] == "asset_archived")
        assert process.signal(INT) == 130
    assert process.told.count("Continue with: xharchive resume") == 1
    world.script.clear()
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_signal_that_is_ignored_on_purpose_stays_ignored(world: FakeWorld, tmp_path: Path) -> None:
    """As `nohup` and shells do it for jobs in the background: the run goes on."""
    before = signal.signal(INT, signal.SIG_IGN)
    try:
        world.script["*", "/stream/"] = "S"
        with started(world, tmp_path, "get", LIVE_NOTE) as process:
            process.until(lambda event: event["event"] == "asset_archived")
            process.send(INT)
            assert process.signal(TERM) == 143
    finally:
        signal.signal(INT, before)
    assert "terminated" in process.told


_ENDING = """
import atexit, os, signal, sys
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["xharchive", "--version"]
from xharchive.__main__ import run
run()
"""


def test_ctrl_c_while_the_process_ends_prints_no_traceback() -> None:
    ended = subprocess.run([sys.executable, "-P", "-c", _ENDING], check=False, capture_output=True, text=True)
    assert ended.stdout.startswith("xharchive ")
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")
