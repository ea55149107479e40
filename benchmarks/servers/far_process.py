"""The paced server itself: `python -m benchmarks.servers.far_process CORPUS DISTANCE`, prints its port.

Written on bare streams, because it has to pace a hundred connections on a fraction of a core. A body is sent
piece by piece on a schedule that ends when size / rate seconds are over, so that nothing is let through at
once.
"""

import asyncio
import json
import os
import re
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from benchmarks.servers.far import Distance

_PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_STATUS = "/benchmark/status"
_MOST_DEAD = 2  # of a file's mirrors: a file that nobody has any more is another misfortune


@dataclass(frozen=True, slots=True)
class _Request:
    path: str
    query: str
    headers: dict[str, str]

    @property
    def host(self) -> str:
        return self.headers.get("host", "").partition(":")[0]


@dataclass(slots=True)
class _FarServer:
    corpus: Path
    distance: Distance
    answered: int = 0
    dead: dict[str, set[str]] = field(default_factory=dict)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        # A small buffer: what waits in it would have been sent too early.
        writer.transport.set_write_buffer_limits(high=_PIECE)
        try:
            while (request := await _read(reader)) is not None:
                await self._answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            writer.close()

    async def _answer(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        if request.path == _STATUS:
            _head(writer, 200, f'{{"requests": {self.answered}}}'.encode())
            return
        self.answered += 1
        await asyncio.sleep(self.distance.latency)
        if request.path.startswith("/api/"):
            note_id = parse_qs(request.query).get("noteId", [""])[0]
            reply = self.corpus / "replies" / f"{Path(note_id).name}.json"
            _head(writer, 200, reply.read_bytes()) if reply.exists() else _head(writer, 404, b"")
            return
        if request.host == self.distance.slow_host:
            await asyncio.sleep(self.distance.slow_by)
        if self._is_dead(request):
            if _number_of(request) // self.distance.dead_one_in % 2:
                raise ConnectionAbortedError
            _head(writer, 503, b"")
            return
        await self._send_file(request, writer)

    def _is_dead(self, request: _Request) -> bool:
        one_in = self.distance.dead_one_in
        if not one_in or _number_of(request) % one_in:
            return False
        dead = self.dead.setdefault(request.path, set())
        # The slow host is one of the two that ail: a film that only it has takes its time, whatever one does.
        if len(dead) < _MOST_DEAD - (bool(self.distance.slow_host) and request.path.endswith(".mp4")):
            dead.add(request.host)
        return request.host in dead

    async def _send_file(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        try:
            file = os.open(self.corpus / "media" / request.path.lstrip("/"), os.O_RDONLY)
        except OSError:
            _head(writer, 404, b"")
            return
        try:
            total = os.fstat(file).st_size
            wanted = _RANGE.fullmatch(request.headers.get("range", ""))
            start = int(wanted[1]) if wanted else 0
            stop = min(int(wanted[2]) + 1, total) if wanted and wanted[2] else total
            if start >= stop:
                _head(writer, 416, b"", f"Content-Range: bytes */{total}\r\n")
                return
            writer.write(_file_head(file, total, start, stop, partial=wanted is not None))
            slow = request.host == self.distance.slow_host
            rate = self.distance.slow_rate if slow else self.distance.rate
            await self._pace(file, start, stop, writer, rate)
        finally:
            os.close(file)

    async def _pace(
        self, file: int, start: int, stop: int, writer: asyncio.StreamWriter, rate: float
    ) -> None:
        loop = asyncio.get_running_loop()
        began, at = loop.time(), start
        while at < stop:
            piece = os.pread(file, min(_PIECE, stop - at), at)
            at += len(piece)
            due = began + (at - start) / rate
            await asyncio.sleep(max(due - loop.time(), 0))
            writer.write(piece)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head.strip().split("\r\n")
    path, _, query = first.split(" ")[1].partition("?")
    pairs = (line.partition(":") for line in lines)
    return _Request(path, query, {name.lower(): value.strip() for name, _, value in pairs})


def _number_of(request: _Request) -> int:
    """A number of the address, the same in each run."""
    return zlib.crc32(f"{request.host}{request.path}".encode())


def _head(writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    writer.write(head.encode() + body)


def _file_head(file: int, total: int, start: int, stop: int, *, partial: bool) -> bytes:
    span = f"Content-Range: bytes {start}-{stop - 1}/{total}\r\n" if partial else ""
    etag = f'"{os.fstat(file).st_mtime_ns:x}-{total:x}"'
    return (
        f"HTTP/1.1 {206 if partial else 200} -\r\nContent-Type: application/octet-stream\r\n"
        f"Accept-Ranges: bytes\r\nETag: {etag}\r\nContent-Length: {stop - start}\r\n{span}\r\n"
    ).encode()


async def _serve(corpus: Path, distance: Distance) -> None:
    desk = _FarServer(corpus, distance)
    server = await asyncio.start_server(desk.talk, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Distance(**json.loads(sys.argv[2]))))
