"""What a row without an opponent found."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "Yard"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure with its goal in words; `held` is None where there is no goal, or it could not be tried."""

    work: str
    text: str
    goal: str = "–"
    held: bool | None = None

    @property
    def verdict(self) -> str:
        """The judgement in a word."""
        return {None: "–", True: "yes", False: "**no**"}[self.held]


@dataclass(frozen=True, slots=True)
class Yard:
    """Where and how much: a folder to work in, the scale of the work, how many rounds."""

    work: Path
    scale: float
    rounds: int

    def count(self, full: int, least: int = 1) -> int:
        """Return how many of `full` things to take at this scale."""
        return max(round(full * self.scale), least)
