"""The demo server with faults: one letter for each.

`o` is the healthy response. For media and API:

- `4` 404, `3` 403 with a page, `5` 503
- `X` close before the headers, `C` cut at half with the full Content-Length, `c` cut at half without one
- `S` stall at half until the client closes the connection
- `s` healthy but slow: 16 pieces with a pause of 20 ms before each, the first pause before the headers
- `H` an HTML page with the expected Content-Type, `Z` an empty body, `W` another file; all with status 200
- `B` the last 4 KiB inverted
- `R` redirect to a forbidden URL, `L` redirect loop
- `r` 503 with a Retry-After of 20 seconds

For media only, about ranges:

- `2` the complete file with 200, in spite of the range; `1` 416 for any range
- `6` a 206 whose range begins a byte late; `v` a 206 of another file, with that file's ETag
- `V` the file has changed: another one with 200
- `n` cut at half, without an ETag; `w` the same with a weak ETag

For the API only: `J` invalid JSON, and the vendor's codes `T` 302, `E` 301, `I` 500, `Q` 303, `N` 600.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from aiohttp import web

from support.recorded_responses import ResponseWriter, SeenRequest
from xharchive.demo.server import (
    API_HOSTS,
    HttpResponse,
    RequestHandler,
    RunningServer,
    apply_range,
    host_of,
    serve,
)
from xharchive.demo.world import V1, DemoWorld
from xharchive.media import SNIFF_BYTES, Family, sniff

__all__ = ["LETTERS", "FaultScript", "FaultyHandler", "other_reply", "send_half", "serve_faulty"]

FaultScript = Callable[[str, str, int], str | None]
"""Maps host, raw path with query, and the number of the request for them (from 1) to a letter or None."""

HEALTHY = "o"
OTHER_FILE_LETTERS = frozenset("WV")
"""The letters that send the bytes of another file."""

_FORBIDDEN_URL = "http://127.0.0.1:1/"
_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_HTML = "text/html; charset=utf-8"
_FLIPPED = 4096
_PIECES = 16
_PAUSE = 0.02  # seconds
_CHANGED = '"changed"'
_INVERTED = bytes(255 - value for value in range(256))
_VENDOR_CODES = {"T": 302, "E": 301, "I": 500, "Q": 303, "N": 600}


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What a faulty response is made from.

    Attributes:
        healthy: the healthy response to the request.
        whole: the healthy response without a range.
        path: path and query of the request.
        other: body for the letters that send another file.
        closing: set when the server ends.
    """

    healthy: HttpResponse
    whole: HttpResponse
    path: str
    other: bytes
    closing: asyncio.Event


class FaultyHandler(RequestHandler):
    """Responds as the demo does, or with the fault that the script names."""

    def __init__(
        self,
        world: DemoWorld,
        on_request: Callable[[SeenRequest], None] | None = None,
        faults: FaultScript | None = None,
    ) -> None:
        """Respond from a world; `on_request` is called after each response, in the event loop."""
        super().__init__(world)
        self.closing = asyncio.Event()
        """Set when the server ends."""
        self._on_request = on_request
        self._faults = faults
        self._counts: Counter[tuple[str, str]] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send the response to one request, and report it."""
        host, writer = host_of(request), ResponseWriter(request)
        try:  # report the request also if the client disconnects
            await self._respond(request, host, writer)
        except ConnectionError:
            writer.hang_up()  # the client disconnected
        finally:
            if self._on_request is not None:
                self._on_request(writer.seen("api" if host in API_HOSTS else "media", host))
        # aiohttp needs a response also for a closed connection; it does not send it.
        return writer.response or web.Response()

    async def _respond(self, request: web.Request, host: str, writer: ResponseWriter) -> None:
        """Send the healthy response, or one with a fault."""
        is_api, path = host in API_HOSTS, request.raw_path
        self._counts[host, path] += 1
        letter = self._faults(host, path, self._counts[host, path]) if self._faults else None
        whole = await (self.api(request) if is_api else self.media(host, request))
        healthy = whole if is_api else apply_range(whole, request.headers)
        other = b""
        if letter in OTHER_FILE_LETTERS:
            other = (other_reply if is_api else other_media)(self.world, whole.body)
        context = FaultContext(healthy, whole, path, other, self.closing)
        await send_with_fault(letter or HEALTHY, writer, context)


@asynccontextmanager
async def serve_faulty(handler: FaultyHandler) -> AsyncIterator[RunningServer]:
    """Serve until the block ends; then stalled responses hurry."""
    async with serve(handler) as server:
        try:
            yield server
        finally:
            handler.closing.set()


def other_media(world: DemoWorld, body: bytes) -> bytes:
    """Return a valid file of another kind than `body`: a video for an image, else an image."""
    known = sniff(body[:SNIFF_BYTES])
    is_picture = known is not None and known.family is Family.PICTURE
    return world.original(next(iter(world.notes)), "live-1" if is_picture else "image-1")


def other_reply(world: DemoWorld, body: bytes) -> bytes:
    """Return a valid v1 reply about another note than that in `body`."""
    for note_id in world.notes:
        if note_id.encode() not in body:
            return world.reply(V1, note_id)
    raise ValueError("the reply names every note")


async def send_with_fault(letter: str, writer: ResponseWriter, context: FaultContext) -> None:
    """Send the response of a letter.

    Raises:
        KeyError: an unknown letter.
    """
    if letter == "X":
        writer.hang_up()
    elif letter in _CUT_RESPONSES:
        await send_half(writer, _CUT_RESPONSES[letter](context))
        writer.hang_up()
    elif letter == "c":
        _send_half_without_length(writer, context.healthy)
    elif letter == "S":
        await send_half(writer, context.healthy)
        await context.closing.wait()
        writer.hang_up()
    elif letter == "s":
        await _send_slowly(writer, context.healthy, context.closing)
    else:
        await writer.send(_RESPONSES[letter](context))


async def send_half(writer: ResponseWriter, answer: HttpResponse) -> None:
    """Declare the full length, send half of the body, and leave the connection open."""
    await writer.begin(answer)
    await writer.write(answer.body[: len(answer.body) // 2])


def _send_half_without_length(writer: ResponseWriter, answer: HttpResponse) -> None:
    """Send half of the body without a length: the closed connection ends it (RFC 9112, 6.3)."""
    half = answer.body[: len(answer.body) // 2]
    lines = [f"HTTP/1.1 {answer.status} Cut", *(f"{name}: {value}" for name, value in answer.headers.items())]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    if writer.request.transport is not None:
        writer.request.transport.write(head + half)
        writer.status, writer.sent = answer.status, len(half)
    writer.hang_up()


async def _send_slowly(writer: ResponseWriter, answer: HttpResponse, closing: asyncio.Event) -> None:
    """Send the response in pieces with a pause before each, until `closing` is set."""
    await _pause(closing)
    await writer.begin(answer)
    size = max(1, -(-len(answer.body) // _PIECES))
    for at in range(0, len(answer.body), size):
        if at:
            await _pause(closing)
        await writer.write(answer.body[at : at + size])


async def _pause(closing: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), _PAUSE)


def _page(status: int, title: str) -> Callable[[FaultContext], HttpResponse]:
    return lambda _context: HttpResponse(status, {"Content-Type": _HTML}, _PAGE.format(title).encode())


def _vendor_code(code: int) -> Callable[[FaultContext], HttpResponse]:
    body = json.dumps({"code": code, "message": "demo fault", "recordTime": None, "data": None}).encode()
    return lambda context: HttpResponse(200, _content_type_only(context), body)


def _disguised_page(context: FaultContext) -> HttpResponse:
    return HttpResponse(200, _content_type_only(context), _PAGE.format("请先登录").encode())


def _empty_body(context: FaultContext) -> HttpResponse:
    return HttpResponse(200, _content_type_only(context), b"")


def _another_file(context: FaultContext) -> HttpResponse:
    return HttpResponse(200, _content_type_only(context), context.other)


def _flipped(context: FaultContext) -> HttpResponse:
    body = context.healthy.body
    return replace(context.healthy, body=body[:-_FLIPPED] + body[-_FLIPPED:].translate(_INVERTED))


def _broken_json(context: FaultContext) -> HttpResponse:
    return replace(context.healthy, body=context.healthy.body[: len(context.healthy.body) // 2])


def _content_type_only(context: FaultContext) -> Mapping[str, str]:
    return {"Content-Type": context.healthy.headers["Content-Type"]}


def _ignored_range(context: FaultContext) -> HttpResponse:
    return context.whole


def _no_such_range(context: FaultContext) -> HttpResponse:
    if context.healthy.status != 206:
        return context.healthy
    return HttpResponse(416, {"Content-Range": f"bytes */{len(context.whole.body)}"}, b"")


def _late_range(context: FaultContext) -> HttpResponse:
    if context.healthy.status != 206:
        return context.healthy
    return _partial_content(context, context.healthy.body[1:], context.whole.headers["ETag"])


def _changed_range(context: FaultContext) -> HttpResponse:
    if context.healthy.status != 206:
        return context.healthy
    changed = context.healthy.body.translate(_INVERTED)
    return _partial_content(context, changed, _CHANGED)


def _partial_content(context: FaultContext, body: bytes, etag: str) -> HttpResponse:
    total = len(context.whole.body)
    span = f"bytes {total - len(body)}-{total - 1}/{total}"
    return HttpResponse(206, {**context.whole.headers, "ETag": etag, "Content-Range": span}, body)


def _changed(context: FaultContext) -> HttpResponse:
    return HttpResponse(200, {**context.whole.headers, "ETag": _CHANGED}, context.other)


def _retry_after(context: FaultContext) -> HttpResponse:
    busy = _page(503, "503 Service Unavailable")(context)
    return replace(busy, headers={**busy.headers, "Retry-After": "20"})


def _with_etag(context: FaultContext, etag: str) -> HttpResponse:
    headers = {name: value for name, value in context.healthy.headers.items() if name != "ETag"}
    return replace(context.healthy, headers=headers | ({"ETag": etag} if etag else {}))


_CUT_RESPONSES: dict[str, Callable[[FaultContext], HttpResponse]] = {
    "C": lambda context: context.healthy,
    "n": lambda context: _with_etag(context, ""),
    "w": lambda context: _with_etag(context, f"W/{context.whole.headers['ETag']}"),
}

_RESPONSES: dict[str, Callable[[FaultContext], HttpResponse]] = {
    HEALTHY: lambda context: context.healthy,
    "4": _page(404, "404 Not Found"),
    "3": _page(403, "403 Forbidden"),
    "5": _page(503, "503 Service Unavailable"),
    "H": _disguised_page,
    "Z": _empty_body,
    "R": lambda _context: HttpResponse(302, {"Location": _FORBIDDEN_URL}, b""),
    "L": lambda context: HttpResponse(302, {"Location": context.path}, b""),
    "W": _another_file,
    "B": _flipped,
    "J": _broken_json,
    "r": _retry_after,
    "2": _ignored_range,
    "1": _no_such_range,
    "6": _late_range,
    "v": _changed_range,
    "V": _changed,
    **{letter: _vendor_code(code) for letter, code in _VENDOR_CODES.items()},
}

LETTERS = frozenset({*_RESPONSES, *_CUT_RESPONSES, *"XcSs"})
"""All letters."""
