"""WAV, Ogg, FLAC, MP3 and AAC: most of them are streams that may end anywhere, so little can be proven."""

import re
from dataclasses import replace

from xharchive.integrity.reader import Broken, Source, Structure

__all__ = ["aac", "flac", "mp3", "ogg", "wav"]

_UNKNOWN = (0, 0xFFFFFFFF)
_LARGEST_PAGE = 65_307
_LAST_PAGE = 4
_STREAM_INFO_BYTES = 34
_MOST_PADDING = 65_536
_MPEG_FRAME = re.compile(rb"\xff[\xe2-\xff]")
_UNPROVEN = Structure(whole=True, proves_length=False, has_sound=True)


def wav(source: Source) -> Structure:
    """Check a WAV file's chunks against their sizes; 0 and 2³²-1 are what a writer to a pipe leaves there."""
    source.expect(0, b"RIFF")
    source.expect(8, b"WAVE")
    declared = _little(source, 4)
    if declared not in _UNKNOWN and 8 + declared > source.size:
        raise Broken("the file is shorter than it says")
    at, byte_rate = 12, 0
    while True:
        source.count_part()
        kind, length = source.span(at, 4), _little(source, at + 4)
        if kind == b"fmt ":
            byte_rate = _little(source, at + 16)
        if kind == b"data":
            return _wave_data(source, at + 8, length, byte_rate, proven=8 + declared == source.size)
        at += 8 + length + length % 2


def _wave_data(source: Source, at: int, length: int, byte_rate: int, *, proven: bool) -> Structure:
    if not byte_rate:
        raise Broken("there is no fmt chunk")
    streamed = length in _UNKNOWN
    if not streamed and at + length > source.size:
        raise Broken("the file ends inside the data chunk")
    samples = source.size - at if streamed else length
    return Structure(
        whole=True,
        duration_ms=samples * 1000 // byte_rate,
        codecs=("wave",),
        proves_length=proven and not streamed,
        has_sound=samples > 0,
    )


def flac(source: Source) -> Structure:
    """Check FLAC's metadata blocks (RFC 9639 8.1); the frames carry no total length."""
    source.expect(0, b"fLaC")
    if source.number(4, 1) & 0x7F or source.number(5, 3) != _STREAM_INFO_BYTES:
        raise Broken("the stream info block is missing")
    packed = source.number(18, 8)
    rate, total = packed >> 44, packed & 0xFFFFFFFFF
    at, last = 4, False
    while not last:
        source.count_part()
        last = bool(source.number(at, 1) & 0x80)
        at += 4 + source.number(at + 1, 3)
    if source.number(at, 2) >> 2 != 0x3FFE:
        raise Broken("there is no sound behind the metadata")
    return replace(_UNPROVEN, duration_ms=total * 1000 // rate if rate else 0, codecs=("flac",))


def ogg(source: Source) -> Structure:
    """Check that the file ends with a whole Ogg page (RFC 3533 6); its end mark proves the length."""
    source.expect(0, b"OggS")
    start = max(0, source.size - _LARGEST_PAGE)
    tail = source.span(start, source.size - start)
    page = tail.rfind(b"OggS")
    while page >= 0:
        segments = int.from_bytes(tail[page + 26 : page + 27], "big")
        body = page + 27 + segments
        if body + sum(tail[page + 27 : body]) == len(tail):
            # The granule position (RFC 3533 6) counts samples; only pages of headers have 0.
            has_sound = any(tail[page + 6 : page + 14])
            proves_length = bool(tail[page + 5] & _LAST_PAGE)
            return Structure(whole=True, proves_length=proves_length, has_sound=has_sound)
        page = tail.rfind(b"OggS", 0, page)
    raise Broken("the file ends inside a page")


def mp3(source: Source) -> Structure:
    """Check that MPEG audio stands behind the ID3v2 tag (ID3v2.4 structure 3.1), if there is one."""
    at = 0
    if source.span(0, 3) == b"ID3":
        size = source.span(6, 4)
        at = 10 + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(size))
    # Writers leave padding, and some a footer, that the tag's size does not count.
    if not _MPEG_FRAME.search(source.span(at, min(_MOST_PADDING, max(source.size - at, 2)))):
        raise Broken("there is no sound behind the tag")
    return _UNPROVEN


def aac(source: Source) -> Structure:
    """Check that the first ADTS frame (ISO/IEC 13818-7 6.2) is there in full."""
    length = source.number(3, 3) >> 5 & 0x1FFF
    if source.number(0, 2) & 0xFFF6 != 0xFFF0 or length < 7:
        raise Broken("the first frame is missing")
    source.span(0, length)
    return _UNPROVEN


def _little(source: Source, at: int) -> int:
    return int.from_bytes(source.span(at, 4), "little")
