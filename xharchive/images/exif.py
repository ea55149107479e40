"""EXIF (a TIFF structure, CIPA DC-008) edited in place: what is not meant to change keeps its bytes.

Pillow's own writer turns Chinese text into question marks and drops thumbnails
(docs/reliability.md#pictures-films-and-names).
No function here raises on any bytes; a structure that makes no sense is returned as it is, or as None.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["is_tiff", "orientation", "upright", "without_maker_note", "without_orientation"]

_ORIENTATION, _MAKER_NOTE = 0x0112, 0x927C
_EXIF_DIRECTORY = 0x8769
_DIRECTORIES = frozenset((_EXIF_DIRECTORY, 0x8825, 0xA005))
# Strips and the JPEG thumbnail: offsets too, but of data that only another entry measures.
_OFFSETS = _DIRECTORIES | {0x0111, 0x0201}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ENTRY_BYTES = 12
_SHORT = 3
_MOST_DIRECTORIES = 16

_Order = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry: where it stands, its tag, and how many bytes its value has."""

    at: int
    tag: int
    length: int


def is_tiff(data: bytes) -> bool:
    """Whether the bytes begin with a TIFF header."""
    return data[:4] in (b"II*\x00", b"MM\x00*")


def orientation(tiff: bytes) -> int:
    """Return how the picture is to be turned, 1 to 8 as EXIF counts; 1 (not at all) where it does not say."""
    found = _find(tiff, _first(tiff), _ORIENTATION)
    turned = _number(tiff, found.at + 8, 2) if found else 1
    return turned if 1 <= turned <= 8 else 1


def upright(tiff: bytes) -> bytes:
    """Return EXIF whose orientation, if it has one, is 1 (the first row is the top)."""
    found = _find(tiff, _first(tiff), _ORIENTATION)
    if found is None:
        return tiff
    order = _order(tiff)
    # Type and count are set too: a reader must not find a LONG where two bytes of it are ours.
    kind = _SHORT.to_bytes(2, order) + (1).to_bytes(4, order)
    value = (1).to_bytes(2, order) + bytes(2)
    return tiff[: found.at + 2] + kind + value + tiff[found.at + _ENTRY_BYTES :]


def without_orientation(tiff: bytes) -> bytes:
    """Return EXIF without an orientation entry; nothing else moves."""
    return _without(tiff, _first(tiff), _ORIENTATION)


def without_maker_note(tiff: bytes) -> bytes | None:
    """Return EXIF with the maker note cut out and every offset behind it corrected.

    None when there is no such note, or when it cannot be cut out without hurting something else.
    """
    details = _find(tiff, _first(tiff), _EXIF_DIRECTORY)
    directory = _number(tiff, details.at + 8, 4) if details else 0
    note = _find(tiff, directory, _MAKER_NOTE)
    if note is None or note.length <= 4:
        return None
    start = _number(tiff, note.at + 8, 4)
    end = start + note.length
    return _without_stretch(_without(tiff, directory, _MAKER_NOTE), start, end)


def _without_stretch(tiff: bytes, start: int, end: int) -> bytes | None:
    order, kept = _order(tiff), bytearray(tiff)
    for place in _references(tiff):
        target = _number(tiff, place, 4)
        if start <= place < end or start < target < end:
            return None
        if target >= end:
            kept[place : place + 4] = (target - (end - start)).to_bytes(4, order)
    del kept[start:end]
    return bytes(kept)


def _references(tiff: bytes) -> Iterator[int]:
    """Yield the place of every offset in the structure."""
    yield 4
    seen: set[int] = set()
    waiting = [_first(tiff)]
    while waiting and len(seen) < _MOST_DIRECTORIES:
        directory = waiting.pop()
        entries = _entries(tiff, directory)
        if directory in seen or not entries:
            continue
        seen.add(directory)
        for entry in entries:
            if entry.length > 4 or entry.tag in _OFFSETS:
                yield entry.at + 8
            if entry.tag in _DIRECTORIES:
                waiting.append(_number(tiff, entry.at + 8, 4))
        link = entries[-1].at + _ENTRY_BYTES
        yield link
        waiting.append(_number(tiff, link, 4))


def _without(tiff: bytes, directory: int, tag: int) -> bytes:
    """Take an entry out of its directory; the others move up, and twelve bytes stay behind unused."""
    found = _find(tiff, directory, tag)
    if found is None:
        return tiff
    count = _number(tiff, directory, 2)
    end = directory + 2 + count * _ENTRY_BYTES + 4
    fewer = (count - 1).to_bytes(2, _order(tiff))
    rest = tiff[found.at + _ENTRY_BYTES : end] + bytes(_ENTRY_BYTES)
    return tiff[:directory] + fewer + tiff[directory + 2 : found.at] + rest + tiff[end:]


def _find(tiff: bytes, directory: int, tag: int) -> _Entry | None:
    return next((entry for entry in _entries(tiff, directory) if entry.tag == tag), None)


def _entries(tiff: bytes, directory: int) -> list[_Entry]:
    """Return a directory's entries; none when it does not fit into the data."""
    count = _number(tiff, directory, 2)
    end = directory + 2 + count * _ENTRY_BYTES
    if not directory or end + 4 > len(tiff):
        return []
    return [
        _Entry(
            at=at,
            tag=_number(tiff, at, 2),
            length=_TYPE_BYTES.get(_number(tiff, at + 2, 2), 1) * _number(tiff, at + 4, 4),
        )
        for at in range(directory + 2, end, _ENTRY_BYTES)
    ]


def _first(tiff: bytes) -> int:
    return _number(tiff, 4, 4)


def _number(tiff: bytes, at: int, length: int) -> int:
    return int.from_bytes(tiff[at : at + length], _order(tiff))


def _order(tiff: bytes) -> _Order:
    return "little" if tiff[:2] == b"II" else "big"
