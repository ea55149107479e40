"""A body on its way to the disk: blocks of 512 KiB, hashed and written in threads while the next one arrives.

One block in flight a file, so memory stays at some 1 MiB a transfer whatever the file's size, and the event
loop neither hashes nor writes (docs/performance.md#bodies-hashes-and-disk).
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from xharchive.disk import ours
from xharchive.download.file_origin import Place
from xharchive.download.part_file import MOST_PIECES, Partial
from xharchive.errors import CandidateFailed, NetworkError
from xharchive.media import (
    SNIFF_BYTES,
    SRT,
    AssetKind,
    Family,
    Format,
    is_blank,
    looks_like_text,
    sniff,
    suits,
)
from xharchive.shielded import to_its_end

__all__ = ["LARGEST", "Body", "Stream", "receive", "received"]

_Examined = TypeVar("_Examined")

_BLOCK = 512 * 1024
_MIB = 1024 * 1024
_MOST_GROWTH = 2  # times: packing adds some bytes a block, but blocks without content never end

LARGEST = {
    Family.PICTURE: 256 * _MIB,
    Family.MOVIE: 32 * 1024 * _MIB,
    Family.AUDIO: 1024 * _MIB,
    Family.TEXT: 16 * _MIB,
}
"""The most bytes that are accepted of a body, by family: an endless one must end somewhere."""


class Stream(Protocol):
    """What a body is read from, in order: an answer, or several that are put together."""

    encoding: str
    length: int | None
    chunked: bool

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body that lies on disk: its size in bytes, digests in hex, and the format of its first bytes.

    `announced` says that the transfer itself proved to be whole: it had a length or was chunked. `pieced`:
    its bytes came with more than one answer. `place` is the address that they came from.
    """

    size: int
    sha256: str
    md5: str
    found: Format
    announced: bool
    pieced: bool = False
    place: Place = field(default_factory=Place)


class _Decoder:
    """Undoes a Content-Encoding that nobody asked for, and knows whether the stream really ended.

    aiohttp's own decoder takes a cut gzip stream for a whole one (docs/reliability.md#http-client).
    """

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise CandidateFailed("encoded", "the body came in an encoding that was not asked for")
        self._stream = zlib.decompressobj(31 if "gzip" in encoding else 15)
        self._packed = self._unpacked = 0  # bytes

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """Yield what the piece unpacks to, at most a block at a time: it may be a thousand times as much."""
        unpacked = b""
        self._packed += len(piece)
        while piece or len(unpacked) == _BLOCK:
            try:
                unpacked = self._stream.decompress(piece, _BLOCK)
            except zlib.error:
                raise CandidateFailed("encoded", "the compressed body is damaged") from None
            if self._stream.unused_data:
                raise CandidateFailed("encoded", "more bytes follow the end of the compressed body")
            self._unpacked += len(unpacked)
            if self._packed > _MOST_GROWTH * self._unpacked + _BLOCK:
                raise CandidateFailed("encoded", "the compressed body is far larger than what it unpacks to")
            if unpacked:
                yield unpacked
            piece = self._stream.unconsumed_tail

    def finish(self) -> None:
        if not self._stream.eof:
            raise CandidateFailed("cut", "the compressed body ended before its end")


async def receive(
    incoming: Stream,
    partial: Partial,
    kind: AssetKind,
    threads: Executor,
    seen: Callable[[int], None],
    examine: Callable[[Body], _Examined],
) -> _Examined:
    """Stream a body behind what `partial` holds, tell `seen` of every block's size, return what it all is.

    `examine` looks at the closed file, in the thread that wrote the last block: a small file costs one hop.
    A transfer that breaks off or is interrupted leaves its bytes in the part, to be continued with proof.

    Raises:
        CandidateFailed: it is not a file of this kind, too large, or came in a broken encoding.
        NetworkError: it did not arrive whole.
        ArchiveError: the disk would not take it.
    """
    reception = _Reception(incoming, kind, threads, seen, partial)
    try:
        await reception.pump()
        return await reception.conclude(examine)
    except (NetworkError, asyncio.CancelledError):
        await to_its_end(reception.park())
        raise
    except CandidateFailed:
        await to_its_end(reception.drop())
        raise
    finally:
        if not reception.concluded:
            await to_its_end(reception.close())


def received(partial: Partial, kind: AssetKind) -> Body:
    """Return the body of a partial file that turned out to be whole already.

    Raises:
        CandidateFailed: it is not a file of this kind.
    """
    return _body_of(partial, _judge(partial.head, kind), announced=True)


def _body_of(partial: Partial, found: Format, *, announced: bool) -> Body:
    md5 = partial.md5.hexdigest() if partial.md5 is not None else ""
    return Body(
        partial.size, partial.sha256.hexdigest(), md5, found, announced, partial.pieced, partial.place
    )


class _Reception:
    """One transfer: collects pieces to blocks and keeps at most one block in flight."""

    def __init__(
        self,
        incoming: Stream,
        kind: AssetKind,
        threads: Executor,
        seen: Callable[[int], None],
        partial: Partial,
    ) -> None:
        self._incoming = incoming
        self._kind = kind
        self._threads = threads
        self._seen = seen
        self._partial = partial
        self._decoder = _Decoder(incoming.encoding) if incoming.encoding not in ("", "identity") else None
        self._in_flight: asyncio.Future[Any] | None = None
        self.concluded = False
        self._pieces: list[bytes] = []
        self._most = max(LARGEST.values())
        self._received = partial.size
        self._head = partial.head
        self._found: Format | None = None

    @property
    def found(self) -> Format:
        """The format, told by the first bytes."""
        return self._found or self._judge_head()

    @property
    def announced(self) -> bool:
        """Whether a length, the chunks or the compressed stream's own end proved that all of it came."""
        return self._incoming.length is not None or self._incoming.chunked or self._decoder is not None

    async def pump(self) -> None:
        """Move the whole body into the partial file, but for its last pieces."""
        held = 0
        while arrived := await self._incoming.read():
            for piece in self._decoder.decode(arrived) if self._decoder else (arrived,):
                self._accept(piece)
                self._pieces.append(piece)
                held += len(piece)
                if held >= _BLOCK or len(self._pieces) >= MOST_PIECES:
                    await self._hand_over()
                    held = 0
        if self._decoder is not None:
            self._decoder.finish()
        if not self._received:
            raise CandidateFailed("zero-bytes", "the body is empty")
        if self._found is None:
            self._judge_head()
        if self._partial.total not in (None, self._received):
            raise CandidateFailed("cut", f"{self._received} of {self._partial.total} bytes arrived")
        await self._settled()

    async def conclude(self, examine: Callable[[Body], _Examined]) -> _Examined:
        """Write the last pieces, close the file and have it examined: one job of one thread."""
        loop = asyncio.get_running_loop()
        pieces = self._taken()
        job = self._in_flight = loop.run_in_executor(self._threads, self._finish, pieces, examine)
        examined: _Examined = await asyncio.shield(job)
        self.concluded = True
        return examined

    def _finish(self, pieces: list[bytes], examine: Callable[[Body], _Examined]) -> _Examined:
        with ours("writing media"):
            self._partial.write(pieces, more=False)
            if self.announced:
                self._partial.finish()
            self._partial.close()
        return examine(_body_of(self._partial, self.found, announced=self.announced))

    def _accept(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._found is None:
            self._head += piece[: SNIFF_BYTES - len(self._head)]
            if len(self._head) >= SNIFF_BYTES:
                self._judge_head()
        if self._received > self._most:
            raise _too_large(self._most)

    def _judge_head(self) -> Format:
        """Refuse a page or a file of another kind at its first bytes, before the rest is paid for in time."""
        found = self._found = _judge(self._head, self._kind)
        self._most = LARGEST[found.family]
        if self._incoming.length is not None and self._incoming.length > self._most:
            raise _too_large(self._most)
        return found

    async def _hand_over(self) -> None:
        await self._settled()
        loop = asyncio.get_running_loop()
        self._in_flight = loop.run_in_executor(self._threads, self._write, self._taken())

    def _taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        self._seen(sum(map(len, pieces)))
        return pieces

    def _write(self, pieces: list[bytes]) -> None:
        self._partial.write(pieces, more=True)

    async def _settled(self) -> None:
        if self._in_flight is not None:
            with ours("writing media"):
                # Shielded: cancelling would forget a block that a thread is still writing.
                await asyncio.shield(self._in_flight)
            self._in_flight = None

    async def park(self) -> None:
        """Put what came so far to where another transfer can go on from it."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
            if self._in_flight.exception() is not None:
                self._partial.forget()  # the disk did not take a block; nothing may follow it
                return
        self._seen(sum(map(len, self._pieces)))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._partial.park, self._pieces)

    async def drop(self) -> None:
        """Remove what came: it is not the file that was wanted."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
        with ours("removing a file that is not what it should be"):
            await asyncio.get_running_loop().run_in_executor(self._threads, self._partial.discard)

    async def close(self) -> None:
        """Wait for the block in flight, whatever became of it, and close the file in a thread."""
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight])
            self._in_flight.exception()  # seen here: whoever interrupted the transfer has the first word
        await asyncio.get_running_loop().run_in_executor(self._threads, self._partial.close)


def _judge(head: bytes, kind: AssetKind) -> Format:
    found = sniff(head)
    if found is None and kind is AssetKind.SUBTITLE and is_blank(head):
        found = SRT
    if found is None and looks_like_text(head):
        raise CandidateFailed("not-media", "the answer is a page or a message, not media")
    if found is None:
        raise CandidateFailed("unknown-format", "the first bytes belong to no known media format")
    if not suits(found, kind):
        raise CandidateFailed("wrong-kind", f"the file is {found.media_type}, which is no {kind}")
    return found


def _too_large(most: int) -> CandidateFailed:
    return CandidateFailed("too-large", f"the body is larger than {most >> 20} MiB")
