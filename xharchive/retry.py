"""Define how often and after which pauses to retry. The caller does the waiting."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

_PROBES = 5
_FIRST_PROBE = 5.0  # factor on the first pause of an ordinary retry


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Set the number of retries and the pauses before them.

    Half of each pause is random, so that many waiters do not return at the same moment.

    Args:
        retries: Number of tries after the first.
        first_wait: Seconds of the first pause; each further one is twice as long.
        longest_wait: Limit of a pause in seconds.
    """

    retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 60.0

    @property
    def probe_pauses(self) -> tuple[float, ...]:
        """The growing pauses in seconds before the probes of a host that does not reply."""
        first = _FIRST_PROBE * self.first_wait
        return tuple(min(first * 2.0**probe, self.longest_wait) for probe in range(_PROBES))

    def pauses(self, random: Random) -> Iterator[float]:
        """Yield the pauses in seconds, one before each retry."""
        for attempt in range(self.retries):
            yield self.pause(attempt, random)

    def pause(self, attempt: int, random: Random) -> float:
        """Return the pause in seconds before retry number `attempt` (from 0)."""
        whole = min(self.first_wait * 2.0 ** min(attempt, 32), self.longest_wait)
        return whole / 2 + random.random() * whole / 2
