"""`python -m benchmarks`: runs rows of the table and prints what came out; `make bench` calls it."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.alone import ROWS, Finding, Yard
from benchmarks.races import Race, race
from benchmarks.scenarios import SCENARIOS
from benchmarks.tables import judged_lines, markdown_alone, markdown_race, overview, replace_section

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - the disk must not decide a comparison of downloads
_PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class _Results:
    races: list[Race]
    findings: dict[str, list[Finding]]

    @property
    def all_held(self) -> bool:
        judged = [each.held for done in self.races for each in done.judgements]
        return all(judged) and all(each.held is not False for row in self.findings.values() for each in row)


def _parser() -> argparse.ArgumentParser:
    names = ", ".join([scenario.name for scenario in SCENARIOS] + list(ROWS))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help=f"rows to run, with commas between; all: {names}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full work (default: 1)")
    parser.add_argument("--work", type=Path, help="folder to work in (default: in /dev/shm, else .bench)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code is 1 if a goal does not hold."""
    parser = _parser()
    args = parser.parse_args(arguments)
    wanted = [name.strip() for name in args.only.split(",") if name.strip()]
    unknown = set(wanted) - {scenario.name for scenario in SCENARIOS} - set(ROWS)
    if unknown or args.rounds < 1 or not 0 < args.scale <= 1:
        parser.error(f"no such row: {', '.join(sorted(unknown))}" if unknown else "impossible numbers")
    keep = partial(_write, _head(args.scale, args.rounds)) if args.write else _forget
    results = _run(wanted, args.work or _yard(), args.scale, args.rounds, keep)
    _say("\nwhat came of it (ratios: the median of the rounds)")
    for line in overview(results.races, results.findings):
        _say(line)
    return 0 if results.all_held else 1


def _yard() -> Path:
    if os.access(_MEMORY_DISK, os.W_OK):
        return _MEMORY_DISK / f"xharchive-bench-{os.getuid()}"
    return Path(".bench").resolve()


def _run(
    wanted: Sequence[str], work: Path, scale: float, rounds: int, keep: Callable[[str, str], None]
) -> _Results:
    """Run the rows; each is given to `keep` by its name as soon as it is through: a sitting takes hours."""
    work.mkdir(parents=True, exist_ok=True)
    results = _Results([], {})
    for scenario in SCENARIOS:
        if not wanted or scenario.name in wanted:
            done = race(scenario, work, scale=scale, rounds=rounds, say=_say)
            if scale < 1:
                _say("  a quick look: start-up counts for more than it does in earnest")
            _tell(done)
            results.races.append(done)
            keep(scenario.name, markdown_race(done))
    for name, row in ROWS.items():
        if not wanted or name in wanted:
            results.findings[name] = row(Yard(work, scale, rounds))
            for finding in results.findings[name]:
                _say(f"{finding.work}: {finding.text}; goal {finding.goal}: {finding.verdict.strip('*')}")
            keep(name, f"### {name}\n\n{markdown_alone(results.findings[name])}")
    return results


def _tell(done: Race) -> None:
    if done.loud:
        _say(f"  {done.loud} of {len(done.rounds)} rounds were loud: others kept the cores busy")
    for line in judged_lines(done.judgements):
        _say(line)
    for name, judged in done.others.items():
        _say(f"  what {name} makes of that")
        for line in judged_lines(judged):
            _say(f"  {line}")


def _head(scale: float, rounds: int) -> str:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    return f"{datetime.now(UTC).date().isoformat()}, {machine}; SCALE={scale:g} ROUNDS={rounds}."


def _write(head: str, name: str, table: str) -> None:
    """Put a row into the page in a place of its own: rows that did not run keep their figures."""
    replace_section(_PAGE, f"bench {name}", f"{table}\n{head}")


def _forget(_name: str, _table: str) -> None:
    """The page keeps its figures."""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
