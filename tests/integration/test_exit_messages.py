"""What reaches a user when something ends a command early: a sentence and an exit code, never a traceback."""

import argparse
import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support.command import run
from support.fake_world import FakeWorld

import xharchive
from xharchive.cli.commands import status
from xharchive.cli.console import Console
from xharchive.errors import Terminated

NOTE = "69aed4e2000000000e00c358"


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "terminated"),
        (RuntimeError("at https://api.example.org/x?token=s3cret/t0ken+of=tests"), 1, "a bug in xharchive"),
        (RuntimeError("s3cret%2Ft0ken%2Bof%3Dtests\x1b[31m"), 1, "a bug in xharchive"),
    ],
)
def test_an_early_end_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException, code: int, words: str
) -> None:
    """The sentence says how to go on; no secret, no traceback, no escape code."""

    def end(_args: argparse.Namespace, _console: Console) -> int:
        raise ending

    monkeypatch.setattr(status, "run", end)
    ran = run(["status", "-d", tmp_path / "my notes"])
    assert ran.code == code
    assert words in ran.err
    for never in ("Traceback", "s3cret", "t0ken", "\x1b"):
        assert never not in ran.err
    if code in (130, 143):
        assert f"xharchive resume -d '{tmp_path / 'my notes'}'" in ran.err


def test_status_is_readable(world: FakeWorld, tmp_path: Path) -> None:
    """Without --json the figures are lines for people, with what to do about unfinished notes."""
    world.script[("*", "/stream/")] = "4"
    world.script[("*", "/livephoto/")] = "4"
    run(["get", NOTE, "-d", tmp_path, *world.options])
    shown = run(["status", "-d", tmp_path]).out
    assert "0 complete, 1 partial, 0 empty" in shown
    assert "1: 1 billed, 0 free, 0 unknown" in shown
    assert f"unfinished  1; continue with: xharchive resume -d {tmp_path}" in shown


def test_findings_are_json_lines_too(world: FakeWorld, tmp_path: Path) -> None:
    """`verify --json` names folder, file and problem, one a line."""
    run(["get", NOTE, "-d", tmp_path, *world.options])
    (manifest,) = tmp_path.glob("*/manifest.json")
    (manifest.parent / "01.mp4").unlink()
    ran = run(["verify", "-d", tmp_path, "--json"])
    assert ran.code == 5
    (event,) = ran.events
    assert (event["folder"], event["path"], event["problem"]) == (manifest.parent.name, "01.mp4", "missing")


def test_the_module_is_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m xharchive` and the console script leave with the command's exit code."""
    monkeypatch.setattr(sys, "argv", ["xharchive", "status", "-d", "/nonexistent/archive"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("xharchive", run_name="__main__")
    assert stopped.value.code == 2


@pytest.mark.parametrize("way", ["console script", "-m", "-P -m"])
def test_modules_in_the_current_folder_are_not_run(tmp_path: Path, way: str) -> None:
    """It may be an archive from somebody else. With `-m` alone Python's own imports are out of reach."""
    for name in ("argparse", "json", "pathlib", "sqlite3", "tempfile", "xharchive_extra"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the current folder')")
    script = Path(sysconfig.get_path("scripts")) / "xharchive"
    program = [str(script)] if way == "console script" else [sys.executable, *way.split(), "xharchive"]
    done = subprocess.run(
        [*program, "ls", "-d", "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "run from the current folder" not in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


def test_a_checkout_runs_in_its_own_folder(tmp_path: Path) -> None:
    """Where the package itself is in the current folder, `python -m` finds all of it there."""
    (tmp_path / "xharchive").symlink_to(Path(xharchive.__file__).parent)
    command = [sys.executable, "-m", "xharchive", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"xharchive {xharchive.__version__}\n", "")


def test_a_crash_leaves_no_core_dump(tmp_path: Path) -> None:
    """The token is in the program's memory; the user's hard limit stays."""
    probe = (
        "import resource, xharchive.__main__ as program\n"
        "before = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))\n"
        "program.main = lambda: print(*resource.getrlimit(resource.RLIMIT_CORE), before[1])\n"
        "program.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, check=True)
    soft, hard, hard_before = map(int, done.stdout.split())
    assert 0 <= soft <= 1
    assert hard == hard_before


def test_a_python_that_cannot_be_started_again_says_what_to_do(tmp_path: Path) -> None:
    """Where the locale is not UTF-8 and UTF-8 mode cannot be had."""
    probe = (
        "import xharchive.__main__ as program\n"
        "def fail(): raise OSError(2, 'No such file')\n"
        "program.restart_in_utf8_mode = fail\n"
        "program.run()\n"
    )
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "set PYTHONUTF8=1 and run again" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "base",
    [
        "https://",
        "https://user:word@api.example.org",
        "https://api.example.org:99999",
        "https://h:0",
        "api",
        "",
    ],
)
def test_an_api_base_must_be_an_address(tmp_path: Path, base: str) -> None:
    """User names, queries and impossible ports are refused before anything is sent."""
    ran = run(["get", NOTE, "-d", tmp_path / "a", "--api-base", base])
    assert ran.code == 2
    assert "--api-base" in ran.err
    assert "word" not in ran.err


def test_an_override_may_name_the_apis_host(world: FakeWorld, tmp_path: Path) -> None:
    """`--resolve api.justoneapi.com=127.0.0.1:PORT` leads the API there; on loopback nothing is in clear."""
    place = f"127.0.0.1:{world.port}"
    ran = run(
        ["get", NOTE, "-d", tmp_path, "--resolve", f"*={place}", "--resolve", f"api.justoneapi.com={place}"]
    )
    assert ran.code == 0, ran.err
    assert world.calls == [f"v1 {NOTE}"]
    assert {seen.host for seen in world.seen if seen.kind == "api"} == {"api.justoneapi.com"}


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">/dev/full"])
def test_an_output_that_takes_nothing(tmp_path: Path, closed: str) -> None:
    """Closed streams are nobody's bug, a full disk behind them is told as such."""
    (tmp_path / ".xharchive").mkdir()
    command = f"{sys.executable} -P -m xharchive cost --json -d {tmp_path} {closed}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == (5 if "full" in closed else 0), ran.stderr
    assert "a bug in" not in ran.stderr
    assert ("cannot be written" in ran.stderr) == ("full" in closed)
