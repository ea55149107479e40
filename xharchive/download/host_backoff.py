"""Track failures of CDN hosts. A host that keeps failing gets a backoff, then another chance."""

from collections.abc import Callable
from dataclasses import dataclass

from xharchive.errors import CandidateFailed

BUSY_STATUSES = frozenset((408, 425, 429, 503))
"""HTTP statuses that ask the client to come back later."""

_FAILURES_BEFORE_BACKOFF = 3
_MAX_BACKOFF = 300.0
_MAX_BACKOFFS = 2


@dataclass(slots=True)
class _Record:
    failures: int = 0
    backoffs: int = 0
    backoff_until: float = 0.0
    retry_after_until: float = 0.0
    reachable: bool = True
    tried_again: bool = False


class HostHealth:
    """Count failures by host for one run.

    Args:
        now: Monotonic clock in seconds.
        first_backoff: Length of the first backoff in seconds; each further one is twice as long.
    """

    def __init__(self, now: Callable[[], float], first_backoff: float) -> None:
        self._now = now
        self._first_backoff = first_backoff
        self._records: dict[str, _Record] = {}

    def backoff_left(self, host: str) -> float:
        """Return the seconds until the host may be used; 0.0 if it may be used now."""
        record = self._records.get(host)
        return max(0.0, max(record.backoff_until, record.retry_after_until) - self._now()) if record else 0.0

    def retry_after_left(self, host: str) -> float:
        """Return the seconds that are left of the host's own Retry-After."""
        record = self._records.get(host)
        return max(0.0, record.retry_after_until - self._now()) if record else 0.0

    def check(self, host: str) -> None:
        """Check that the host may be used.

        Raises:
            CandidateFailed: The host backs off.
        """
        record = self._records.get(host)
        if record is not None and self.backoff_left(host):
            reason = "pausing" if self.is_worth_waiting_for(host) else "resting"
            own = record.backoff_until > self._now()
            why = "failed repeatedly and backs off" if own else "asked for a pause"
            raise CandidateFailed(reason, f"{host} {why}")

    def is_worth_waiting_for(self, host: str) -> bool:
        """Return whether to wait for a host that backs off: it is reachable, and its backoffs were few."""
        record = self._records.get(host)
        return record is None or (record.reachable and record.backoffs <= _MAX_BACKOFFS)

    def record_success(self, host: str) -> None:
        """Reset the failures of a host. Its own Retry-After stays in force."""
        record = self._records.pop(host, None)
        if record is not None and record.retry_after_until > self._now():
            self._records[host] = _Record(retry_after_until=record.retry_after_until)

    def record_failure(self, host: str, *, unreachable: bool = False, is_retry: bool = True) -> None:
        """Count a failure that is the host's own fault. An unreachable host backs off at once.

        Args:
            is_retry: The URL already failed before. A host that fails each URL once is busy, not broken: such
                failures alone cause backoffs, but the host stays worth waiting for.
        """
        record = self._records.setdefault(host, _Record())
        record.failures += 1
        record.reachable = not unreachable
        record.tried_again = record.tried_again or is_retry or unreachable
        if unreachable or record.failures >= _FAILURES_BEFORE_BACKOFF:
            rest = min(self._first_backoff * 2.0**record.backoffs, _MAX_BACKOFF)
            record.backoff_until = max(record.backoff_until, self._now() + rest)
            record.backoffs += record.tried_again
            record.failures = 0
            record.tried_again = False

    def back_off(self, host: str, seconds: float) -> None:
        """Do not use the host for a number of seconds, as it asked itself (Retry-After)."""
        record = self._records.setdefault(host, _Record())
        record.retry_after_until = max(record.retry_after_until, self._now() + min(seconds, _MAX_BACKOFF))
