"""A list of 1,000,000 ids with --dry-run: memory must not grow with the list."""

from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Run, Spread
from benchmarks.measuring import launched
from benchmarks.runners.xharchive import XHARCHIVE

__all__ = ["long_list"]

_SHORT, _LONG = 1_000, 1_000_000
_LIMIT_MB = 20
_FIRST_TIME = 0x66000000


def long_list(yard: Yard) -> list[Finding]:
    """Compare the peak memory of a long list's dry run with that of a short one's."""
    long = yard.count(_LONG, 10 * _SHORT)
    pairs = [(_dry_run(yard, _SHORT), _dry_run(yard, long)) for _ in range(yard.rounds)]
    problem = next((run.failure for pair in pairs for run in pair if run.failure), "")
    more = Spread.of([longer.memory - shorter.memory for shorter, longer in pairs])
    shorter, longer = pairs[-1]
    text = (
        f"+{more.middle:.1f} MB ({more.low:.1f} to {more.high:.1f}), {longer.memory:.0f} MB in all, "
        f"{shorter.wall:.1f} s and {longer.wall:.1f} s"
    )
    work = f"a list of {long:,} ids, `--dry-run`, against {_SHORT:,}"
    held = not problem and more.middle <= _LIMIT_MB
    return [Finding(work, problem or text, "memory + ≤ 20 MB", held=held)]


def _dry_run(yard: Yard, count: int) -> Run:
    scratch = yard.work / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    ids = scratch / f"ids-{count}.txt"
    with ids.open("w") as file:
        file.writelines(f"{_FIRST_TIME + at:08x}{at:016x}\n" for at in range(count))
    empty = scratch / f"empty-{count}"
    command = [*XHARCHIVE, "get", "-q", "--dry-run", "-i", str(ids), "-d", str(empty)]
    return launched(command, scratch)
