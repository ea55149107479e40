"""Makes healthy files of an exact size: a small real picture or movie, filled up where its format allows.

The filling is pseudo-random, so nothing on the way can pack it, and no two files share their bytes.
"""

import random
import struct
from collections.abc import Callable
from typing import Literal

from tools.demo_media.boxes import box, walk

__all__ = ["Kind", "fill"]

Kind = Literal["jpeg", "webp", "heic", "mp4"]

_POOL_BYTES = 1 << 22
_POOL = random.Random(20_260_101).randbytes(_POOL_BYTES)  # noqa: S311 - filling, not a secret
_SEGMENT = 65_533  # most bytes of a JPEG segment, besides its length field (T.81 B.1.1.4)
_SEGMENT_HEADER = 4
_CHUNK_HEADER = 8


def fill(kind: Kind, base: bytes, size: int, seed: int) -> bytes:
    """Return `base` filled up to `size` bytes (WebP: an even number), or just marked if it is larger.

    `seed` makes the file differ from all others of the same base.
    """
    return _FILLERS[kind](base, max(size - len(base), 0), seed)


def _noise(length: int, seed: int) -> bytes:
    """Return bytes that begin with the seed and go on somewhere in the pool."""
    start = seed * 4_099 % _POOL_BYTES
    rounds = (start + length) // _POOL_BYTES + 1
    return (struct.pack(">Q", seed) + (_POOL * rounds)[start:])[:length]


def _jpeg(base: bytes, missing: int, seed: int) -> bytes:
    """Put application segments (APP15) behind the first marker."""
    missing = max(missing, 16)
    noise = _noise(missing, seed)
    parts, at = [], 0
    while at < missing:
        length = min(_SEGMENT, missing - at - _SEGMENT_HEADER)
        if 0 < missing - at - _SEGMENT_HEADER - length <= _SEGMENT_HEADER:
            length -= 8  # leaves room for a whole segment behind
        parts.append(b"\xff\xef" + struct.pack(">H", length + 2) + noise[at : at + length])
        at += _SEGMENT_HEADER + length
    return base[:2] + b"".join(parts) + base[2:]


def _webp(base: bytes, missing: int, seed: int) -> bytes:
    """Append an unknown chunk, which readers of the extended format pass over (RFC 9649 2.7.1.6)."""
    length = max(missing - _CHUNK_HEADER, 8) // 2 * 2
    grown = base + b"BNCH" + struct.pack("<I", length) + _noise(length, seed)
    return grown[:4] + struct.pack("<I", len(grown) - 8) + grown[8:]


def _heic(base: bytes, missing: int, seed: int) -> bytes:
    return base + box(b"free", _noise(max(missing - _CHUNK_HEADER, 8), seed))


def _mp4(base: bytes, missing: int, seed: int) -> bytes:
    """Make the media data longer: they stand last, so no table moves."""
    *_, last = walk(base)
    if last.name != b"mdat":
        raise ValueError("the media data of the base are not its last box")
    noise = _noise(max(missing, 8), seed)
    size = struct.pack(">I", _CHUNK_HEADER + len(last.payload) + len(noise))
    return base[: last.offset - _CHUNK_HEADER] + size + b"mdat" + last.payload + noise


_FILLERS: dict[Kind, Callable[[bytes, int, int], bytes]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "heic": _heic,
    "mp4": _mp4,
}
