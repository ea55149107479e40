"""JPEG, PNG, WebP and GIF: walked mark by mark to the end mark, or measured against the declared size."""

import re

from xharchive.integrity.reader import Broken, EndMarkMissing, Source, Structure

__all__ = ["gif", "jpeg", "png", "webp"]

_SCAN_STEP = 1 << 18
_MOST_SCANS = 1_000  # a progressive JPEG has some ten
_MARK_IN_A_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_TRAILER = 0x2C, 0x21, 0x3B


def jpeg(source: Source) -> Structure:
    """Walk a JPEG's markers (ITU-T T.81 annex B) to the end of its image; what follows proves nothing."""
    source.expect(0, b"\xff\xd8")
    at, sides, scans = 2, (0, 0), 0
    while True:
        if source.number(at, 1) != 0xFF:
            raise Broken("a marker is missing")
        source.count_part()
        mark = source.number(at + 1, 1)
        if mark == 0xFF:  # a fill byte
            at += 1
            continue
        if mark == _EOI:
            if not (scans and all(sides)):
                raise Broken("the image has no pixels")
            # Gain maps and motions stand behind the image, and may be cut unseen.
            ends_here = at + 2 == source.size
            return Structure(whole=True, width=sides[0], height=sides[1], proves_length=ends_here)
        if mark in _FRAME_HEADERS:
            sides = source.number(at + 7, 2), source.number(at + 5, 2)
        at += 2 + _segment(source, at + 2)
        if mark == _SOS:
            scans += 1
            if scans > _MOST_SCANS:  # each one reads a whole step
                raise Broken("too many scans")
            at = _end_of_scan(source, at)
            if at == source.size and all(sides):
                raise EndMarkMissing("the file ends inside the picture data", *sides)


def _segment(source: Source, at: int) -> int:
    length = source.number(at, 2)
    if length < 2:
        raise Broken("a segment has an impossible size")
    return length


def _end_of_scan(source: Source, at: int) -> int:
    """Return where the next marker that ends the coded data (T.81 B.1.1.5) stands, or the file's end."""
    while at < source.size:
        step = min(_SCAN_STEP, source.size - at)
        found = _MARK_IN_A_SCAN.search(source.span(at, step))
        if found:
            return at + found.start()
        # The last byte may be the first half of a marker.
        at += max(step - 1, 1)
    return source.size


def png(source: Source) -> Structure:
    """Walk a PNG's chunks (ISO/IEC 15948 clause 5) to IEND; what follows proves nothing."""
    source.expect(0, b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
    at, data_seen = 8, False
    while True:
        source.count_part()
        if data_seen and _PNG_END[:-1].startswith(source.span(at, min(source.size - at, len(_PNG_END)))):
            raise EndMarkMissing("the file ends inside a chunk", source.number(16, 4), source.number(20, 4))
        length, kind = source.number(at, 4), source.span(at + 4, 4)
        at += 12 + length
        if at > source.size:
            raise Broken("the file ends inside a chunk")
        data_seen = data_seen or kind == b"IDAT"
        if kind == b"IEND":
            if not data_seen:
                raise Broken("the image has no pixels")
            width, height = source.number(16, 4), source.number(20, 4)
            return Structure(whole=True, width=width, height=height, proves_length=at == source.size)


def webp(source: Source) -> Structure:
    """Check a WebP file's chunks (RFC 9649) against the size that its RIFF header declares."""
    source.expect(0, b"RIFF")
    source.expect(8, b"WEBP")
    end = 8 + int.from_bytes(source.span(4, 4), "little")
    if end > source.size:
        raise Broken("the file is shorter than it says")
    at, kinds = 12, set()
    while at < end:
        source.count_part()
        kinds.add(source.span(at, 4))
        length = int.from_bytes(source.span(at + 4, 4), "little")
        at += 8 + length + length % 2
    if at != end:
        raise Broken("the chunks do not fill the file")
    if not kinds & {b"VP8 ", b"VP8L", b"ANMF"}:
        raise Broken("the image has no pixels")
    width, height = _webp_sides(source)
    return Structure(whole=True, width=width, height=height, proves_length=end == source.size)


def _webp_sides(source: Source) -> tuple[int, int]:
    """Read the size from the first chunk, which is one of three kinds (RFC 9649 2.5, 2.6 and 2.7)."""
    kind = source.span(12, 4)
    if kind == b"VP8X":
        sides = int.from_bytes(source.span(24, 6), "little")
        return (sides & 0xFFFFFF) + 1, (sides >> 24) + 1
    if kind == b"VP8L":
        bits = int.from_bytes(source.span(21, 4), "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    sides = int.from_bytes(source.span(26, 4), "little")
    return sides & 0x3FFF, sides >> 16 & 0x3FFF


def gif(source: Source) -> Structure:
    """Walk a GIF's blocks (GIF89a specification) to the trailer; what follows proves nothing."""
    source.expect(0, b"GIF8")
    width = int.from_bytes(source.span(6, 2), "little")
    height = int.from_bytes(source.span(8, 2), "little")
    at, images = 13 + _colour_table(source.number(10, 1)), 0
    while True:
        source.count_part()
        if images and at == source.size:
            raise EndMarkMissing("the file ends too early", width, height)
        block = source.number(at, 1)
        if block == _GIF_TRAILER:
            if not images:
                raise Broken("the image has no pixels")
            ends_here = at + 1 == source.size
            return Structure(whole=True, width=width, height=height, proves_length=ends_here)
        if block == _GIF_IMAGE:
            images += 1
            at = _behind_sub_blocks(source, at + 11 + _colour_table(source.number(at + 9, 1)))
        elif block == _GIF_EXTENSION:
            at = _behind_sub_blocks(source, at + 2)
        else:
            raise Broken("an unknown block")


def _colour_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_sub_blocks(source: Source, at: int) -> int:
    while length := source.number(at, 1):
        at += 1 + length
    return at + 1
