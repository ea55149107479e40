"""How many Python calls a picture costs in the main thread: a figure that the machine does not move."""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from benchmarks.alone.finding import Finding, Yard
from benchmarks.corpora.making import make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import launched
from benchmarks.runners import RUNNERS, Job
from benchmarks.servers import serving

__all__ = ["call_count"]

_LIMIT = 1_000
_FEW, _MANY = 500, 1_000
_SHOWN = 5


def call_count(yard: Yard) -> list[Finding]:
    """Return the slope between 500 and 1,000 pictures of 300 KB, and where most of the calls are."""
    few, many = (_counted(yard, number) for number in (_FEW, _MANY))
    if not few or not many:
        return [Finding("calls a picture", "a run failed", f"≤ {_LIMIT:,}", held=False)]
    slope = Counter({name: (number - few[name]) / (_MANY - _FEW) for name, number in many.items()})
    files: Counter[str] = Counter()
    for name, number in slope.items():
        files[name.partition(":")[0].rpartition("site-packages/")[2]] += number
    (yard.work / "calls.json").write_text(json.dumps(slope.most_common(), indent=0))
    most = ", ".join(f"{Path(name).name} {number:.0f}" for name, number in files.most_common(_SHOWN))
    total = sum(slope.values())
    text = f"{total:,.0f}; most in {most}"
    return [Finding("Python calls of the main thread a picture", text, f"≤ {_LIMIT:,}", held=total <= _LIMIT)]


def _counted(yard: Yard, number: int) -> Counter[str]:
    corpus = make_corpus(
        Corpus(f"calls-{number}", number * 3 // 50, (Group("jpeg", number, 300_000, 300_000),)),
        yard.work / "corpora",
    )
    scratch, out = yard.work / "scratch", yard.work / "out"
    scratch.mkdir(parents=True, exist_ok=True)
    counts = scratch / "calls.json"
    counts.unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    with serving("raw", corpus.folder, yard.work) as server:
        job = Job(corpus, server.port, 16, out, scratch, ("--image-format", "keep", "--no-gallery"))
        # What stands behind `python -m xharchive` goes to the same command line, started by the script.
        script = Path(__file__).parent.parent / "scripts" / "counting.py"
        command = RUNNERS["xharchive"].command(job)
        arguments = command[command.index("xharchive") + 1 :]
        run = launched([sys.executable, str(script), str(counts), *arguments], scratch)
    shutil.rmtree(out, ignore_errors=True)
    return Counter() if run.failure or not counts.exists() else Counter(json.loads(counts.read_text()))
