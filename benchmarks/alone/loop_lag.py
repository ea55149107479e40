"""How late the event loop wakes up while HEICs are converted: whatever holds it up stalls all transfers."""

import json
import shutil
import sys
from pathlib import Path

from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Run, Spread
from benchmarks.corpora.making import make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import launched
from benchmarks.runners import RUNNERS, Job
from benchmarks.servers import serving

__all__ = ["loop_lag"]

_LIMIT_MS = 20.0
_HEICS = Corpus(
    "lag",
    20,
    (
        Group("heic", 150, pixels=(1440, 1080), grain=True),
        Group("heic", 10, pixels=(4032, 3024)),
        Group("mp4", 4, 30_000_000, 30_000_000),
    ),
)


def loop_lag(yard: Yard) -> list[Finding]:
    """Run the command with a ticking loop around it, from afar, so that the network does not hurry it."""
    corpus = make_corpus(_HEICS.scaled(max(yard.scale, 0.05)), yard.work / "corpora")
    scratch, out = yard.work / "scratch", yard.work / "out"
    scratch.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    with serving("far", corpus.folder, yard.work) as server:
        job = Job(corpus, server.port, 16, out, scratch, ("--no-gallery",))
        runs = [_ticking(job) for _ in range(yard.rounds)]
    failure = next((run.failure for run, _ in runs if run.failure), "")
    if failure or not all(late for _, late in runs):
        problem = failure or "no tick was noted"
        return [Finding("event loop lag while converting", problem, "≤ 20 ms", held=False)]
    p99 = Spread.of([late[int(len(late) * 0.99)] * 1e3 for _, late in runs])
    most, ticks = max(late[-1] for _, late in runs) * 1e3, sum(len(late) for _, late in runs)
    text = f"p99 {p99.middle:.1f} ms ({p99.low:.1f}–{p99.high:.1f}), maximum {most:.0f} ms, {ticks:,} ticks"
    return [Finding("event loop lag while converting, p99", text, "≤ 20 ms", held=p99.middle <= _LIMIT_MS)]


def _ticking(job: Job) -> tuple[Run, list[float]]:
    """Run the command once; how late the ticks were in seconds, in ascending order."""
    ticks = job.scratch / "lag.json"
    ticks.unlink(missing_ok=True)
    # What stands behind `python -m xharchive` goes to the same command line, started by the script.
    command = RUNNERS["xharchive"].command(job)
    arguments = command[command.index("xharchive") + 1 :]
    script = Path(__file__).parent.parent / "scripts" / "lagging.py"
    run = launched([sys.executable, str(script), str(ticks), *arguments], job.scratch)
    shutil.rmtree(job.out, ignore_errors=True)
    return run, sorted(json.loads(ticks.read_text())) if ticks.exists() else []
