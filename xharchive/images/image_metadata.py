"""Copy EXIF, XMP and colour profile from an original to its derivative, with as few changes as possible.

EXIF data (a TIFF structure, CIPA DC-008) are edited in place; all other bytes stay the same. Pillow's own
writer turns Chinese text into question marks and drops thumbnails
(docs/reliability.md#pictures-films-and-names).
No EXIF data make these functions raise. They return damaged data unchanged.
"""

import re
from collections.abc import Mapping
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

_ORIENTATION = 0x0112
_ENTRY_BYTES = 12
_SHORT = 3


@dataclass(frozen=True, slots=True)
class MetadataBlocks:
    """The metadata of an image; a block that it does not have is b"".

    Attributes:
        exif: EXIF data from the TIFF header on.
        xmp: XMP packet.
        icc: colour profile.
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
    if tiff and tiff[:4] not in (b"II*\x00", b"MM\x00*"):
        tiff = b""
        lost.append("exif")
    icc = info.get("icc_profile") or b""
    if icc and icc[16:20] != (b"GRAY" if mode in ("L", "LA") else b"RGB "):
        icc = b""
        lost.append("icc")
    xmp = (info.get("xmp") or b"").rstrip(b"\x00")
    return MetadataBlocks(_reset_orientation(tiff), _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), icc, tuple(lost))


def orientation_of(info: Mapping[Any, Any]) -> int:
    """Return the EXIF orientation, 1 to 8, from a Pillow image's `info`; 1 (upright) if there is none."""
    tiff = _strip_segment_header(info.get("exif") or b"")
    at = _find_orientation(tiff)
    value = _uint(tiff, at + 8, 2) if at else 1
    return value if 1 <= value <= 8 else 1


def _strip_segment_header(block: bytes) -> bytes:
    """Return an EXIF block from its TIFF header on.

    In HEIF, only an offset precedes the header (ISO/IEC 23008-12 A.2.1). But some writers copy the segment of
    a JPEG with its marker and length, and write 0 as the offset.
    """
    head, mark, rest = block.partition(EXIF_PREFIX)
    return rest if mark and len(head) <= _MAX_SEGMENT_HEADER_BYTES else block


def fit_into_jpeg(blocks: MetadataBlocks) -> MetadataBlocks:
    """Return the blocks that fit into JPEG segments of 64 KiB, and add the dropped ones to `lost`."""
    if len(blocks.xmp) > _MAX_JPEG_SEGMENT_BYTES - _JPEG_XMP_HEADER_BYTES:
        blocks = replace(blocks, xmp=b"", lost=(*blocks.lost, "xmp"))
    if len(blocks.exif) > _MAX_JPEG_SEGMENT_BYTES - len(EXIF_PREFIX):
        blocks = replace(blocks, exif=b"", lost=(*blocks.lost, "exif"))
    return blocks


def has_gain_map(data: bytes) -> bool:
    """Whether a HEIF file declares an HDR gain map (ISO 21496-1, Ultra HDR, Apple, Adobe)."""
    brands = data[8 : int.from_bytes(data[:4], "big")] if data[4:8] == b"ftyp" else b""
    return b"tmap" in brands[:_MAX_BRANDS_BYTES] or any(name in data for name in _GAIN_MAP_NAMES)


def _reset_orientation(tiff: bytes) -> bytes:
    """Return the EXIF data with orientation 1 (upright), if they have an orientation."""
    at = _find_orientation(tiff)
    if not at:
        return tiff
    # Set type and count too: some writers store a LONG, of which these two bytes are only a half.
    entry = ((_SHORT, 2), (1, 4), (1, 2), (0, 2))
    made = b"".join(value.to_bytes(length, _byte_order(tiff)) for value, length in entry)
    return tiff[: at + 2] + made + tiff[at + _ENTRY_BYTES :]


def without_orientation(tiff: bytes) -> bytes:
    """Return the EXIF data without an orientation entry. Later entries move up, other values stay."""
    at = _find_orientation(tiff)
    if not at:
        return tiff
    directory = _uint(tiff, 4, 4)
    count = _uint(tiff, directory, 2)
    end = directory + 2 + count * _ENTRY_BYTES + 4
    fewer = (count - 1).to_bytes(2, _byte_order(tiff))
    rest = tiff[at + _ENTRY_BYTES : end] + bytes(_ENTRY_BYTES)
    return tiff[:directory] + fewer + tiff[directory + 2 : at] + rest + tiff[end:]


def _find_orientation(tiff: bytes) -> int:
    """Return the offset of the orientation's entry in the first directory; 0 if there is none."""
    directory = _uint(tiff, 4, 4)
    end = directory + 2 + _uint(tiff, directory, 2) * _ENTRY_BYTES
    if not directory or end + 4 > len(tiff):
        return 0
    entries = range(directory + 2, end, _ENTRY_BYTES)
    return next((at for at in entries if _uint(tiff, at, 2) == _ORIENTATION), 0)


def _uint(tiff: bytes, at: int, length: int) -> int:
    return int.from_bytes(tiff[at : at + length], _byte_order(tiff))


def _byte_order(tiff: bytes) -> Literal["little", "big"]:
    return "little" if tiff[:2] == b"II" else "big"
