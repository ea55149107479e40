"""Read the boxes of ISO/IEC 14496-12 (QuickTime: atoms), each a size, a type and a payload."""

from collections.abc import Iterator
from dataclasses import dataclass

from xharchive.integrity.reader import FileReader, StructureError, read_uint

_TOO_MANY_BOXES = "too many boxes"
_MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
_SIZE_TO_END_OF_FILE = 0
# Top-level boxes of movies and images (ISO/IEC 14496-12 table 1). If one of these is cut, the file is cut.
# A cut box of another type may be unrelated trailing data.
_TOP_LEVEL_KINDS = frozenset(
    b"ftyp styp moov mdat free skip wide pnot uuid udta meta moof mfra sidx ssix pdin emsg prft imda".split()
)
_SIZE_FOLLOWS_IN_64_BITS = 1


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        kind: its four-letter type.
        start: offset of its payload in the file or data that contains it.
        end: offset after its payload.
        open_ended: it declares no size and extends to the end of the file, so a cut is invisible.
    """

    kind: bytes
    start: int
    end: int
    open_ended: bool = False

    def payload(self, reader: FileReader) -> bytes:
        """Read the payload of a top-level box.

        Raises:
            StructureError: the payload is larger than 64 MiB.
        """
        if self.end - self.start > _MAX_PAYLOAD_BYTES:
            raise StructureError(f"the {self.name} box is too large")
        return reader.read_at(self.start, self.end - self.start)

    @property
    def name(self) -> str:
        """The four-letter type as text."""
        return self.kind.decode("latin-1")


def top_level_boxes(reader: FileReader) -> tuple[list[Box], str]:
    """Read the complete boxes from the start of the file.

    Returns:
        The boxes, and the problem with the bytes after them: "" if the boxes fill the file.

    Raises:
        StructureError: the first box is incomplete, a box of a known top-level type is cut, or there are too
            many boxes.
    """
    found = [_read_top_level_box(reader, 0)]
    while (at := found[-1].end) < reader.size:
        reader.count_element(_TOO_MANY_BOXES)
        try:
            found.append(_read_top_level_box(reader, at))
        except StructureError as problem:
            if reader.size - at >= 8 and reader.read_at(at + 4, 4) in _TOP_LEVEL_KINDS:
                raise
            return found, str(problem)
    return found, ""


def file_ends_at_last_box(boxes: list[Box], trailing_problem: str) -> bool:
    """Whether the last box declares its size and the file ends there."""
    return not trailing_problem and not boxes[-1].open_ended


def _read_top_level_box(reader: FileReader, at: int) -> Box:
    if reader.size - at < 8:
        raise StructureError("the file ends too early")
    head = reader.read_at(at, min(16, reader.size - at))
    box = _parse_box_header(head, head, at, reader.size)
    if not box.kind.isascii() or box.kind < b"    ":
        raise StructureError("something that is no box follows the last one")
    if box.end > reader.size:
        raise StructureError(f"the file ends inside the {box.name} box")
    return box


def child_boxes(reader: FileReader, data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes between two offsets of a payload, and ignore fewer than eight bytes after the last box.

    Args:
        reader: the file that `data` comes from; it limits the number of boxes in the file at all levels.
        data: the payload of a box.
        start: offset of the first box.
        end: offset after the last box; the end of `data` if None.

    Raises:
        StructureError: a box extends past `end`, or there are too many boxes.
    """
    end = len(data) if end is None else end
    while end - start >= 8:
        reader.count_element(_TOO_MANY_BOXES)
        box = _parse_box_header(data[start : start + 8], data[start : start + 16], start, end)
        if box.end > end:
            raise StructureError(f"the {box.name} box does not fit where it stands")
        yield box
        start = box.end


def first_child(reader: FileReader, data: bytes, kind: bytes, inside: Box | None = None) -> Box | None:
    """Return the first box of a type in a payload, or in one box of it; None if there is none."""
    start, end = (0, len(data)) if inside is None else (inside.start, inside.end)
    children = child_boxes(reader, data, start, end)
    return next((box for box in children if box.kind == kind), None)


def _parse_box_header(head: bytes, long_head: bytes, at: int, end: int) -> Box:
    size, kind, header = read_uint(head, 0, 4), head[4:8], 8
    open_ended = size == _SIZE_TO_END_OF_FILE
    if size == _SIZE_FOLLOWS_IN_64_BITS:
        size, header = read_uint(long_head, 8, 8), 16
    elif open_ended:
        size = end - at
    if size < header:
        raise StructureError("a box has an impossible size")
    return Box(kind, at + header, at + size, open_ended)
