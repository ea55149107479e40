"""Sends the responses of the demo server piece by piece, and records what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from xharchive.demo.server import HttpResponse

__all__ = ["ResponseWriter", "SeenRequest"]

_CHUNK = 1 << 16
_Kind = Literal["api", "media"]


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request, and what the server sent for it.

    Attributes:
        host: without the port.
        raw_path: path and query, byte for byte.
        status: 0 if the connection was closed before a status line.
        sent_bytes: body bytes handed to the connection.
    """

    kind: _Kind
    host: str
    raw_path: str
    headers: Mapping[str, str]
    status: int
    sent_bytes: int


@dataclass(slots=True)
class ResponseWriter:
    """Sends the response to one request. `status` is 0 before the status line; `sent` counts body bytes."""

    request: web.Request
    status: int = 0
    sent: int = 0
    response: web.StreamResponse | None = None

    async def send(self, answer: HttpResponse) -> None:
        """Send the complete response."""
        await self.begin(answer)
        await self.write(answer.body)

    async def begin(self, answer: HttpResponse) -> None:
        """Send status line and headers, with the length of the body."""
        self.response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
        self.response.content_length = len(answer.body)
        await self.response.prepare(self.request)
        self.status = answer.status

    async def write(self, body: bytes) -> None:
        """Send a part of the body, unless the request is a HEAD."""
        if self.response is None or self.request.method == "HEAD":
            return
        for at in range(0, len(body), _CHUNK):
            chunk = body[at : at + _CHUNK]
            await self.response.write(chunk)
            self.sent += len(chunk)

    def hang_up(self) -> None:
        """Close the connection."""
        if self.request.transport is not None:
            self.request.transport.close()

    def seen(self, kind: _Kind, host: str) -> SeenRequest:
        """Return the request, and what was sent for it so far."""
        request = self.request
        return SeenRequest(kind, host, request.raw_path, request.headers, self.status, self.sent)
