"""Faulty responses on request: one letter for each fault.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from xharchive.demo.http_responses import HttpResponse
from xharchive.demo.response_writer import ResponseWriter

__all__ = ["HEALTHY", "LETTERS", "OTHER_FILE_LETTERS", "FaultContext", "FaultScript", "send_with_fault"]

FaultScript = Callable[[str, str, int], str | None]
"""Maps host, raw path with query, and the number of the request for them (from 1) to a letter or None."""

HEALTHY = "o"
OTHER_FILE_LETTERS = frozenset("WV")
"""The letters that send the bytes of another file."""

_FORBIDDEN_URL = "http://127.0.0.1:1/"
_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_HTML = "text/html; charset=utf-8"
_FLIPPED = 4096
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


async def send_with_fault(letter: str, delivery: ResponseWriter, context: FaultContext) -> None:
    """Send the response of a letter.

    Raises:
        KeyError: an unknown letter.
    """
    if letter == "X":
        delivery.hang_up()
    elif letter in _CUT_RESPONSES:
        await delivery.cut(_CUT_RESPONSES[letter](context))
    elif letter == "c":
        await delivery.cut_without_length(context.healthy)
    elif letter == "S":
        await delivery.stall(context.healthy, context.closing)
    elif letter == "s":
        await delivery.slowly(context.healthy, context.closing)
    else:
        await delivery.whole(_RESPONSES[letter](context))


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
