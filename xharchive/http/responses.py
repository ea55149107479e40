"""The responses of the API and of media hosts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xharchive.http.error_mapping import translate_read_errors
from xharchive.http.headers import content_codings, parse_content_range, parse_http_date, strong_validator
from xharchive.http.min_rate import MinRate, RateTimer

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An API response: its status, its body without the token, and the seconds of Retry-After."""

    status: int
    body: bytes
    retry_after: float | None = None


class StreamResponse:
    """A response to a media request, with its body still to be read.

    - `host`, `url`: where the response came from, after redirects.
    - `status`, `length`, `chunked`: HTTP status, Content-Length (None without one), whether the body is
      chunked.
    - `encoding`: the registered content codings of the body, "" for none.
    - `validator`: the strong ETag or the date for If-Range, "" if the response has no such proof.
    - `span`: the Content-Range of a 206, None without one.
    - `retry_after`: the seconds of Retry-After, None without one.

    Args:
        response: the response of aiohttp.
        host: the host of `url`.
        url: the requested URL.
        least: the rate below which the body counts as stalled; None to allow any rate.
    """

    _rate: RateTimer | None = None

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
        is_one_range = response.content_type != "multipart/byteranges"
        self.span = (
            parse_content_range(headers.get("Content-Range")) if self.status == 206 and is_one_range else None
        )
        self.chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self.retry_after = read_retry_after(headers)
        if least is not None:
            self._rate = RateTimer(response.content, least, host)

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


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, None without a valid one.

    A date is compared with the server's clock (RFC 9110 10.2.3).
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parse_http_date(text) - parse_http_date(headers.get("Date"))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
