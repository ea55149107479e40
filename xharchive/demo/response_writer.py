"""Sends a response, complete or broken, and counts the bytes."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from xharchive.demo.http_responses import HttpResponse

__all__ = ["ResponseWriter"]

_CHUNK = 1 << 16
_PIECES = 16
_PAUSE = 0.02  # seconds


@dataclass(slots=True)
class ResponseWriter:
    """Sends the response to one request. `status` is 0 before the status line; `sent` counts body bytes."""

    request: web.Request
    status: int = 0
    sent: int = 0
    response: web.StreamResponse | None = None

    async def whole(self, answer: HttpResponse) -> None:
        """Send the complete response."""
        await self._begin(answer)
        await self._write(answer.body)

    async def half(self, answer: HttpResponse) -> None:
        """Declare the full length, send half of the body, and leave the connection open."""
        await self._begin(answer)
        await self._write(answer.body[: len(answer.body) // 2])

    async def cut(self, answer: HttpResponse) -> None:
        """Send half of the body, then close the connection."""
        await self.half(answer)
        self.hang_up()

    async def cut_without_length(self, answer: HttpResponse) -> None:
        """Send half of the body without a length: the closed connection ends it (RFC 9112, 6.3)."""
        half = answer.body[: len(answer.body) // 2]
        lines = [
            f"HTTP/1.1 {answer.status} Cut",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        if self.request.transport is not None:
            self.request.transport.write(head + half)
            self.status, self.sent = answer.status, len(half)
        self.hang_up()

    async def stall(self, answer: HttpResponse, closing: asyncio.Event) -> None:
        """Send half of the body, then nothing until `closing` is set or the client disconnects."""
        await self.half(answer)
        await closing.wait()
        self.hang_up()

    async def slowly(self, answer: HttpResponse, closing: asyncio.Event) -> None:
        """Send the response in pieces with a pause before each, until `closing` is set."""
        await _pause(closing)
        await self._begin(answer)
        size = max(1, -(-len(answer.body) // _PIECES))
        for at in range(0, len(answer.body), size):
            if at:
                await _pause(closing)
            await self._write(answer.body[at : at + size])

    def hang_up(self) -> None:
        """Close the connection."""
        if self.request.transport is not None:
            self.request.transport.close()

    async def _begin(self, answer: HttpResponse) -> None:
        self.response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
        self.response.content_length = len(answer.body)
        await self.response.prepare(self.request)
        self.status = answer.status

    async def _write(self, body: bytes) -> None:
        if self.response is None or self.request.method == "HEAD":
            return
        for at in range(0, len(body), _CHUNK):
            chunk = body[at : at + _CHUNK]
            await self.response.write(chunk)
            self.sent += len(chunk)


async def _pause(closing: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), _PAUSE)
