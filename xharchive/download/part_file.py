"""Manage part files: write a download, and resume it only with proof that the file is the same (promise 3).

Beside `<slot>.part` lies the record `<slot>.part.json`. It stores which resource the bytes belong to, the
validator to request the same bytes with (RFC 9110, 13.1.5), and the total size. A part file counts only for
the URL that it came from, and only if its bytes are certainly intact. The proof is their digest, if the
transfer ended in order. After a kill it is an unchanged boot of the machine: after a power cut a file may
have the right length but contain zeros (docs/decisions/0007).

`<slot>.part.<first byte>` has bytes from farther ahead, under a digest of its own (see `multipart`).
"""

import errno
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from xharchive.archive_path import PRIVATE, ArchivePath, translate_os_errors, write_new
from xharchive.http import ContentRange, StreamResponse
from xharchive.media import SNIFF_BYTES
from xharchive.redaction import without_signatures

MAX_CHUNKS = 512
"""Limit of chunks in one block: writev accepts at most IOV_MAX buffers, 1024 on Linux."""
PLAIN = frozenset(("", "identity"))
"""The content codings of a body that is the file itself."""

_READ = 1024 * 1024
_MAX_RECORD_SIZE = 64 * 1024
# Errors if there is no regular file: nothing, a link, a pipe, a folder. A new part file replaces it.
_NOT_A_PART = frozenset((errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR))
_RANGE_NAME = re.compile(r"[1-9][0-9]{0,14}")
_MAX_HOST_LENGTH = 255
_MAX_PATH_LENGTH = 2_000


class Digest(Protocol):
    """A hash object of `hashlib`."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> "Digest": ...


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """Host and path that bytes came from, without query and signatures."""

    host: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Identify the file on the server, and tell whether other responses are of the same file.

    Args:
        resource_id: Digest of the URL that answered.
        validator: ETag or date for If-Range; "" if there is none. Then only a complete file is saved.
        total: Size of the complete file in bytes.
        origin: The URL that answered, if a redirect led there; None if it is the requested one.
    """

    resource_id: str = ""
    validator: str = ""
    total: int | None = None
    origin: FileOrigin | None = None

    @property
    def can_be_split(self) -> bool:
        """Whether other responses can be compared with this one: it has a validator and a total size."""
        return bool(self.validator) and self.total is not None

    @property
    def body_id(self) -> str:
        """Digest that identifies the body: no other has the same URL, validator and size."""
        identity = f"{self.resource_id} {self.total} {self.validator}"
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()

    def range_headers(self, first: int, last: int | str = "") -> dict[str, str]:
        """Return the request headers for the bytes `first` to `last` (included) of the same file."""
        return {"Range": f"bytes={first}-{last}", "If-Range": self.validator}

    def matches_rest(self, incoming: StreamResponse, first: int) -> bool:
        """Return whether a 206 response delivers exactly the bytes from `first` on of the same file."""
        span = incoming.span
        if span is None or self.total not in (None, span.total):
            return False
        rest = (span.first, span.last) == (first, span.total - 1)
        return rest and incoming.length in (None, span.total - first) and self._is_same_file(incoming)

    def matches_range(self, incoming: StreamResponse, first: int, last: int) -> bool:
        """Return whether a 206 response delivers exactly these bytes (`last` included) of the file."""
        exact = incoming.span == ContentRange(first, last, self.total or 0)
        return exact and incoming.length == last - first + 1 and self._is_same_file(incoming)

    def _is_same_file(self, incoming: StreamResponse) -> bool:
        return (
            bool(self.validator)
            and incoming.validator == self.validator
            and incoming.encoding in PLAIN
            and _resource_id(incoming.url) == self.resource_id
        )


class PartFile:
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
        self.path = path
        self._record = path.with_name(f"{path.name}.json")
        self.has_record = not is_new and self._record.exists()
        self.has_ranges = False  # files with bytes from farther ahead may lie beside it
        self._url = url
        self._requested_id = _resource_id(url)
        self._with_md5 = with_md5
        self._boot = boot
        self._descriptor: int | None = None
        self._recorded = False
        self.reset()

    def reset(self) -> None:
        """Drop all bytes: another transfer starts from zero."""
        self._set_remote(RemoteFile())

    def _set_remote(self, remote: RemoteFile) -> None:
        self.remote = remote
        self.size = 0
        self.assembled = False
        self.head = b""
        self.sha256: Digest = hashlib.sha256()
        self.md5: Digest | None = hashlib.md5(usedforsecurity=False) if self._with_md5 else None

    @property
    def total(self) -> int | None:
        """The size of the complete file in bytes, None if unknown."""
        return self.remote.total

    @property
    def origin(self) -> FileOrigin:
        """Where the bytes came from, after redirects."""
        return self.remote.origin or _origin_of(self._url)

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there."""
        return 0 < self.size == self.total

    @property
    def resume_headers(self) -> dict[str, str]:
        """The request headers for the missing bytes of the same file; none if they cannot be requested."""
        return self.remote.range_headers(self.size) if self.remote.validator and self.size else {}

    def resume(self, incoming: StreamResponse) -> None:
        """Prepare to append a response that `matches_rest`."""
        self.assembled = True
        if incoming.span is not None:
            self.remote = replace(self.remote, total=incoming.span.total)

    def restart(self, incoming: StreamResponse) -> None:
        """Prepare to write a complete response. Earlier bytes are dropped."""
        plain = incoming.encoding in PLAIN
        validator, total = (incoming.validator, incoming.length) if plain else ("", None)
        if incoming.url == self._url:
            self._set_remote(RemoteFile(self._requested_id, validator, total))
        else:
            origin = _origin_of(incoming.url)
            self._set_remote(RemoteFile(_resource_id(incoming.url), validator, total, origin))

    def load(self) -> None:
        """Load the bytes of an earlier transfer, if there is proof that they are valid. Blocking.

        Raises:
            ArchiveError: The part file exists and cannot be read.
        """
        record = _read_record(self._record)
        remote = _parse_remote(record)
        if remote is None or record.get("asked") != self._requested_id:
            return
        saved = record.get("size") if "sha256" in record else None
        with translate_os_errors(f"reading {self.path.name}"):
            self.has_ranges = bool(range_paths(self.path))
            self.path.with_name(f"{self.path.name}.ahead").unlink(missing_ok=True)  # of version 0.1
            self._hash_file(remote, saved if isinstance(saved, int) else None)
        fits = self.size == remote.total or (remote.validator and self.size < (remote.total or sys.maxsize))
        self.assembled = bool(self.size and fits and self._is_unchanged(record))
        if not self.assembled:
            self.reset()

    def _is_unchanged(self, record: dict[str, object]) -> bool:
        """Return whether the bytes are intact: their digest matches, or the machine did not reboot."""
        if "sha256" in record:
            return (self.size, self.sha256.hexdigest()) == (record.get("size"), record.get("sha256"))
        return bool(self._boot) and record.get("boot") == self._boot

    def _hash_file(self, remote: RemoteFile, limit: int | None) -> None:
        """Hash the file, up to `limit` bytes, and cut off further bytes: no record vouches for them."""
        self._set_remote(remote)
        try:
            descriptor = self.path.open_descriptor(os.O_RDWR)
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
        """Hash and append a block. Blocking; raises OSError.

        With `more` blocks to come, the record is written first. A small file is one block, and never partial
        on disk.
        """
        for chunk in chunks:
            self._hash(chunk)
        if self._descriptor is None:
            self._descriptor = self._open()
        if more and not self._recorded and self.remote.validator:
            self._write_record({})
        views = [memoryview(chunk) for chunk in chunks if chunk]
        while views:
            written = os.writev(self._descriptor, views[:MAX_CHUNKS])
            self.size += written
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if written:
                views[0] = views[0][written:]

    def _open(self) -> int:
        if self.size:
            descriptor = self.path.open_descriptor(os.O_WRONLY)
            os.ftruncate(descriptor, self.size)
            os.lseek(descriptor, self.size, os.SEEK_SET)
            return descriptor
        if self.has_record:  # remove it first: it must never lie beside bytes of another file
            self._record.unlink(missing_ok=True)
            self.has_record = False
        return self.path.create()

    def save_progress(self, chunks: list[bytes]) -> None:
        """Save the bytes of a cut transfer, so that another one can resume. Blocking.

        If they cannot be written, the part file starts from zero.
        """
        if not self.remote.validator:
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
        """Record that the file is complete, so that no later run downloads it. Blocking; raises OSError.

        Checks and conversions take longer than the transfer of a picture, so a run may end during them.
        """
        self.remote = replace(self.remote, total=self.size)
        self._write_record({"size": self.size, "sha256": self.sha256.hexdigest()})
        if self.has_ranges:
            _discard_ranges(self.path)

    def _write_record(self, saved: dict[str, object]) -> None:
        remote, origin = self.remote, self.remote.origin
        record = {
            "asked": self._requested_id,
            "answered": remote.resource_id,
            "validator": remote.validator,
            "total": remote.total,
            "boot": self._boot,
            **saved,
            **({"place": [origin.host, origin.path]} if origin else {}),
        }
        self.has_record = True
        write_new(self._record, json.dumps(record).encode(), mode=PRIVATE)
        self._recorded = True

    def discard(self) -> None:
        """Remove the file because its content is wrong. Blocking."""
        self.reset()
        discard(self.path)

    def close(self) -> None:
        """Close the file. A further block opens it again and is appended. Blocking."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._recorded = False


def discard(path: ArchivePath) -> None:
    """Remove a part file, its record and its ranges. Blocking; raises OSError."""
    path.with_name(f"{path.name}.json").unlink(missing_ok=True)
    _discard_ranges(path)
    path.unlink(missing_ok=True)


def range_paths(path: ArchivePath) -> dict[int, ArchivePath]:
    """Return the files with bytes from farther ahead, by the number of their first byte. Blocking."""
    start = f"{path.name}."
    numbers = (name.removeprefix(start) for name in path.parent.entries() if name.startswith(start))
    return {
        int(number): path.with_name(start + number) for number in numbers if _RANGE_NAME.fullmatch(number)
    }


def _discard_ranges(path: ArchivePath) -> None:
    for beside in range_paths(path).values():
        beside.unlink(missing_ok=True)


def _resource_id(url: str) -> str:
    """Return a digest of the URL without `sign` and `t`, which do not change the resource.

    Their meaning is in docs/api.md#signatures-and-expiry. A digest, because some paths contain a signature
    that must not be stored.
    """
    base, separator, query = url.partition("?")
    permanent = "&".join(item for item in query.split("&") if not item.startswith(("sign=", "t=")))
    return hashlib.sha256(f"{base}{separator}{permanent}".encode("utf-8", "surrogatepass")).hexdigest()


def _origin_of(url: str) -> FileOrigin:
    parts = urlsplit(url)
    return FileOrigin(parts.hostname or "", without_signatures(parts.path)[:_MAX_PATH_LENGTH])


def _read_record(path: ArchivePath) -> dict[str, object]:
    try:
        record = json.loads(path.read_bytes(_MAX_RECORD_SIZE))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _parse_remote(record: dict[str, object]) -> RemoteFile | None:
    resource_id, validator, total = (record.get(name) for name in ("answered", "validator", "total"))
    if not (isinstance(resource_id, str) and isinstance(validator, str)):
        return None
    if not (validator.isascii() and validator.isprintable()):  # it becomes a request header
        return None
    if total is not None and (type(total) is not int or total <= 0):
        return None
    return RemoteFile(resource_id, validator, total, _parse_origin(record.get("place")))


def _parse_origin(value: object) -> FileOrigin | None:
    """Return the origin in a record, None if it is not valid in a manifest."""
    match value:
        case [str() as host, str() as path] if host.isprintable() and path.isprintable() and "?" not in path:
            if len(host) <= _MAX_HOST_LENGTH and len(path) <= _MAX_PATH_LENGTH:
                return FileOrigin(host, without_signatures(path))
    return None
