"""Writes and reads boxes of the ISO base media file format (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["MovieBox", "box", "child", "full_box", "walk"]

_HEADER = 8


@dataclass(frozen=True, slots=True)
class MovieBox:
    """A box: its four-letter name, the offset of its payload, and the payload."""

    name: bytes
    offset: int
    payload: bytes


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box around the joined parts."""
    payload = b"".join(parts)
    return struct.pack(">I4s", _HEADER + len(payload), name) + payload


def full_box(name: bytes, version_and_flags: int, *parts: bytes) -> bytes:
    """Return a box whose payload begins with version (1 byte) and flags (3 bytes)."""
    return box(name, struct.pack(">I", version_and_flags), *parts)


def walk(data: bytes) -> Iterator[MovieBox]:
    """Yield the consecutive boxes of `data`.

    Raises:
        ValueError: a box is cut, or has an invalid size.
    """
    at = 0
    while at < len(data):
        if at + _HEADER > len(data):
            raise ValueError(f"a box header is cut at byte {at}")
        size, name = struct.unpack_from(">I4s", data, at)
        if size < _HEADER or at + size > len(data):
            raise ValueError(f"box {name!r} at byte {at} declares {size} bytes")
        yield MovieBox(name, at + _HEADER, data[at + _HEADER : at + size])
        at += size


def child(data: bytes, name: bytes) -> MovieBox:
    """Return the first box of this name in `data`.

    Raises:
        ValueError: there is none.
    """
    for found in walk(data):
        if found.name == name:
            return found
    raise ValueError(f"no {name!r} box")
