"""The least that the proofs cost in Python: SHA-256, fsync, a decode check, nothing else. URLS OUT JOBS WAY.

No API, no fallback, no resume, no manifest: what this takes beyond a tool in C is the price of the proofs,
and what xharchive takes beyond this is its own. There are several ways, as each leaves something to ask:

    sockets     a process a core, each with one bare socket, doing everything in turn
    undecoded   the same without the decode check: what that costs
    aiohttp     a process a core, each with an event loop and aiohttp, doing everything in turn
    one         one process with aiohttp, two threads that hash, write and sync, a decoder a core

As in xharchive, uvloop runs the loops if it is there; the decoders' memory settings are those of its workers
(`xharchive/images/pool.py`), and they get their pictures in batches and load nothing but Pillow.
"""

import asyncio
import hashlib
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PIL import Image

if TYPE_CHECKING:
    import aiohttp

_BLOCK = 1 << 19
_BATCH = 16
_FILMS = ".mp4"
_KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


_Way = Callable[[Sequence[str], Path, int], None]


class _Target:
    """A file that is hashed as it is written, and synced when it is whole."""

    def __init__(self, url: str, out: Path) -> None:
        self.path = out / url.rpartition("/")[2]
        self._digest = hashlib.sha256()
        self._file = self.path.open("wb", buffering=0)

    @property
    def is_film(self) -> bool:
        return self.path.suffix == _FILMS

    def write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)

    def close(self) -> None:
        self._digest.hexdigest()
        os.fsync(self._file.fileno())
        self._file.close()

    def write_all(self, data: bytes) -> None:
        self.write(data)
        self.close()


def _decode(*paths: str) -> None:
    for path in paths:
        with Image.open(path) as picture:
            picture.draft(None, (1, 1))  # a JPEG at an eighth: all of its coded data is read
            picture.load()


def _undecoded(urls: Sequence[str], out: Path, jobs: int) -> None:
    _by_sockets(urls, out, jobs, decode=lambda _: None)


def _by_sockets(urls: Sequence[str], out: Path, _: int, decode: Callable[[str], None] = _decode) -> None:
    place = urlsplit(urls[0])
    buffer = memoryview(bytearray(_BLOCK))
    with socket.create_connection((place.hostname or "", place.port or 80)) as connection:
        for url in urls:
            target = _Target(url, out)
            for data in _body(connection, urlsplit(url).path, buffer):
                target.write(data)
            target.close()
            if not target.is_film:
                decode(str(target.path))


def _body(connection: socket.socket, path: str, buffer: memoryview) -> Iterator[bytes | memoryview]:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: floor\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65_536)
    head, _, begun = head.partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(begun)
    yield begun
    while left:
        # A small picture is read, hashed and written at once: each of them costs a call.
        size = connection.recv_into(buffer, min(left, _BLOCK), socket.MSG_WAITALL)
        yield buffer[:size]
        left -= size


def _by_aiohttp(urls: Sequence[str], out: Path, jobs: int) -> None:
    async def fetch(session: "aiohttp.ClientSession", url: str) -> None:
        target = _Target(url, out)
        async with session.get(url) as response:
            if target.is_film:
                async for data in response.content.iter_any():
                    target.write(data)
            else:
                target.write(await response.read())
        target.close()
        if not target.is_film:
            _decode(str(target.path))

    _run(_in_lanes(urls, jobs, fetch))


def _in_one(urls: Sequence[str], out: Path, jobs: int) -> None:
    decoders = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("forkserver"))
    threads = ThreadPoolExecutor(2)
    decoded = []
    written: list[str] = []

    def decode(least: int) -> None:
        if len(written) >= least:
            decoded.append(decoders.submit(_decode, *written))
            written.clear()

    async def fetch(session: "aiohttp.ClientSession", url: str) -> None:
        loop = asyncio.get_running_loop()
        target = _Target(url, out)
        async with session.get(url) as response:
            if not target.is_film:
                await loop.run_in_executor(threads, target.write_all, await response.read())
                written.append(str(target.path))
                decode(_BATCH)
                return
            held: list[bytes] = []
            async for data in response.content.iter_any():
                held.append(data)
                if sum(map(len, held)) >= _BLOCK:
                    await loop.run_in_executor(threads, target.write, b"".join(held))
                    held.clear()
            await loop.run_in_executor(threads, target.write_all, b"".join(held))

    with decoders, threads:
        _run(_in_lanes(urls, jobs, fetch))
        decode(1)
        for each in decoded:
            each.result()


def _run(work: Coroutine[None, None, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _in_lanes(urls: Sequence[str], jobs: int, fetch: Callable[..., object]) -> None:
    import aiohttp  # here: the decoders import this module too

    left = iter(urls)

    async def lane(session: aiohttp.ClientSession) -> None:
        for url in left:
            await fetch(session, url)  # type: ignore[misc]

    connector = aiohttp.TCPConnector(limit=jobs)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=_BLOCK) as session:
        await asyncio.gather(*(lane(session) for _ in range(jobs)))


def _in_processes(way: _Way, urls: list[str], out: Path, jobs: int) -> None:
    """Deal the addresses out to a process a core; this one is the last of them."""
    cores = os.cpu_count() or 1
    films = [url for url in urls if url.endswith(_FILMS)]
    dealt = films + [url for url in urls if not url.endswith(_FILMS)]
    children = []
    for core in range(cores - 1):
        child = os.fork()
        if not child:
            way(dealt[core::cores], out, jobs // cores)
            os._exit(0)
        children.append(child)
    way(dealt[cores - 1 :: cores], out, jobs // cores)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("a process failed")


def main() -> None:
    """Do it all."""
    if not os.environ.keys() >= _KEEP_FREED_MEMORY.keys():  # the allocator reads them when a program begins
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_KEEP_FREED_MEMORY})  # noqa: S606
    listed, out, jobs, way = (
        Path(sys.argv[1]).read_text().split(),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
    )
    if way == "one":
        _in_one(listed, out, jobs)
    else:
        ways: dict[str, _Way] = {"sockets": _by_sockets, "undecoded": _undecoded, "aiohttp": _by_aiohttp}
        _in_processes(ways[way], listed, out, jobs)


if __name__ == "__main__":
    main()
