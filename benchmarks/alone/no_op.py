"""`get` on a list of notes that are all there: it has to find that out, and to ask nobody."""

import shutil
import sys

from benchmarks.alone.archives import archive_of, ids_of
from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Spread
from benchmarks.measuring import launched

__all__ = ["no_op"]

_NOTES = 100_000
_LIMIT_SECONDS = 8.0
_DEAD_END = "127.0.0.1:9"  # nobody listens there: a request would fail the run


def no_op(yard: Yard) -> list[Finding]:
    """Time a run that finds every note finished, with a look at every file."""
    count = yard.count(_NOTES, 100)
    archive = archive_of(count, yard)
    scratch = yard.work / "scratch"
    ids = scratch / "finished.txt"
    ids.write_text("\n".join(ids_of(count)) + "\n")
    where = ["--api-base", f"http://{_DEAD_END}", "--resolve", f"*={_DEAD_END}"]
    command = [sys.executable, "-m", "xharchive", "get", "-q", "--no-gallery", "-i", str(ids)]
    runs = [launched([*command, "-d", str(archive), *where], scratch) for _ in range(yard.rounds + 1)][1:]
    shutil.rmtree(archive)
    failure = next((run.failure for run in runs if run.failure), "")
    spread = Spread.of([run.wall for run in runs])
    text = f"{spread.middle:.2f} s ({spread.low:.2f}–{spread.high:.2f}), {runs[-1].memory:.0f} MB, 0 requests"
    # A smaller archive proves nothing about the large one: the start-up is a part of both.
    held = None if count < _NOTES else spread.middle <= _LIMIT_SECONDS
    return [
        Finding(
            f"no-op on {count:,} finished notes, every file looked at",
            failure or text,
            f"≤ 8 s on {_NOTES:,}, 0 requests",
            held=False if failure else held,
        )
    ]
