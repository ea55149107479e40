"""The boxes of ISO/IEC 14496-12 (and QuickTime's atoms): four letters and a size, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from xharchive.integrity.reader import Broken, Source, number

__all__ = ["Box", "children", "closed", "leading_boxes", "only"]

_TOO_MANY = "too many boxes"
_LARGEST_HELD = 64 * 1024 * 1024
_TO_THE_END = 0
# What stands at the top of movies and pictures (ISO/IEC 14496-12 table 1): cut, it is a cut file, not litter.
_TOP_KINDS = frozenset(
    b"ftyp styp moov mdat free skip wide pnot uuid udta meta moof mfra sidx ssix pdin emsg prft imda".split()
)
_SIZE_IN_64_BITS = 1


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four letters, and where its payload begins and ends in what was walked.

    `open_ended`: it names no size and reaches as far as the bytes do, so a cut of it cannot be seen.
    """

    kind: bytes
    start: int
    end: int
    open_ended: bool = False

    def held(self, source: Source) -> bytes:
        """Return the payload of a box that stands in the file.

        Raises:
            Broken: it is larger than any honest one.
        """
        if self.end - self.start > _LARGEST_HELD:
            raise Broken(f"the {self.name} box is too large")
        return source.span(self.start, self.end - self.start)

    @property
    def name(self) -> str:
        """The four letters for people."""
        return self.kind.decode("latin-1")


def leading_boxes(source: Source) -> tuple[list[Box], str]:
    """Return the whole boxes from the beginning, and what is wrong behind them, "" if they tile the file.

    Raises:
        Broken: the first one is not whole, one of a kind that belongs to files like this is cut, or there are
            too many.
    """
    found = [_top_box(source, 0)]
    while (at := found[-1].end) < source.size:
        source.count_part(_TOO_MANY)
        try:
            found.append(_top_box(source, at))
        except Broken as problem:
            if source.size - at >= 8 and source.span(at + 4, 4) in _TOP_KINDS:
                raise
            return found, str(problem)
    return found, ""


def closed(boxes: list[Box], tail: str) -> bool:
    """Whether the file ends where its last box says: nothing behind it, and a size that was named."""
    return not tail and not boxes[-1].open_ended


def _top_box(source: Source, at: int) -> Box:
    if source.size - at < 8:
        raise Broken("the file ends too early")
    head = source.span(at, min(16, source.size - at))
    box = _box(head, head, at, source.size)
    if not box.kind.isascii() or box.kind < b"    ":
        raise Broken("something that is no box follows the last one")
    if box.end > source.size:
        raise Broken(f"the file ends inside the {box.name} box")
    return box


def children(source: Source, data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes in a stretch of a held box; fewer than eight bytes behind the last are tolerated.

    `data` was read from `source`, which bounds the boxes of the whole file, however they are nested.

    Raises:
        Broken: one does not fit, or there are too many.
    """
    end = len(data) if end is None else end
    while end - start >= 8:
        source.count_part(_TOO_MANY)
        box = _box(data[start : start + 8], data[start : start + 16], start, end)
        if box.end > end:
            raise Broken(f"the {box.name} box does not fit where it stands")
        yield box
        start = box.end


def only(source: Source, data: bytes, kind: bytes, inside: Box | None = None) -> Box | None:
    """Return the first child box of a kind, or None."""
    start, end = (0, len(data)) if inside is None else (inside.start, inside.end)
    stretch = children(source, data, start, end)
    return next((box for box in stretch if box.kind == kind), None)


def _box(head: bytes, long_head: bytes, at: int, end: int) -> Box:
    size, kind, header = number(head, 0, 4), head[4:8], 8
    open_ended = size == _TO_THE_END
    if size == _SIZE_IN_64_BITS:
        size, header = number(long_head, 8, 8), 16
    elif open_ended:
        size = end - at
    if size < header:
        raise Broken("a box has an impossible size")
    return Box(kind, at + header, at + size, open_ended)
