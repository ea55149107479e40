"""A server that says exactly the bytes a test wants, and writes down exactly the bytes it was sent."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Asked", "Says", "Wire", "certificate", "deaf_port", "head", "listening_on", "redirect", "say"]


@dataclass(frozen=True)
class Asked:
    """One request: the target of its first line byte for byte, and its headers by lower-case name."""

    target: str
    headers: dict[str, str]


_HANDSHAKE = b"\x16"
"""The first byte of a TLS connection."""

Says = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """A server that is up: its port, what it was asked, and how many connections came."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]


def head(status: int = 200, *lines: str, length: int | None = None) -> bytes:
    """The status line and headers of an answer, as bytes."""
    counted = [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, *counted, "", ""]).encode()


def say(*pieces: bytes, then_hang_up: bool = True) -> Says:
    """Answer every request with these bytes, one write each."""

    async def said(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_hang_up:
            writer.close()

    return said


def redirect(status: int, location: str) -> bytes:
    """A whole answer that sends the client elsewhere."""
    return head(status, f"Location: {location}", length=0)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A loopback port that nobody listens on, nor can come to until the block ends."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield int(deaf.getsockname()[1])


@asynccontextmanager
async def listening_on(says: Says, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Serve on a free loopback port until the block ends."""
    wire = Wire()
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            # An idle or broken connection is no test's business; a test looks at what it was sent.
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while not writer.is_closing():
                    first = await reader.readexactly(1)
                    if first == _HANDSHAKE:  # a server without TLS does not wait for the rest of it
                        return
                    asked = _parse(first + await reader.readuntil(b"\r\n\r\n"))
                    wire.asked.append(asked)
                    await says(asked, writer)
        finally:
            writer.close()
            talks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def _parse(raw: bytes) -> Asked:
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = (line.partition(":") for line in lines)
    return Asked(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in headers})


def certificate(folder: Path, host: str, *more: str) -> Path:
    """Make a self-signed certificate for some hosts, with its key in one PEM file. Needs openssl."""
    made = folder / f"{host}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-batch"]
    command += ["-keyout", str(made), "-out", str(folder / "cert.pem"), "-subj", f"/CN={host}"]
    command += ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in (host, *more))]
    subprocess.run(command, check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (folder / "cert.pem").read_bytes())
    return made
