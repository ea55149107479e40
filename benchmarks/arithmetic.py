"""The numbers: ratios of a round, their spread over rounds, scaling of work, judging of goals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

__all__ = ["Bound", "Measure", "Run", "Spread", "holds", "ratio", "scaled"]


class Measure(StrEnum):
    """What of a run is looked at."""

    SPEED = "speed"
    WALL = "wall"
    CPU = "CPU"
    MEMORY = "memory of the downloading process"
    TREE_MEMORY = "memory of the process tree"
    REQUESTS = "requests"


class Bound(StrEnum):
    """On which side of its figure a goal is held."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one tool took.

    `wall` and `cpu` (user + system, of the whole process tree) are seconds; `memory` is the peak resident set
    of the largest moment of the first process, `tree_memory` of all of them together, in MB of 10⁶ bytes.
    `foreign` is how many cores others kept busy meanwhile, the server's not among them. `failure` is not
    empty for a run that does not count.
    """

    wall: float
    cpu: float
    memory: float = 0.0
    tree_memory: float = 0.0
    requests: int = 0
    foreign: float = 0.0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """The smallest, the middle and the largest of some figures."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Return the spread of at least one figure."""
        return cls(min(figures), median(figures), max(figures))


def ratio(measure: Measure, translate_os_errors: Run, theirs: Run) -> float:
    """Return our figure over theirs; of speed, how many times as fast we were."""
    if measure is Measure.SPEED:
        return theirs.wall / translate_os_errors.wall
    mine, other = figure(measure, translate_os_errors), figure(measure, theirs)
    return mine / other if other else float("inf")


def figure(measure: Measure, run: Run) -> float:
    """Return what a measure says of a single run."""
    figures = {
        Measure.SPEED: run.wall,
        Measure.WALL: run.wall,
        Measure.CPU: run.cpu,
        Measure.MEMORY: run.memory,
        Measure.TREE_MEMORY: run.tree_memory,
        Measure.REQUESTS: float(run.requests),
    }
    return figures[measure]


def holds(bound: Bound, limit: float, spread: Spread) -> bool:
    """Whether the median keeps to the limit."""
    return spread.middle >= limit if bound is Bound.AT_LEAST else spread.middle <= limit


def scaled(count: int, scale: float) -> tuple[int, float]:
    """Return how many files to make of `count`, and how much of each one's size.

    Fewer files come before smaller ones, because a file's size decides what bounds a run.
    """
    wanted = count * scale
    if count == 0 or wanted >= 1:
        return round(wanted), 1.0
    return 1, wanted
