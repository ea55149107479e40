"""Who brings which bytes of a large body: the trunk up to where pieces begin, others a piece each.

Only the book-keeping; nothing here waits or does I/O. `split` has the connections.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["LANES", "MOST_LATE", "PIECE", "Piece", "Pieces"]

PIECE = 8 * 1024 * 1024
"""The most bytes that are asked for at once, and the size of a lane."""
LANES = 10
"""How many pieces there are at most, those among them that came and wait for their turn."""
MOST_LATE = 3
"""So often the trunk may be ahead of the first piece before nobody tries any more."""

_LEAST = 1024 * 1024  # of a piece: a request costs a round trip
_LEAST_TO_SHARE = 512 * 1024  # of somebody's rest; half of it takes little more than a round trip at 2 MB/s
_LEAST_OF_SLOW = 64 * 1024
_WORTH = 1.0  # seconds sooner
_FOR_SHARES = 3  # lanes: where all wait for somebody's piece, there must be room to take over part of it
_FOR_SLOW = 2  # of these, where somebody is slower than the others
_FAST = 16e6  # bytes a second: one connection with that is bounded by something that others would share
_LOOKED_AT = 0.1  # seconds before the trunk's speed is judged
_TELLING = 0.5  # seconds after which a speed is more than the round trip
_AHEAD_OF_TRUNK = 0.5  # seconds of its way: the first piece begins where the trunk is not yet


@dataclass(eq=False, slots=True)
class Piece:
    """Bytes `start` to `end` of the file, in a lane; those before `at` are there.

    `joined`: they follow in order what is or will be there; so they are waited for. While it is `taken`,
    somebody brings it: from byte `first` on, `since` a time in seconds.
    """

    start: int
    end: int
    lane: int
    at: int
    taken: bool = False
    joined: bool = False
    first: int = 0
    since: float = 0.0

    @property
    def missing(self) -> int:
        """How many bytes are still to come."""
        return self.end - self.at

    def speed(self, now: float) -> float | None:
        """The bytes a second of whoever brings it, None as long as that tells nothing."""
        return (self.at - self.first) / (now - self.since) if now - self.since >= _TELLING else None


class Pieces:
    """The way from byte `start` to `total`: read to `at`, the trunk's to `trunk_end`, in pieces behind that.

    `now` is a clock in seconds.
    """

    def __init__(self, start: int, total: int, now: Callable[[], float]) -> None:
        self.at = start
        self.total = self.trunk_end = self._frontier = total
        self.late = 0
        self._start = start
        self._now = now
        self._began = now()
        self._divided = (start, self._began)
        self._pieces: deque[Piece] = deque()
        self._lanes = list(range(LANES))

    @property
    def is_divided(self) -> bool:
        """Whether a helper has proved itself, and the trunk ends before the body."""
        return self.trunk_end < self.total

    @property
    def is_slow(self) -> bool:
        """Whether help is of use: the trunk was looked at for a moment, and is not as fast as can be."""
        elapsed = self._now() - self._began
        return elapsed >= _LOOKED_AT and (self.is_divided or self.at - self._start < _FAST * elapsed)

    @property
    def head(self) -> Piece | None:
        """The piece whose bytes come next, if some of them are there."""
        return self._pieces[0] if self._pieces and self._pieces[0].at > self.at else None

    @property
    def ahead(self) -> int:
        """How many bytes are there that were not read yet."""
        return sum(piece.at - max(piece.start, self.at) for piece in self._pieces if piece.at > self.at)

    def has_work(self) -> bool:
        """Whether one more connection would find something to bring."""
        if any(not piece.taken and piece.missing for piece in self._pieces):
            return True
        if self._lanes and (self._of_trunk(None) or self._of_piece(None) is not None):
            return True
        return len(self._lanes) > _FOR_SHARES and self.total - self._next_start() >= _LEAST

    def take(self, speed: float | None, helpers: int) -> Piece | None:
        """Return a piece that nobody brings, the one that is needed first; None if there is none now.

        `speed` is that of the connection it is for, in bytes a second, as far as it is known; there are
        `helpers` besides the body's own connection.
        """
        untaken = (piece for piece in self._pieces if not piece.taken and piece.missing)
        piece = next(untaken, None) or self._new(helpers) or self._share(speed)
        if piece is not None:
            piece.taken, piece.first, piece.since = True, piece.at, self._now()
        return piece

    def give_back(self, piece: Piece) -> None:
        """Nobody brings it any more; it is through, or for somebody else."""
        piece.taken = False
        if not piece.joined:
            self._lanes.append(piece.lane)

    def divide(self, piece: Piece) -> bool:
        """End the trunk where this first piece begins; False if the trunk is past it already."""
        if self.at >= piece.start:
            self.late += 1
            return False
        self.trunk_end = piece.start
        self._divided = (self.at, self._now())
        self._join(piece, 0)
        self._frontier = piece.end
        return True

    def replace_trunk(self) -> bool:
        """Make pieces of what the trunk still had to bring; False if there is no room for that."""
        starts = range(self.at, self.trunk_end, PIECE)
        if len(starts) > len(self._lanes):
            return False
        for place, start in enumerate(starts):
            end = min(start + PIECE, self.trunk_end)
            self._join(Piece(start, end, self._lanes.pop(), start), place)
        self.trunk_end = self.at
        return True

    def restore(self, kept: Iterable[Piece]) -> None:
        """Take up, before anything was read, what an earlier transfer left: all that lanes suffice for.

        A piece may have been shared after its end was noted down: it ends where the next one begins.
        """
        kept = sorted(kept, key=lambda piece: piece.start)
        self._lanes = sorted(set(self._lanes) - {piece.lane for piece in kept})
        for piece in kept:
            if not self._follows(piece):
                self._lanes.append(piece.lane)
        if self._pieces:
            self.trunk_end = max(self.at, self._pieces[0].start)
            self._frontier = self._pieces[-1].end

    def _follows(self, piece: Piece) -> bool:
        """Put a piece behind the others, and what is missing between them; False if it is of no use there."""
        last = self._pieces[-1] if self._pieces else None
        if piece.at <= max(self.at, last.at if last else 0) or piece.end > self.total:
            return False
        if last is not None:
            between = range(last.end, piece.start, PIECE)
            if len(between) > len(self._lanes):
                return False
            last.end = min(last.end, piece.start)
            last.at = min(last.at, last.end)
            if last.end <= max(self.at, last.start):
                self._lanes.append(self._pieces.pop().lane)
            for start in between:
                end = min(start + PIECE, piece.start)
                self._join(Piece(start, end, self._lanes.pop(), start), len(self._pieces))
        self._join(piece, len(self._pieces))
        return True

    def was_read(self, size: int) -> None:
        """So many bytes more were read, in order."""
        self.at += size
        if self._pieces and self.at == self._pieces[0].end:
            self._lanes.append(self._pieces.popleft().lane)

    def _next_start(self) -> int:
        """Where the next new piece begins: behind the others, or well ahead of the trunk."""
        if self.is_divided:
            return self._frontier
        speed = (self.at - self._start) / max(self._now() - self._began, _LOOKED_AT)
        return self.at + max(_LEAST, int(speed * _AHEAD_OF_TRUNK)) * (1 + self.late)

    def _new(self, helpers: int) -> Piece | None:
        start = self._next_start()
        left = self.total - start
        if len(self._lanes) <= _FOR_SHARES or left <= 0:
            return None
        size = min(PIECE, left, max(_LEAST, left // (helpers + 1)))
        piece = Piece(start, start + size, self._lanes.pop(), start)
        if self.is_divided:
            self._join(piece, len(self._pieces))
            self._frontier = piece.end
        return piece

    def _share(self, taker: float | None) -> Piece | None:
        """Take over part of the longest way that somebody else still has, so that all end together."""
        if not self._lanes or not self.is_divided:
            return None
        if share := self._of_trunk(taker):
            end, place = self.trunk_end, 0
            self.trunk_end -= share
        elif (found := self._of_piece(taker)) is not None:
            longest, share = found
            end, place = longest.end, self._pieces.index(longest) + 1
            longest.end -= share
        else:
            return None
        piece = Piece(end - share, end, self._lanes.pop(), end - share)
        self._join(piece, place)
        return piece

    def _of_trunk(self, taker: float | None) -> int:
        """How many of the bytes that the trunk still has to bring are worth taking over."""
        if not self.is_divided or self.at >= self.trunk_end:
            return 0
        first, since = self._divided
        trunk = Piece(first, self.trunk_end, 0, self.at, first=first, since=since)
        return _share_of(trunk.missing, trunk.speed(self._now()), taker, room=False)

    def _of_piece(self, taker: float | None) -> tuple[Piece, int] | None:
        """The piece of which most is worth taking over, and how many bytes of it."""
        now, room = self._now(), len(self._lanes) > _FOR_SLOW
        shares = [
            (piece, _share_of(piece.missing, piece.speed(now), taker, room=room)) for piece in self._pieces
        ]
        return max((found for found in shares if found[1]), key=lambda found: found[1], default=None)

    def _join(self, piece: Piece, place: int) -> None:
        piece.joined = True
        self._pieces.insert(place, piece)


def _share_of(missing: int, speed: float | None, taker: float | None, *, room: bool) -> int:
    """Return how many of somebody's `missing` bytes another connection had better bring, the last of them.

    So many that both end together, by their speeds in bytes a second; half where one is not known. 0 where
    that is not worth a request. Without `room`, which is scarce, only where much time is won.
    """
    if speed is None or taker is None:
        share = missing // 2
    else:
        share = int(missing * taker / (speed + taker)) if taker else 0
    share = min(share, PIECE, missing - _LEAST_OF_SLOW)  # whoever brings it has some of it in hand
    wins = speed is not None and share >= _LEAST_OF_SLOW and share > _WORTH * speed
    return share if wins or (room and missing >= _LEAST_TO_SHARE) else 0
