"""Copy EXIF, XMP and colour profile from an original to its derivative, with as few changes as possible.

EXIF data (a TIFF structure, CIPA DC-008) are edited in place; all other bytes stay the same. Pillow's own
writer turns Chinese text into question marks and drops thumbnails
(docs/reliability.md#pictures-films-and-names).
No EXIF data make these functions raise. They return damaged data unchanged, or None.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

EXIF_PREFIX = b"Exif\x00\x00"
"""The bytes before the TIFF header in a JPEG segment."""

_MAX_JPEG_SEGMENT_BYTES = 65_533
_JPEG_XMP_HEADER_BYTES = 29
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""")

# Apple's auxiliary image type, Adobe's XMP namespace and ISO 21496-1's name. Files have them in clear text.
_GAIN_MAP_NAMES = (
    b"aux:hdrgainmap",
    b"HDRGainMap",
    b"hdr-gain-map/1.0",
    b"urn:iso:std:iso:ts:21496:-1",
)
_MAX_BRANDS_BYTES = 512
_MAX_SEGMENT_HEADER_BYTES = 4

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
class MetadataBlocks:
    """The metadata of an image.

    Attributes:
        exif: EXIF data from the TIFF header on; b"" if there are none.
        xmp: XMP packet, or b"".
        icc: colour profile, or b"".
        lost: names of the blocks that were dropped.
    """

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    lost: tuple[str, ...] = ()


def collect_metadata(info: Mapping[Any, Any], mode: str) -> MetadataBlocks:
    """Return the metadata for the derivative of an image.

    The function sets the orientation to 1 in EXIF and XMP. It drops a block that no reader can use: EXIF
    without a TIFF header, or a profile for another colour space.

    Args:
        info: `info` of the decoded Pillow image.
        mode: mode of the derivative's upright pixels, such as "RGB".
    """
    lost = []
    tiff = _strip_segment_header(info.get("exif") or b"")
    if tiff and not _is_tiff(tiff):
        tiff = b""
        lost.append("exif")
    icc = info.get("icc_profile") or b""
    if icc and icc[16:20] != (b"GRAY" if mode in ("L", "LA") else b"RGB "):
        icc = b""
        lost.append("icc")
    xmp = (info.get("xmp") or b"").rstrip(b"\x00")
    return MetadataBlocks(reset_orientation(tiff), _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), icc, tuple(lost))


def orientation_of(info: Mapping[Any, Any]) -> int:
    """Return the EXIF orientation, 1 to 8, from a Pillow image's `info`."""
    return _orientation(_strip_segment_header(info.get("exif") or b""))


def _strip_segment_header(block: bytes) -> bytes:
    """Return an EXIF block from its TIFF header on.

    In HEIF, only an offset precedes the header (ISO/IEC 23008-12 A.2.1). But some writers copy the segment of
    a JPEG with its marker and length, and write 0 as the offset.
    """
    head, mark, rest = block.partition(EXIF_PREFIX)
    return rest if mark and len(head) <= _MAX_SEGMENT_HEADER_BYTES else block


def fit_into_jpeg(blocks: MetadataBlocks) -> MetadataBlocks:
    """Return the blocks that fit into JPEG segments of 64 KiB, and add the dropped ones to `lost`.

    EXIF data that are too long lose their maker note. If that is not enough, all EXIF data are dropped.
    """
    if len(blocks.xmp) > _MAX_JPEG_SEGMENT_BYTES - _JPEG_XMP_HEADER_BYTES:
        blocks = replace(blocks, xmp=b"", lost=(*blocks.lost, "xmp"))
    if _fits_jpeg_segment(blocks.exif):
        return blocks
    shortened = without_maker_note(blocks.exif)
    if shortened is not None and _fits_jpeg_segment(shortened):
        return replace(blocks, exif=shortened, lost=(*blocks.lost, "exif-maker-note"))
    return replace(blocks, exif=b"", lost=(*blocks.lost, "exif"))


def has_gain_map(data: bytes) -> bool:
    """Whether a HEIF file declares an HDR gain map (ISO 21496-1, Ultra HDR, Apple, Adobe)."""
    brands = data[8 : int.from_bytes(data[:4], "big")] if data[4:8] == b"ftyp" else b""
    if b"tmap" in brands[:_MAX_BRANDS_BYTES]:
        return True
    return any(name in data for name in _GAIN_MAP_NAMES)


def _fits_jpeg_segment(tiff: bytes) -> bool:
    return len(EXIF_PREFIX) + len(tiff) <= _MAX_JPEG_SEGMENT_BYTES


@dataclass(frozen=True, slots=True)
class _Entry:
    """A directory entry: its offset, its tag, and the bytes of its value."""

    at: int
    tag: int
    length: int


def _is_tiff(data: bytes) -> bool:
    """Whether the bytes begin with a TIFF header."""
    return data[:4] in (b"II*\x00", b"MM\x00*")


def _orientation(tiff: bytes) -> int:
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
