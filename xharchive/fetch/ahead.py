"""Bytes of a large body that came before their turn: a nameless file beside the part.

Its name is gone as soon as it is open, so a killed run leaves nothing of it, and nothing that the next run
could take for bytes in order. It is a row of lanes of one piece each, used over and over.
"""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from xharchive.fetch.pieces import LANES, PIECE

__all__ = ["Ahead"]

_RESERVE = 256 * 1024 * 1024


class Ahead:
    """The lanes of one body, once they are open. Its methods block: threads call them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    @property
    def is_open(self) -> bool:
        """Whether there are lanes."""
        return self._descriptor >= 0

    def open(self, missing: int) -> None:
        """Make the file; `missing` bytes of the body are still to come, and must find room beside it.

        Raises:
            OSError: the disk would not, or has little room.
        """
        if shutil.disk_usage(self._folder).free < missing + LANES * PIECE + _RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            self._descriptor = os.dup(file.fileno())

    def write(self, lane: int, at: int, block: bytes) -> None:
        """Put a block into a lane, `at` bytes behind its beginning. Raises OSError."""
        rest, place = memoryview(block), lane * PIECE + at
        while rest:
            written = os.pwrite(self._descriptor, rest, place)
            rest, place = rest[written:], place + written

    def read(self, lane: int, at: int, size: int) -> bytes:
        """Return so many bytes, which were written before; never fewer.

        Raises:
            OSError: they cannot be read, or are not there.
        """
        block = os.pread(self._descriptor, size, lane * PIECE + at)
        if len(block) != size:
            raise OSError("bytes that were written are not there")
        return block

    def close(self) -> None:
        """Close it, and thereby remove it."""
        os.close(self._descriptor)
        self._descriptor = -1
