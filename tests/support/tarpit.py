"""A server that never comes to an end: each kind sends bytes for as long as the client stays connected."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count, repeat

__all__ = ["BODIES", "HEADS", "Tarpit"]

_PAUSE = 0.01  # seconds between two writes
_FLOOD = 16 * 1024  # bytes in one write of a kind that sends as much as it can
_STATUS = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _STATUS + b"Transfer-Encoding: chunked\r\n\r\n"
_BEGINNING = 64  # bytes of the body that come at full speed

Kind = Callable[[bytes], Iterator[bytes]]
"""What one connection is sent, write by write, given the body that was asked for."""


def _flood(piece: bytes, *before: bytes) -> Iterator[bytes]:
    return chain(before, repeat(piece * (_FLOOD // len(piece) + 1)))


def _trickle(content: bytes) -> Iterator[bytes]:
    return (content[place : place + 1] for place in range(len(content)))


def _chunk(content: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(content), extension, content)


def _endless_headers() -> Iterator[bytes]:
    return (b"X-%d: y\r\n" % number * 20 for number in count())


def _trickled_body(body: bytes) -> Iterator[bytes]:
    head = _STATUS + b'ETag: "1"\r\nContent-Length: %d\r\n\r\n' % len(body)
    return chain([head + body[:_BEGINNING]], _trickle(body[_BEGINNING:]))


def _trickled_chunks(body: bytes) -> Iterator[bytes]:
    chunks = (_chunk(byte, b";" + b"x" * 1000) for byte in _trickle(body[_BEGINNING:]))
    return chain([_CHUNKED, _chunk(body[:_BEGINNING])], chunks)


def _empty_packed_blocks(body: bytes) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(body[:_BEGINNING]) + packer.flush(zlib.Z_SYNC_FLUSH)
    empty = b"\x00\x00\x00\xff\xff"  # a stored block without content
    return _flood(empty, _STATUS + b"Content-Encoding: gzip\r\n\r\n", begun)


HEADS: dict[str, Kind] = {
    "informational answers": lambda _: _flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "informational answers with headers": lambda _: _flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "blank lines": lambda _: _flood(b"\r\n"),
    "a status a byte at a time": lambda _: _trickle(b"HTTP/1.1 200 " + b"x" * 8000),
    "a header a byte at a time": lambda _: chain([_STATUS], _trickle(b"X-Long: " + b"x" * 8000)),
    "an endless header": lambda _: _flood(b"x", _STATUS, b"X-Long: "),
    "endless headers": lambda _: chain([_STATUS], _endless_headers()),
}
"""The headers never end."""

BODIES: dict[str, Kind] = {
    "a body a byte at a time": _trickled_body,
    "chunks of a byte with long extensions": _trickled_chunks,
    "an endless chunk extension": lambda body: _flood(b"a=b;", _CHUNKED, _chunk(body[:_BEGINNING]), b"5;"),
    "an endless chunk size": lambda body: _flood(b"0", _CHUNKED, _chunk(body[:_BEGINNING])),
    "trailers without end": lambda body: chain([_CHUNKED, _chunk(body), b"0\r\n"], _endless_headers()),
    "a trailer a byte at a time": lambda body: chain(
        [_CHUNKED, _chunk(body), b"0\r\n"], _trickle(b"X-Long: " + b"x" * 8000)
    ),
    "packed blocks without content": _empty_packed_blocks,
}
"""The headers come, the body never ends."""


@dataclass
class Tarpit:
    """The server: what it sends, for which body, and the head of every request that it got."""

    kind: Kind
    body: bytes = b""
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def option(self, *hosts: str) -> list[str]:
        """The command line's part that leads these hosts here."""
        return [part for host in hosts for part in ("--resolve", f"{host}=127.0.0.1:{self.port}")]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection until the client leaves."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            for piece in self.kind(self.body):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(_PAUSE)
        writer.close()
