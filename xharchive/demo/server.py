"""The demo's world on a local port: the API under its own names, the CDN under every other `Host`.

A client reaches it by sending the requests for production hosts to this address, with the `Host` unchanged.
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
from xharchive.demo.faults import HEALTHY, OTHERS, Circumstances, FaultScript, deliver
from xharchive.demo.http_responses import (
    Answer,
    api_answer,
    in_range,
    media_answer,
    not_found,
    redirect,
    refused_token,
)
from xharchive.demo.notes.demo_note import PGY, V1, V3, V6, V7
from xharchive.demo.response_writer import Delivery
from xharchive.demo.world import DemoWorld

__all__ = ["API_HOSTS", "API_PATHS", "Running", "Seen", "make_app", "serve"]

API_HOSTS = frozenset({"api.justoneapi.com", "127.0.0.1", "localhost", "[::1]"})
"""The hosts under which the server is the API; under all others it is the CDN."""

API_PATHS: Mapping[str, str] = MappingProxyType(
    {
        **{f"/api/xiaohongshu/get-note-detail/{version}": version for version in (V1, V3, V6, V7)},
        "/api/xiaohongshu-pgy/api/solar/note/noteId/detail/v1": PGY,
    }
)
"""Which endpoint of the world answers under which path."""

_REFUSED_TOKENS = frozenset({"", "wrong"})
_SHUTDOWN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw and answered it.

    `host` has no port. `raw_path` is path and query byte for byte. `status` is 0 if the connection was
    dropped before a status line. `sent_bytes` counts body bytes handed to the connection.
    """

    kind: Literal["api", "media"]
    host: str
    raw_path: str
    headers: Mapping[str, str]
    status: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up."""

    host: str
    port: int

    @property
    def base_url(self) -> str:
        """The address under which the API answers, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


@dataclass(slots=True)
class _Desk:
    """Answers requests; counts them for the fault script."""

    world: DemoWorld
    on_request: Callable[[Seen], None] | None
    faults: FaultScript | None
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def listings(self) -> DemoListings:
        """The world's notes as search, feed, users and topics list them."""
        return DemoListings(self.world.notes)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, healthily or as the fault script says, and report it."""
        host, path = _host_of(request), request.raw_path
        is_api = host in API_HOSTS
        letter = self._letter(host, path)
        delivery = Delivery(request)
        try:  # a request counts as seen also if its client is gone before there is an answer
            whole = await (self._api(request) if is_api else self._media(host, request))
            healthy = whole if is_api else in_range(whole, request.headers)
            other = await self._other_bytes(whole, is_api=is_api) if letter in OTHERS else b""
            await deliver(letter, delivery, Circumstances(healthy, whole, path, other, self.closing))
        except ConnectionError:
            delivery.hang_up()  # the client went away; what it got is reported all the same
        finally:
            self._report(
                Seen(
                    "api" if is_api else "media", host, path, request.headers, delivery.status, delivery.sent
                )
            )
        # aiohttp wants a response even when the connection is gone; it notices, and sends nothing.
        return delivery.response or web.Response()

    async def close(self, _app: web.Application) -> None:
        """Let stalled answers end."""
        self.closing.set()

    def _letter(self, host: str, path: str) -> str:
        self.asked[host, path] += 1
        asked_for = self.faults(host, path, self.asked[host, path]) if self.faults else None
        return asked_for or HEALTHY

    async def _api(self, request: web.Request) -> Answer:
        endpoint = API_PATHS.get(request.path)
        if endpoint is None and request.path not in LISTING_PATHS:
            return not_found()
        if request.query.get("token", "") in _REFUSED_TOKENS:
            return refused_token()
        if endpoint is None:
            return api_answer(self.listings.reply(request.path, request.query))
        return api_answer(
            await asyncio.to_thread(self.world.reply, endpoint, request.query.get("noteId", ""))
        )

    async def _media(self, host: str, request: web.Request) -> Answer:
        if host in SHORT_HOSTS:
            target = self.listings.target(f"https://{host}{request.path}")
            return redirect(target) if target else not_found()
        served = await asyncio.to_thread(self.world.media, host, request.raw_path)
        return not_found() if served is None else media_answer(served)

    async def _other_bytes(self, healthy: Answer, *, is_api: bool) -> bytes:
        if is_api:
            return await asyncio.to_thread(self.world.other_reply, healthy.body)
        return await asyncio.to_thread(self.world.other_media, healthy.body)

    def _report(self, seen: Seen) -> None:
        if self.on_request is not None:
            self.on_request(seen)


def make_app(
    world: DemoWorld, *, on_request: Callable[[Seen], None] | None = None, faults: FaultScript | None = None
) -> web.Application:
    """Return the application: the API under its hosts, the CDN under all others.

    `on_request` is called after each answer, in the event loop. `faults` is asked before each answer.
    """
    desk = _Desk(world, on_request, faults)
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", desk.handle)
    app.router.add_route("HEAD", "/{path:.*}", desk.handle)
    app.on_shutdown.append(desk.close)
    return app


@asynccontextmanager
async def serve(
    world: DemoWorld,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    on_request: Callable[[Seen], None] | None = None,
    faults: FaultScript | None = None,
) -> AsyncIterator[Running]:
    """Serve the world until the block ends; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    # With cancellation a stalled answer ends as soon as its client goes.
    runner = web.AppRunner(
        make_app(world, on_request=on_request, faults=faults),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield Running(host, int(runner.addresses[0][1]))
    finally:
        await runner.cleanup()


def _host_of(request: web.Request) -> str:
    """Return the `Host` without its port, in lower case."""
    host = request.headers.get("Host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
