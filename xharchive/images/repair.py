"""Copies of pictures without what Pillow refuses and browsers pass over; the files themselves stay."""

import io
import zlib
from collections.abc import Iterator

from PIL import Image, ImageChops

from xharchive.images.safely import Refused, attempt
from xharchive.integrity import examine
from xharchive.media import JPEG

__all__ = ["repaired"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_FRAME = 12  # length, type, CRC
_ANCILLARY = 0x20  # ISO/IEC 15948 5.4: the case of the type's first letter
# Ancillary chunks that change pixels: transparency, and the frames of an animation (APNG).
_ABOUT_PIXELS = frozenset((b"tRNS", b"acTL", b"fcTL", b"fdAT"))
_END_OF_IMAGE = b"\xff\xd9"
_FILLING = b"\x55" * 64


def repaired(data: bytes, name: str) -> bytes | None:
    """Return a copy of a picture of the named format that may decode although `data` does not, or None.

    A PNG loses what is no pixels: texts, profiles and chunks with a wrong CRC. A JPEG gets the end mark that
    it lacks, if its coded data are complete.
    """
    if name == "png":
        essential = _PNG_SIGNATURE + b"".join(_essential_chunks(data))
        return essential if essential != data else None
    if name == "jpeg" and examine(io.BytesIO(data), JPEG).lacks_end_mark:
        ended = attempt(lambda: _with_end_mark(data))
        return None if isinstance(ended, Refused) else ended
    return None


def _essential_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + _CHUNK_FRAME <= len(data):
        end = at + _CHUNK_FRAME + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        right = zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if not kind[0] & _ANCILLARY or (kind in _ABOUT_PIXELS and right):
            yield data[at:end]
        at = end


def _with_end_mark(data: bytes) -> bytes | None:
    """Return the JPEG with an end mark, or None if its last scan is cut.

    Decoders fill what a cut scan lacks. Bytes behind a complete scan are passed over, and behind a cut one
    they are taken for pixels: so a scan is complete if other bytes behind it change nothing.
    """
    coded = data.rstrip(b"\xff")
    plain, filled = (_decoded(coded + more + _END_OF_IMAGE) for more in (b"", _FILLING))
    return coded + _END_OF_IMAGE if ImageChops.difference(plain, filled).getbbox() is None else None


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.copy()
