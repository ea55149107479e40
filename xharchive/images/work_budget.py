"""How long worker processes may work on the pictures of one asset."""

__all__ = ["WorkBudget"]


class WorkBudget:
    """Seconds by the clock for which workers may still work, whatever number of pictures that is for.

    The time that a request waits for a free worker does not count.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Take off what a worker took."""
        self.left = max(0.0, self.left - seconds)

    @property
    def is_used_up(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0
