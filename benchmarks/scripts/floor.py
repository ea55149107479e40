"""The least that Python can do with every check on: bare sockets, SHA-256, fsync, decode. URLS OUT JOBS.

No API, no fallback, no resume, no manifest: what this takes beyond a tool in C is the price of the proofs.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from PIL import Image

_BLOCK = 1 << 20
_FILMS = ".mp4"


def _fetch(urls: "SimpleQueue[str]", out: Path, decoders: Executor) -> list["Future[None]"]:
    """Take addresses until there are none, over one connection, and hand pictures to the decoders."""
    decoded = []
    first = urls.get()
    place = urlsplit(first)
    with socket.create_connection((place.hostname or "", place.port or 80)) as connection:
        buffer = memoryview(bytearray(_BLOCK))
        for url in _rest(first, urls):
            path = out / url.rpartition("/")[2]
            _receive(connection, urlsplit(url).path, path, buffer)
            if path.suffix != _FILMS:
                decoded.append(decoders.submit(_decode, str(path)))
    return decoded


def _rest(first: str, urls: "SimpleQueue[str]") -> Iterator[str]:
    yield first
    while True:
        try:
            yield urls.get_nowait()
        except Empty:
            return


def _receive(connection: socket.socket, path: str, target: Path, buffer: memoryview) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: floor\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    head, _, body = head.partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(body)
    digest = hashlib.sha256(body)
    with target.open("wb", buffering=0) as file:
        file.write(body)
        while left:
            size = connection.recv_into(buffer, min(left, _BLOCK))
            digest.update(buffer[:size])
            file.write(buffer[:size])
            left -= size
        os.fsync(file.fileno())


def _decode(path: str) -> None:
    with Image.open(path) as picture:
        picture.draft(None, (1, 1))  # a JPEG at an eighth: all of its coded data is read
        picture.load()


def main() -> None:
    """Do it all."""
    urls: SimpleQueue[str] = SimpleQueue()
    listed, out, jobs = Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]), int(sys.argv[3])
    for url in listed:
        urls.put(url)
    threads = min(jobs, len(listed))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("forkserver")) as decoders:
        with ThreadPoolExecutor(threads) as pool:
            fetched = [pool.submit(_fetch, urls, out, decoders) for _ in range(threads)]
        for each in fetched:
            for decoded in each.result():
                decoded.result()


if __name__ == "__main__":
    main()
