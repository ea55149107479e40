"""HEIF and AVIF (ISO/IEC 23008-12): boxes tile the file, and every item lies inside it."""

from xharchive.integrity import mp4
from xharchive.integrity.boxes import Box, closed, leading_boxes, only
from xharchive.integrity.reader import Broken, Source, Structure, number

__all__ = ["heif"]

_MOST_EXTENTS = 100_000
_IN_THE_FILE = 0


def heif(source: Source) -> Structure:
    """Check a picture of items; a sequence without items (brand `msf1`) is checked as the movie it is."""
    boxes, tail = leading_boxes(source)
    if boxes[0].kind != b"ftyp":
        raise Broken("there is no ftyp box")
    described = next((box for box in boxes if box.kind == b"meta"), None)
    if described is None:
        return mp4.within(source, boxes, tail)
    meta = described.held(source)
    items = Box(b"meta", 4, len(meta))  # behind version and flags
    places = only(source, meta, b"iloc", items)
    if places is None:
        raise Broken("there is no iloc box")
    _check_places(meta, places, source.size)
    # No size: the boxes tell the coded one, with padding; the decoder tells what is shown.
    return Structure(whole=True, proves_length=closed(boxes, tail))


def _check_places(meta: bytes, places: Box, size: int) -> None:
    """Read the item locations (ISO/IEC 14496-12 8.11.3) and check that each extent ends inside the file."""
    at = places.start
    version, widths = number(meta, at, 1), number(meta, at + 4, 2)
    offset_bytes, length_bytes = widths >> 12, widths >> 8 & 15
    base_bytes, index_bytes = widths >> 4 & 15, widths & 15 if version else 0
    id_bytes = 4 if version == 2 else 2
    count = number(meta, at + 6, id_bytes)
    at += 6 + id_bytes
    extents_left = _MOST_EXTENTS
    for _ in range(count):
        at += id_bytes
        method = number(meta, at, 2) & 15 if version else _IN_THE_FILE
        at += 4 if version else 2
        base = number(meta, at, base_bytes)
        extents = number(meta, at + base_bytes, 2)
        at += base_bytes + 2
        extents_left -= extents + 1
        if extents_left < 0:
            raise Broken("too many items")
        for _ in range(extents):
            at += index_bytes
            offset = base + number(meta, at, offset_bytes)
            length = number(meta, at + offset_bytes, length_bytes)
            at += offset_bytes + length_bytes
            if method == _IN_THE_FILE and offset + length > size:
                raise Broken("an item lies outside the file")
    if at > places.end:
        raise Broken("the item table is longer than its box")
