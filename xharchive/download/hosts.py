"""Remember what a run learns of its hosts: which fail, and how fast they deliver.

A host that keeps failing gets a backoff, then another chance. A slow host is not at fault: a transfer above
the minimum rate of `http` is left only for a mirror that is known to be much faster at that moment
(docs/decisions/0015).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from urllib.parse import urlsplit

from xharchive.errors import CandidateFailed, NetworkError
from xharchive.models import Candidate

BUSY_STATUSES = frozenset((408, 425, 429, 503))
"""HTTP statuses that ask the client to come back later."""

_FAILURES_BEFORE_BACKOFF = 3
_MAX_BACKOFF = 300.0
_MAX_BACKOFFS = 2

_MIN_SPEEDUP = 3.0  # time for the missing bytes here / time for the complete file from the mirror
_MARGIN = 2.0  # seconds added to the mirror's time, for the request and a connection's slow start
_CHECK_INTERVAL = 1.0  # seconds between two checks of a transfer; two in a row must agree
_DECAY = 10.0  # seconds in which the weight of a sample falls to a third; older measurements are outdated
_MIN_SAMPLE = 256 * 1024  # bytes; a shorter transfer must last one check interval to be a sample
_AVOID_SECONDS = 60.0  # how long a host that was much slower is tried last


@lru_cache(maxsize=1024)
def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def host_of(candidate: Candidate) -> str:
    """Return the host name of the candidate's URL."""
    return _host(candidate.url)


@dataclass(slots=True)
class _Record:
    failures: int = 0
    backoffs: int = 0
    backoff_until: float = 0.0
    retry_after_until: float = 0.0
    reachable: bool = True
    tried_again: bool = False


class HostHealth:
    """Count failures by host for one run. Each backoff is twice as long as the one before.

    Args:
        now: Monotonic clock in seconds.
        first_backoff: Seconds of the first backoff.
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


class SlowHost(NetworkError):
    """Report that a mirror would deliver the complete file much sooner."""


def is_much_faster(whole: int, other: float, missing: int, speed: float) -> bool:
    """Return whether a mirror at `other` bytes per second delivers the `whole` file much sooner than this
    host, at `speed`, its `missing` bytes.
    """
    return missing * other > speed * (_MIN_SPEEDUP * whole + _MARGIN * other)


@dataclass(slots=True)
class _Average:
    """Average a throughput in bytes per second; older samples have less weight."""

    size: float = 0.0
    seconds: float = 0.0
    at: float = 0.0
    latest: float = 0.0

    def add(self, now: float, size: int, seconds: float) -> None:
        fading = exp((self.at - now) / _DECAY)
        self.size = self.size * fading + size
        self.seconds = self.seconds * fading + seconds
        self.at = now
        self.latest = size / seconds if seconds else 0.0

    @property
    def speed(self) -> float:
        return self.size / self.seconds if self.seconds else 0.0

    @property
    def lower_bound(self) -> float:
        return min(self.speed, self.latest)  # the last sample shows a congested network first


class HostThroughput:
    """Store the throughput of one connection to each host in this run. `now` is a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._averages: dict[str, _Average] = {}
        self._avoided: dict[str, float] = {}

    def add(self, host: str, size: int, seconds: float) -> None:
        """Add a sample: `size` bytes arrived over one connection in `seconds`."""
        self._averages.setdefault(host, _Average()).add(self.now(), size, seconds)

    def fastest(self, hosts: Sequence[str], excluding: str) -> tuple[float, str]:
        """Return the highest throughput among `hosts` and its host; (0.0, "") if unknown.

        In bytes per second. More transfers may share the network now than when a host was measured. So an old
        measurement counts at most as much as the best current connection to any host but `excluding`, and not
        at all if there is none.
        """
        lately = [self._recent_speed(host) for host in self._averages if host != excluding]
        line = max(lately, default=0.0)
        known = ((self._averages[host], host) for host in hosts if host in self._averages)
        return max(((min(seen.lower_bound, line), host) for seen, host in known), default=(0.0, ""))

    def _recent_speed(self, host: str) -> float:
        seen = self._averages[host]
        return seen.lower_bound if seen.at >= self.now() - _DECAY else 0.0

    def avoid(self, host: str) -> None:
        """Try the host after its mirrors for a while. Then it gets another chance."""
        self._avoided[host] = self.now() + _AVOID_SECONDS

    @property
    def avoids_any(self) -> bool:
        """Whether any host was much slower than a mirror in this run."""
        return bool(self._avoided)

    def is_avoided(self, host: str) -> bool:
        """Return whether the host was much slower than a mirror recently."""
        return self._avoided.get(host, 0.0) > self.now()


class TransferSpeed:
    """Compare the throughput of one transfer with that of its mirrors.

    Args:
        mirrors: Candidates of the same file.
        whole: Size of the complete file in bytes.
        missing: Bytes that are still to come, 0 if unknown.
    """

    def __init__(
        self,
        throughput: HostThroughput,
        health: HostHealth,
        host: str,
        mirrors: Sequence[Candidate],
        whole: int,
        missing: int,
    ) -> None:
        self.now = throughput.now
        self._throughput = throughput
        self._health = health
        self._host = host
        self._mirrors = mirrors
        self._whole = whole
        self._missing = missing
        self._average = _Average()
        self._counted = 0
        self._was_slow = False
        self._started = self._checked_at = self.next_check = 0.0

    def begin(self, arrived: int = 0) -> None:
        """Begin to measure. `arrived` bytes are there already, and do not count as fast."""
        self._counted = arrived
        self._started = self._checked_at = self.now()
        self.next_check = self._started + _CHECK_INTERVAL

    def check(self, arrived: int, connections: int = 1) -> None:
        """Add a sample: `arrived` bytes came so far, over all `connections`.

        Raises:
            SlowHost: A mirror would deliver the complete file much sooner. The bytes so far are valid.
        """
        self._sample(arrived, connections)
        # A transfer that has just become faster is no longer slow, whatever its average is.
        speed = max(self._average.speed, self._average.latest)
        other, mirror = self._fastest_mirror()
        is_slow = is_much_faster(self._whole, other, self._missing - self._counted, speed)
        # Two checks must agree. After a network pause, the first transfer to be checked would look slow: the
        # averages of the others are still from before the pause.
        if is_slow and self._was_slow:
            self._throughput.avoid(self._host)
            raise SlowHost(
                f"{self._host} delivers {speed / 1000:,.0f} KB/s, {mirror} {other / 1000:,.0f} KB/s: "
                "trying the mirrors first"
            )
        self._was_slow = is_slow

    def finish(self, arrived: int, connections: int = 1) -> None:
        """At the end of a body, avoid a host that was much slower but too near the end to be left."""
        elapsed = self.now() - self._started
        if elapsed < _CHECK_INTERVAL and arrived < _MIN_SAMPLE:
            return
        self._sample(arrived, connections)
        whole = self._whole if self._missing else self._whole + arrived
        if elapsed > _MARGIN and is_much_faster(whole, self._fastest_mirror()[0], arrived, arrived / elapsed):
            self._throughput.avoid(self._host)

    def _fastest_mirror(self) -> tuple[float, str]:
        hosts = map(host_of, self._mirrors)
        usable = [host for host in hosts if host != self._host and not self._health.backoff_left(host)]
        return self._throughput.fastest(usable, self._host)

    def _sample(self, arrived: int, connections: int) -> None:
        now = self.now()
        size, seconds = max(arrived - self._counted, 0), now - self._checked_at
        self._counted += size
        self._checked_at = now
        self.next_check = now + _CHECK_INTERVAL
        self._average.add(now, size, seconds)
        self._throughput.add(self._host, size, seconds * connections)
