"""Plan the byte ranges of a large body, and store each in a file of its own (docs/decisions/0041).

The main connection delivers the bytes before the first range. The connections are in `multipart`.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.download.part_file import Digest

RANGE_SIZE = 8 * 1024 * 1024
"""Size limit of a range in bytes."""
MAX_RANGES = 10
"""Limit of new ranges at a time, including those that are complete and not yet read."""
MAX_LATE_STARTS = 3
"""Stop splitting after this many helpers started behind the main connection."""

_MIN_SIZE = 1024 * 1024  # bytes of a new range: a request costs a round trip
_FAST_ENOUGH = 16e6  # bytes per second; above it, more connections would share the same bottleneck
_MIN_OBSERVED = 0.1  # seconds before the main connection's speed counts
_LEAD = 0.5  # seconds by which the first range is ahead of the main connection
_MIN_SHARE = 1 / 8  # of the body's speed; four equal connections have a quarter each
_RECORD_SIZE = 512  # one disk sector, so that a power cut cannot mix two versions of a record
_READ = 1024 * 1024


@dataclass(eq=False, slots=True)
class RangePart:
    """The bytes from `start` to `end` of a body, and the file with those before `position`.

    The file begins with a record of the range, the body and the SHA-256 of the bytes. A later transfer
    accepts only bytes with that digest, and only for the same body: so after a kill or a power cut, at
    whatever moment, no wrong bytes are accepted. The methods block, and raise OSError.

    Args:
        is_claimed: A connection is fetching it.
        is_planned: It is part of the plan, so that the reader waits for it.
        was_given_up: A slow connection left it to another one.
    """

    path: ArchivePath
    body_id: str
    start: int
    end: int
    position: int
    is_claimed: bool = False
    is_planned: bool = False
    was_given_up: bool = False
    digest: Digest = field(default_factory=hashlib.sha256)

    @property
    def missing(self) -> int:
        """The number of bytes that have not arrived."""
        return self.end - self.position

    def write(self, block: bytes) -> None:
        """Append a block, then write the new record."""
        digest = self.digest.copy()
        digest.update(block)
        position = self.position + len(block)
        record = {"of": self.body_id, "at": position, "end": self.end, "sha256": digest.hexdigest()}
        is_new = self.position == self.start
        descriptor = self.path.create(PRIVATE) if is_new else self.path.open_descriptor(os.O_RDWR)
        try:
            _pwrite_all(descriptor, block, _RECORD_SIZE + self.position - self.start)
            _pwrite_all(descriptor, json.dumps(record).encode().ljust(_RECORD_SIZE), 0)
        finally:
            os.close(descriptor)
        self.position, self.digest = position, digest

    def read(self, position: int, size: int) -> bytes:
        """Return exactly `size` bytes of the body, from `position` on."""
        with self.path.open() as file:
            block = os.pread(file.fileno(), size, _RECORD_SIZE + position - self.start)
        if len(block) != size:
            raise OSError("bytes that were written are not there")
        return block


def load_range(path: ArchivePath, body_id: str, start: int) -> RangePart | None:
    """Return the range that an earlier transfer left, if its bytes are those of this body. Blocking."""
    with suppress(OSError, ValueError, RecursionError), path.open() as file:
        match json.loads(file.read(_RECORD_SIZE)):
            case {"of": str(body), "at": int(position), "end": int(end), "sha256": str(sha256)}:
                part = RangePart(path, body_id, start, end, position)
            case _:
                return None
        if not (body == body_id and start < position <= end <= start + RANGE_SIZE):
            return None
        if os.fstat(file.fileno()).st_nlink > 1:  # its other name may belong to a snapshot
            return None
        missing = position - start
        while missing and (block := file.read(min(_READ, missing))):
            part.digest.update(block)
            missing -= len(block)
        return part if not missing and part.digest.hexdigest() == sha256 else None
    return None


def _pwrite_all(descriptor: int, content: bytes, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


class RangePlan:
    """Plan which connection fetches which bytes of a body; no I/O, and never waits.

    Bytes before `position` are read. The main connection delivers those before `main_end`, ranges the others.

    Args:
        now: Monotonic clock in seconds.
    """

    def __init__(
        self, path: ArchivePath, body_id: str, start: int, total: int, now: Callable[[], float]
    ) -> None:
        self.position = start
        self.total = self.main_end = self._frontier = total
        self.late_starts = 0
        self.parts: list[RangePart] = []
        self._path = path
        self._body_id = body_id
        self._start = start
        self._now = now
        self._started = now()

    @property
    def is_split(self) -> bool:
        """Whether a helper is proven and the main connection ends before the body."""
        return self.main_end < self.total

    @property
    def is_slow(self) -> bool:
        """Whether helpers are useful: the main connection was measured, and is slower than one can be."""
        elapsed = self._now() - self._started
        is_slow = self.position - self._start < _FAST_ENOUGH * elapsed
        return elapsed >= _MIN_OBSERVED and (self.is_split or is_slow)

    @property
    def front(self) -> RangePart | None:
        """The range with the next bytes, if some of them are there."""
        return self.parts[0] if self.parts and self.parts[0].position > self.position else None

    @property
    def ahead(self) -> int:
        """The number of bytes that arrived but are not read yet."""
        return sum(max(0, part.position - max(part.start, self.position)) for part in self.parts)

    def has_work(self) -> bool:
        """Return whether one more connection would find a range to fetch."""
        if any(not part.is_claimed and part.missing for part in self.parts):
            return True
        return len(self.parts) < MAX_RANGES and self.total - self._next_start() >= _MIN_SIZE

    def claim(self, connections: int) -> RangePart | None:
        """Claim an unclaimed range, the one that is needed first; None if there is none now.

        A new one is smaller towards the end, so that the connections end together.
        """
        unclaimed = (part for part in self.parts if not part.is_claimed and part.missing)
        part = next(unclaimed, None)
        start = self._next_start()
        if part is None and len(self.parts) < MAX_RANGES and start < self.total:
            left = self.total - start
            size = min(left, RANGE_SIZE, max(_MIN_SIZE, left // (connections + 1)))
            part = self._new_part(start, start + size)
            if self.is_split:
                self._insert(part)
        if part is not None:
            part.is_claimed = True
        return part

    def give_up(self, part: RangePart, speed: float) -> bool:
        """Decide whether a connection of this speed leaves its range to another one, at most once a range.

        It does if it is far slower than the others, and these have no ranges left to fetch.
        """
        arrived = self.position + self.ahead - self._start
        is_slow = speed * (self._now() - self._started) < _MIN_SHARE * arrived
        if is_slow and part.is_planned and not part.was_given_up and not self.has_work():
            part.was_given_up = True
            return True
        return False

    def split_at(self, part: RangePart) -> bool:
        """End the main connection where this first range begins. Return False if it is already past that."""
        if self.position >= part.start:
            self.late_starts += 1
            return False
        self.main_end = part.start
        self._insert(part)
        return True

    def replace_main(self) -> None:
        """Plan ranges for the missing bytes of the main connection."""
        self._fill(self.position, self.main_end)
        self.main_end = self.position

    def restore(self, saved: Iterable[RangePart]) -> None:
        """Plan the ranges that an earlier transfer left, and those between them. Call it before a read."""
        covered = self.position
        for part in sorted(saved, key=lambda part: part.start):
            last_end = self.parts[-1].end if self.parts else 0
            if part.position <= covered or part.start < last_end or part.end > self.total:
                continue
            if self.parts:
                self._fill(last_end, part.start)
            self._insert(part)
            covered = part.position
        if self.parts:
            self.main_end = max(self.position, self.parts[0].start)

    def advance(self, size: int) -> RangePart | None:
        """Record that `size` more bytes were read, in order. Return the range that this completed."""
        self.position += size
        return self.parts.pop(0) if self.parts and self.position == self.parts[0].end else None

    def _next_start(self) -> int:
        """Return where the next new range begins: after the others, or well ahead of the main connection."""
        if self.is_split:
            return self._frontier
        speed = (self.position - self._start) / max(self._now() - self._started, _MIN_OBSERVED)
        return self.position + max(_MIN_SIZE, int(speed * _LEAD)) * (1 + self.late_starts)

    def _new_part(self, start: int, end: int) -> RangePart:
        return RangePart(self._path.with_name(f"{self._path.name}.{start}"), self._body_id, start, end, start)

    def _fill(self, start: int, end: int) -> None:
        for first in range(start, end, RANGE_SIZE):
            self._insert(self._new_part(first, min(first + RANGE_SIZE, end)))

    def _insert(self, part: RangePart) -> None:
        part.is_planned = True
        self.parts.append(part)
        self.parts.sort(key=lambda part: part.start)
        self._frontier = self.parts[-1].end
