"""Limit the time that worker processes spend on the candidates of one asset."""

__all__ = ["WorkBudget"]


class WorkBudget:
    """A time budget for any number of images. The wait for a free worker does not count.

    Attributes:
        seconds: the total, by the clock.
        left: the rest of it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Subtract the seconds that a worker took."""
        self.left = max(0.0, self.left - seconds)

    @property
    def is_used_up(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0
