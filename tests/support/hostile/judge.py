"""Runs a command as a process of its own over a prepared archive, and says what it did wrong."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.hostile.scene import CANARY, SCRIPT, Scene, everything_in
from support.hostile.verbs import Verb

__all__ = ["LIMITS", "PROGRAM", "Ended", "Limits", "assert_harmless", "complaints", "judged", "run_limited"]

PROGRAM = (sys.executable, "-P", "-m", "xharchive")
_GOOD_CODES = frozenset((0, 2, 3, 4, 5))
_TOKEN = "s3cret/t0ken+of=tests"
_TOKEN_PIECE = b"s3cret"
_COMMANDS_A_TERMINAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SEARCHED = 8 * 1024 * 1024  # a larger file holds nothing that a witness was copied into
_PAUSE = 0.01


@dataclass(frozen=True)
class Limits:
    """The seconds by the clock and the bytes of memory that a command may take.

    The seconds do not count in which a process could run and other programs had the processors.
    """

    seconds: float = 10.0
    memory: int = 300 * 1024 * 1024


LIMITS = Limits()


@dataclass(frozen=True)
class Ended:
    """How a process ended; `stopped` says which limit it broke, "" if it ended by itself."""

    code: int
    out: bytes
    err: bytes
    stopped: str


def judged(scene: Scene, verb: Verb, limits: Limits = LIMITS, program: Sequence[str] = PROGRAM) -> list[str]:
    """Run a verb over the scene's archive and return what it did wrong, an empty list if nothing."""
    options = scene.good.options if verb.asks else ()
    scene.remember_witnesses()
    ended = run_limited([*program, *verb.arguments, "-d", ".", *options], scene, limits)
    return [*complaints(ended), *_broken_borders(scene, ended, verb)]


def assert_harmless(scene: Scene, verb: Verb) -> None:
    """Fail with all that a verb did wrong over the scene's archive."""
    found = judged(scene, verb)
    if found:
        pytest.fail("; ".join(found), pytrace=False)


def run_limited(command: Sequence[str], scene: Scene, limits: Limits = LIMITS) -> Ended:
    """Run a command inside the archive; kill it, with all it started, when it breaks a limit."""
    out, err = scene.scratch / "out", scene.scratch / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=scene.archive,
            env=_environment(scene),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        stopped = _watch(process, limits)
        with suppress(ProcessLookupError):  # its workers may outlive it
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    return Ended(code, out.read_bytes()[:_SEARCHED], err.read_bytes()[:_SEARCHED], stopped)


def complaints(ended: Ended) -> Iterator[str]:
    """Yield what is wrong with how a command ended and with what it printed."""
    if ended.stopped:
        yield ended.stopped
    elif ended.code not in _GOOD_CODES:
        yield f"exit code {ended.code}"
    told = ended.err.decode("utf-8", "replace")
    if "Traceback" in told:
        yield f"a traceback: {told.strip().splitlines()[-1][:200]}"
    if "bug" in told:
        yield f"a bug: {told.strip()[:200]}"
    printed = _COMMANDS_A_TERMINAL.search(ended.out.decode("utf-8", "replace") + told)
    if printed:
        yield f"printed a character that commands a terminal: {printed[0]!r}"


def _environment(scene: Scene) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(scene.home),
        "TMPDIR": str(scene.scratch),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XHARCHIVE_TOKEN": _TOKEN,
    }


def _watch(process: "subprocess.Popen[bytes]", limits: Limits) -> str:
    """Wait for the end; return which limit was broken, "" if none.

    The highest memory of the process itself is asked of the kernel again and again: what `wait4` says counts
    its workers, too.
    """
    begun = time.monotonic()
    while process.poll() is None:
        passed = time.monotonic() - begun
        if _highest_memory(process.pid) > limits.memory:
            return f"more than {limits.memory // 1024**2} MB of memory"
        if passed > limits.seconds and passed - min(_waited(process.pid), 5 * passed / 6) > limits.seconds:
            return f"not finished after {limits.seconds:g} s"
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PAUSE)
    return ""


def _waited(pid: int) -> float:
    """Return the seconds that a process's threads were ready to run and had no processor."""
    waited = 0.0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, IndexError):
            waited += int(task.read_text("ascii").split()[1]) / 1e9
    return waited


def _highest_memory(pid: int) -> int:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    return 0


def _broken_borders(scene: Scene, ended: Ended, verb: Verb) -> Iterator[str]:
    yield from scene.harm()
    if connections := scene.listener.connections():
        yield f"{connections} connections to the listener"
    printed = ended.out + ended.err
    if CANARY.encode() in printed:
        yield "printed a witness"
    if _TOKEN_PIECE in printed:
        yield "printed the token"
    for path, content in _files(scene.archive):
        if CANARY.encode() in content:
            yield f"copied a witness into {path.relative_to(scene.archive)}"
        if _TOKEN_PIECE in content:
            yield f"wrote the token into {path.relative_to(scene.archive)}"
    if verb.makes_pages and not ended.stopped and ended.code in (0, 3):
        for page in _pages(scene.archive):
            if SCRIPT.encode() in page.read_bytes():
                yield f"left a script in {page.relative_to(scene.archive)}"


def _files(archive: Path) -> Iterator[tuple[Path, bytes]]:
    for path in everything_in(archive):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _SEARCHED:
            yield path, path.read_bytes()


def _pages(archive: Path) -> Iterator[Path]:
    """Yield what a browser runs of a gallery: its index, its scripts, the pages of archived notes."""
    candidates = [archive / "index.html", *archive.glob("gallery/*.js")]
    candidates += [manifest.with_name("index.html") for manifest in archive.glob("*/manifest.json")]
    return (page for page in candidates if page.is_file())
