"""Responses, and what their headers say about a file (RFC 9110: 8.4, 8.8, 10.2.3, 13.1.5, 14.4).

aiohttp is imported late, as in `xharchive.http`.
"""

import asyncio
import email.utils
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from xharchive.errors import BelowMinimumRate, IncompleteBody, Stalled
from xharchive.http.http_options import MinRate

if TYPE_CHECKING:
    import aiohttp

_MAX_CHECKS_PER_WINDOW = 10  # while the reader is busy elsewhere
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_DATE_PRECISION = timedelta(seconds=1)
# The registered codings (IANA HTTP Content Coding Registry, RFC 9110 8.4.1) that change the bytes of a body.
_CODING = re.compile(r"aes128gcm|br|dcb|dcz|deflate|exi|pack200-gzip|(x-)?(compress|gzip)|zstd")


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An API response: its status, its body without the token, and the seconds of Retry-After."""

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A `Content-Range`: offsets of the first and the last byte, and the size of the complete file."""

    first: int
    last: int
    total: int


class StreamResponse:
    """A response to a media request, with its body still to be read.

    - `host`, `url`: where the response came from, after redirects.
    - `status`, `length`, `chunked`: HTTP status, Content-Length (None without one), whether the body is
      chunked.
    - `encoding`: the registered content codings of the body, "" for none.
    - `validator`: the strong ETag or the date for If-Range, "" if the response has no such proof.
    - `span`: the Content-Range of a 206, None without one.
    - `retry_after`: the seconds of Retry-After, None without one.

    Below the rate `least` the body counts as stalled; None allows any rate.
    """

    _rate: "RateTimer | None" = None

    def __init__(
        self, response: "aiohttp.ClientResponse", host: str, url: str, least: MinRate | None = None
    ) -> None:
        self._response = response
        self.host = host
        self.url = url
        self.status = response.status
        headers = response.headers
        self.encoding = content_codings(", ".join(headers.getall("Content-Encoding", ())))
        self.length = response.content_length
        self.validator = strong_validator(headers)
        self.span = None
        if self.status == 206 and response.content_type != "multipart/byteranges":
            self.span = parse_content_range(headers.get("Content-Range"))
        self.chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self.retry_after = read_retry_after(headers)
        if least is not None:
            self._rate = RateTimer(response.content, least, host, asyncio.get_running_loop())

    @property
    def whole(self) -> bool:
        """Whether the body is the complete file: status 200, or a 206 that covers all of it."""
        if self.status != 206:
            return self.status == 200
        return self.span is not None and self.span.first == 0 and self.length == self.span.total

    async def read(self) -> bytes:
        """Return the next bytes of the body, still encoded (256 KiB at most), b"" at its end.

        Raises:
            Stalled: no bytes, or too few, arrived in time.
            IncompleteBody: the connection broke before the end of the body.
        """
        with translate_read_errors(self.host):
            if self._rate is None:
                return await self._response.content.readany()
            self._rate.begin_wait()
            try:
                return await self._response.content.readany()
            finally:
                self._rate.end_wait()

    def drop(self) -> None:
        """Discard the rest of the body, and close the connection."""
        self.end()
        self._response.close()

    def end(self) -> None:
        """Stop the timer of the minimum rate; call it when you stop reading the body."""
        if self._rate is not None:
            self._rate.stop()


@contextmanager
def translate_read_errors(host: str) -> Iterator[None]:
    """Translate the errors while a body arrives; `BelowMinimumRate` is raised unchanged.

    Raises:
        Stalled: no bytes arrived within the time-out.
        IncompleteBody: the connection broke, or the body is shorter than announced.
    """
    import aiohttp

    try:
        yield
    except TimeoutError:
        raise Stalled(f"{host}: the body stopped arriving") from None
    except (aiohttp.ClientError, ConnectionError):
        raise IncompleteBody(f"{host}: the body broke off") from None


class RateTimer:
    """Make the reader of a body raise `BelowMinimumRate` after a window below the least rate.

    A time-out on silence is not enough: each byte from the network resets it, even one that adds nothing to
    the body, such as a chunk extension. Only the time in which the reader waits for bytes counts, so that a
    slow local disk is not held against the host. One timer is pending from the first wait until `stop`.
    """

    def __init__(
        self, content: "aiohttp.StreamReader", least: MinRate, host: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._content = content
        self._least = least
        self._host = host
        self._loop = loop
        self._waited = 0.0  # seconds in this window, without the current wait
        self._waiting_since: float | None = None
        self._size_before = 0  # of the body, when this window began
        self._timer: asyncio.TimerHandle | None = None

    def begin_wait(self) -> None:
        """Record that the reader waits for bytes from now on."""
        self._waiting_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._waiting_since + self._least.window, self._check)

    def end_wait(self) -> None:
        """Record that the reader waits no longer."""
        self._add_wait(self._loop.time())
        self._waiting_since = None

    def stop(self) -> None:
        """Stop the checks."""
        if self._timer is not None:
            self._timer.cancel()

    def _add_wait(self, now: float) -> None:
        if self._waiting_since is not None:
            self._waited += now - self._waiting_since
            self._waiting_since = now

    def _check(self) -> None:
        """Judge the window if it has ended, and begin the next one."""
        now = self._loop.time()
        self._add_wait(now)
        if self._waited >= self._least.window:
            if self._content.total_bytes - self._size_before < self._least.size:
                text = f"{self._host}: the body brought less than {self._least}"
                self._content.set_exception(BelowMinimumRate(text))
                return
            self._waited, self._size_before = 0.0, self._content.total_bytes
        pause = max(self._least.window - self._waited, self._least.window / _MAX_CHECKS_PER_WINDOW)
        self._timer = self._loop.call_at(now + pause, self._check)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, None without a valid one.

    A date is compared with the server's clock (RFC 9110 10.2.3).
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    age = _time_between(text, headers.get("Date"))
    return None if age is None else max(0.0, age.total_seconds())


def parse_content_range(text: str | None) -> ContentRange | None:
    """Parse a `Content-Range`; None if it is missing, malformed or without the size of the file."""
    match = _CONTENT_RANGE.fullmatch((text or "").strip())
    if match is None:
        return None
    parsed = ContentRange(*map(int, match.groups()))
    return parsed if parsed.first <= parsed.last < parsed.total else None


def strong_validator(headers: Mapping[str, str]) -> str:
    """Return the value for a later `If-Range`, "" if the headers do not identify the bytes.

    A strong ETag is such a value. A weak ETag is none, and then Last-Modified is not used either, because the
    bytes may differ. Without an ETag, Last-Modified counts if it is at least a second older than Date: two
    changes may happen within one second.
    """
    etag = headers.get("ETag", "").strip()
    if etag:
        return etag if _STRONG_ETAG.fullmatch(etag) else ""
    modified = headers.get("Last-Modified", "").strip()
    age = _time_between(headers.get("Date"), modified)
    return modified if age is not None and age >= _DATE_PRECISION else ""


def _time_between(later: str | None, earlier: str | None) -> timedelta | None:
    """Return the time between two HTTP dates; None if one is missing or malformed."""
    try:
        parse = email.utils.parsedate_to_datetime
        return parse(later or "") - parse(earlier or "")
    except (ValueError, TypeError, OverflowError):
        return None


def content_codings(header: str) -> str:
    """Return the registered codings of a Content-Encoding header, such as "gzip" or "gzip, br"; "" for none.

    Other names are ignored, as browsers do: storage services send `aws-chunked`, `utf-8` or `none` with
    bodies that are not encoded. If such a body is encoded nevertheless, the checks of the file's structure
    find it. `identity` is no coding either.
    """
    names = (name.strip().lower() for name in header.split(","))
    return ", ".join(name for name in names if _CODING.fullmatch(name))
