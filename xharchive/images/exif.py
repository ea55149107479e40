"""Edit EXIF data (a TIFF structure, CIPA DC-008) in place. All other bytes stay the same.

Pillow's own writer turns Chinese text into question marks and drops thumbnails
(docs/reliability.md#pictures-films-and-names).
No input makes these functions raise. They return damaged data unchanged, or None.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["is_tiff", "orientation", "reset_orientation", "without_maker_note", "without_orientation"]

_ORIENTATION, _MAKER_NOTE = 0x0112, 0x927C
_EXIF_DIRECTORY = 0x8769
_DIRECTORY_TAGS = frozenset((_EXIF_DIRECTORY, 0x8825, 0xA005))
# Strips and the JPEG thumbnail: offsets of data whose length is in another entry.
_OFFSET_TAGS = _DIRECTORY_TAGS | {0x0111, 0x0201}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ENTRY_BYTES = 12
_SHORT = 3
_MAX_DIRECTORIES = 16

_ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A directory entry: its offset, its tag, and the bytes of its value."""

    at: int
    tag: int
    length: int


def is_tiff(data: bytes) -> bool:
    """Whether the bytes begin with a TIFF header."""
    return data[:4] in (b"II*\x00", b"MM\x00*")


def orientation(tiff: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) if there is none."""
    found = _find_entry(tiff, _first_directory(tiff), _ORIENTATION)
    value = _uint(tiff, found.at + 8, 2) if found else 1
    return value if 1 <= value <= 8 else 1


def reset_orientation(tiff: bytes) -> bytes:
    """Return the EXIF data with orientation 1 (upright), if they have an orientation."""
    found = _find_entry(tiff, _first_directory(tiff), _ORIENTATION)
    if found is None:
        return tiff
    order = _byte_order(tiff)
    # Set type and count too: some writers store a LONG, of which these two bytes are only a half.
    kind = _SHORT.to_bytes(2, order) + (1).to_bytes(4, order)
    value = (1).to_bytes(2, order) + bytes(2)
    return tiff[: found.at + 2] + kind + value + tiff[found.at + _ENTRY_BYTES :]


def without_orientation(tiff: bytes) -> bytes:
    """Return the EXIF data without an orientation entry. Other values keep their offsets."""
    return _remove_entry(tiff, _first_directory(tiff), _ORIENTATION)


def without_maker_note(tiff: bytes) -> bytes | None:
    """Return the EXIF data without the maker note, with corrected offsets.

    Returns:
        The shorter data; None if there is no maker note, or if other data lie inside it.
    """
    exif_entry = _find_entry(tiff, _first_directory(tiff), _EXIF_DIRECTORY)
    directory = _uint(tiff, exif_entry.at + 8, 4) if exif_entry else 0
    note = _find_entry(tiff, directory, _MAKER_NOTE)
    if note is None or note.length <= 4:
        return None
    start = _uint(tiff, note.at + 8, 4)
    end = start + note.length
    return _cut_range(_remove_entry(tiff, directory, _MAKER_NOTE), start, end)


def _cut_range(tiff: bytes, start: int, end: int) -> bytes | None:
    order, edited = _byte_order(tiff), bytearray(tiff)
    for position in _offset_positions(tiff):
        target = _uint(tiff, position, 4)
        if start <= position < end or start < target < end:
            return None
        if target >= end:
            edited[position : position + 4] = (target - (end - start)).to_bytes(4, order)
    del edited[start:end]
    return bytes(edited)


def _offset_positions(tiff: bytes) -> Iterator[int]:
    """Yield the position of each offset in the structure."""
    yield 4
    seen: set[int] = set()
    pending = [_first_directory(tiff)]
    while pending and len(seen) < _MAX_DIRECTORIES:
        directory = pending.pop()
        entries = _read_entries(tiff, directory)
        if directory in seen or not entries:
            continue
        seen.add(directory)
        for entry in entries:
            if entry.length > 4 or entry.tag in _OFFSET_TAGS:
                yield entry.at + 8
            if entry.tag in _DIRECTORY_TAGS:
                pending.append(_uint(tiff, entry.at + 8, 4))
        link = entries[-1].at + _ENTRY_BYTES
        yield link
        pending.append(_uint(tiff, link, 4))


def _remove_entry(tiff: bytes, directory: int, tag: int) -> bytes:
    """Remove an entry from its directory. The later entries move up; twelve unused bytes remain."""
    found = _find_entry(tiff, directory, tag)
    if found is None:
        return tiff
    count = _uint(tiff, directory, 2)
    end = directory + 2 + count * _ENTRY_BYTES + 4
    fewer = (count - 1).to_bytes(2, _byte_order(tiff))
    rest = tiff[found.at + _ENTRY_BYTES : end] + bytes(_ENTRY_BYTES)
    return tiff[:directory] + fewer + tiff[directory + 2 : found.at] + rest + tiff[end:]


def _find_entry(tiff: bytes, directory: int, tag: int) -> _Entry | None:
    return next((entry for entry in _read_entries(tiff, directory) if entry.tag == tag), None)


def _read_entries(tiff: bytes, directory: int) -> list[_Entry]:
    """Return a directory's entries; none if the directory does not fit into the data."""
    count = _uint(tiff, directory, 2)
    end = directory + 2 + count * _ENTRY_BYTES
    if not directory or end + 4 > len(tiff):
        return []
    return [
        _Entry(
            at=at,
            tag=_uint(tiff, at, 2),
            length=_TYPE_BYTES.get(_uint(tiff, at + 2, 2), 1) * _uint(tiff, at + 4, 4),
        )
        for at in range(directory + 2, end, _ENTRY_BYTES)
    ]


def _first_directory(tiff: bytes) -> int:
    return _uint(tiff, 4, 4)


def _uint(tiff: bytes, at: int, length: int) -> int:
    return int.from_bytes(tiff[at : at + length], _byte_order(tiff))


def _byte_order(tiff: bytes) -> _ByteOrder:
    return "little" if tiff[:2] == b"II" else "big"
