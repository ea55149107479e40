"""Check audio files (WAV, Ogg, FLAC, MP3, AAC) and subtitles (SRT, WebVTT).

Most of these formats may end anywhere, so their checks prove little.
"""

import re
from dataclasses import replace

from xharchive.integrity.reader import FileReader, Structure, StructureError
from xharchive.media import decode_text, looks_like_text

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
_MAX_OGG_PAGE_BYTES = 65_307
_OGG_END_OF_STREAM = 4
_FLAC_STREAM_INFO_BYTES = 34
_MAX_ID3_PADDING = 65_536
_MPEG_FRAME = re.compile(rb"\xff[\xe2-\xff]")
_MAX_SUBTITLE_BYTES = 16 * 1024 * 1024
_WHOLE_TEXT = Structure(whole=True, proves_length=False)
_WHOLE_AUDIO = replace(_WHOLE_TEXT, has_audio=True)


def _check_wav(reader: FileReader) -> Structure:
    """Check a WAV file's chunks against their declared sizes.

    A writer to a pipe cannot know a size and leaves 0 or 2³²-1: such a size proves nothing.
    """
    reader.expect(0, b"RIFF")
    reader.expect(8, b"WAVE")
    declared = reader.read_uint(4, 4, "little")
    if declared not in _UNKNOWN_SIZES and 8 + declared > reader.size:
        raise StructureError("the file is shorter than it says")
    at, byte_rate = 12, 0
    while (kind := reader.read_at(at, 4)) != b"data":
        reader.count_element()
        if kind == b"fmt ":
            byte_rate = reader.read_uint(at + 16, 4, "little")
        length = reader.read_uint(at + 4, 4, "little")
        at += 8 + length + length % 2
    if not byte_rate:
        raise StructureError("there is no fmt chunk")
    length, at = reader.read_uint(at + 4, 4, "little"), at + 8
    streamed = length in _UNKNOWN_SIZES
    if not streamed and at + length > reader.size:
        raise StructureError("the file ends inside the data chunk")
    samples = reader.size - at if streamed else length
    return Structure(
        whole=True,
        duration_ms=samples * 1000 // byte_rate,
        codecs=("wave",),
        proves_length=8 + declared == reader.size and not streamed,
        has_audio=samples > 0,
    )


def _check_flac(reader: FileReader) -> Structure:
    """Check a FLAC file's metadata blocks (RFC 9639 8.1). The frames have no total length."""
    reader.expect(0, b"fLaC")
    if reader.read_uint(4, 1) & 0x7F or reader.read_uint(5, 3) != _FLAC_STREAM_INFO_BYTES:
        raise StructureError("the stream info block is missing")
    packed = reader.read_uint(18, 8)
    rate, total = packed >> 44, packed & 0xFFFFFFFFF
    at, last = 4, False
    while not last:
        reader.count_element()
        last = bool(reader.read_uint(at, 1) & 0x80)
        at += 4 + reader.read_uint(at + 1, 3)
    if reader.read_uint(at, 2) >> 2 != 0x3FFE:
        raise StructureError("there is no sound behind the metadata")
    return replace(_WHOLE_AUDIO, duration_ms=total * 1000 // rate if rate else 0, codecs=("flac",))


def _check_ogg(reader: FileReader) -> Structure:
    """Check that a complete Ogg page ends the file (RFC 3533 6), whose last-page flag proves the length."""
    reader.expect(0, b"OggS")
    start = max(0, reader.size - _MAX_OGG_PAGE_BYTES)
    tail = reader.read_at(start, reader.size - start)
    page = tail.rfind(b"OggS")
    while page >= 0:
        segments = int.from_bytes(tail[page + 26 : page + 27], "big")
        body = page + 27 + segments
        if body + sum(tail[page + 27 : body]) == len(tail):
            # The granule position (RFC 3533 6) counts samples; only pages of headers have 0.
            has_audio = any(tail[page + 6 : page + 14])
            proves_length = bool(tail[page + 5] & _OGG_END_OF_STREAM)
            return Structure(whole=True, proves_length=proves_length, has_audio=has_audio)
        page = tail.rfind(b"OggS", 0, page)
    raise StructureError("the file ends inside a page")


def _check_mp3(reader: FileReader) -> Structure:
    """Check that MPEG audio begins at the start or after an ID3v2 tag (ID3v2.4 structure 3.1)."""
    at = 0
    if reader.read_at(0, 3) == b"ID3":
        size = reader.read_at(6, 4)
        at = 10 + sum((byte & 0x7F) << 7 * (3 - index) for index, byte in enumerate(size))
    # Some writers add padding or a footer that the tag's size does not include.
    if not _MPEG_FRAME.search(reader.read_at(at, min(_MAX_ID3_PADDING, max(reader.size - at, 2)))):
        raise StructureError("there is no sound behind the tag")
    return _WHOLE_AUDIO


def _check_aac(reader: FileReader) -> Structure:
    """Check that the first ADTS frame (ISO/IEC 13818-7 6.2) is complete."""
    length = reader.read_uint(3, 3) >> 5 & 0x1FFF
    if reader.read_uint(0, 2) & 0xFFF6 != 0xFFF0 or length < 7:
        raise StructureError("the first frame is missing")
    reader.read_at(0, length)
    return _WHOLE_AUDIO


def _check_srt(reader: FileReader) -> Structure:
    """Check that the text is empty, as for a video without speech, or has a SubRip time line."""
    text = _read_text(reader)
    if text.strip() and "-->" not in text:
        raise StructureError("there is no time line")
    return _WHOLE_TEXT


def _check_vtt(reader: FileReader) -> Structure:
    if not _read_text(reader).startswith("WEBVTT"):
        raise StructureError("it does not begin with WEBVTT")
    return _WHOLE_TEXT


def _read_text(reader: FileReader) -> str:
    if reader.size > _MAX_SUBTITLE_BYTES:
        raise StructureError("too large for a subtitle")
    data = reader.read_at(0, reader.size)
    if looks_like_text(data):
        raise StructureError("it is a page, no subtitle")
    text = decode_text(data)
    if text is None:
        raise StructureError("it cannot be decoded as text")
    return text


CHECKS = {
    "wav": _check_wav,
    "flac": _check_flac,
    "ogg": _check_ogg,
    "mp3": _check_mp3,
    "aac": _check_aac,
    "srt": _check_srt,
    "vtt": _check_vtt,
}
"""The check of each format."""
