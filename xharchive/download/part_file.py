"""Manage part files: write a download, and resume it only with proof that the file is the same (promise 3).

Beside `<slot>.part` lies the record `<slot>.part.json`. It stores which resource the bytes belong to, the
validator to request the same bytes with (RFC 9110, 13.1.5), and the total size. A part file counts only for
the URL that it came from, and only if its bytes are certainly intact. The proof is their digest, if the
transfer ended in order. After a kill it is an unchanged boot of the machine: after a power cut a file may
have the right length but contain zeros.

`<slot>.part.ahead` may contain bytes of the same body that arrived out of order (see `out_of_order`).
"""

import errno
import hashlib
import json
import os
import sys
from dataclasses import dataclass, replace
from typing import Protocol

from xharchive.archive_path import PRIVATE, ArchivePath, translate_os_errors, write_new
from xharchive.download.file_origin import FileOrigin, origin_of_url, parse_origin
from xharchive.http import ContentRange, StreamResponse
from xharchive.media import SNIFF_BYTES

MAX_CHUNKS = 512
"""Limit of chunks in one block: writev accepts at most IOV_MAX buffers, 1024 on Linux."""
_READ = 1024 * 1024
_MAX_RECORD_SIZE = 64 * 1024
# Errors if there is no regular file: nothing, a link, a pipe, a folder. A new part file replaces it.
_NOT_A_PART = frozenset((errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR))


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    """Identify the file on the server.

    Args:
        resource_id: Digest of the URL that answered.
        validator: ETag or date for If-Range; "" if there is none. Then only a complete file is saved.
        total: Size of the complete file in bytes.
        origin: The URL that answered, if a redirect led there; None if it is the requested one.
    """

    resource_id: str
    validator: str
    total: int | None
    origin: FileOrigin | None = None


_UNKNOWN = _RemoteFile("", "", None)


class PartFile:  # noqa: PLR0904 - the file, its record and its digest belong together
    """Manage the part file of one asset and one URL.

    The first `size` bytes of it are on disk and hashed; `head` contains the first of them. `assembled` means
    that they came in more than one response. Methods that use the disk block: threads call them, one at a
    time. The first block opens the file, in the same thread: so a cancelled transfer can never lose the
    descriptor.

    Args:
        boot: Name of this boot of the machine, "" if unknown.
        is_new: No earlier transfer left bytes.
    """

    def __init__(
        self, path: ArchivePath, url: str, *, with_md5: bool = False, boot: str = "", is_new: bool = False
    ) -> None:
        self._path = path
        self._record = _record_path(path)
        self._has_record = not is_new and self._record.exists()
        self._has_buffer = self._has_record and _buffer_path(path).exists()
        self._url = url
        self._requested_id = _resource_id(url)
        self._with_md5 = with_md5
        self._boot = boot
        self._descriptor: int | None = None
        self._recorded = False
        self._reset()

    def _reset(self, remote: _RemoteFile = _UNKNOWN) -> None:
        self._remote = remote
        self.size = 0
        self.assembled = False
        self.head = b""
        self.sha256: _Hash = hashlib.sha256()
        self.md5: _Hash | None = hashlib.md5(usedforsecurity=False) if self._with_md5 else None

    @property
    def total(self) -> int | None:
        """The size of the complete file in bytes, None if unknown."""
        return self._remote.total

    @property
    def origin(self) -> FileOrigin:
        """Where the bytes came from, after redirects."""
        return self._remote.origin or origin_of_url(self._url)

    @property
    def has_record(self) -> bool:
        """Whether an earlier transfer left a record."""
        return self._has_record

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there."""
        return 0 < self.size == self.total

    @property
    def resume_headers(self) -> dict[str, str]:
        """The request headers for the missing bytes of the same file; none if they cannot be requested."""
        if not self._remote.validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._remote.validator}

    def matches_rest(self, incoming: StreamResponse) -> bool:
        """Return whether a 206 response delivers exactly the missing bytes of the same file."""
        remote, span = self._remote, incoming.span
        if not remote.validator or span is None:
            return False
        plain = incoming.encoding in ("", "identity")
        rest = span.first == self.size and span.last == span.total - 1
        counted = incoming.length in (None, span.total - self.size)
        same = (
            incoming.validator == remote.validator and self._resource_id(incoming.url) == remote.resource_id
        )
        return plain and rest and counted and same and remote.total in (None, span.total)

    def range_headers(self, first: int, last: int) -> dict[str, str]:
        """Return the request headers for the bytes `first` to `last`, both included, of the same file."""
        return {"Range": f"bytes={first}-{last}", "If-Range": self._remote.validator}

    def matches_range(self, incoming: StreamResponse, first: int, last: int) -> bool:
        """Return whether a 206 response delivers exactly these bytes (`last` included) of the file."""
        remote = self._remote
        whole = ContentRange(first, last, remote.total or 0)
        exact = incoming.span == whole and incoming.length == last - first + 1
        same = incoming.validator == remote.validator and _resource_id(incoming.url) == remote.resource_id
        return self.can_be_split and exact and same and incoming.encoding in ("", "identity")

    @property
    def can_be_split(self) -> bool:
        """Whether other responses can be compared with this one: it has a validator and a total size."""
        return bool(self._remote.validator) and self._remote.total is not None

    @property
    def body_id(self) -> str:
        """Text that identifies the body: no other has the same URL, validator and size."""
        return f"{self._remote.resource_id} {self._remote.total} {self._remote.validator}"

    @property
    def has_buffer(self) -> bool:
        """Whether an earlier transfer may have left bytes behind those of the part file."""
        return self._has_buffer and bool(self.size)

    def buffer_path(self) -> ArchivePath:
        """Return the path for bytes that arrive out of order. `finish` and `discard` remove that file."""
        self._has_buffer = True
        return _buffer_path(self._path)

    def resume(self, incoming: StreamResponse) -> None:
        """Prepare to append a response that `matches_rest`."""
        self.assembled = True
        if incoming.span is not None:
            self._remote = replace(self._remote, total=incoming.span.total)

    def mark_multipart(self) -> None:
        """Record that the file consists of several responses, so no headers describe all of it."""
        self.assembled = True

    def restart(self, incoming: StreamResponse) -> None:
        """Prepare to write a complete response. Earlier bytes are dropped."""
        plain = incoming.encoding in ("", "identity")
        validator = incoming.validator if plain else ""
        total = incoming.length if plain else None
        place = None if incoming.url == self._url else origin_of_url(incoming.url)
        self._reset(_RemoteFile(self._resource_id(incoming.url), validator, total, place))

    def _resource_id(self, url: str) -> str:
        return self._requested_id if url == self._url else _resource_id(url)

    def load(self) -> None:
        """Load the bytes of an earlier transfer, if there is proof that they are valid. Blocking.

        Raises:
            ArchiveError: The part file exists and cannot be read.
        """
        record = self._read_record()
        if record is None or record.get("asked") != self._requested_id:
            return
        remote = _parse_remote(record)
        if remote is None:
            return
        saved = record.get("size") if "sha256" in record else None
        with translate_os_errors(f"reading {self._path.name}"):
            self._hash_file(remote, saved if isinstance(saved, int) else None)
        fits = self.size == remote.total or (remote.validator and self.size < (remote.total or sys.maxsize))
        self.assembled = bool(self.size and fits and self._is_unchanged(record))
        if not self.assembled:
            self._reset()

    def _is_unchanged(self, record: dict[str, object]) -> bool:
        """Return whether the bytes are intact: their digest matches, or the machine did not reboot."""
        if "sha256" in record:
            return (self.size, self.sha256.hexdigest()) == (record.get("size"), record.get("sha256"))
        return bool(self._boot) and record.get("boot") == self._boot

    def _read_record(self) -> dict[str, object] | None:
        try:
            record = json.loads(self._record.read_bytes(_MAX_RECORD_SIZE))
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) else None

    def _hash_file(self, remote: _RemoteFile, limit: int | None) -> None:
        """Hash the file, up to `limit` bytes, and cut off further bytes: no record vouches for them."""
        self._reset(remote)
        try:
            descriptor = self._path.open_descriptor(os.O_RDWR)
        except OSError as problem:
            if problem.errno in _NOT_A_PART:
                return
            raise
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_nlink > 1:  # its other name may belong to a snapshot
                return
            while chunk := file.read(_READ if limit is None else max(0, min(_READ, limit - self.size))):
                self._hash(chunk)
                self.size += len(chunk)
            if found.st_size > self.size:
                os.ftruncate(descriptor, self.size)

    def _hash(self, chunk: bytes) -> None:
        if len(self.head) < SNIFF_BYTES:
            self.head += chunk[: SNIFF_BYTES - len(self.head)]
        self.sha256.update(chunk)
        if self.md5 is not None:
            self.md5.update(chunk)

    def write(self, chunks: list[bytes], *, more: bool) -> None:
        """Hash and append a block. Blocking.

        With `more` blocks to come, the record is written first. A small file is one block, and never partial
        on disk.

        Raises:
            OSError: The file cannot be written.
        """
        for chunk in chunks:
            self._hash(chunk)
        if self._descriptor is None:
            self._descriptor = self._open()
        if more and not self._recorded and self._remote.validator:
            self._write_record({})
        views = [memoryview(chunk) for chunk in chunks if chunk]
        while views:
            written = os.writev(self._descriptor, views[:MAX_CHUNKS])
            self.size += written
            views = _unwritten(views, written)

    def _open(self) -> int:
        if self.size:
            descriptor = self._path.open_descriptor(os.O_WRONLY)
            os.ftruncate(descriptor, self.size)
            os.lseek(descriptor, self.size, os.SEEK_SET)
            return descriptor
        if self._has_record:  # remove it first: it must never lie beside bytes of another file
            self._record.unlink(missing_ok=True)
            self._has_record = False
        return self._path.create()

    def save_progress(self, chunks: list[bytes]) -> None:
        """Save the bytes of a cut transfer, so that another one can resume. Blocking.

        If they cannot be written, the part file starts from zero.
        """
        if not self._remote.validator:
            self.reset()
            return
        if not chunks and self._descriptor is None:
            return
        try:
            self.write(chunks, more=False)
            self._write_record({"size": self.size, "sha256": self.sha256.hexdigest()})
        except OSError:
            self.reset()

    def finish(self) -> None:
        """Record that the file is complete, so that no later run downloads it again. Blocking.

        Checks and conversions take longer than the transfer of a picture, so a run may end during them.

        Raises:
            OSError: The record cannot be written.
        """
        self._remote = replace(self._remote, total=self.size)
        self._write_record({"size": self.size, "sha256": self.sha256.hexdigest()})
        if self._has_buffer:
            _buffer_path(self._path).unlink(missing_ok=True)

    def reset(self) -> None:
        """Drop all bytes: another transfer starts from zero."""
        self._reset()

    def _write_record(self, saved: dict[str, object]) -> None:
        record = {
            "asked": self._requested_id,
            "answered": self._remote.resource_id,
            "validator": self._remote.validator,
            "total": self._remote.total,
            "boot": self._boot,
            **saved,
        }
        if self._remote.origin is not None:
            record["place"] = self._remote.origin.as_json()
        self._has_record = True
        write_new(self._record, json.dumps(record).encode(), mode=PRIVATE)
        self._recorded = True

    def discard(self) -> None:
        """Remove the file because its content is wrong. Blocking.

        Raises:
            OSError: A file cannot be removed.
        """
        self.reset()
        discard(self._path)

    def close(self) -> None:
        """Close the file. A further block opens it again and is appended. Blocking."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._recorded = False


def discard(path: ArchivePath) -> None:
    """Remove a part file, its record and its buffer. Blocking.

    Raises:
        OSError: A file cannot be removed.
    """
    for beside in (_record_path(path), _buffer_path(path)):
        beside.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _record_path(path: ArchivePath) -> ArchivePath:
    return path.with_name(path.name + ".json")


def _buffer_path(path: ArchivePath) -> ArchivePath:
    return path.with_name(path.name + ".ahead")


def _resource_id(url: str) -> str:
    """Return a digest of the URL without `sign` and `t`, which do not change the resource.

    Their meaning is in docs/api.md#signatures-and-expiry. A digest, because some paths contain a signature
    that must not be stored.
    """
    base, separator, query = url.partition("?")
    permanent = "&".join(item for item in query.split("&") if not item.startswith(("sign=", "t=")))
    return hashlib.sha256(f"{base}{separator}{permanent}".encode("utf-8", "surrogatepass")).hexdigest()


def _parse_remote(record: dict[str, object]) -> _RemoteFile | None:
    resource_id, validator, total = (record.get(name) for name in ("answered", "validator", "total"))
    if not (isinstance(resource_id, str) and isinstance(validator, str)):
        return None
    if not (validator.isascii() and validator.isprintable()):  # it becomes a request header
        return None
    if total is not None and (type(total) is not int or total <= 0):
        return None
    return _RemoteFile(resource_id, validator, total, parse_origin(record.get("place")))


def _unwritten(chunks: list[memoryview], written: int) -> list[memoryview]:
    for index, chunk in enumerate(chunks):
        if written < len(chunk):
            return [chunk[written:], *chunks[index + 1 :]]
        written -= len(chunk)
    return []
