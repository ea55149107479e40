"""Define how often and after which pauses to retry. The caller does the waiting."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_PROBES = 5
_FIRST_PROBE = 5.0  # factor on the first pause of an ordinary retry


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of retries after the first try, and the pauses before them in seconds.

    Each pause is twice as long as the one before, up to `longest_wait`. Half of each is random, so that many
    waiters do not return at the same moment.
    """

    retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 60.0

    @property
    def probe_pauses(self) -> tuple[float, ...]:
        """The growing pauses before the probes of a host that does not reply."""
        return tuple(self._whole(_FIRST_PROBE * self.first_wait, probe) for probe in range(_PROBES))

    def pauses(self, random: Random) -> Iterator[float]:
        """Yield the pauses, one before each retry."""
        return (self.pause(attempt, random) for attempt in range(self.retries))

    def pause(self, attempt: int, random: Random) -> float:
        """Return the pause before retry number `attempt` (from 0)."""
        whole = self._whole(self.first_wait, attempt)
        return whole / 2 + random.random() * whole / 2

    def _whole(self, first: float, attempt: int) -> float:
        return min(first * 2.0 ** min(attempt, 32), self.longest_wait)
