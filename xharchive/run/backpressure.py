"""Limit how far the run resolves notes ahead of the downloads (docs/performance.md#connections-and-ranges).

Far enough that the queue of assets never runs empty. No further, so that signed URLs do not expire in the
queue and memory does not grow with the list.

With a rate limiter, a call that misses its time is lost. A few notes with much to download must not delay the
next call, because the notes after them may have little. Then only the number of unfinished notes limits how
far calls run ahead: by minutes, while signed URLs live for a day.
"""

import math

from xharchive.download import TransferScheduler

_MAX_UNFINISHED = 64
_MAX_UNFINISHED_AT_A_RATE = 128


class Backpressure:
    """Admit notes while the queue of assets is short and the number of unfinished notes is below a limit.

    Args:
        slots: the queue of assets.
        jobs: how many transfers may run at once.
        api_jobs: how many calls may run at once.
        at_a_rate: a rate limiter spaces the calls. The queue may have any length, and one more note than
            `api_jobs` is prepared, so that a note is ready when the rate limiter permits a call.
    """

    def __init__(
        self, slots: TransferScheduler, jobs: int, api_jobs: int, *, at_a_rate: bool = False
    ) -> None:
        self._max_waiting_assets = math.inf if at_a_rate else 2 * jobs
        self._max_resolving = api_jobs + at_a_rate
        self._max_unfinished = max(_MAX_UNFINISHED_AT_A_RATE if at_a_rate else _MAX_UNFINISHED, 4 * jobs)
        self._slots = slots
        self._resolving = 0
        self._unfinished = 0

    async def admit(self) -> None:
        """Wait for room for another note, and count it as unfinished and as resolving."""
        while not self._has_room():
            self._slots.changed.clear()
            await self._slots.changed.wait()
        self._resolving += 1
        self._unfinished += 1

    def _has_room(self) -> bool:
        return (
            self._resolving < self._max_resolving
            and self._unfinished < self._max_unfinished
            and self._slots.waiting < self._max_waiting_assets
        )

    def note_resolved(self) -> None:
        """Count a note as resolved: its assets are in the queue, or it has none."""
        self._resolving -= 1
        self._slots.changed.set()

    def note_finished(self) -> None:
        """Count a note as finished."""
        self._unfinished -= 1
        self._slots.changed.set()
