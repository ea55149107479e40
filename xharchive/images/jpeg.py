"""Read the segments at the start of a JPEG (ITU-T T.81 annex B), if they are regular."""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Segment", "can_decode_scaled", "header_segments"]

_SOS = 0xDA
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAME_MARKERS = frozenset((0xC0, 0xC1, 0xC2))
_MARKERS_WITHOUT_LENGTH = frozenset((0x00, 0x01, 0xFF, *range(0xD0, 0xDA)))


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: its marker, and the offsets of its content in the file."""

    marker: int
    start: int
    end: int


def header_segments(data: bytes) -> tuple[Segment, ...]:
    """Return the segments up to the header of the first scan, included; none if one of them is irregular."""
    found = tuple(_iter_segments(data))
    return found if found and found[-1].marker == _SOS else ()


def can_decode_scaled(segments: tuple[Segment, ...]) -> bool:
    """Whether a decode at an eighth of the size refuses the same files as a full decode.

    That is so for Huffman-coded DCT frames, baseline and progressive: docs/decisions/0012.
    """
    frames = [segment.marker for segment in segments if segment.marker in _FRAME_MARKERS]
    return len(frames) == 1 and frames[0] in _HUFFMAN_FRAME_MARKERS


def _iter_segments(data: bytes) -> Iterator[Segment]:
    if data[:2] != b"\xff\xd8":
        return
    at, marker = 2, 0
    while marker != _SOS and at + 4 <= len(data):
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or marker in _MARKERS_WITHOUT_LENGTH or end < at + 4 or end > len(data):
            return
        yield Segment(marker, at + 4, end)
        at = end
