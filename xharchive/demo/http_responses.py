"""What the demo's server says when nothing goes wrong: status, headers, body, and ranges (RFC 9110)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xharchive.demo.world import Served

__all__ = ["Answer", "api_answer", "in_range", "media_answer", "not_found", "redirect", "refused_token"]

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` has no Content-Length: the sender adds it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def api_answer(body: bytes) -> Answer:
    """Return a reply of the API: HTTP 200 whatever its code says, as the vendor's older guide promises."""
    return Answer(200, {"Content-Type": "application/json; charset=utf-8"}, body)


def refused_token() -> Answer:
    """Return the API's answer to a token that it does not know."""
    return api_answer(b'{"code": 100, "message": "TOKEN INVALID", "recordTime": null, "data": null}')


def not_found() -> Answer:
    """Return the CDN's 404."""
    return Answer(404, {"Content-Type": "text/plain"}, b"not found\n")


def redirect(target: str) -> Answer:
    """Return the shortener's answer."""
    return Answer(302, {"Content-Type": "text/plain", "Location": target}, b"")


def media_answer(served: Served) -> Answer:
    """Return the whole file."""
    if served.status != 200:
        return Answer(served.status, {"Content-Type": served.content_type}, served.body)
    headers = {"Content-Type": served.content_type, "ETag": served.etag, "Accept-Ranges": "bytes"}
    return Answer(200, headers, served.body)


def in_range(whole: Answer, asked: Mapping[str, str]) -> Answer:
    """Return the part of the file that the request headers `asked` for, if it is the same file still."""
    wanted = _ONE_RANGE.fullmatch(asked.get("Range", ""))
    etag = whole.headers.get("ETag", "")
    if whole.status != 200 or wanted is None or asked.get("If-Range", etag) != etag:
        return whole
    total = len(whole.body)
    span = _span(wanted[1], wanted[2], total)
    if span is None:
        return Answer(416, {**whole.headers, "Content-Range": f"bytes */{total}"}, b"")
    part = whole.body[span.start : span.stop]
    content_range = f"bytes {span.start}-{span.stop - 1}/{total}"
    return Answer(206, {**whole.headers, "Content-Range": content_range}, part)


def _span(first: str, last: str, total: int) -> range | None:
    """Return the bytes that a range asks for, or None if there are none (RFC 9110, 14.1.1)."""
    if first:
        start, stop = int(first), min(int(last) + 1, total) if last else total
    else:
        start, stop = max(0, total - int(last or 0)), total
    return range(start, stop) if start < stop else None
