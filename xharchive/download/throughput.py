"""Measure the throughput of hosts, and leave a slow transfer for a much faster mirror (docs/decisions/0015).

A slow host is not at fault. A transfer above the minimum rate of `http` continues as long as no mirror is
known to be much faster at that moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

from xharchive.download.stream_to_file import BodyStream
from xharchive.errors import NetworkError

_MIN_SPEEDUP = 3.0  # time for the missing bytes here / time for the complete file from the mirror
_MARGIN = 2.0  # seconds added to the mirror's time, for the request and a connection's slow start
_CHECK_INTERVAL = 1.0  # seconds between two checks of a transfer; two in a row must agree
_DECAY = 10.0  # seconds in which the weight of a sample falls to a third; older measurements are outdated
_MIN_SAMPLE = 256 * 1024  # bytes; a shorter transfer must last one check interval to be a sample
_AVOID_SECONDS = 60.0  # how long a host that was much slower is tried last


class SlowHost(NetworkError):
    """Report that a mirror would deliver the complete file much sooner."""


def is_much_faster(whole: int, other: float, missing: int, speed: float) -> bool:
    """Return whether a mirror delivers the complete file much sooner than this host its missing bytes.

    Args:
        whole: Size of the complete file in bytes.
        other: Throughput of the mirror in bytes per second.
        missing: Bytes that this host has still to deliver.
        speed: Throughput of this host in bytes per second.
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
        """The lower of the average and the last sample.

        When a network becomes congested, the last sample shows it first.
        """
        return min(self.speed, self.latest)


class HostThroughput:
    """Store the throughput of one connection to each host in this run.

    Args:
        now: Monotonic clock in seconds.
    """

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
        """Return the current throughput of a connection to a host, 0.0 if it was not measured recently."""
        seen = self._averages[host]
        return seen.lower_bound if seen.at >= self.now() - _DECAY else 0.0

    def avoid(self, host: str) -> None:
        """Try the host after its mirrors for a while. Then it gets another chance."""
        self._avoided[host] = self.now() + _AVOID_SECONDS

    def is_avoided(self, host: str) -> bool:
        """Return whether the host was much slower than a mirror recently."""
        return self._avoided.get(host, 0.0) > self.now()


def single_connection() -> tuple[int, int]:
    """Report no buffered bytes and one connection."""
    return 0, 1


class MonitoredStream:
    """Read a body, and compare its throughput with that of its mirrors.

    Args:
        start: Bytes of the file that were there before.
        mirrors: Returns the hosts that could deliver the same file.
        parallel: Returns the number of bytes that arrived but are not read yet, and the number of
            connections. With helper connections, the throughput is that of all of them together.
    """

    def __init__(
        self,
        stream: BodyStream,
        start: int,
        host: str,
        throughput: HostThroughput,
        mirrors: Callable[[], Sequence[str]],
        parallel: Callable[[], tuple[int, int]] = single_connection,
    ) -> None:
        self.encoding, self.length, self.chunked = stream.encoding, stream.length, stream.chunked
        self._stream = stream
        self._start = start
        self._host = host
        self._throughput = throughput
        self._mirrors = mirrors
        self._parallel = parallel
        self._average = _Average()
        self._started = self._checked_at = throughput.now()
        self._read = 0
        self._counted, _ = parallel()
        self._was_slow = False

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end.

        Raises:
            SlowHost: A mirror would deliver the complete file much sooner. The bytes so far are valid.
            NetworkError: The body does not arrive completely.
        """
        if self._throughput.now() - self._checked_at >= _CHECK_INTERVAL:
            self._check_speed()
        block = await self._stream.read()
        self._read += len(block)
        if not block:
            self._record_end()
        return block

    def _check_speed(self) -> None:
        self._measure()
        # A transfer that has just become faster is no longer slow, whatever its average is.
        speed = max(self._average.speed, self._average.latest)
        other, mirror = self._throughput.fastest(self._mirrors(), self._host)
        missing = (self.length or 0) - self._counted
        is_slow = is_much_faster(self._start + (self.length or 0), other, missing, speed)
        # Two checks must agree. After a network pause, the first transfer to be checked would look slow: the
        # averages of the others are still from before the pause.
        if is_slow and self._was_slow:
            self._throughput.avoid(self._host)
            raise SlowHost(
                f"{self._host} delivers {_format_speed(speed)}, {mirror} {_format_speed(other)}: "
                "trying the mirrors first"
            )
        self._was_slow = is_slow

    def _record_end(self) -> None:
        """At the end of a body, avoid a host that was much slower but too near the end to be left."""
        elapsed = self._throughput.now() - self._started
        if elapsed < _CHECK_INTERVAL and self._read < _MIN_SAMPLE:
            return
        self._measure()
        other, _ = self._throughput.fastest(self._mirrors(), self._host)
        if elapsed and is_much_faster(self._start + self._read, other, self._read, self._read / elapsed):
            self._throughput.avoid(self._host)

    def _measure(self) -> None:
        """Add a sample of the bytes since the last check."""
        now, (ahead, connections) = self._throughput.now(), self._parallel()
        size, seconds = max(self._read + ahead - self._counted, 0), now - self._checked_at
        self._counted += size
        self._checked_at = now
        self._average.add(now, size, seconds)
        self._throughput.add(self._host, size, seconds * connections)


def _format_speed(speed: float) -> str:
    return f"{speed / 1000:,.0f} KB/s"
