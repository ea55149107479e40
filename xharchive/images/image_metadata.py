"""What a derivative carries besides pixels: EXIF, XMP and colour profile, edited as little as possible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xharchive.images import exif

__all__ = ["EXIF_PREFIX", "Carried", "carried", "fit_into_jpeg", "has_gain_map", "orientation_of"]

EXIF_PREFIX = b"Exif\x00\x00"
"""What stands before the TIFF header in a JPEG segment."""

_MOST_IN_A_JPEG_SEGMENT = 65_533
_JPEG_XMP_HEADER = 29
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""")

# Apple's auxiliary image type, Adobe's XMP namespace, and ISO 21496-1's name all stand in clear text.
_GAIN_MAP_NAMES = (
    b"aux:hdrgainmap",
    b"HDRGainMap",
    b"hdr-gain-map/1.0",
    b"urn:iso:std:iso:ts:21496:-1",
)
_LONGEST_BRANDS = 512
_LONGEST_SEGMENT_HEAD = 4


@dataclass(frozen=True, slots=True)
class Carried:
    """The metadata blocks of a picture, each empty when there is none; EXIF begins with its TIFF header."""

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    lost: tuple[str, ...] = ()


def carried(info: Mapping[Any, Any], mode: str) -> Carried:
    """Return the metadata in a Pillow picture's `info`, for pixels that are upright already.

    Orientation tags are set to 1 in EXIF and XMP. A block that no reader could use is left out and named in
    `lost`: EXIF without a TIFF header, a profile for another colour space than the pixels' `mode`.
    """
    lost = []
    tiff = _without_head(info.get("exif") or b"")
    if tiff and not exif.is_tiff(tiff):
        tiff = b""
        lost.append("exif")
    icc = info.get("icc_profile") or b""
    if icc and icc[16:20] != (b"GRAY" if mode in ("L", "LA") else b"RGB "):
        icc = b""
        lost.append("icc")
    xmp = (info.get("xmp") or b"").rstrip(b"\x00")
    return Carried(exif.upright(tiff), _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), icc, tuple(lost))


def orientation_of(info: Mapping[Any, Any]) -> int:
    """Return the EXIF orientation in a Pillow picture's `info`, 1 to 8."""
    return exif.orientation(_without_head(info.get("exif") or b""))


def _without_head(block: bytes) -> bytes:
    """Return an EXIF block from its TIFF header on.

    HEIF has no more than an offset before it (ISO/IEC 23008-12 A.2.1), but some writers copy a JPEG's segment
    with its marker and length, and leave the offset at 0.
    """
    head, mark, rest = block.partition(EXIF_PREFIX)
    return rest if mark and len(head) <= _LONGEST_SEGMENT_HEAD else block


def fit_into_jpeg(blocks: Carried) -> Carried:
    """Return the blocks that fit JPEG's segments of 64 KiB; what had to go is named in `lost`.

    EXIF that is too long loses its maker note first, and goes altogether when that is not enough.
    """
    if len(blocks.xmp) > _MOST_IN_A_JPEG_SEGMENT - _JPEG_XMP_HEADER:
        blocks = replace(blocks, xmp=b"", lost=(*blocks.lost, "xmp"))
    if _fits(blocks.exif):
        return blocks
    shorter = exif.without_maker_note(blocks.exif)
    if shorter is not None and _fits(shorter):
        return replace(blocks, exif=shorter, lost=(*blocks.lost, "exif-maker-note"))
    return replace(blocks, exif=b"", lost=(*blocks.lost, "exif"))


def has_gain_map(data: bytes) -> bool:
    """Whether a HEIF file says that it carries an HDR gain map (ISO 21496-1, Ultra HDR, Apple, Adobe)."""
    brands = data[8 : int.from_bytes(data[:4], "big")] if data[4:8] == b"ftyp" else b""
    if b"tmap" in brands[:_LONGEST_BRANDS]:
        return True
    return any(name in data for name in _GAIN_MAP_NAMES)


def _fits(tiff: bytes) -> bool:
    return len(EXIF_PREFIX) + len(tiff) <= _MOST_IN_A_JPEG_SEGMENT
