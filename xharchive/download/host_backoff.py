"""The health of CDN hosts: one that keeps failing is left alone for a while, then tried again."""

from collections.abc import Callable
from dataclasses import dataclass

from xharchive.errors import CandidateFailed

__all__ = ["BUSY", "HostHealth"]

BUSY = frozenset((408, 425, 429, 503))
"""The statuses by which a host says: not now."""

_FAILURES_BEFORE_REST = 3
_LONGEST_REST = 300.0
_RESTS_BEFORE_GIVEN_UP = 2


@dataclass(slots=True)
class _Record:
    failures: int = 0
    rests: int = 0
    until: float = 0.0
    asked_until: float = 0.0
    reachable: bool = True
    tried_again: bool = False


class HostHealth:
    """Remembers failures by host for one run.

    `now` is a monotonic clock; the rests begin at `first_rest` and double. All in seconds.
    """

    def __init__(self, now: Callable[[], float], first_rest: float) -> None:
        self._now = now
        self._first_rest = first_rest
        self._records: dict[str, _Record] = {}

    def rest_left(self, host: str) -> float:
        """Return for how many seconds more a host is left alone; 0.0 when it may be asked."""
        record = self._records.get(host)
        return max(0.0, max(record.until, record.asked_until) - self._now()) if record else 0.0

    def asked_rest_left(self, host: str) -> float:
        """Return for how many seconds more it is to be left alone because it asked for that (Retry-After)."""
        record = self._records.get(host)
        return max(0.0, record.asked_until - self._now()) if record else 0.0

    def check(self, host: str) -> None:
        """Do nothing if the host may be asked.

        Raises:
            CandidateFailed: it is left alone for a while.
        """
        record = self._records.get(host)
        if record is not None and self.rest_left(host):
            reason = "pausing" if self.is_hopeful(host) else "resting"
            why = "failed repeatedly and is" if record.until > self._now() else "asked to be"
            raise CandidateFailed(reason, f"{host} {why} left alone for a while")

    def is_hopeful(self, host: str) -> bool:
        """Whether a resting host is worth waiting for: it can be reached, and did not rest time and again."""
        record = self._records.get(host)
        return record is None or (record.reachable and record.rests <= _RESTS_BEFORE_GIVEN_UP)

    def worked(self, host: str) -> None:
        """The host gave a healthy answer: its failures are forgotten, but not what it asked for itself."""
        record = self._records.pop(host, None)
        if record is not None and record.asked_until > self._now():
            self._records[host] = _Record(asked_until=record.asked_until)

    def failed(self, host: str, *, unreachable: bool = False, again: bool = True) -> None:
        """The host failed in a way that is its own fault; one that cannot be reached rests at once.

        `again`: with an address that it had failed with before. A host that fails every address once is busy,
        not broken: such failures alone make it rest, and never make it hopeless.
        """
        record = self._records.setdefault(host, _Record())
        record.failures += 1
        record.reachable = not unreachable
        record.tried_again = record.tried_again or again or unreachable
        if unreachable or record.failures >= _FAILURES_BEFORE_REST:
            rest = min(self._first_rest * 2.0**record.rests, _LONGEST_REST)
            record.until = max(record.until, self._now() + rest)
            record.rests += record.tried_again
            record.failures = 0
            record.tried_again = False

    def rest(self, host: str, seconds: float) -> None:
        """Leave the host alone for so many seconds, as it asked itself (Retry-After)."""
        record = self._records.setdefault(host, _Record())
        record.asked_until = max(record.asked_until, self._now() + min(seconds, _LONGEST_REST))
