"""Copy EXIF, XMP and colour profile from an original to its derivative, with as few changes as possible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xharchive.images import exif

__all__ = [
    "EXIF_PREFIX",
    "MetadataBlocks",
    "collect_metadata",
    "fit_into_jpeg",
    "has_gain_map",
    "orientation_of",
]

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
    if tiff and not exif.is_tiff(tiff):
        tiff = b""
        lost.append("exif")
    icc = info.get("icc_profile") or b""
    if icc and icc[16:20] != (b"GRAY" if mode in ("L", "LA") else b"RGB "):
        icc = b""
        lost.append("icc")
    xmp = (info.get("xmp") or b"").rstrip(b"\x00")
    return MetadataBlocks(
        exif.reset_orientation(tiff), _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), icc, tuple(lost)
    )


def orientation_of(info: Mapping[Any, Any]) -> int:
    """Return the EXIF orientation, 1 to 8, from a Pillow image's `info`."""
    return exif.orientation(_strip_segment_header(info.get("exif") or b""))


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
    shortened = exif.without_maker_note(blocks.exif)
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
