"""`xharchive --help` against an interpreter that does nothing: what the imports of a command cost."""

import sys
from statistics import median

from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Spread
from benchmarks.measuring import launched
from benchmarks.runners.xharchive import XHARCHIVE

__all__ = ["start_up"]

_LIMIT = 0.1
_TURNS_A_ROUND = 5


def start_up(yard: Yard) -> list[Finding]:
    """Run both in turns and compare pair by pair."""
    scratch = yard.work / "scratch"
    extra, bare = [], []
    for _ in range(yard.rounds * _TURNS_A_ROUND):
        nothing = launched([sys.executable, "-c", "pass"], scratch)
        helped = launched([*XHARCHIVE, "--help"], scratch)
        extra.append(helped.wall - nothing.wall)
        bare.append(nothing.wall)
    spread = Spread.of(extra)
    text = (
        f"+{spread.middle * 1e3:.0f} ms (+{spread.low * 1e3:.0f} to +{spread.high * 1e3:.0f}) "
        f"on {median(bare) * 1e3:.0f} ms"
    )
    return [
        Finding(
            "`xharchive --help` against `python -c pass`", text, "≤ +100 ms", held=spread.middle <= _LIMIT
        )
    ]
