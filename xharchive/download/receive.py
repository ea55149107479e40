"""Receive the body of a response into its part file, in blocks, and check it.

Threads hash and write a block while the next one arrives; at most one block per file is being written. So a
transfer needs little memory, whatever the size of the file, and the event loop neither hashes nor writes
(docs/performance.md#bodies-hashes-and-disk).
"""

import asyncio
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

from xharchive.archive_path import translate_os_errors
from xharchive.download.file_checks import CheckedBody, FetchRequest, check_file
from xharchive.download.hosts import TransferSpeed
from xharchive.download.part_file import MAX_CHUNKS, PLAIN, PartFile
from xharchive.errors import CandidateFailed
from xharchive.events import Listener, Progressed
from xharchive.http import StreamResponse
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
from xharchive.models import Candidate

if TYPE_CHECKING:
    from xharchive.download.multipart import MultipartBody

_MIB = 1024 * 1024
MAX_BODY_SIZE = {
    Family.PICTURE: 256 * _MIB,
    Family.MOVIE: 32 * 1024 * _MIB,
    Family.AUDIO: 1024 * _MIB,
    Family.TEXT: 16 * _MIB,
}
"""Size limit of a body in bytes, by family. It ends an endless body."""

_BLOCK = 256 * 1024  # bytes, or
_BLOCK_SECONDS = 2.0  # what arrived in this time: a kill loses no more
_ONE_BLOCK = 512 * 1024  # bytes of a file that is written in one block, if it comes in that time
_DECODED = 512 * 1024  # bytes that are decoded at a time
_MAX_GROWTH = 2  # compressed / decoded size; limits endless blocks without content


class Receiver:
    """Receive one body: collect chunks to blocks and write at most one block at a time."""

    def __init__(
        self,
        request: FetchRequest,
        candidate: Candidate,
        file: PartFile,
        incoming: StreamResponse,
        threads: Executor,
        listen: Listener,
    ) -> None:
        self._request = request
        self._candidate = candidate
        self._file = file
        self._incoming = incoming
        self._listen = listen
        self._in_thread = partial(asyncio.get_running_loop().run_in_executor, threads)
        self._decoder = None if incoming.encoding in PLAIN else _Decoder(incoming.encoding)
        self._in_flight: asyncio.Future[Any] | None = None
        self._chunks: list[bytes] = []
        self._pending = 0
        self._max_size = max(MAX_BODY_SIZE.values())
        self._received = self._file.size
        self._head = self._file.head
        self._found: Format | None = None
        self.is_finished = False

    async def pump(
        self,
        source: "StreamResponse | MultipartBody",
        speed: TransferSpeed,
        split: "MultipartBody | None" = None,
    ) -> None:
        """Write the complete body to the part file, apart from its last block. Leave a slow host.

        Raises:
            CandidateFailed: The body is not a file of this kind, is too large, or has a broken encoding.
            NetworkError: The body did not arrive completely, or a mirror is much faster.
            ArchiveError: The part file cannot be written.
        """
        start, now = self._received, speed.now
        speed.begin(split.plan.ahead if split else 0)
        written_at, total = now(), self._file.total
        block = _ONE_BLOCK if total and total <= _ONE_BLOCK else _BLOCK
        while arrived := await source.read():
            for chunk in self._decoder.decode(arrived) if self._decoder else (arrived,):
                self._add(chunk)
                if self._pending > block or len(self._chunks) >= MAX_CHUNKS:
                    await self._start_write()
                    written_at = now()
            at = now()
            if at - written_at >= _BLOCK_SECONDS and self._chunks:
                await self._start_write()
                written_at = at
            if at >= speed.next_check:
                ahead, connections = (split.plan.ahead, split.helpers + 1) if split else (0, 1)
                speed.check(self._received - start + ahead, connections)
        self._end()
        speed.finish(self._received - start, split.helpers + 1 if split else 1)

    def _add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._pending += len(chunk)
        self._received += len(chunk)
        if self._found is None:
            self._head += chunk[: SNIFF_BYTES - len(self._head)]
            if len(self._head) >= SNIFF_BYTES:
                self._check_head()
        if self._received > self._max_size:
            raise _too_large(self._max_size)

    def _end(self) -> None:
        if self._decoder is not None:
            self._decoder.finish()
        if not self._received:
            raise CandidateFailed("zero-bytes", "the body is empty")
        if self._found is None:
            self._check_head()
        if self._file.total not in (None, self._received):
            raise CandidateFailed("cut", f"{self._received} of {self._file.total} bytes arrived")

    def _check_head(self) -> Format:
        """Reject an HTML page or a file of another kind at its first bytes, before the rest is downloaded."""
        found = self._found = detect_format(self._head, self._request.asset.slot.kind)
        self._max_size = MAX_BODY_SIZE[found.family]
        if self._incoming.length is not None and self._incoming.length > self._max_size:
            raise _too_large(self._max_size)
        return found

    async def finish(self) -> CheckedBody:
        """Write the last block, close the file and check it, in one job of one thread."""
        await self._wait_for_write()
        self._in_flight = self._in_thread(self._finish_in_thread, self._next_block())
        checked: CheckedBody = await asyncio.shield(self._in_flight)
        return checked

    def _finish_in_thread(self, chunks: list[bytes]) -> CheckedBody:
        # The length, the chunks or the end of the compressed stream proves that the body is complete.
        incoming, found = self._incoming, self._found or self._check_head()
        length_proven = incoming.length is not None or incoming.chunked or self._decoder is not None
        with translate_os_errors("writing media"):
            self._file.write(chunks, more=False)
            if length_proven:
                self._file.finish()
            self._file.close()
        self.is_finished = True
        return check_file(self._request, self._candidate, self._file, found, length_proven=length_proven)

    async def _start_write(self) -> None:
        await self._wait_for_write()
        self._in_flight = self._in_thread(partial(self._file.write, self._next_block(), more=True))

    def _next_block(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        self._listen(Progressed(self._pending))
        self._pending = 0
        return chunks

    async def _wait_for_write(self) -> None:
        if self._in_flight is not None:
            with translate_os_errors("writing media"):
                # Shielded: a thread writes this block even if the transfer is cancelled.
                await asyncio.shield(self._in_flight)
            self._in_flight = None

    async def _write_failed(self) -> bool:
        """Wait until the current block is written or has failed; return whether it has failed."""
        if self._in_flight is None:
            return False
        await asyncio.wait([self._in_flight])
        return self._in_flight.exception() is not None

    async def save_progress(self) -> None:
        """Save the bytes that arrived, so that another transfer can resume."""
        if await self._write_failed():
            self._file.reset()  # no other block may follow
        else:
            await self._in_thread(self._file.save_progress, self._next_block())

    async def discard(self) -> None:
        """Remove the part file: it is not the right file."""
        await self._write_failed()
        with translate_os_errors("removing a wrong file"):
            await self._in_thread(self._file.discard)

    async def close(self) -> None:
        """Close the file."""
        await self._write_failed()
        await self._in_thread(self._file.close)


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
        while chunk or len(unpacked) == _DECODED:
            try:
                unpacked = self._stream.decompress(chunk, _DECODED)
            except zlib.error:
                raise CandidateFailed("encoded", "the compressed body is damaged") from None
            if self._stream.unused_data:
                raise CandidateFailed("encoded", "more bytes follow the end of the compressed body")
            self._unpacked += len(unpacked)
            if self._packed > _MAX_GROWTH * self._unpacked + _DECODED:
                raise CandidateFailed("encoded", "the compressed body is far larger than its content")
            if unpacked:
                yield unpacked
            chunk = self._stream.unconsumed_tail

    def finish(self) -> None:
        """Check that the compressed stream is complete."""
        if not self._stream.eof:
            raise CandidateFailed("cut", "the compressed body ended before its end")


def detect_format(head: bytes, kind: AssetKind) -> Format:
    """Return the format that the first bytes of a file show.

    Raises:
        CandidateFailed: It is no file of this kind.
    """
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
