"""How late the event loop wakes up while HEICs are converted: whatever holds it up stalls all transfers."""

import json
import shutil
import sys
from pathlib import Path

from benchmarks.alone.finding import Finding, Yard
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
    ticks = scratch / "lag.json"
    ticks.unlink(missing_ok=True)
    with serving("far", corpus.folder, yard.work) as server:
        job = Job(corpus, server.port, 16, out, scratch, ("--no-gallery",))
        # What stands behind `python -m xharchive` goes to the same command line, started by the script.
        arguments = RUNNERS["xharchive"].command(job)[3:]
        script = Path(__file__).parent.parent / "scripts" / "lagging.py"
        run = launched([sys.executable, str(script), str(ticks), *arguments], scratch)
    shutil.rmtree(out, ignore_errors=True)
    late = sorted(json.loads(ticks.read_text())) if ticks.exists() else []
    if run.failure or not late:
        problem = run.failure or "no tick was noted"
        return [Finding("event loop lag while converting", problem, "≤ 20 ms", held=False)]
    p99 = late[int(len(late) * 0.99)] * 1e3
    text = f"p99 {p99:.1f} ms, maximum {late[-1] * 1e3:.0f} ms ({len(late):,} ticks, {run.wall:.0f} s)"
    return [Finding("event loop lag while converting, p99", text, "≤ 20 ms", held=p99 <= _LIMIT_MS)]
