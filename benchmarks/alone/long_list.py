"""A list of 1,000,000 ids with --dry-run: memory must not grow with the list."""

import sys

from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Run
from benchmarks.measuring import launched

__all__ = ["long_list"]

_SHORT, _LONG = 1_000, 1_000_000
_LIMIT_MB = 20
_FIRST_TIME = 0x66000000


def long_list(yard: Yard) -> list[Finding]:
    """Compare the peak memory of a long list's dry run with that of a short one's."""
    long = yard.count(_LONG, 10 * _SHORT)
    short_run, long_run = _dry_run(yard, _SHORT), _dry_run(yard, long)
    more = long_run.memory - short_run.memory
    text = (
        f"+{more:.1f} MB ({short_run.memory:.0f} to {long_run.memory:.0f}), "
        f"{short_run.wall:.1f} s and {long_run.wall:.1f} s"
    )
    problem = short_run.failure or long_run.failure
    work = f"a list of {long:,} ids, `--dry-run`, against {_SHORT:,}"
    return [Finding(work, problem or text, "memory + ≤ 20 MB", held=not problem and more <= _LIMIT_MB)]


def _dry_run(yard: Yard, count: int) -> Run:
    scratch = yard.work / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    ids = scratch / f"ids-{count}.txt"
    with ids.open("w") as file:
        file.writelines(f"{_FIRST_TIME + at:08x}{at:016x}\n" for at in range(count))
    empty = scratch / f"empty-{count}"
    command = [sys.executable, "-m", "xharchive", "get", "-q", "--dry-run", "-i", str(ids), "-d", str(empty)]
    return launched(command, scratch)
