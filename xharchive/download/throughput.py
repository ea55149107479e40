"""How fast hosts are, and when a transfer that flows is left for a mirror that is far faster (0015).

Slow is no fault: as long as no mirror is known to be faster now, a body above the least rate that `transport`
demands is waited for however long it takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

from xharchive.download.stream_to_file import Stream
from xharchive.errors import NetworkError

__all__ = ["Paced", "Speeds", "TooSlow", "alone", "is_far_sooner"]

_FACTOR = 3.0  # so much sooner a mirror must bring all of the file than this host the rest of it
_MARGIN = 2.0  # seconds, on top: a request and a connection's slow start are not free
_LOOK = 1.0  # seconds between two looks at a transfer; two in a row must say the same
_MEMORY = 10.0  # seconds: what came before counts a third, and a figure older than this not at all
_TELLING = 256 * 1024  # bytes of a transfer of less than a look that tell something of its host
_AVOIDED = 60.0  # seconds, in which a host that was far slower is asked last


class TooSlow(NetworkError):
    """A body flows, but a mirror would bring all of it much sooner."""


def is_far_sooner(whole: int, other: float, missing: int, speed: float) -> bool:
    """Whether `other` bytes a second bring the `whole` file much sooner than `speed` what is `missing`."""
    return missing * other > speed * (_FACTOR * whole + _MARGIN * other)


@dataclass(slots=True)
class _Average:
    """Bytes a second, the older ones counting less; `latest` are those that were seen last."""

    size: float = 0.0
    seconds: float = 0.0
    at: float = 0.0
    latest: float = 0.0

    def add(self, now: float, size: int, seconds: float) -> None:
        fading = exp((self.at - now) / _MEMORY)
        self.size = self.size * fading + size
        self.seconds = self.seconds * fading + seconds
        self.at = now
        self.latest = size / seconds if seconds else 0.0

    @property
    def speed(self) -> float:
        return self.size / self.seconds if self.seconds else 0.0

    @property
    def at_least(self) -> float:
        """What it brings at least: when a line gets fuller, the latest figure tells first."""
        return min(self.speed, self.latest)


class Speeds:
    """What one connection of each host brings in this run. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._averages: dict[str, _Average] = {}
        self._avoided: dict[str, float] = {}

    def add(self, host: str, size: int, seconds: float) -> None:
        """So many bytes came over one connection in so many seconds."""
        self._averages.setdefault(host, _Average()).add(self.now(), size, seconds)

    def fastest(self, hosts: Sequence[str], instead_of: str) -> tuple[float, str]:
        """Return the most bytes a second that one of the hosts brings, and which; (0.0, "") if unknown.

        The line may be shared by more transfers than when a host was seen: one not seen lately counts
        for no more than what a connection to a third host brings now, and for nothing if there is none.
        """
        lately = [self._now_of(host) for host in self._averages if host != instead_of]
        line = max(lately, default=0.0)
        known = ((self._averages[host], host) for host in hosts if host in self._averages)
        return max(((min(seen.at_least, line), host) for seen, host in known), default=(0.0, ""))

    def _now_of(self, host: str) -> float:
        """What a connection to a host brings now, 0.0 if it was not seen lately."""
        seen = self._averages[host]
        return seen.at_least if seen.at >= self.now() - _MEMORY else 0.0

    def avoid(self, host: str) -> None:
        """Ask the host after its mirrors for a while; then it may show what it brings by now."""
        self._avoided[host] = self.now() + _AVOIDED

    def is_avoided(self, host: str) -> bool:
        """Whether the host was far slower than a mirror lately."""
        return self._avoided.get(host, 0.0) > self.now()


def alone() -> tuple[int, int]:
    """Nothing waits to be read, and there is one connection."""
    return 0, 1


class Paced:
    """A body with an eye on its pace, and on the `mirrors` (hosts) that could bring the same file.

    `start` bytes of the file were there before. `beside` tells how many bytes have come that are not read
    yet, and over how many connections: with helpers, the pace is that of all of them together.
    """

    def __init__(
        self,
        stream: Stream,
        start: int,
        host: str,
        speeds: Speeds,
        mirrors: Callable[[], Sequence[str]],
        beside: Callable[[], tuple[int, int]] = alone,
    ) -> None:
        self.encoding, self.length, self.chunked = stream.encoding, stream.length, stream.chunked
        self._stream = stream
        self._start = start
        self._host = host
        self._speeds = speeds
        self._mirrors = mirrors
        self._beside = beside
        self._average = _Average()
        self._began = self._looked = speeds.now()
        self._read = 0
        self._seen, _ = beside()
        self._was_slow = False

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end.

        Raises:
            TooSlow: a mirror would bring all of the file much sooner; what was read is good.
            NetworkError: it does not arrive whole.
        """
        if self._speeds.now() - self._looked >= _LOOK:
            self._look()
        block = await self._stream.read()
        self._read += len(block)
        if not block:
            self._conclude()
        return block

    def _look(self) -> None:
        self._measure()
        # A transfer that has just become faster is not slow any more, whatever it was.
        speed = max(self._average.speed, self._average.latest)
        other, mirror = self._speeds.fastest(self._mirrors(), self._host)
        missing = (self.length or 0) - self._seen
        is_slow = is_far_sooner(self._start + (self.length or 0), other, missing, speed)
        # Twice, for after a moment in which nothing came from anywhere one transfer is the first to be looked
        # at, while the others' figures are still those from before.
        if is_slow and self._was_slow:
            self._speeds.avoid(self._host)
            raise TooSlow(
                f"{self._host} brings {_in_words(speed)}, {mirror} {_in_words(other)}: "
                "the mirrors are asked first"
            )
        self._was_slow = is_slow

    def _conclude(self) -> None:
        """Let the next files know, where leaving this one was not worth it any more."""
        elapsed = self._speeds.now() - self._began
        if elapsed < _LOOK and self._read < _TELLING:
            return
        self._measure()
        other, _ = self._speeds.fastest(self._mirrors(), self._host)
        if elapsed and is_far_sooner(self._start + self._read, other, self._read, self._read / elapsed):
            self._speeds.avoid(self._host)

    def _measure(self) -> None:
        """Note down what came since the last look."""
        now, (ahead, connections) = self._speeds.now(), self._beside()
        size, seconds = max(self._read + ahead - self._seen, 0), now - self._looked
        self._seen += size
        self._looked = now
        self._average.add(now, size, seconds)
        self._speeds.add(self._host, size, seconds * connections)


def _in_words(speed: float) -> str:
    return f"{speed / 1000:,.0f} KB/s"
