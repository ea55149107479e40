"""Buffer bytes of a large body that arrive out of order, in a file beside the part file.

The file has a record for each region, then the regions, each with room for one range. Regions are reused. A
record states which bytes of the body the region contains, and their SHA-256. A later transfer accepts only
bytes with that digest, and only for the same body. So after a kill or a power cut, at whatever moment, no
wrong bytes are accepted.
"""

import errno
import hashlib
import json
import os
from contextlib import suppress

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import free_bytes
from xharchive.download.ranges import RANGE_SIZE, REGIONS, RangePart

_FREE_SPACE_RESERVE = 256 * 1024 * 1024
# One disk sector, so that a power cut cannot mix two versions of a record. The first record is the file's.
_RECORD_SIZE = 512
_FIRST_REGION = 16 * _RECORD_SIZE
_READ = 1024 * 1024


class OutOfOrderBuffer:
    """Read and write the buffer file of one body. The methods block: call them in a thread.

    Args:
        body_id: Identifies the body. No two bodies have the same.
    """

    def __init__(self, path: ArchivePath, body_id: str) -> None:
        self._path = path
        self._body_digest = hashlib.sha256(body_id.encode("utf-8", "surrogatepass")).hexdigest()
        self._descriptor = -1
        self._digests = [hashlib.sha256() for _ in range(REGIONS)]

    @property
    def is_open(self) -> bool:
        """Whether the buffer file is open."""
        return self._descriptor >= 0

    def open(self, missing: int) -> None:
        """Create the file.

        Args:
            missing: Bytes of the body that have not arrived. They must fit on the disk beside the buffer.

        Raises:
            OSError: The file cannot be written, or the disk has too little free space.
        """
        if free_bytes(self._path) < missing + REGIONS * RANGE_SIZE + _FREE_SPACE_RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._descriptor = self._path.create(PRIVATE)
        try:
            self._write_record(0, {"of": self._body_digest})
        except OSError:
            self.close()
            raise

    def load(self) -> list[RangePart]:
        """Open the buffer of an earlier transfer of the same body. Return its valid ranges.

        Without any, the file stays closed. The end of a range may be missing.
        """
        parts: list[RangePart] = []
        with suppress(OSError):
            self._descriptor = self._path.open_descriptor(os.O_RDWR)
            if self._is_for_this_body():
                parts = [part for region in range(REGIONS) if (part := self._load_region(region)) is not None]
        if self.is_open and not parts:
            self.close()
        return parts

    def _is_for_this_body(self) -> bool:
        found = os.fstat(self._descriptor)
        return found.st_nlink == 1 and self._read_record(0).get("of") == self._body_digest

    def _load_region(self, region: int) -> RangePart | None:
        """Return the range in a region if its bytes match its record."""
        record = self._read_record(1 + region)
        start, position, end = (record.get(name) for name in ("start", "at", "end"))
        if not (type(start) is int and type(position) is int and type(end) is int):
            return None
        if not 0 <= start < position <= end <= start + RANGE_SIZE:
            return None
        digest = hashlib.sha256()
        for offset in range(0, position - start, _READ):
            digest.update(self.read(region, offset, min(_READ, position - start - offset)))
        if digest.hexdigest() != record.get("sha256"):
            return None
        self._digests[region] = digest
        return RangePart(start, end, region, position)

    def write(self, part: RangePart, block: bytes) -> None:
        """Append a block to the bytes of a range, then write the new record.

        Raises:
            OSError: The file cannot be written. The block then does not count.
        """
        size, region = part.position - part.start, part.region
        digest = self._digests[region].copy() if size else hashlib.sha256()
        digest.update(block)
        self._pwrite_all(block, _offset(region, size))
        position = part.position + len(block)
        record = {
            "start": part.start,
            "at": position,
            "end": max(part.end, position),
            "sha256": digest.hexdigest(),
        }
        self._write_record(1 + region, record)
        self._digests[region] = digest

    def read(self, region: int, position: int, size: int) -> bytes:
        """Return exactly `size` bytes of a region, starting `position` bytes after its beginning.

        Raises:
            OSError: The bytes cannot be read, or are missing.
        """
        block = os.pread(self._descriptor, size, _offset(region, position))
        if len(block) != size:
            raise OSError("bytes that were written are not there")
        return block

    def close(self) -> None:
        """Close the file. It stays for another transfer."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _write_record(self, number: int, record: dict[str, object]) -> None:
        self._pwrite_all(json.dumps(record).encode().ljust(_RECORD_SIZE), number * _RECORD_SIZE)

    def _read_record(self, number: int) -> dict[str, object]:
        try:
            record = json.loads(os.pread(self._descriptor, _RECORD_SIZE, number * _RECORD_SIZE))
        except (ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    def _pwrite_all(self, content: bytes, offset: int) -> None:
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[written:], offset + written


def _offset(region: int, position: int) -> int:
    return _FIRST_REGION + region * RANGE_SIZE + position
