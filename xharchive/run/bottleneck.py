"""Find the bottleneck of a run: API, network, CPU or disk.

Work passes four queues in this order: notes are resolved, downloaded, decoded, committed. The run looks at
them many times a second. It waits for the last queue that is full, else for the first one that has work.
"""

from collections.abc import Mapping
from enum import StrEnum

SAMPLE_INTERVAL = 0.02
"""Seconds between two looks."""


class Stage(StrEnum):
    """The stages of a run, in the order of the work."""

    API = "api"
    NETWORK = "network"
    CPU = "cpu"
    DISK = "disk"


OTHER = "other"
"""The name of the time in which no stage had work: the start, the end, and the gallery."""


class Bottleneck:
    """Add up the time of a run by the stage that it waited for.

    Args:
        capacity: how much work each stage can do at once.
        now: the time of the start, in seconds.
    """

    def __init__(self, capacity: Mapping[Stage, int], now: float) -> None:
        self._capacity = capacity
        self._sampled_at = now
        self._seconds = dict.fromkeys([*Stage, OTHER], 0.0)

    def sample(self, now: float, work: Mapping[Stage, int]) -> None:
        """Add the time since the last look.

        Args:
            now: the time, in seconds.
            work: the work in each stage, waiting or in progress.
        """
        full = [stage for stage in Stage if work[stage] >= self._capacity[stage]]
        busy = [stage for stage in Stage if work[stage]]
        waited_for = full[-1] if full else busy[0] if busy else OTHER
        self._seconds[waited_for] += now - self._sampled_at
        self._sampled_at = now

    def shares(self) -> dict[str, float]:
        """Return the part of the time so far (0 to 1, in thousandths) by stage, and for `OTHER`."""
        total = sum(self._seconds.values()) or 1.0
        return {str(name): round(seconds / total, 3) for name, seconds in self._seconds.items()}
