"""Serves the demo world on a local port: the API under its own hosts, the CDN under every other `Host`.

A client sends its requests for production hosts to this address, with an unchanged `Host` header.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from xharchive.demo.demo_listings import LISTING_PATHS, SHORT_HOSTS, DemoListings
from xharchive.demo.world import PGY, V1, V3, V6, V7, DemoWorld, ServedFile

API_HOSTS = frozenset({"api.justoneapi.com", "127.0.0.1", "localhost", "[::1]"})
"""The hosts of the API. All other hosts belong to the CDN."""

API_PATHS: Mapping[str, str] = MappingProxyType(
    {
        **{f"/api/xiaohongshu/get-note-detail/{version}": version for version in (V1, V3, V6, V7)},
        "/api/xiaohongshu-pgy/api/solar/note/noteId/detail/v1": PGY,
    }
)
"""The note endpoints by path."""

_REFUSED_TOKENS = frozenset({"", "wrong"})
_SHUTDOWN_SECONDS = 2.0
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response. `headers` has no Content-Length."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def redirect(target: str) -> HttpResponse:
    """Return a redirect."""
    return HttpResponse(302, {"Content-Type": "text/plain", "Location": target}, b"")


def _not_found() -> HttpResponse:
    return HttpResponse(404, {"Content-Type": "text/plain"}, b"not found\n")


def _api_response(body: bytes) -> HttpResponse:
    """Return an API reply: HTTP 200 with any code, as the vendor's older guide says."""
    return HttpResponse(200, {"Content-Type": "application/json; charset=utf-8"}, body)


def _media_response(served: ServedFile) -> HttpResponse:
    headers = {"Content-Type": served.content_type}
    if served.status == 200:
        headers |= {"ETag": served.etag, "Accept-Ranges": "bytes"}
    return HttpResponse(served.status, headers, served.body)


def apply_range(whole: HttpResponse, request: Mapping[str, str]) -> HttpResponse:
    """Return the requested range (RFC 9110, 14.1.1) if `If-Range` matches, else the complete response."""
    requested = _ONE_RANGE.fullmatch(request.get("Range", ""))
    etag = whole.headers.get("ETag", "")
    if whole.status != 200 or requested is None or request.get("If-Range", etag) != etag:
        return whole
    (first, last), total = requested.groups(), len(whole.body)
    start = int(first) if first else max(0, total - int(last or 0))
    stop = min(int(last) + 1, total) if first and last else total
    if start >= stop:
        return HttpResponse(416, {**whole.headers, "Content-Range": f"bytes */{total}"}, b"")
    content_range = f"bytes {start}-{stop - 1}/{total}"
    return HttpResponse(206, {**whole.headers, "Content-Range": content_range}, whole.body[start:stop])


class RequestHandler:
    """Responds to requests from a world."""

    def __init__(self, world: DemoWorld) -> None:
        self.world = world

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the response of the API or of the CDN."""
        host = host_of(request)
        if host in API_HOSTS:
            found = await self.api(request)
        else:
            found = apply_range(await self.media(host, request), request.headers)
        return web.Response(status=found.status, headers=found.headers, body=found.body)

    async def api(self, request: web.Request) -> HttpResponse:
        """Return the response of the API."""
        endpoint = API_PATHS.get(request.path)
        if endpoint is None and request.path not in LISTING_PATHS:
            return _not_found()
        if request.query.get("token", "") in _REFUSED_TOKENS:
            return _api_response(
                b'{"code": 100, "message": "TOKEN INVALID", "recordTime": null, "data": null}'
            )
        if endpoint is None:
            return _api_response(DemoListings(self.world.notes).reply(request.path, request.query))
        return _api_response(self.world.reply(endpoint, request.query.get("noteId", "")))

    async def media(self, host: str, request: web.Request) -> HttpResponse:
        """Return the complete response of a host of the CDN or of the link shortener."""
        if host in SHORT_HOSTS:
            target = DemoListings(self.world.notes).target(f"https://{host}{request.path}")
            return redirect(target) if target else _not_found()
        served = await asyncio.to_thread(self.world.media, host, request.raw_path)
        return _not_found() if served is None else _media_response(served)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server."""

    host: str
    port: int

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def serve(
    handler: RequestHandler, port: int = 0, host: str = "127.0.0.1"
) -> AsyncIterator[RunningServer]:
    """Serve the API under its hosts and the CDN under all others, until the block ends.

    Port 0 selects a free port.

    Raises:
        OSError: the port is in use.
    """
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", handler.handle)
    app.router.add_route("HEAD", "/{path:.*}", handler.handle)
    # With cancellation, a stalled response ends when its client disconnects.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield RunningServer(host, int(runner.addresses[0][1]))
    finally:
        await runner.cleanup()


def host_of(request: web.Request) -> str:
    """Return the `Host` without its port, in lower case."""
    host = request.headers.get("Host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
