"""The segments that a JPEG begins with (ITU-T T.81 annex B), as far as they are regular."""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Segment", "decodes_alike_in_small", "segments"]

_SOS = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_NO_SEGMENT = frozenset((0x00, 0x01, 0xFF, *range(0xD0, 0xDA)))


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker, and where its content begins and ends in the file."""

    mark: int
    start: int
    end: int


def segments(data: bytes) -> tuple[Segment, ...]:
    """Return the segments up to and with the head of the first scan; none if there is any irregularity."""
    found = tuple(_walk(data))
    return found if found and found[-1].mark == _SOS else ()


def decodes_alike_in_small(head: tuple[Segment, ...]) -> bool:
    """Whether a decode at an eighth of the size refuses exactly the files that a full one refuses.

    So it is for the Huffman-coded DCT frames, baseline and progressive: docs/decisions/0012.
    """
    frames = [segment.mark for segment in head if segment.mark in _FRAMES]
    return len(frames) == 1 and frames[0] in _HUFFMAN_FRAMES


def _walk(data: bytes) -> Iterator[Segment]:
    if data[:2] != b"\xff\xd8":
        return
    at, mark = 2, 0
    while mark != _SOS and at + 4 <= len(data):
        mark, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or mark in _NO_SEGMENT or end < at + 4 or end > len(data):
            return
        yield Segment(mark, at + 4, end)
        at = end
