"""Make repaired copies of images that Pillow refuses and browsers show. The files stay unchanged."""

import io
import zlib
from collections.abc import Iterator

from PIL import Image, ImageChops

from xharchive.images.decoder_errors import DecodeRefused, attempt
from xharchive.integrity import parse_structure
from xharchive.media import JPEG

__all__ = ["repaired_copy"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_OVERHEAD = 12  # length, type, CRC
_ANCILLARY_BIT = 0x20  # ISO/IEC 15948 5.4: the case of the type's first letter
# Ancillary chunks that change pixels: transparency, and the frames of an animation (APNG).
_PIXEL_CHUNKS = frozenset((b"tRNS", b"acTL", b"fcTL", b"fdAT"))
_JPEG_END_MARKER = b"\xff\xd9"
_FILLER = b"\x55" * 64


def repaired_copy(data: bytes, name: str) -> bytes | None:
    """Return a copy that may decode although `data` do not.

    A PNG loses its texts, its profiles and ancillary chunks with a wrong CRC. A JPEG gets a missing end
    marker, if its coded data are complete.

    Args:
        data: the file.
        name: name of its format.

    Returns:
        The copy; None if there is nothing to repair.
    """
    if name == "png":
        essential = _PNG_SIGNATURE + b"".join(_essential_chunks(data))
        return essential if essential != data else None
    if name == "jpeg" and parse_structure(io.BytesIO(data), JPEG).lacks_end_marker:
        with_marker = attempt(lambda: _add_end_marker(data))
        return None if isinstance(with_marker, DecodeRefused) else with_marker
    return None


def _essential_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + _CHUNK_OVERHEAD <= len(data):
        end = at + _CHUNK_OVERHEAD + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        crc_matches = zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if not kind[0] & _ANCILLARY_BIT or (kind in _PIXEL_CHUNKS and crc_matches):
            yield data[at:end]
        at = end


def _add_end_marker(data: bytes) -> bytes | None:
    """Return the JPEG with an end marker, or None if its last scan is cut.

    Decoders ignore bytes after a complete scan, but read bytes after a cut scan as pixels. So add some bytes
    and decode: the scan was complete if the image stays the same.
    """
    coded = data.rstrip(b"\xff")
    plain, filled = (_decode_jpeg(coded + extra + _JPEG_END_MARKER) for extra in (b"", _FILLER))
    return coded + _JPEG_END_MARKER if ImageChops.difference(plain, filled).getbbox() is None else None


def _decode_jpeg(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.copy()
