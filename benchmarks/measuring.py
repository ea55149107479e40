"""One run of one tool: started through the launcher, timed, and its harvest checked file by file."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.arithmetic import Run
from benchmarks.corpora.making import Made
from benchmarks.runners import Job, Runner
from benchmarks.servers import Server
from benchmarks.servers.processes import busy_seconds

__all__ = ["launched", "measured", "what_was_not_made"]

_ROOT = Path(__file__).parent.parent
_LAST_LINES = 400


def measured(runner: Runner, job: Job, server: Server) -> Run:
    """Run a tool on an empty folder and return what it took; a file missed makes a failure of it."""
    shutil.rmtree(job.out, ignore_errors=True)
    job.out.mkdir(parents=True)
    command = runner.command(job)
    asked, served = server.requests(), server.cpu()
    run = launched(command, job.scratch)
    served = server.cpu() - served
    run = replace(
        run, requests=server.requests() - asked, foreign=max(run.foreign - served / max(run.wall, 0.01), 0.0)
    )
    if runner.fetches and not run.failure:
        run = replace(run, failure=_what_is_missing(job.corpus, job.out))
    if runner.converts and "keep" not in job.flags and not run.failure:
        run = replace(run, failure=what_was_not_made(job, own=job.count("jpeg") if runner.fetches else 0))
    shutil.rmtree(job.out, ignore_errors=True)
    return run


def launched(command: Sequence[str], scratch: Path, expected: Sequence[int] = (0,)) -> Run:
    """Run a command in this machine's free environment and return what it took.

    Its `foreign` still holds whatever server it talked to. An exit code that is not expected is a failure.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    result, output = scratch / "result.json", scratch / "output.txt"
    launcher = [sys.executable, "-m", "benchmarks.launcher", str(result), str(output), *command]
    busy, began = busy_seconds(), time.monotonic()
    subprocess.run(launcher, check=True, cwd=_ROOT, env=_environment())  # noqa: S603 - our own module
    lasted = time.monotonic() - began
    busy = busy_seconds() - busy
    taken = json.loads(result.read_text())
    failure = ""
    if taken["code"] not in expected:
        failure = f"exit code {taken['code']}: {output.read_text(errors='replace')[-_LAST_LINES:].strip()}"
    foreign = max(busy - taken["cpu"], 0.0) / max(lasted, 0.01)
    return Run(
        taken["wall"], taken["cpu"], taken["memory"], taken["tree_memory"], foreign=foreign, failure=failure
    )


def _environment() -> dict[str, str]:
    """The token that xharchive wants, and our own packages first; no proxy between a tool and loopback.

    Whoever installs a package has its modules compiled: they are kept here too, after the first run.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"XHARCHIVE_TOKEN": "benchmark", "PYTHONPATH": str(_ROOT)}


def what_was_not_made(job: Job, own: int) -> str:
    """Return how many HEICs have no JPEG, "" if all have; `own` JPEGs are of the corpus."""
    wanted, made = job.count("heic"), len(list(job.out.rglob("*.jpg"))) - own
    return f"{wanted - made} of {wanted} pictures were not converted" if made < wanted else ""


def _what_is_missing(corpus: Made, out: Path) -> str:
    """Return how many of the corpus's files are not in the folder with their very bytes, "" if all are."""
    wanted = Counter(file.sha256 for file in corpus.files)
    sizes = {file.size for file in corpus.files}
    for path in out.rglob("*"):
        if path.is_file() and path.stat().st_size in sizes:
            with path.open("rb") as file:
                wanted[hashlib.file_digest(file, "sha256").hexdigest()] -= 1
    missed = sum(count for count in wanted.values() if count > 0)
    return f"{missed} of {len(corpus.files)} files are missing or differ" if missed else ""
