"""Write a body to its part file, in blocks of 512 KiB.

Threads hash and write a block while the next one arrives. At most one block per file is being written. So a
transfer needs about 1 MiB of memory, whatever the size of the file, and the event loop neither hashes nor
writes (docs/performance.md#bodies-hashes-and-disk).
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from xharchive.archive_path import translate_os_errors
from xharchive.cancel_shield import finish_before_cancel
from xharchive.download.file_origin import FileOrigin
from xharchive.download.part_file import MAX_CHUNKS, PartFile
from xharchive.errors import CandidateFailed, NetworkError
from xharchive.media import (
    SNIFF_BYTES,
    SRT,
    AssetKind,
    Family,
    Format,
    can_be,
    is_blank,
    looks_like_text,
    sniff,
)

_CheckResult = TypeVar("_CheckResult")

_BLOCK = 512 * 1024
_MIB = 1024 * 1024
_MAX_GROWTH = 2  # compressed / decoded size; limits endless blocks without content

MAX_BODY_SIZE = {
    Family.PICTURE: 256 * _MIB,
    Family.MOVIE: 32 * 1024 * _MIB,
    Family.AUDIO: 1024 * _MIB,
    Family.TEXT: 16 * _MIB,
}
"""Size limit of a body in bytes, by family. It ends an endless body."""


class BodyStream(Protocol):
    """Provide a body in order, from one response or from several that are joined."""

    encoding: str
    length: int | None
    chunked: bool

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end."""


@dataclass(frozen=True, slots=True)
class Body:
    """Describe a complete body on disk.

    Args:
        size: Length in bytes.
        sha256: Digest in hex.
        md5: Digest in hex, "" if the reply declares none to compare with.
        found: Format that the first bytes show.
        length_proven: The transfer itself proved that it is complete: it had a length or was chunked.
        assembled: The bytes came in more than one response.
        origin: Where the bytes came from.
    """

    size: int
    sha256: str
    md5: str
    found: Format
    length_proven: bool
    assembled: bool = False
    origin: FileOrigin = field(default_factory=FileOrigin)


class _Decoder:
    """Decode a Content-Encoding that no request asked for, and check that the stream is complete.

    aiohttp's own decoder accepts a gzip stream that was cut (docs/reliability.md#http-client).
    """

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise CandidateFailed("encoded", "the body came in an encoding that was not asked for")
        self._stream = zlib.decompressobj(31 if "gzip" in encoding else 15)
        self._packed = self._unpacked = 0  # bytes

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes, at most a block at a time: they may be a thousand times as many."""
        unpacked = b""
        self._packed += len(chunk)
        while chunk or len(unpacked) == _BLOCK:
            try:
                unpacked = self._stream.decompress(chunk, _BLOCK)
            except zlib.error:
                raise CandidateFailed("encoded", "the compressed body is damaged") from None
            if self._stream.unused_data:
                raise CandidateFailed("encoded", "more bytes follow the end of the compressed body")
            self._unpacked += len(unpacked)
            if self._packed > _MAX_GROWTH * self._unpacked + _BLOCK:
                raise CandidateFailed("encoded", "the compressed body is far larger than its content")
            if unpacked:
                yield unpacked
            chunk = self._stream.unconsumed_tail

    def finish(self) -> None:
        """Check that the compressed stream is complete."""
        if not self._stream.eof:
            raise CandidateFailed("cut", "the compressed body ended before its end")


async def receive(
    incoming: BodyStream,
    part_file: PartFile,
    kind: AssetKind,
    threads: Executor,
    on_bytes: Callable[[int], None],
    check_body: Callable[[Body], _CheckResult],
) -> _CheckResult:
    """Append a body to its part file and check the result.

    If the transfer is cut or cancelled, its bytes stay in the part file, with a record to resume it.

    Args:
        on_bytes: Called with the size of each block.
        check_body: Called with the complete body, in the thread that wrote the last block: so a small file
            needs one thread switch.

    Returns:
        The result of `check_body`.

    Raises:
        CandidateFailed: The body is not a file of this kind, is too large, or has a broken encoding.
        NetworkError: The body did not arrive completely.
        ArchiveError: The part file cannot be written.
    """
    receiver = _Receiver(incoming, kind, threads, on_bytes, part_file)
    try:
        await receiver.pump()
        return await receiver.finish(check_body)
    except (NetworkError, asyncio.CancelledError):
        await finish_before_cancel(receiver.save_progress())
        raise
    except CandidateFailed:
        await finish_before_cancel(receiver.discard())
        raise
    finally:
        if not receiver.is_finished:
            await finish_before_cancel(receiver.close())


def describe_complete(part_file: PartFile, kind: AssetKind) -> Body:
    """Return the body of a part file that was complete when it was loaded.

    Raises:
        CandidateFailed: It is not a file of this kind.
    """
    return _body_of(part_file, _detect_format(part_file.head, kind), length_proven=True)


def _body_of(part_file: PartFile, found: Format, *, length_proven: bool) -> Body:
    md5 = part_file.md5.hexdigest() if part_file.md5 is not None else ""
    return Body(
        part_file.size,
        part_file.sha256.hexdigest(),
        md5,
        found,
        length_proven,
        part_file.assembled,
        part_file.origin,
    )


class _Receiver:
    """Receive one body: collect chunks to blocks and write at most one block at a time."""

    def __init__(
        self,
        incoming: BodyStream,
        kind: AssetKind,
        threads: Executor,
        on_bytes: Callable[[int], None],
        part_file: PartFile,
    ) -> None:
        self._incoming = incoming
        self._kind = kind
        self._threads = threads
        self._on_bytes = on_bytes
        self._part_file = part_file
        self._decoder = _Decoder(incoming.encoding) if incoming.encoding not in ("", "identity") else None
        self._in_flight: asyncio.Future[Any] | None = None
        self.is_finished = False
        self._chunks: list[bytes] = []
        self._max_size = max(MAX_BODY_SIZE.values())
        self._received = part_file.size
        self._head = part_file.head
        self._found: Format | None = None

    @property
    def found(self) -> Format:
        """The format that the first bytes show."""
        return self._found or self._check_head()

    @property
    def length_proven(self) -> bool:
        """Whether the length, the chunks or the end of the compressed stream proves a complete body."""
        return self._incoming.length is not None or self._incoming.chunked or self._decoder is not None

    async def pump(self) -> None:
        """Write the complete body to the part file, apart from its last block."""
        buffered = 0
        while arrived := await self._incoming.read():
            for chunk in self._decoder.decode(arrived) if self._decoder else (arrived,):
                self._count(chunk)
                self._chunks.append(chunk)
                buffered += len(chunk)
                if buffered >= _BLOCK or len(self._chunks) >= MAX_CHUNKS:
                    await self._start_write()
                    buffered = 0
        if self._decoder is not None:
            self._decoder.finish()
        if not self._received:
            raise CandidateFailed("zero-bytes", "the body is empty")
        if self._found is None:
            self._check_head()
        if self._part_file.total not in (None, self._received):
            raise CandidateFailed("cut", f"{self._received} of {self._part_file.total} bytes arrived")
        await self._wait_for_write()

    async def finish(self, check_body: Callable[[Body], _CheckResult]) -> _CheckResult:
        """Write the last block, close the file and check it, in one job of one thread."""
        loop = asyncio.get_running_loop()
        chunks = self._next_block()
        job = self._in_flight = loop.run_in_executor(
            self._threads, self._finish_in_thread, chunks, check_body
        )
        checked: _CheckResult = await asyncio.shield(job)
        self.is_finished = True
        return checked

    def _finish_in_thread(
        self, chunks: list[bytes], check_body: Callable[[Body], _CheckResult]
    ) -> _CheckResult:
        with translate_os_errors("writing media"):
            self._part_file.write(chunks, more=False)
            if self.length_proven:
                self._part_file.finish()
            self._part_file.close()
        return check_body(_body_of(self._part_file, self.found, length_proven=self.length_proven))

    def _count(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._found is None:
            self._head += chunk[: SNIFF_BYTES - len(self._head)]
            if len(self._head) >= SNIFF_BYTES:
                self._check_head()
        if self._received > self._max_size:
            raise _too_large(self._max_size)

    def _check_head(self) -> Format:
        """Reject an HTML page or a file of another kind at its first bytes, before the rest is downloaded."""
        found = self._found = _detect_format(self._head, self._kind)
        self._max_size = MAX_BODY_SIZE[found.family]
        if self._incoming.length is not None and self._incoming.length > self._max_size:
            raise _too_large(self._max_size)
        return found

    async def _start_write(self) -> None:
        await self._wait_for_write()
        loop = asyncio.get_running_loop()
        self._in_flight = loop.run_in_executor(self._threads, self._write, self._next_block())

    def _next_block(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        self._on_bytes(sum(map(len, chunks)))
        return chunks

    def _write(self, chunks: list[bytes]) -> None:
        self._part_file.write(chunks, more=True)

    async def _wait_for_write(self) -> None:
        if self._in_flight is not None:
            with translate_os_errors("writing media"):
                # Shielded: a thread writes this block even if the transfer is cancelled.
                await asyncio.shield(self._in_flight)
            self._in_flight = None

    async def save_progress(self) -> None:
        """Save the bytes that arrived, so that another transfer can resume."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
            if self._in_flight.exception() is not None:
                self._part_file.reset()  # a block was not written; no other may follow it
                return
        self._on_bytes(sum(map(len, self._chunks)))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._part_file.save_progress, self._chunks)

    async def discard(self) -> None:
        """Remove the part file: it is not the right file."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
        with translate_os_errors("removing a wrong file"):
            await asyncio.get_running_loop().run_in_executor(self._threads, self._part_file.discard)

    async def close(self) -> None:
        """Wait until the current block is written or has failed, then close the file in a thread."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
            self._in_flight.exception()  # retrieve it; the interruption is reported
        await asyncio.get_running_loop().run_in_executor(self._threads, self._part_file.close)


def _detect_format(head: bytes, kind: AssetKind) -> Format:
    found = sniff(head)
    if found is None and kind is AssetKind.SUBTITLE and is_blank(head):
        found = SRT
    if found is None and looks_like_text(head):
        raise CandidateFailed("not-media", "the response is a page or a message, not media")
    if found is None:
        raise CandidateFailed("unknown-format", "the first bytes belong to no known media format")
    if not can_be(found, kind):
        raise CandidateFailed("wrong-kind", f"the file is {found.media_type}, which is no {kind}")
    return found


def _too_large(limit: int) -> CandidateFailed:
    return CandidateFailed("too-large", f"the body is larger than {limit >> 20} MiB")
