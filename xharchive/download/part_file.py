"""A file on its way, and the proof without which a partial one is never continued (promise 3).

Beside `<slot>.part` lies `<slot>.part.json`: which object the bytes belong to, the validator by which the
same bytes can be asked for (RFC 9110, 13.1.5), the size of the whole. A part counts only for the address it
came from, and only with bytes that are surely still there: by their digest, where the transfer ended in
order, or by the same boot of this machine, where it was killed. After a power cut a file may have the right
length, and zeros in it.

`<slot>.part.ahead` may hold bytes of the same body that came before their turn (see `ahead`).
"""

import errno
import hashlib
import json
import os
import sys
from dataclasses import dataclass, replace
from typing import Protocol

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import ours, write_new
from xharchive.download.file_origin import Place, place_of, read_place
from xharchive.http import Incoming, Span
from xharchive.media import SNIFF_BYTES

__all__ = ["MOST_PIECES", "Partial", "discard"]

MOST_PIECES = 512
"""How many pieces one block may have: writev takes at most IOV_MAX buffers, 1024 on Linux."""
_READ = 1024 * 1024
_LARGEST_RECORD = 64 * 1024
# What stands in the place of a part and is none: nothing, a link, a pipe, a folder. A new part replaces it.
_NO_PART = frozenset((errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR))


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Origin:
    """Which object the bytes are of: the address that answered, its validator, the size of the whole.

    Without a validator ("") a part is worth nothing, and only a whole file is kept. `place` is that address
    as the manifest names it, if a redirect led there; None if it is the one that was asked.
    """

    answered: str
    validator: str
    total: int | None
    place: Place | None = None


_NOBODYS = _Origin("", "", None)


class Partial:
    """The partial file of one asset from one address.

    `size` bytes of it are on disk and hashed; `head` are its first ones; `pieced`: they came with more than
    one answer. Methods that touch the disk block: threads call them, one at a time. The file is opened by
    the first block, in the same thread: there is no moment at which a cancelled transfer could lose the
    descriptor.

    `boot` names this boot of the machine, "" if it has no name. `untouched`: nothing was left there yet.
    """

    def __init__(
        self, path: ArchivePath, url: str, *, with_md5: bool = False, boot: str = "", untouched: bool = False
    ) -> None:
        self._path = path
        self._record = _record_of(path)
        self._has_record = not untouched and self._record.exists()
        self._has_ahead = self._has_record and _ahead_of(path).exists()
        self._url = url
        self._asked = _object(url)
        self._with_md5 = with_md5
        self._boot = boot
        self._descriptor: int | None = None
        self._recorded = False
        self._reset()

    def _reset(self, origin: _Origin = _NOBODYS) -> None:
        self._origin = origin
        self.size = 0
        self.pieced = False
        self.head = b""
        self.sha256: _Hash = hashlib.sha256()
        self.md5: _Hash | None = hashlib.md5(usedforsecurity=False) if self._with_md5 else None

    @property
    def total(self) -> int | None:
        """The size of the whole file, None if nobody said."""
        return self._origin.total

    @property
    def place(self) -> Place:
        """The address that the bytes came from, after redirects."""
        return self._origin.place or place_of(self._url)

    @property
    def was_begun(self) -> bool:
        """Whether an earlier transfer left a record."""
        return self._has_record

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are there already."""
        return 0 < self.size == self.total

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that ask for the rest and nothing but the rest of the same file."""
        if not self._origin.validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._origin.validator}

    def fits(self, incoming: Incoming) -> bool:
        """Whether a 206 brings exactly the bytes that are missing, of the object that the others are of."""
        origin, span = self._origin, incoming.span
        if not origin.validator or span is None:
            return False
        plain = incoming.encoding in ("", "identity")
        rest = span.first == self.size and span.last == span.total - 1
        counted = incoming.length in (None, span.total - self.size)
        same = incoming.validator == origin.validator and self._object(incoming.url) == origin.answered
        return plain and rest and counted and same and origin.total in (None, span.total)

    def asking_for(self, first: int, last: int) -> dict[str, str]:
        """The request headers that ask for some bytes, the last one included, and only of the same file."""
        return {"Range": f"bytes={first}-{last}", "If-Range": self._origin.validator}

    def fits_between(self, incoming: Incoming, first: int, last: int) -> bool:
        """Whether a 206 brings exactly the bytes from `first` to `last` of the object of the others."""
        origin = self._origin
        whole = Span(first, last, origin.total or 0)
        exact = incoming.span == whole and incoming.length == last - first + 1
        same = incoming.validator == origin.validator and _object(incoming.url) == origin.answered
        return self.can_be_split and exact and same and incoming.encoding in ("", "identity")

    @property
    def can_be_split(self) -> bool:
        """Whether other answers can be held against this one: its size is known, and it has a validator."""
        return bool(self._origin.validator) and self._origin.total is not None

    @property
    def body(self) -> str:
        """Which body the bytes are of: no other has the same address, validator and size."""
        return f"{self._origin.answered} {self._origin.total} {self._origin.validator}"

    @property
    def has_ahead(self) -> bool:
        """Whether an earlier transfer may have left bytes that come behind those of the part."""
        return self._has_ahead and bool(self.size)

    def place_ahead(self) -> ArchivePath:
        """Return where bytes wait that come before their turn; the file's end, and `discard`, remove it."""
        self._has_ahead = True
        return _ahead_of(self._path)

    def go_on(self, incoming: Incoming) -> None:
        """Take a body that `fits` behind the bytes that are there."""
        self.pieced = True
        if incoming.span is not None:
            self._origin = replace(self._origin, total=incoming.span.total)

    def come_in_pieces(self) -> None:
        """Know that several answers bring the body."""
        self.pieced = True

    def start_over(self, incoming: Incoming) -> None:
        """Take a whole body: no byte of an earlier one stays."""
        plain = incoming.encoding in ("", "identity")
        validator = incoming.validator if plain else ""
        total = incoming.length if plain else None
        place = None if incoming.url == self._url else place_of(incoming.url)
        self._reset(_Origin(self._object(incoming.url), validator, total, place))

    def _object(self, url: str) -> str:
        return self._asked if url == self._url else _object(url)

    def load(self) -> None:
        """Take over what an earlier transfer left, if there is proof; else nothing. Blocking.

        Raises:
            ArchiveError: the partial file is there and cannot be read.
        """
        record = self._read_record()
        if record is None or record.get("asked") != self._asked:
            return
        origin = _origin_in(record)
        if origin is None:
            return
        parked = record.get("size") if "sha256" in record else None
        with ours(f"reading {self._path.name}"):
            self._hash_file(origin, parked if isinstance(parked, int) else None)
        fits = self.size == origin.total or (origin.validator and self.size < (origin.total or sys.maxsize))
        self.pieced = bool(self.size and fits and self._is_untouched(record))
        if not self.pieced:
            self._reset()

    def _is_untouched(self, record: dict[str, object]) -> bool:
        """Whether the bytes are those that were written: by their digest, or because no power cut came."""
        if "sha256" in record:
            return (self.size, self.sha256.hexdigest()) == (record.get("size"), record.get("sha256"))
        return bool(self._boot) and record.get("boot") == self._boot

    def _read_record(self) -> dict[str, object] | None:
        try:
            record = json.loads(self._record.read_bytes(_LARGEST_RECORD))
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) else None

    def _hash_file(self, origin: _Origin, most: int | None) -> None:
        """Count the bytes of the file, `most` at most: what came behind parked bytes is nobody's."""
        self._reset(origin)
        try:
            descriptor = self._path.open_descriptor(os.O_RDWR)
        except OSError as problem:
            if problem.errno in _NO_PART:
                return
            raise
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_nlink > 1:  # the other name may be a snapshot's
                return
            while piece := file.read(_READ if most is None else max(0, min(_READ, most - self.size))):
                self._count(piece)
                self.size += len(piece)
            if found.st_size > self.size:
                os.ftruncate(descriptor, self.size)

    def _count(self, piece: bytes) -> None:
        if len(self.head) < SNIFF_BYTES:
            self.head += piece[: SNIFF_BYTES - len(self.head)]
        self.sha256.update(piece)
        if self.md5 is not None:
            self.md5.update(piece)

    def write(self, pieces: list[bytes], *, more: bool) -> None:
        """Hash and append a block; with `more` to come, the record is made first. Blocking; raises OSError.

        A small file is one block, and never partial on disk.
        """
        for piece in pieces:
            self._count(piece)
        if self._descriptor is None:
            self._descriptor = self._open()
        if more and not self._recorded and self._origin.validator:
            self._write_record({})
        waiting = [memoryview(piece) for piece in pieces if piece]
        while waiting:
            written = os.writev(self._descriptor, waiting[:MOST_PIECES])
            self.size += written
            waiting = _unwritten(waiting, written)

    def _open(self) -> int:
        if self.size:
            descriptor = self._path.open_descriptor(os.O_WRONLY)
            os.ftruncate(descriptor, self.size)
            os.lseek(descriptor, self.size, os.SEEK_SET)
            return descriptor
        if self._has_record:  # gone first: it must never stand beside another object's bytes
            self._record.unlink(missing_ok=True)
            self._has_record = False
        return self._path.create()

    def park(self, pieces: list[bytes]) -> None:
        """Keep what came of a transfer that broke off, so that another can go on from there. Blocking.

        A disk that does not take it costs these bytes and nothing else.
        """
        if not self._origin.validator:
            self.forget()
            return
        if not pieces and self._descriptor is None:
            return
        try:
            self.write(pieces, more=False)
            self._write_record({"size": self.size, "sha256": self.sha256.hexdigest()})
        except OSError:
            self.forget()

    def finish(self) -> None:
        """Write down that the file is whole, so that nobody fetches it again. Blocking; raises OSError.

        Checks and conversions take longer than the transfer of a picture: a run may end amid them.
        """
        self._origin = replace(self._origin, total=self.size)
        self._write_record({"size": self.size, "sha256": self.sha256.hexdigest()})
        if self._has_ahead:
            _ahead_of(self._path).unlink(missing_ok=True)

    def forget(self) -> None:
        """Count no byte of it any more: another transfer starts from nothing."""
        self._reset()

    def _write_record(self, parked: dict[str, object]) -> None:
        record = {
            "asked": self._asked,
            "answered": self._origin.answered,
            "validator": self._origin.validator,
            "total": self._origin.total,
            "boot": self._boot,
            **parked,
        }
        if self._origin.place is not None:
            record["place"] = self._origin.place.as_json()
        self._has_record = True
        write_new(self._record, json.dumps(record).encode(), mode=PRIVATE)
        self._recorded = True

    def discard(self) -> None:
        """Remove the file: it is not what was wanted. Blocking; raises OSError."""
        self.forget()
        discard(self._path)

    def close(self) -> None:
        """Close the file; another block would open it again, behind what is there. Blocking."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._recorded = False


def discard(path: ArchivePath) -> None:
    """Remove a partial file and what lies beside it. Blocking; raises OSError."""
    for beside in (_record_of(path), _ahead_of(path)):
        beside.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _record_of(path: ArchivePath) -> ArchivePath:
    return path.with_name(path.name + ".json")


def _ahead_of(path: ArchivePath) -> ArchivePath:
    return path.with_name(path.name + ".ahead")


def _object(url: str) -> str:
    """A digest of an address without `sign` and `t` (docs/api.md#signatures-and-expiry): the same object.

    A digest, because some paths carry a signature, which must not be written down.
    """
    place, question, query = url.partition("?")
    lasting = "&".join(item for item in query.split("&") if not item.startswith(("sign=", "t=")))
    return hashlib.sha256(f"{place}{question}{lasting}".encode("utf-8", "surrogatepass")).hexdigest()


def _origin_in(record: dict[str, object]) -> _Origin | None:
    answered, validator, total = (record.get(name) for name in ("answered", "validator", "total"))
    if not (isinstance(answered, str) and isinstance(validator, str)):
        return None
    if not (validator.isascii() and validator.isprintable()):  # it will be a request header
        return None
    if total is not None and (type(total) is not int or total <= 0):
        return None
    return _Origin(answered, validator, total, read_place(record.get("place")))


def _unwritten(pieces: list[memoryview], written: int) -> list[memoryview]:
    for place, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[place + 1 :]]
        written -= len(piece)
    return []
