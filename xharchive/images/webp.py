"""The chunks of a WebP file (RFC 9649)."""

from collections.abc import Iterator

__all__ = ["places_of_metadata"]

_METADATA = frozenset((b"ICCP", b"EXIF", b"XMP "))
_HEADER = 8
_MOST_CHUNKS = 1_000


def places_of_metadata(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where, from and to, text about the picture stands; of a file of countless chunks all the rest."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + _HEADER > len(data):
            return
        start = at + _HEADER
        end = start + int.from_bytes(data[at + 4 : start], "little")
        if data[at : at + 4] in _METADATA:
            yield start, min(end, len(data))
        at = end + end % 2
    yield at, len(data)
