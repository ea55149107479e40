"""The HTTP responses of the demo server, with byte ranges (RFC 9110), and what sends them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from xharchive.demo.world import ServedFile

_CHUNK = 1 << 16
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response. `headers` has no Content-Length; `ResponseWriter` adds it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def api_response(body: bytes) -> HttpResponse:
    """Return an API reply: HTTP 200 with any code, as the vendor's older guide says."""
    return HttpResponse(200, {"Content-Type": "application/json; charset=utf-8"}, body)


def invalid_token() -> HttpResponse:
    """Return the API's response to an unknown token."""
    return api_response(b'{"code": 100, "message": "TOKEN INVALID", "recordTime": null, "data": null}')


def not_found() -> HttpResponse:
    """Return the CDN's 404."""
    return HttpResponse(404, {"Content-Type": "text/plain"}, b"not found\n")


def redirect(target: str) -> HttpResponse:
    """Return a redirect."""
    return HttpResponse(302, {"Content-Type": "text/plain", "Location": target}, b"")


def media_response(served: ServedFile) -> HttpResponse:
    """Return the complete file."""
    if served.status != 200:
        return HttpResponse(served.status, {"Content-Type": served.content_type}, served.body)
    headers = {"Content-Type": served.content_type, "ETag": served.etag, "Accept-Ranges": "bytes"}
    return HttpResponse(200, headers, served.body)


def apply_range(whole: HttpResponse, request: Mapping[str, str]) -> HttpResponse:
    """Return the requested range if `If-Range` matches; otherwise the complete response."""
    requested = _ONE_RANGE.fullmatch(request.get("Range", ""))
    etag = whole.headers.get("ETag", "")
    if whole.status != 200 or requested is None or request.get("If-Range", etag) != etag:
        return whole
    total = len(whole.body)
    span = _span(requested[1], requested[2], total)
    if span is None:
        return HttpResponse(416, {**whole.headers, "Content-Range": f"bytes */{total}"}, b"")
    part = whole.body[span.start : span.stop]
    content_range = f"bytes {span.start}-{span.stop - 1}/{total}"
    return HttpResponse(206, {**whole.headers, "Content-Range": content_range}, part)


def _span(first: str, last: str, total: int) -> range | None:
    """Return the offsets of a range; None if it cannot be satisfied (RFC 9110, 14.1.1)."""
    if first:
        start, stop = int(first), min(int(last) + 1, total) if last else total
    else:
        start, stop = max(0, total - int(last or 0)), total
    return range(start, stop) if start < stop else None


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
