"""A media host of its own for one large file: it sends the whole body only as far as helpers leave it to.

The trunk (the request without a range, or for the rest of the file) is slow until a range was asked for, and
stops where the first good range begins, so that what the host sends can be counted to the byte.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["MIB", "RangedHost", "Request"]

MIB = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_REFUSALS = {
    "403": "403 No",
    "404": "404 No",
    "416": "416 No",
    "429": "429 No",
    "500": "500 No",
    "502": "502 No",
    "503": "503 No",
    "504": "504 No",
    "busy": "503 No\r\nRetry-After: 1",
    "busy for a minute": "503 No\r\nRetry-After: 60",
}
_AT_FIRST = 256 * 1024
_TRICKLE = 0.02  # seconds
_PIECE = 64 * 1024


@dataclass(slots=True)
class Request:
    """What was asked and what was sent: the range (None, None for the whole), If-Range, status, bytes."""

    first: int | None
    last: int | None
    if_range: str
    status: int = 0
    sent: int = 0

    @property
    def is_piece(self) -> bool:
        """Whether it is for some bytes in the middle: a helper's."""
        return self.last is not None


@dataclass
class RangedHost:
    """The host. `faults` says how the n-th request for a piece is answered (from 1), `always` all of them:

    `200` whatever was asked, a status, `busy` 503 with Retry-After, `busy for a minute`, `etag` another one,
    `weak` a weak one, `total` another size, `late` begins a byte later, `wide` more than was asked for,
    `short` a body that ends early under an honest length, `brief` half of the range under honest headers,
    `silent` half, then nothing, `slow` 64 KiB a second, `drop` no answer, `gzip` an encoding, `moved` from
    another address, `parts` with a head of its own between the bytes, `false` other bytes.

    `body` may be changed at any time: so does its ETag. `patient` trunks wait for helpers. No answer to a
    range, be it for the rest, brings more than `most_of_a_range` bytes before it breaks off. `on_sent` is
    told how many bytes went out so far. `proof` is what the head says in place of the ETag's line. After
    `silent_after` bytes it sends nothing more, to anyone.
    """

    body: bytes
    faults: Mapping[int, str] = field(default_factory=dict)
    always: str = ""
    patient: bool = True
    most_of_a_range: int = 1 << 40
    on_sent: Callable[[int], None] = lambda _: None
    proof: str | None = None
    port: int = 0
    asked: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    hold_after: int | None = None
    silent_after: int | None = None
    _news: threading.Condition = field(default_factory=threading.Condition)
    _good: int | None = None
    _judged: int = 0
    _at: int = 0

    @property
    def etag(self) -> str:
        return f'"{hash(self.body) & 0xFFFFFFFF:x}"'

    @property
    def pieces(self) -> list[Request]:
        """The requests of helpers."""
        return [request for request in self.asked if request.is_piece]

    @property
    def sent(self) -> int:
        """The bytes of bodies that went out."""
        return sum(request.sent for request in self.asked)

    @property
    def option(self) -> list[str]:
        """The command line's part that leads here."""
        return ["--resolve", f"sns-v8.rednotecdn.com=127.0.0.1:{self.port}"]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                await self._answer(head, reader, writer)
        writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = _RANGE.search(head)
        condition = re.search(r"if-range: (.*)\r\n", head)
        request = Request(
            int(wanted[1]) if wanted else None,
            int(wanted[2]) if wanted and wanted[2] else None,
            condition[1] if condition else "",
        )
        self.asked.append(request)
        await self._speak()
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if request.is_piece:
                await self._piece(request, writer, moved="moved=" in head)
            else:
                await self._trunk(request, reader, writer)
        finally:
            self.at_once -= 1

    async def _trunk(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        body = self.body
        start = request.first if request.first and request.if_range == self.etag else 0
        is_first = len(self.asked) == 1
        self._head(request, writer, start, len(body) - 1, 206 if start else 200)
        self._at = start
        most = start + self.most_of_a_range if start else len(body)
        while self._at < len(body):
            if self._at >= most:
                writer.close()
                return
            stop = self._at + _PIECE
            if is_first and self.patient and not self._judged and self._at - start >= _AT_FIRST:
                await asyncio.sleep(_TRICKLE)
                stop = self._at + 1024
            elif is_first and self._good is not None:
                stop = self._good
                if self._at >= stop:
                    await reader.read(1)  # until the client goes: others bring the rest
                    writer.close()
                    return
            await self._send(request, writer, body[self._at : stop])
            self._at = min(stop, len(body))

    async def _piece(self, request: Request, writer: asyncio.StreamWriter, *, moved: bool) -> None:
        fault = self.always or self.faults.get(len(self.pieces), "")
        if fault == "drop":
            writer.close()
        elif fault in _REFUSALS:
            request.status = int(_REFUSALS[fault][:3])
            writer.write(f"HTTP/1.1 {_REFUSALS[fault]}\r\nContent-Length: 0\r\n\r\n".encode())
        elif fault == "moved" and not moved:
            request.status = 302
            writer.write(b"HTTP/1.1 302 Elsewhere\r\nLocation: ?moved=1\r\nContent-Length: 0\r\n\r\n")
        elif fault == "200" or request.if_range != self.etag:
            self._head(request, writer, 0, len(self.body) - 1, 200)
            self._judged += 1
            await self._send(request, writer, self.body)
        else:
            await self._range(request, writer, fault)
        self._judged += 1

    async def _range(self, request: Request, writer: asyncio.StreamWriter, fault: str) -> None:
        first, last = request.first or 0, request.last or 0
        if fault == "late":
            first += 1
        if fault == "wide":
            last = min(last + 100, len(self.body) - 1)
        if fault == "brief":
            last = (first + last) // 2
        etag = {"etag": '"other"', "weak": f"W/{self.etag}"}.get(fault, self.etag)
        more = "Content-Encoding: gzip\r\n" if fault == "gzip" else ""
        total = len(self.body) + (fault == "total")
        kind = "multipart/byteranges; boundary=x" if fault == "parts" else "video/mp4"
        self._head(request, writer, first, last, 206, etag=etag, total=total, more=more, kind=kind)
        proves = fault in ("", "short", "silent", "slow", "false") and self.most_of_a_range > _AT_FIRST
        if proves and self._good is None and first >= self._at:
            self._good = first
        self._judged += 1
        holds = self.hold_after is not None and len(self.pieces) > self.hold_after
        ends_early = holds or fault in ("short", "silent")
        stop = (first + last) // 2 if ends_early else last + 1
        breaks_off = stop > first + self.most_of_a_range
        content = self.body[first : min(stop, first + self.most_of_a_range)]
        await self._send(
            request,
            writer,
            b"\xff" * len(content) if fault == "false" else content,
            pause=1.0 if fault == "slow" else 0.0,
        )
        if fault == "short" or breaks_off:
            writer.close()
        elif ends_early:
            await asyncio.Event().wait()

    def _head(
        self,
        request: Request,
        writer: asyncio.StreamWriter,
        first: int,
        last: int,
        status: int,
        *,
        etag: str = "",
        total: int = 0,
        more: str = "",
        kind: str = "video/mp4",
    ) -> None:
        request.status = status
        span = f"Content-Range: bytes {first}-{last}/{total or len(self.body)}\r\n" if status == 206 else ""
        proof = f"ETag: {etag or self.etag}\r\n" if self.proof is None else self.proof
        writer.write(
            f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{proof}"
            f"Content-Length: {last - first + 1}\r\n{span}{more}\r\n".encode()
        )

    async def _send(
        self, request: Request, writer: asyncio.StreamWriter, body: bytes, pause: float = 0.0
    ) -> None:
        for place in range(0, len(body), _PIECE):
            await self._speak()
            writer.write(body[place : place + _PIECE])
            await writer.drain()
            request.sent += len(body[place : place + _PIECE])
            with self._news:
                self._news.notify_all()
            self.on_sent(self.sent)
            await asyncio.sleep(pause)

    async def _speak(self) -> None:
        if self.silent_after is not None and self.sent >= self.silent_after:
            await asyncio.Event().wait()

    def until_sent(self, size: int) -> None:
        """Wait until so many bytes went out."""
        with self._news:
            assert self._news.wait_for(lambda: self.sent >= size, timeout=60), "it never happened"
