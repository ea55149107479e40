"""The matrix itself: it has all verbs, its judge sees what it must see, and good archives pass it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from select import select

import pytest
from support.hostile.judge import Ended, Limits, complaints, judged, run_limited
from support.hostile.matrix import EVERY_ARCHIVE
from support.hostile.scene import CANARY, SCRIPT, Scene
from support.hostile.verbs import EVERY_VERB, LISTING_VERBS, Verb

NOT_RUN = {"demo": "`get` with a server of its own"}
VERBS = EVERY_VERB + LISTING_VERBS


def test_the_matrix_has_every_verb() -> None:
    """A new verb must be added to the matrix."""
    told = subprocess.run(
        [sys.executable, "-m", "xharchive", "--help"], capture_output=True, text=True, check=True
    )
    commands = told.stdout.partition("commands:")[2].partition("examples:")[0]
    listed = {line.split()[0] for line in commands.splitlines() if line[:4] == "    " and line[4:5] != " "}
    assert listed == {verb.arguments[0] for verb in VERBS} | NOT_RUN.keys()


def test_the_matrix_has_enough_archives() -> None:
    """Forty, at least, each under a name of its own."""
    assert len(EVERY_ARCHIVE) >= 40


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_a_good_archive_passes(scene: Scene, verb: Verb) -> None:
    """What the judge calls harm does not happen in an archive that is as it should be."""
    assert judged(scene, verb) == []


HARM: dict[str, tuple[Callable[[Scene], str], str]] = {
    "a changed file": (
        lambda scene: f"open({str(scene.outside / 'precious')!r}, 'a').write('x')",
        "changed outside: ",
    ),
    "a file removed": (lambda scene: f"os.unlink({str(scene.outside / 'precious')!r})", "removed outside: "),
    "a file added": (
        lambda scene: f"open({str(scene.outside / 'new')!r}, 'w')",
        "appeared outside: outside/new",
    ),
    "a file added and removed": (
        lambda scene: f"os.rmdir(os.mkdir({str(scene.world / 'new')!r}) or {str(scene.world / 'new')!r})",
        "changed outside: .",
    ),
    "a file read": (lambda scene: f"open({str(scene.outside / 'precious')!r}).read()", "read outside: "),
    "a time changed": (lambda scene: f"os.utime({str(scene.outside / 'precious')!r})", "changed outside: "),
    "a connection": (
        lambda scene: f"socket.create_connection(('127.0.0.1', {scene.listener.port}))",
        "1 connections to the listener",
    ),
    "a witness copied": (
        lambda scene: f"open('index.html', 'w').write({CANARY!r})",
        "copied a witness into index",
    ),
    "a witness printed": (lambda scene: f"print({CANARY!r})", "printed a witness"),
    "the token printed": (lambda scene: "print(os.environ['XHARCHIVE_TOKEN'])", "printed the token"),
    "the token kept": (
        lambda scene: "open('a.txt', 'w').write(os.environ['XHARCHIVE_TOKEN'])",
        "wrote the token into a.txt",
    ),
    "a script left": (
        lambda scene: f"open('index.html', 'w').write({SCRIPT!r})",
        "left a script in index.html",
    ),
    "a hang": (lambda scene: "time.sleep(60)", "not finished after"),
    "a pipe without a writer": (lambda scene: "os.mkfifo('p'), open('p')", "not finished after"),
    "too much memory": (lambda scene: "x := bytearray(2**27), time.sleep(60)", "more than 100 MB of memory"),
    "a bug": (lambda scene: "sys.exit('xharchive: a bug in xharchive')", "a bug: "),
    "a wrong code": (lambda scene: "sys.exit(1)", "exit code 1"),
    "a signal": (lambda scene: "os.kill(os.getpid(), 9)", "exit code -9"),
    "a traceback": (lambda scene: "1 / 0", "a traceback: ZeroDivisionError"),
    "terminal codes": (lambda scene: "print('\\x1b[2J')", "commands a terminal"),
}


@pytest.mark.parametrize("harm", HARM)
def test_the_judge_sees(scene: Scene, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does harm is found out."""
    code, expected = HARM[harm]
    program = f"import os, socket, sys, time\n({code(scene)})\n"
    limits = Limits(seconds=2.0, memory=100 * 1024 * 1024)
    verb = Verb("harm", (), makes_pages=True)
    found = judged(scene, verb, limits, program=(sys.executable, "-c", program))
    assert any(complaint.startswith(expected) or expected in complaint for complaint in found), found


def test_the_judge_calls_no_harm_where_there_is_none(scene: Scene) -> None:
    """A program that does nothing is let through."""
    assert judged(scene, Verb("nothing", ()), program=(sys.executable, "-c", "pass")) == []


def test_what_a_stopped_command_started_is_ended(scene: Scene) -> None:
    """Its children do not go on after it."""
    child = [sys.executable, "-c", "import time; time.sleep(600)", str(scene.folder)]
    parent = [sys.executable, "-c", f"import subprocess; subprocess.run({child!r})"]
    ended = run_limited(parent, scene, Limits(seconds=1.0))
    assert list(complaints(ended)) == ["not finished after 1 s"]
    assert isinstance(ended, Ended)
    assert all(map(_ends, _processes_of(str(scene.folder).encode())))


def _processes_of(argument: bytes) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if argument in (process / "cmdline").read_bytes():
                yield int(process.name)


def _ends(process: int) -> bool:
    """Whether a process ends by itself; one that was killed may take a moment."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor, "rb", buffering=0) as ended:
        return bool(select([ended], [], [], 10)[0])
