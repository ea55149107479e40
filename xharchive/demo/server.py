"""Serves the demo world on a local port: the API under its own hosts, the CDN under every other `Host`.

A client sends its requests for production hosts to this address, with an unchanged `Host` header.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from aiohttp import web

from xharchive.demo.demo_listings import LISTING_PATHS, SHORT_HOSTS, DemoListings
from xharchive.demo.faults import HEALTHY, OTHER_FILE_LETTERS, FaultContext, FaultScript, send_with_fault
from xharchive.demo.http_responses import (
    HttpResponse,
    api_response,
    apply_range,
    invalid_token,
    media_response,
    not_found,
    redirect,
)
from xharchive.demo.notes.demo_note import PGY, V1, V3, V6, V7
from xharchive.demo.response_writer import ResponseWriter
from xharchive.demo.world import DemoWorld

__all__ = ["API_HOSTS", "API_PATHS", "RunningServer", "SeenRequest", "make_app", "serve"]

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


@dataclass(slots=True)
class _RequestHandler:
    """Handles requests, and counts them for the fault script."""

    world: DemoWorld
    on_request: Callable[[SeenRequest], None] | None
    faults: FaultScript | None
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def listings(self) -> DemoListings:
        """The listings of the world's notes."""
        return DemoListings(self.world.notes)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send the response to one request, healthy or faulty, and report the request."""
        host, path = _host_of(request), request.raw_path
        is_api = host in API_HOSTS
        letter = self._letter(host, path)
        delivery = ResponseWriter(request)
        try:  # report the request also if the client disconnects
            whole = await (self._api(request) if is_api else self._media(host, request))
            healthy = whole if is_api else apply_range(whole, request.headers)
            other = await self._other_bytes(whole, is_api=is_api) if letter in OTHER_FILE_LETTERS else b""
            await send_with_fault(letter, delivery, FaultContext(healthy, whole, path, other, self.closing))
        except ConnectionError:
            delivery.hang_up()  # the client disconnected
        finally:
            self._report(
                SeenRequest(
                    "api" if is_api else "media", host, path, request.headers, delivery.status, delivery.sent
                )
            )
        # aiohttp needs a response also for a closed connection; it does not send it.
        return delivery.response or web.Response()

    async def close(self, _app: web.Application) -> None:
        """End stalled responses."""
        self.closing.set()

    def _letter(self, host: str, path: str) -> str:
        self.counts[host, path] += 1
        letter = self.faults(host, path, self.counts[host, path]) if self.faults else None
        return letter or HEALTHY

    async def _api(self, request: web.Request) -> HttpResponse:
        endpoint = API_PATHS.get(request.path)
        if endpoint is None and request.path not in LISTING_PATHS:
            return not_found()
        if request.query.get("token", "") in _REFUSED_TOKENS:
            return invalid_token()
        if endpoint is None:
            return api_response(self.listings.reply(request.path, request.query))
        return api_response(
            await asyncio.to_thread(self.world.reply, endpoint, request.query.get("noteId", ""))
        )

    async def _media(self, host: str, request: web.Request) -> HttpResponse:
        if host in SHORT_HOSTS:
            target = self.listings.target(f"https://{host}{request.path}")
            return redirect(target) if target else not_found()
        served = await asyncio.to_thread(self.world.media, host, request.raw_path)
        return not_found() if served is None else media_response(served)

    async def _other_bytes(self, healthy: HttpResponse, *, is_api: bool) -> bytes:
        if is_api:
            return await asyncio.to_thread(self.world.other_reply, healthy.body)
        return await asyncio.to_thread(self.world.other_media, healthy.body)

    def _report(self, seen: SeenRequest) -> None:
        if self.on_request is not None:
            self.on_request(seen)


def make_app(
    world: DemoWorld,
    *,
    on_request: Callable[[SeenRequest], None] | None = None,
    faults: FaultScript | None = None,
) -> web.Application:
    """Return the application: the API under its hosts, the CDN under all others.

    Args:
        on_request: called after each response, in the event loop.
        faults: called before each response.
    """
    handler = _RequestHandler(world, on_request, faults)
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", handler.handle)
    app.router.add_route("HEAD", "/{path:.*}", handler.handle)
    app.on_shutdown.append(handler.close)
    return app


@asynccontextmanager
async def serve(
    world: DemoWorld,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    on_request: Callable[[SeenRequest], None] | None = None,
    faults: FaultScript | None = None,
) -> AsyncIterator[RunningServer]:
    """Serve the world until the block ends; port 0 selects a free port.

    Raises:
        OSError: the port is in use.
    """
    # With cancellation, a stalled response ends when its client disconnects.
    runner = web.AppRunner(
        make_app(world, on_request=on_request, faults=faults),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_SECONDS,
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
