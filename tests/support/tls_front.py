"""TLS in front of a plain-http server on loopback."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

from support.loopback_proxy import relay

__all__ = ["TlsFront"]


class TlsFront:
    """Takes TLS off with one certificate and hands what comes to a loopback port."""

    def __init__(self, pem: Path, behind: int) -> None:
        self.port = 0
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pem)
        self._behind = behind

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        with suppress(ConnectionError):
            await writer.start_tls(self.tls)
            await relay(self._behind, b"", reader, writer)
        writer.close()
