"""When to ask again: a policy as a value, and the pauses it makes. Waiting itself is the caller's affair."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

__all__ = ["RetryPolicy"]

_PROBES = 5
_FIRST_PROBE = 5.0  # times the first wait of an ordinary retry


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` further tries after the first; the pauses start at `first_wait` seconds and double.

    No pause is longer than `longest_wait`. Half of each pause is drawn at random, so that many waiters do not
    come back at one moment.
    """

    retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 60.0

    @property
    def probe_pauses(self) -> tuple[float, ...]:
        """The growing pauses in seconds before each probe of a host that does not reply."""
        first = _FIRST_PROBE * self.first_wait
        return tuple(min(first * 2.0**probe, self.longest_wait) for probe in range(_PROBES))

    def pauses(self, random: Random) -> Iterator[float]:
        """Yield the `retries` pauses in seconds, one before each further try."""
        for attempt in range(self.retries):
            yield self.pause(attempt, random)

    def pause(self, attempt: int, random: Random) -> float:
        """The pause in seconds before further try number `attempt` (from 0)."""
        whole = min(self.first_wait * 2.0 ** min(attempt, 32), self.longest_wait)
        return whole / 2 + random.random() * whole / 2
