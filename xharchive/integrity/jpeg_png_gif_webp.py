"""Check JPEG, PNG and GIF files up to their end marker, and WebP files against their declared size."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from xharchive.integrity.reader import FileReader, Structure, StructureError

_SCAN_READ_BYTES = 1 << 18
_MAX_SCANS = 1_000  # a progressive JPEG has some ten
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKERS_WITHOUT_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))
_CUT_SCAN = -1
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_TRAILER = 0x2C, 0x21, 0x3B


def _check_jpeg(reader: FileReader) -> Structure:
    """Read a JPEG's markers (ITU-T T.81 annex B) up to the end of its first image."""
    size, scans = (0, 0), 0
    for marker, at in _iter_jpeg_segments(reader):
        if marker == _EOI:
            if not (scans and all(size)):
                raise StructureError("the image has no pixels")
            # Gain maps and motion videos follow the image. A cut in them is invisible.
            ends_here = at + 2 == reader.size
            return Structure(whole=True, width=size[0], height=size[1], proves_length=ends_here)
        if marker in _FRAME_HEADERS:
            size = reader.read_uint(at + 7, 2), reader.read_uint(at + 5, 2)
        if marker == _SOS:
            scans += 1
            if scans > _MAX_SCANS:  # each scan reads a window
                raise StructureError("too many scans")
        if marker == _CUT_SCAN and all(size):
            return _without_end_marker("the file ends inside the picture data", *size)
    raise StructureError("the file ends too early")


def jpeg_header_frames(file: BinaryIO) -> list[int]:
    """Return the marker of each frame header before the first scan of a JPEG.

    Raises:
        StructureError: the header is cut, damaged or irregular, so that a decoder may read other segments.
    """
    reader, frames, end = FileReader(file), list[int](), 2
    for marker, at in _iter_jpeg_segments(reader):  # pragma: no branch - a cut scan is no segment at `end`
        if at != end or marker in _MARKERS_WITHOUT_LENGTH:
            break
        end = at + 2 + _segment_length(reader, at + 2)
        if marker == _SOS and end <= reader.size:
            return frames
        if marker in _FRAME_HEADERS:
            frames.append(marker)
    raise StructureError("the header is irregular")


def _iter_jpeg_segments(reader: FileReader) -> Iterator[tuple[int, int]]:
    """Yield marker and offset of each segment, up to a scan that the file's end cuts. Callers stop at EOI."""
    reader.expect(0, b"\xff\xd8")
    at = 2
    while True:
        if reader.read_uint(at, 1) != 0xFF:
            raise StructureError("a marker is missing")
        reader.count_element()
        marker = reader.read_uint(at + 1, 1)
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        yield marker, at
        at += 2 + _segment_length(reader, at + 2)
        if marker == _SOS:
            at = _end_of_scan(reader, at)
            if at == reader.size:
                yield _CUT_SCAN, at
                return


def _segment_length(reader: FileReader, at: int) -> int:
    length = reader.read_uint(at, 2)
    if length < 2:
        raise StructureError("a segment has an impossible size")
    return length


def _end_of_scan(reader: FileReader, at: int) -> int:
    """Return the offset of the marker that ends the coded data (T.81 B.1.1.5), or of the end of the file."""
    while at < reader.size:
        step = min(_SCAN_READ_BYTES, reader.size - at)
        found = _MARKER_AFTER_SCAN.search(reader.read_at(at, step))
        if found:
            return at + found.start()
        # The last byte may be the first half of a marker.
        at += max(step - 1, 1)
    return reader.size


def _check_png(reader: FileReader) -> Structure:
    """Read a PNG's chunks (ISO/IEC 15948 clause 5) up to IEND."""
    reader.expect(0, b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
    width, height = reader.read_uint(16, 4), reader.read_uint(20, 4)
    at, data_seen = 8, False
    while True:
        reader.count_element()
        if data_seen and _PNG_END[:-1].startswith(reader.read_at(at, min(reader.size - at, len(_PNG_END)))):
            return _without_end_marker("the file ends inside a chunk", width, height)
        length, kind = reader.read_uint(at, 4), reader.read_at(at + 4, 4)
        at += 12 + length
        if at > reader.size:
            raise StructureError("the file ends inside a chunk")
        data_seen = data_seen or kind == b"IDAT"
        if kind == b"IEND":
            if not data_seen:
                raise StructureError("the image has no pixels")
            return Structure(whole=True, width=width, height=height, proves_length=at == reader.size)


def _check_webp(reader: FileReader) -> Structure:
    """Check a WebP file's chunks (RFC 9649) against the size that its RIFF header declares."""
    reader.expect(0, b"RIFF")
    reader.expect(8, b"WEBP")
    end = 8 + reader.read_uint(4, 4, "little")
    if end > reader.size:
        raise StructureError("the file is shorter than it says")
    at, kinds = 12, set()
    while at < end:
        reader.count_element()
        kinds.add(reader.read_at(at, 4))
        length = reader.read_uint(at + 4, 4, "little")
        at += 8 + length + length % 2
    if at != end:
        raise StructureError("the chunks do not fill the file")
    if not kinds & {b"VP8 ", b"VP8L", b"ANMF"}:
        raise StructureError("the image has no pixels")
    width, height = _webp_size(reader)
    return Structure(whole=True, width=width, height=height, proves_length=end == reader.size)


def _webp_size(reader: FileReader) -> tuple[int, int]:
    """Return width and height from the first chunk, of one of three types (RFC 9649 2.5, 2.6 and 2.7)."""
    kind = reader.read_at(12, 4)
    if kind == b"VP8X":
        size = reader.read_uint(24, 6, "little")
        return (size & 0xFFFFFF) + 1, (size >> 24) + 1
    if kind == b"VP8L":
        bits = reader.read_uint(21, 4, "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    size = reader.read_uint(26, 4, "little")
    return size & 0x3FFF, size >> 16 & 0x3FFF


def _check_gif(reader: FileReader) -> Structure:
    """Read a GIF's blocks (GIF89a specification) up to the trailer."""
    reader.expect(0, b"GIF8")
    width, height = reader.read_uint(6, 2, "little"), reader.read_uint(8, 2, "little")
    at, images = 13 + _colour_table_bytes(reader.read_uint(10, 1)), 0
    while True:
        reader.count_element()
        if images and at == reader.size:
            return _without_end_marker("the file ends too early", width, height)
        block = reader.read_uint(at, 1)
        if block == _GIF_TRAILER:
            if not images:
                raise StructureError("the image has no pixels")
            ends_here = at + 1 == reader.size
            return Structure(whole=True, width=width, height=height, proves_length=ends_here)
        if block == _GIF_IMAGE:
            images += 1
            at = _skip_sub_blocks(reader, at + 11 + _colour_table_bytes(reader.read_uint(at + 9, 1)))
        elif block == _GIF_EXTENSION:
            at = _skip_sub_blocks(reader, at + 2)
        else:
            raise StructureError("an unknown block")


def _colour_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(reader: FileReader, at: int) -> int:
    while length := reader.read_uint(at, 1):
        at += 1 + length
    return at + 1


def _without_end_marker(problem: str, width: int, height: int) -> Structure:
    return Structure(whole=False, problem=problem, width=width, height=height, lacks_end_marker=True)


CHECKS = {"jpeg": _check_jpeg, "png": _check_png, "webp": _check_webp, "gif": _check_gif}
"""The check of each format."""
