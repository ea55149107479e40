"""Serves the demo world on a local port: the API under its own hosts, the CDN under every other `Host`.

A client sends its requests for production hosts to this address, with an unchanged `Host` header.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from aiohttp import web

from xharchive.demo.demo_listings import LISTING_PATHS, SHORT_HOSTS, DemoListings
from xharchive.demo.demo_notes import PGY, V1, V3, V6, V7
from xharchive.demo.http_responses import (
    HttpResponse,
    ResponseWriter,
    api_response,
    apply_range,
    invalid_token,
    media_response,
    not_found,
    redirect,
)
from xharchive.demo.world import DemoWorld

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


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request, and what the server sent for it.

    Attributes:
        host: without the port.
        raw_path: path and query, byte for byte.
        status: 0 if the connection was closed before a status line.
        sent_bytes: body bytes handed to the connection.
    """

    kind: Literal["api", "media"]
    host: str
    raw_path: str
    headers: Mapping[str, str]
    status: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server."""

    host: str
    port: int

    @property
    def base_url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


class RequestHandler:
    """Responds to requests from a world. A subclass may override `respond`."""

    def __init__(self, world: DemoWorld, on_request: Callable[[SeenRequest], None] | None = None) -> None:
        """Respond from a world; `on_request` is called after each response, in the event loop."""
        self.world = world
        self.closing = asyncio.Event()
        """Set when the server ends."""
        self._on_request = on_request

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send the response to one request, and report it."""
        host = _host_of(request)
        writer = ResponseWriter(request)
        try:  # report the request also if the client disconnects
            await self.respond(request, host, writer)
        except ConnectionError:
            writer.hang_up()  # the client disconnected
        finally:
            if self._on_request is not None:
                kind: Literal["api", "media"] = "api" if host in API_HOSTS else "media"
                seen = SeenRequest(kind, host, request.raw_path, request.headers, writer.status, writer.sent)
                self._on_request(seen)
        # aiohttp needs a response also for a closed connection; it does not send it.
        return writer.response or web.Response()

    async def respond(self, request: web.Request, host: str, writer: ResponseWriter) -> None:
        """Send the response of the API or of the CDN; `host` is without the port, in lower case."""
        if host in API_HOSTS:
            await writer.send(await self.api(request))
        else:
            await writer.send(apply_range(await self.media(host, request), request.headers))

    async def api(self, request: web.Request) -> HttpResponse:
        """Return the response of the API."""
        endpoint = API_PATHS.get(request.path)
        if endpoint is None and request.path not in LISTING_PATHS:
            return not_found()
        if request.query.get("token", "") in _REFUSED_TOKENS:
            return invalid_token()
        if endpoint is None:
            return api_response(DemoListings(self.world.notes).reply(request.path, request.query))
        return api_response(self.world.reply(endpoint, request.query.get("noteId", "")))

    async def media(self, host: str, request: web.Request) -> HttpResponse:
        """Return the complete response of a host of the CDN or of the link shortener."""
        if host in SHORT_HOSTS:
            target = DemoListings(self.world.notes).target(f"https://{host}{request.path}")
            return redirect(target) if target else not_found()
        served = await asyncio.to_thread(self.world.media, host, request.raw_path)
        return not_found() if served is None else media_response(served)

    async def close(self, _app: web.Application) -> None:
        """Announce that the server ends."""
        self.closing.set()


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
    app.on_shutdown.append(handler.close)
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


def _host_of(request: web.Request) -> str:
    """Return the `Host` without its port, in lower case."""
    host = request.headers.get("Host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
