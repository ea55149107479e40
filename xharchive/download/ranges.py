"""Plan which connection fetches which bytes of a large body.

The main connection delivers the bytes before the first range, helpers one range each. This module does no I/O
and never waits; the connections are in `multipart`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

RANGE_SIZE = 8 * 1024 * 1024
"""Size limit of a range in bytes, and the size of a region in the buffer file."""
REGIONS = 10
"""Limit of ranges at a time, including those that are complete and not yet read."""
MAX_LATE_STARTS = 3
"""Stop splitting after this many helpers started behind the main connection."""

_MIN_SIZE = 1024 * 1024  # bytes of a new range: a request costs a round trip
_MIN_TO_SHARE = 512 * 1024  # missing bytes; half of them take little more than a round trip at 2 MB/s
_MIN_SHARE = 64 * 1024
_MIN_SECONDS_SAVED = 1.0
_SPARE_REGIONS = 3  # not for new ranges: needed to take over part of a range that all others wait for
_SPARE_REGIONS_FOR_SLOW = 2  # of these, only for connections that are slower than the others
_FAST_ENOUGH = 16e6  # bytes per second; above it, more connections would share the same bottleneck
_MIN_OBSERVED = 0.1  # seconds before the main connection's speed counts
_MIN_MEASURED = 0.5  # seconds; before this, a speed shows mostly the round trip
_LEAD = 0.5  # seconds by which the first range is ahead of the main connection


@dataclass(eq=False, slots=True)
class RangePart:
    """Describe the bytes from `start` to `end` of the file. Those before `position` are in the buffer.

    Args:
        region: Number of the region in the buffer file.
        is_claimed: A connection is fetching it.
        is_planned: It is part of the plan, so that the reader waits for it.
        claimed_from: Value of `position` when the connection claimed it.
        claimed_at: Time in seconds when the connection claimed it.
    """

    start: int
    end: int
    region: int
    position: int
    is_claimed: bool = False
    is_planned: bool = False
    claimed_from: int = 0
    claimed_at: float = 0.0

    @property
    def missing(self) -> int:
        """The number of bytes that have not arrived."""
        return self.end - self.position

    def speed(self, now: float) -> float | None:
        """Return the bytes per second of its connection, None if it is too early to measure."""
        return (
            (self.position - self.claimed_from) / (now - self.claimed_at)
            if now - self.claimed_at >= _MIN_MEASURED
            else None
        )


class RangePlan:
    """Plan the bytes from `start` to `total` of a body.

    Bytes before `position` are read. The main connection delivers those before `main_end`, ranges the others.

    Args:
        now: Monotonic clock in seconds.
    """

    def __init__(self, start: int, total: int, now: Callable[[], float]) -> None:
        self.position = start
        self.total = self.main_end = self._unplanned_start = total
        self.late_starts = 0
        self._start = start
        self._now = now
        self._started = now()
        self._main_measured_from = (start, self._started)
        self._parts: deque[RangePart] = deque()
        self._free_regions = list(range(REGIONS))

    @property
    def is_split(self) -> bool:
        """Whether a helper is proven and the main connection ends before the body."""
        return self.main_end < self.total

    @property
    def is_slow(self) -> bool:
        """Whether helpers are useful: the main connection was measured, and is slower than one can be."""
        elapsed = self._now() - self._started
        return elapsed >= _MIN_OBSERVED and (
            self.is_split or self.position - self._start < _FAST_ENOUGH * elapsed
        )

    @property
    def next_buffered(self) -> RangePart | None:
        """The range with the next bytes, if some of them are in the buffer."""
        return self._parts[0] if self._parts and self._parts[0].position > self.position else None

    @property
    def buffered(self) -> int:
        """The number of bytes that arrived but are not read yet."""
        return sum(
            part.position - max(part.start, self.position)
            for part in self._parts
            if part.position > self.position
        )

    def has_work(self) -> bool:
        """Return whether one more connection would find a range to fetch."""
        if any(not part.is_claimed and part.missing for part in self._parts):
            return True
        if self._free_regions and (self._main_share(None) or self._largest_share(None) is not None):
            return True
        return len(self._free_regions) > _SPARE_REGIONS and self.total - self._next_start() >= _MIN_SIZE

    def claim(self, speed: float | None, helpers: int) -> RangePart | None:
        """Claim an unclaimed range, the one that is needed first; None if there is none now.

        Args:
            speed: Bytes per second of the claiming connection, None if unknown.
            helpers: Number of connections besides the body's own.
        """
        unclaimed = (part for part in self._parts if not part.is_claimed and part.missing)
        part = next(unclaimed, None) or self._plan_next(helpers) or self._take_over(speed)
        if part is not None:
            part.is_claimed, part.claimed_from, part.claimed_at = True, part.position, self._now()
        return part

    def release(self, part: RangePart) -> None:
        """End a claim. The range is complete, or another connection may claim the rest."""
        part.is_claimed = False
        if not part.is_planned:
            self._free_regions.append(part.region)

    def split_at(self, part: RangePart) -> bool:
        """End the main connection where this first range begins. Return False if it is already past that."""
        if self.position >= part.start:
            self.late_starts += 1
            return False
        self.main_end = part.start
        self._main_measured_from = (self.position, self._now())
        self._insert(part, 0)
        self._unplanned_start = part.end
        return True

    def replace_main(self) -> bool:
        """Plan ranges for the missing bytes of the main connection. Return False if regions are short."""
        starts = range(self.position, self.main_end, RANGE_SIZE)
        if len(starts) > len(self._free_regions):
            return False
        for index, start in enumerate(starts):
            end = min(start + RANGE_SIZE, self.main_end)
            self._insert(RangePart(start, end, self._free_regions.pop(), start), index)
        self.main_end = self.position
        return True

    def restore(self, saved: Iterable[RangePart]) -> None:
        """Plan the ranges that an earlier transfer left, as many as there are regions for.

        Call it before the first read. A range may have been shared after its record was written, so it ends
        where the next one begins.
        """
        saved = sorted(saved, key=lambda part: part.start)
        self._free_regions = sorted(set(self._free_regions) - {part.region for part in saved})
        for part in saved:
            if not self._append_restored(part):
                self._free_regions.append(part.region)
        if self._parts:
            self.main_end = max(self.position, self._parts[0].start)
            self._unplanned_start = self._parts[-1].end

    def _append_restored(self, part: RangePart) -> bool:
        """Append a range, and the gap before it. Return False if the range is useless there."""
        last = self._parts[-1] if self._parts else None
        if part.position <= max(self.position, last.position if last else 0) or part.end > self.total:
            return False
        if last is not None:
            between = range(last.end, part.start, RANGE_SIZE)
            if len(between) > len(self._free_regions):
                return False
            last.end = min(last.end, part.start)
            last.position = min(last.position, last.end)
            if last.end <= max(self.position, last.start):
                self._free_regions.append(self._parts.pop().region)
            for start in between:
                end = min(start + RANGE_SIZE, part.start)
                self._insert(RangePart(start, end, self._free_regions.pop(), start), len(self._parts))
        self._insert(part, len(self._parts))
        return True

    def advance(self, size: int) -> None:
        """Record that `size` more bytes were read, in order."""
        self.position += size
        if self._parts and self.position == self._parts[0].end:
            self._free_regions.append(self._parts.popleft().region)

    def _next_start(self) -> int:
        """Return where the next new range begins: after the others, or well ahead of the main connection."""
        if self.is_split:
            return self._unplanned_start
        speed = (self.position - self._start) / max(self._now() - self._started, _MIN_OBSERVED)
        return self.position + max(_MIN_SIZE, int(speed * _LEAD)) * (1 + self.late_starts)

    def _plan_next(self, helpers: int) -> RangePart | None:
        start = self._next_start()
        left = self.total - start
        if len(self._free_regions) <= _SPARE_REGIONS or left <= 0:
            return None
        size = min(RANGE_SIZE, left, max(_MIN_SIZE, left // (helpers + 1)))
        part = RangePart(start, start + size, self._free_regions.pop(), start)
        if self.is_split:
            self._insert(part, len(self._parts))
            self._unplanned_start = part.end
        return part

    def _take_over(self, own_speed: float | None) -> RangePart | None:
        """Claim the end of the longest missing part of another connection, so that both end together."""
        if not self._free_regions or not self.is_split:
            return None
        if share := self._main_share(own_speed):
            end, index = self.main_end, 0
            self.main_end -= share
        elif (found := self._largest_share(own_speed)) is not None:
            longest, share = found
            end, index = longest.end, self._parts.index(longest) + 1
            longest.end -= share
        else:
            return None
        part = RangePart(end - share, end, self._free_regions.pop(), end - share)
        self._insert(part, index)
        return part

    def _main_share(self, own_speed: float | None) -> int:
        """Return how many missing bytes of the main connection are worth taking over."""
        if not self.is_split or self.position >= self.main_end:
            return 0
        first, since = self._main_measured_from
        main = RangePart(first, self.main_end, 0, self.position, claimed_from=first, claimed_at=since)
        return _share_size(main.missing, main.speed(self._now()), own_speed, has_room=False)

    def _largest_share(self, own_speed: float | None) -> tuple[RangePart, int] | None:
        """Return the range with the largest share worth taking over, and the size of that share."""
        now, has_room = self._now(), len(self._free_regions) > _SPARE_REGIONS_FOR_SLOW
        shares = [
            (part, _share_size(part.missing, part.speed(now), own_speed, has_room=has_room))
            for part in self._parts
        ]
        return max((found for found in shares if found[1]), key=lambda found: found[1], default=None)

    def _insert(self, part: RangePart, index: int) -> None:
        part.is_planned = True
        self._parts.insert(index, part)


def _share_size(missing: int, speed: float | None, own_speed: float | None, *, has_room: bool) -> int:
    """Return how many of another connection's missing bytes to take over, counted from the end.

    By their speeds in bytes per second, both connections then end together. Without both speeds it is half. 0
    if the share is not worth a request.

    Args:
        speed: Speed of the other connection.
        own_speed: Speed of the connection that takes over.
        has_room: Enough regions are free. If not, a share must save much time.
    """
    if speed is None or own_speed is None:
        share = missing // 2
    else:
        share = int(missing * own_speed / (speed + own_speed)) if own_speed else 0
    share = min(share, RANGE_SIZE, missing - _MIN_SHARE)  # the other connection has some of it in memory
    saves_time = speed is not None and share >= _MIN_SHARE and share > _MIN_SECONDS_SAVED * speed
    return share if saves_time or (has_room and missing >= _MIN_TO_SHARE) else 0
