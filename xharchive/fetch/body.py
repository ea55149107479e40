"""A body on its way to the disk: blocks of 1 MiB, hashed and written in threads while the next one arrives.

PERFORMANCE 7.3: one block in flight a file, so memory stays at some 2 MiB a transfer whatever the file's
size, and the event loop neither hashes nor writes.
"""

import asyncio
import hashlib
import os
import zlib
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xharchive.disk import ours
from xharchive.errors import CandidateFailed
from xharchive.media import SNIFF_BYTES, AssetKind, Family, Format, looks_like_text, sniff, suits
from xharchive.transport import Incoming

__all__ = ["LARGEST", "Body", "receive"]

_BLOCK = 1024 * 1024
_MOST_PIECES = 512  # writev takes at most IOV_MAX buffers, 1024 on Linux
_MIB = 1024 * 1024
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

LARGEST = {
    Family.PICTURE: 256 * _MIB,
    Family.MOVIE: 32 * 1024 * _MIB,
    Family.AUDIO: 1024 * _MIB,
    Family.TEXT: 16 * _MIB,
}
"""The most bytes that are accepted of a body, by family: an endless one must end somewhere."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body that lies on disk: its size in bytes, digests in hex, and the format of its first bytes.

    `announced` says that the transfer itself proved to be whole: it had a length or was chunked.
    """

    size: int
    sha256: str
    md5: str
    found: Format
    announced: bool


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Writer:
    """Writes and hashes blocks. `write` and `close` block; only threads call them, one at a time.

    The file is opened by the first block, in the same thread: there is no moment at which a cancelled
    transfer could lose the descriptor.
    """

    def __init__(self, path: Path, *, with_md5: bool) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.size = 0
        self.sha256: _Hash = hashlib.sha256()
        self.md5: _Hash | None = hashlib.md5(usedforsecurity=False) if with_md5 else None

    def write(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.sha256.update(piece)
            if self.md5 is not None:
                self.md5.update(piece)
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW
            self._descriptor = os.open(self._path, flags, 0o644)
        waiting = [memoryview(piece) for piece in pieces if piece]
        while waiting:
            written = os.writev(self._descriptor, waiting[:_MOST_PIECES])
            self.size += written
            waiting = _unwritten(waiting, written)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _unwritten(pieces: list[memoryview], written: int) -> list[memoryview]:
    for place, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[place + 1 :]]
        written -= len(piece)
    return []


class _Decoder:
    """Undoes a Content-Encoding that nobody asked for, and knows whether the stream really ended.

    aiohttp's own decoder takes a cut gzip stream for a whole one (RELIABILITY 1).
    """

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise CandidateFailed("encoded", "the body came in an encoding that was not asked for")
        self._stream = zlib.decompressobj(31 if "gzip" in encoding else 15)

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """Yield what the piece unpacks to, at most a block at a time: it may be a thousand times as much."""
        unpacked = b""
        while piece or len(unpacked) == _BLOCK:
            try:
                unpacked = self._stream.decompress(piece, _BLOCK)
            except zlib.error:
                raise CandidateFailed("encoded", "the compressed body is damaged") from None
            if self._stream.unused_data:
                raise CandidateFailed("encoded", "more bytes follow the end of the compressed body")
            if unpacked:
                yield unpacked
            piece = self._stream.unconsumed_tail

    def finish(self) -> None:
        if not self._stream.eof:
            raise CandidateFailed("cut", "the compressed body ended before its end")


async def receive(
    incoming: Incoming,
    path: Path,
    kind: AssetKind,
    threads: Executor,
    seen: Callable[[int], None],
    *,
    with_md5: bool = False,
) -> Body:
    """Stream a body to `path`, tell `seen` of every block's size, and return what the body was.

    Raises:
        CandidateFailed: it is not a file of this kind, too large, or came in a broken encoding.
        NetworkError: it did not arrive whole.
        ArchiveError: the disk would not take it.
    """
    reception = _Reception(incoming, kind, threads, seen)
    writer = _Writer(path, with_md5=with_md5)
    try:
        await reception.pump(writer)
    finally:
        await _through(reception.close(writer))
    md5 = writer.md5.hexdigest() if writer.md5 is not None else ""
    return Body(writer.size, writer.sha256.hexdigest(), md5, reception.found, reception.announced)


async def _through(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must not be left half done: a cancellation goes on when it is through."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


class _Reception:
    """One transfer: collects pieces to blocks and keeps at most one block in flight."""

    def __init__(
        self, incoming: Incoming, kind: AssetKind, threads: Executor, seen: Callable[[int], None]
    ) -> None:
        self._incoming = incoming
        self._kind = kind
        self._threads = threads
        self._seen = seen
        self._decoder = _Decoder(incoming.encoding) if incoming.encoding not in ("", "identity") else None
        self._in_flight: asyncio.Future[None] | None = None
        self._most = max(LARGEST.values())
        self._received = 0
        self._head = b""
        self._found: Format | None = None

    @property
    def found(self) -> Format:
        """The format, told by the first bytes."""
        return self._found or self._judge_head()

    @property
    def announced(self) -> bool:
        """Whether a length, the chunks or the compressed stream's own end proved that all of it came."""
        return self._incoming.length is not None or self._incoming.chunked or self._decoder is not None

    async def pump(self, writer: _Writer) -> None:
        """Move the whole body to the writer."""
        pieces: list[bytes] = []
        held = 0
        while arrived := await self._incoming.read():
            for piece in self._decoder.decode(arrived) if self._decoder else (arrived,):
                self._accept(piece)
                pieces.append(piece)
                held += len(piece)
                if held >= _BLOCK or len(pieces) >= _MOST_PIECES:
                    await self._hand_over(writer, pieces)
                    pieces, held = [], 0
        if self._decoder is not None:
            self._decoder.finish()
        if not self._received:
            raise CandidateFailed("zero-bytes", "the body is empty")
        if self._found is None:
            self._judge_head()
        await self._hand_over(writer, pieces)
        await self._settled()

    def _accept(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._found is None:
            self._head += piece[: SNIFF_BYTES - len(self._head)]
            if len(self._head) >= SNIFF_BYTES:
                self._judge_head()
        if self._received > self._most:
            raise CandidateFailed("too-large", f"the body is larger than {self._most >> 20} MiB")

    def _judge_head(self) -> Format:
        """Refuse a page or a file of another kind at its first bytes, before the rest is paid for in time."""
        found = sniff(self._head)
        if found is None and looks_like_text(self._head):
            raise CandidateFailed("not-media", "the answer is a page or a message, not media")
        if found is None:
            raise CandidateFailed("unknown-format", "the first bytes belong to no known media format")
        if not suits(found, self._kind):
            raise CandidateFailed("wrong-kind", f"the file is {found.media_type}, which is no {self._kind}")
        self._found = found
        self._most = LARGEST[found.family]
        if self._incoming.length is not None and self._incoming.length > self._most:
            raise CandidateFailed("too-large", f"the body is larger than {self._most >> 20} MiB")
        return found

    async def _hand_over(self, writer: _Writer, pieces: list[bytes]) -> None:
        await self._settled()
        self._seen(sum(map(len, pieces)))
        loop = asyncio.get_running_loop()
        self._in_flight = loop.run_in_executor(self._threads, writer.write, pieces)

    async def _settled(self) -> None:
        if self._in_flight is not None:
            with ours("writing media"):
                # Shielded: cancelling would forget a block that a thread is still writing.
                await asyncio.shield(self._in_flight)
            self._in_flight = None

    async def close(self, writer: _Writer) -> None:
        """Wait for the block in flight, whatever became of it, and close the file in a thread."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
            self._in_flight.exception()  # seen here: whoever interrupted the transfer has the first word
        await asyncio.get_running_loop().run_in_executor(self._threads, writer.close)
