"""An HTTP proxy on loopback that leads every host to given ports, or refuses."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["LoopbackProxy", "SocksProxy", "relay"]


@dataclass
class LoopbackProxy:
    """Where the proxy leads, and what it was asked.

    Requests for port 443, by CONNECT, go to the loopback port `https`, others to `http`. With `status` it
    answers all requests with that; with `login` ("user:password") it answers 407 to those without it; with
    `hangs_up` it closes the connection instead.
    """

    https: int = 0
    http: int = 0
    status: int = 0
    login: str = ""
    hangs_up: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heard: bytes = b""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heard += head
            method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ")
            self.asked.append(f"{method} {target}")
            if self.hangs_up:
                writer.close()
                return
            refusal = self._refusal(head)
            if refusal:
                writer.write(f"HTTP/1.1 {refusal} No\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
            elif method == "CONNECT" and not self.https:
                writer.write(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
            elif method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                await relay(self.https, b"", reader, writer, self._hear)
            else:
                parts = urlsplit(target)
                path = target.partition(parts.netloc)[2] or "/"
                moved = head.replace(target.encode("latin-1"), path.encode("latin-1"), 1)
                await relay(self.http, moved, reader, writer, self._hear)
        writer.close()

    def _refusal(self, head: bytes) -> int:
        wanted = b"Proxy-Authorization: Basic " + base64.b64encode(self.login.encode())
        return self.status or (407 if self.login and wanted not in head else 0)

    def _hear(self, piece: bytes) -> None:
        self.heard += piece


async def relay(
    port: int,
    first: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    hear: Callable[[bytes], None] = lambda _: None,
) -> None:
    """Connect to a loopback port and carry bytes both ways until one side ends."""
    upstream, onward = await asyncio.open_connection("127.0.0.1", port)
    onward.write(first)
    ways = ((reader, onward, hear), (upstream, writer, lambda _: None))
    copying = [asyncio.create_task(_copy(*way)) for way in ways]
    try:
        await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in copying:
            task.cancel()
        await asyncio.gather(*copying, return_exceptions=True)
        onward.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[bytes], None]
) -> None:
    while piece := await reader.read(65_536):
        hear(piece)
        writer.write(piece)
        await writer.drain()


@dataclass
class SocksProxy(LoopbackProxy):
    """A SOCKS5 proxy without a login (RFC 1928); names are resolved by it."""

    @property
    def address(self) -> str:
        return f"socks5h://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            _, methods = await reader.readexactly(2)
            await reader.readexactly(methods)
            writer.write(b"\x05\x00")
            _, _, _, kind, length = await reader.readexactly(5)
            assert kind == 3, "the client resolved the name"
            host = (await reader.readexactly(length)).decode()
            port = int.from_bytes(await reader.readexactly(2), "big")
            self.asked.append(f"{host}:{port}")
            target = self.https if port == 443 else self.http
            writer.write(bytes((5, 0 if target else 5, 0, 1)) + bytes(6))
            await writer.drain()
            if target:
                await relay(target, b"", reader, writer, self._hear)
        writer.close()
