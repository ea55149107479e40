"""Check HEIF and AVIF files (ISO/IEC 23008-12): boxes fill the file, and all items lie inside it."""

from xharchive.integrity import mp4
from xharchive.integrity.boxes import Box, file_ends_at_last_box, first_child, top_level_boxes
from xharchive.integrity.reader import FileReader, Structure, StructureError, read_uint

_MAX_EXTENTS = 100_000
_METHOD_FILE_OFFSET = 0


def check_heif(reader: FileReader) -> Structure:
    """Check an image of items, or as a movie an image sequence without items (brand `msf1`)."""
    boxes, trailing_problem = top_level_boxes(reader)
    if boxes[0].kind != b"ftyp":
        raise StructureError("there is no ftyp box")
    meta_box = next((box for box in boxes if box.kind == b"meta"), None)
    if meta_box is None:
        return mp4.check_boxes(reader, boxes, trailing_problem)
    meta = meta_box.payload(reader)
    items = Box(b"meta", 4, len(meta))  # after version and flags
    locations = first_child(reader, meta, b"iloc", items)
    if locations is None:
        raise StructureError("there is no iloc box")
    _check_item_locations(meta, locations, reader.size)
    # Width and height stay 0: the boxes have the coded size with padding. The decoder reports the shown size.
    return Structure(whole=True, proves_length=file_ends_at_last_box(boxes, trailing_problem))


def _check_item_locations(meta: bytes, locations: Box, size: int) -> None:
    """Check that each extent of each item location (ISO/IEC 14496-12 8.11.3) ends inside the file.

    Args:
        meta: payload of the `meta` box.
        locations: its `iloc` box.
        size: bytes of the file.

    Raises:
        StructureError: an extent ends outside, the table is cut, or there are too many items.
    """
    at = locations.start
    version, widths = read_uint(meta, at, 1), read_uint(meta, at + 4, 2)
    offset_bytes, length_bytes = widths >> 12, widths >> 8 & 15
    base_bytes, index_bytes = widths >> 4 & 15, widths & 15 if version else 0
    id_bytes = 4 if version == 2 else 2
    count = read_uint(meta, at + 6, id_bytes)
    at += 6 + id_bytes
    extents_left = _MAX_EXTENTS
    for _ in range(count):
        at += id_bytes
        method = read_uint(meta, at, 2) & 15 if version else _METHOD_FILE_OFFSET
        at += 4 if version else 2
        base = read_uint(meta, at, base_bytes)
        extents = read_uint(meta, at + base_bytes, 2)
        at += base_bytes + 2
        extents_left -= extents + 1
        if extents_left < 0:
            raise StructureError("too many items")
        for _ in range(extents):
            at += index_bytes
            offset = base + read_uint(meta, at, offset_bytes)
            length = read_uint(meta, at + offset_bytes, length_bytes)
            at += offset_bytes + length_bytes
            if method == _METHOD_FILE_OFFSET and offset + length > size:
                raise StructureError("an item lies outside the file")
    if at > locations.end:
        raise StructureError("the item table is longer than its box")
