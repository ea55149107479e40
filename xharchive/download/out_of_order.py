"""Bytes of a large body that came before their turn: a file of lanes beside the part.

It is a row of lanes of one piece each, used over and over, behind a record of each: which bytes of the body
lie in it, and their SHA-256. The record proves nothing by itself: another transfer counts bytes only with
that digest, and only of the very same body. So a kill or a power cut at any moment leaves nothing that could
be taken for what it is not.
"""

import errno
import hashlib
import json
import os
from contextlib import suppress

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import free_bytes
from xharchive.download.ranges import LANES, PIECE, Piece

__all__ = ["Ahead"]

_RESERVE = 256 * 1024 * 1024
_RECORD = 512  # bytes for each, the first one for the whole file: one sector, never half of an older one
_FIRST_LANE = 16 * _RECORD
_READ = 1024 * 1024


class Ahead:
    """The lanes of one body, once they are open. Its methods block: threads call them.

    `of` says which body it is, so that no two have the same.
    """

    def __init__(self, path: ArchivePath, of: str) -> None:
        self._path = path
        self._of = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()
        self._descriptor = -1
        self._digests = [hashlib.sha256() for _ in range(LANES)]

    @property
    def is_open(self) -> bool:
        """Whether there are lanes."""
        return self._descriptor >= 0

    def open(self, missing: int) -> None:
        """Make the file; `missing` bytes of the body are still to come, and must find room beside it.

        Raises:
            OSError: the disk would not, or has little room.
        """
        if free_bytes(self._path) < missing + LANES * PIECE + _RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._descriptor = self._path.create(PRIVATE)
        try:
            self._note(0, {"of": self._of})
        except OSError:
            self.close()
            raise

    def load(self) -> list[Piece]:
        """Open what an earlier transfer of the same body left; return the pieces that surely are there.

        Without any, nothing is open. Each may lack bytes at its end.
        """
        kept: list[Piece] = []
        with suppress(OSError):
            self._descriptor = self._path.open_descriptor(os.O_RDWR)
            if self._is_ours():
                kept = [piece for lane in range(LANES) if (piece := self._kept(lane)) is not None]
        if self.is_open and not kept:
            self.close()
        return kept

    def _is_ours(self) -> bool:
        found = os.fstat(self._descriptor)
        return found.st_nlink == 1 and self._noted(0).get("of") == self._of

    def _kept(self, lane: int) -> Piece | None:
        """Return the piece that a lane holds, if its bytes are those that were noted down."""
        record = self._noted(1 + lane)
        start, at, end = (record.get(name) for name in ("start", "at", "end"))
        if not (type(start) is int and type(at) is int and type(end) is int):
            return None
        if not 0 <= start < at <= end <= start + PIECE:
            return None
        digest = hashlib.sha256()
        for place in range(0, at - start, _READ):
            digest.update(self.read(lane, place, min(_READ, at - start - place)))
        if digest.hexdigest() != record.get("sha256"):
            return None
        self._digests[lane] = digest
        return Piece(start, end, lane, at)

    def write(self, piece: Piece, block: bytes) -> None:
        """Put a block behind what is there of a piece, and note down what that is then.

        Raises:
            OSError: the disk would not; the block is not there.
        """
        size, lane = piece.at - piece.start, piece.lane
        digest = self._digests[lane].copy() if size else hashlib.sha256()
        digest.update(block)
        self._put(block, _place(lane, size))
        at = piece.at + len(block)
        told = {"start": piece.start, "at": at, "end": max(piece.end, at), "sha256": digest.hexdigest()}
        self._note(1 + lane, told)
        self._digests[lane] = digest

    def read(self, lane: int, at: int, size: int) -> bytes:
        """Return so many bytes from `at` bytes behind a lane's beginning on; never fewer.

        Raises:
            OSError: they cannot be read, or are not there.
        """
        block = os.pread(self._descriptor, size, _place(lane, at))
        if len(block) != size:
            raise OSError("bytes that were written are not there")
        return block

    def close(self) -> None:
        """Close it; what it holds is for another transfer."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _note(self, number: int, record: dict[str, object]) -> None:
        self._put(json.dumps(record).encode().ljust(_RECORD), number * _RECORD)

    def _noted(self, number: int) -> dict[str, object]:
        try:
            record = json.loads(os.pread(self._descriptor, _RECORD, number * _RECORD))
        except (ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    def _put(self, content: bytes, place: int) -> None:
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._descriptor, rest, place)
            rest, place = rest[written:], place + written


def _place(lane: int, at: int) -> int:
    return _FIRST_LANE + lane * PIECE + at
