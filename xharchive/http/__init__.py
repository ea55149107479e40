"""HTTP with our errors, time-outs, limits, host allow-list and redaction: the only door to aiohttp.

The API and the CDN get a session each, so that the token's session never talks to a media host. A status is
handed over as it is; what it means depends on who asked. aiohttp is loaded with the first request: a run that
finds everything there sends none, and is through before aiohttp would be.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

from xharchive.allowlist import SHORT_LINK_DOMAINS
from xharchive.errors import BadAnswer, ConnectionFailed, Forbidden, ProxyFailed, ReplyTooLarge
from xharchive.http.content_encoding import content_codings
from xharchive.http.content_range import Span, moment, read_span, strong_validator
from xharchive.http.http_options import MIN_RATE, TransportOptions
from xharchive.http.min_rate import LeastRate, RateTimer
from xharchive.http.proxy_route import refuse_407, route
from xharchive.proxies import Proxy
from xharchive.urls import encoded

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

__all__ = ["MIN_RATE", "Answer", "Incoming", "Span", "Transport", "TransportOptions", "connect"]

_LONGEST_TOKEN = 64 * 1024  # bytes, encoded
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole API answer: status, body without the token, and the seconds that Retry-After asks for."""

    status: int
    body: bytes
    retry_after: float | None = None


class Incoming:
    """A media answer whose body is still to come.

    `url` is the one that answered, after redirects. `validator` is the strong ETag or the date by which the
    same bytes can be asked for again, "" if there is no such proof; `span` is what a 206 says it brings.
    `encoding` names the registered codings of the body, "" if it came as it is.
    `least` is the rate below which the body counts as stalled, None if any rate will do.
    """

    _rate: RateTimer | None = None

    def __init__(
        self, response: "aiohttp.ClientResponse", host: str, url: str, least: LeastRate | None = None
    ) -> None:
        self._response = response
        self.host = host
        self.url = url
        self.status = response.status
        headers = response.headers
        self.encoding = content_codings(", ".join(headers.getall("Content-Encoding", ())))
        self.length = response.content_length
        self.validator = strong_validator(headers)
        plain = response.content_type != "multipart/byteranges"  # ranges with heads between them
        self.span = read_span(headers.get("Content-Range")) if self.status == 206 and plain else None
        self.chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self.retry_after = _retry_after(headers.get("Retry-After"), headers.get("Date"))
        if least is not None:
            self._rate = RateTimer(response.content, least, host)

    @property
    def whole(self) -> bool:
        """Whether the body is the whole file: status 200, or an unasked 206 that has it all."""
        if self.status != 206:
            return self.status == 200
        return self.span is not None and self.span.first == 0 and self.length == self.span.total

    async def read(self) -> bytes:
        """Return the next piece of the body as it came (at most 256 KiB), b"" at its end.

        Raises:
            Stalled, BodyCut: it does not arrive whole.
        """
        with _reading(self.host):
            if self._rate is None:
                return await self._response.content.readany()
            self._rate.begin_wait()
            try:
                return await self._response.content.readany()
            finally:
                self._rate.end_wait()

    def drop(self) -> None:
        """Give up what is still to come, and the connection with it."""
        self.end()
        self._response.close()

    def end(self) -> None:
        """Stop the timer of the least rate; the body is not read any more."""
        if self._rate is not None:
            self._rate.stop()


@asynccontextmanager
async def connect(options: TransportOptions) -> AsyncIterator["Transport"]:
    """Yield a transport for one event loop; its connections close with the context."""
    sessions = _Later(options)
    socks: dict[Proxy | None, _Later] = {
        proxy: _Later(options, proxy) for proxy in options.proxies.all if proxy.is_socks
    }
    try:
        yield Transport(options, sessions, socks)
    finally:
        for each in (sessions, *socks.values()):
            await each.close()


class Sessions(Protocol):
    """The API's session and the CDN's."""

    @property
    def api(self) -> "aiohttp.ClientSession":
        """The one that may carry the token."""

    @property
    def media(self) -> "aiohttp.ClientSession":
        """The one that never does."""


class _Later:
    """Sessions that are made when they are asked for; through a SOCKS proxy if one is given."""

    def __init__(self, options: TransportOptions, socks: Proxy | None = None) -> None:
        self._options = options
        self._socks = socks
        self._made: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None

    @property
    def api(self) -> "aiohttp.ClientSession":
        return self._both()[0]

    @property
    def media(self) -> "aiohttp.ClientSession":
        return self._both()[1]

    def _both(self) -> "tuple[aiohttp.ClientSession, aiohttp.ClientSession]":
        if self._made is None:
            from xharchive.http.sessions import api_session, media_session

            self._made = (
                api_session(self._options, self._socks),
                media_session(self._options, self._socks),
            )
        return self._made

    async def close(self) -> None:
        for session in reversed(self._made or ()):
            await session.close()


def _connecting(host: str) -> AbstractContextManager[None]:
    from xharchive.http.error_mapping import connecting

    return connecting(host)


def _reading(host: str) -> AbstractContextManager[None]:
    from xharchive.http.error_mapping import reading

    return reading(host)


class Transport:
    """Two HTTP sessions under one roof: the API's, which carries the token, and the CDN's."""

    def __init__(
        self,
        options: TransportOptions,
        sessions: Sessions,
        socks: Mapping[Proxy | None, Sessions] = MappingProxyType({}),
    ) -> None:
        self._options = options
        self._borders = options.borders
        self._sessions = sessions
        self._socks = socks
        self._plain_hosts: set[str] = set()

    async def ask(self, path: str, parameters: dict[str, str]) -> Answer:
        """Send one API call (GET) and return its whole answer, whatever the status.

        Raises:
            ConnectionFailed: nothing was sent, or the connection broke before an answer.
            Stalled, BodyCut: sent, and the answer did not arrive; it may have been billed.
            BadAnswer: not HTTP, or a redirect.
            ReplyTooLarge: larger than `largest_reply`.
            Forbidden: its certificate is not good, or the proxy refuses; nothing was sent.
        """
        query = urlencode({"token": self._options.token.reveal(), **parameters})
        url, headers = self._api_address(f"{self._options.api_base.rstrip('/')}{path}?{query}")
        host = urlsplit(self._options.api_base).hostname or ""
        # An override says where the call goes: no proxy is asked in between.
        proxy = None if headers else self._proxy_for(urlsplit(url))
        with _connecting(host):
            response = await self._socks.get(proxy, self._sessions).api.get(
                _untouched(url), allow_redirects=False, **route(proxy, urlsplit(url).scheme, headers)
            )
        async with response:
            refuse_407(response.status, proxy)
            if response.status in _REDIRECTS:
                raise BadAnswer(f"{host}: the API answered with a redirect, which is never followed")
            body = await self._bounded(response, host)
            retry_after = _retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
            return Answer(response.status, body, retry_after)

    def _api_address(self, url: str) -> tuple[str, dict[str, str]]:
        """Where an API call really goes: an override that names the API's host holds for it too."""
        parts = urlsplit(url)
        override = self._borders.exact_override(parts.hostname or "")
        if override is None:
            return url, {}
        address = f"[{override.address}]" if ":" in override.address else override.address
        moved = parts._replace(scheme="http", netloc=f"{address}:{override.port}")
        return urlunsplit(moved), {"Host": parts.netloc}

    async def _bounded(self, response: "aiohttp.ClientResponse", host: str) -> bytes:
        """Return a whole body without the token."""
        most, scrub = self._options.largest_reply, self._options.token.scrub
        pieces: list[bytes] = []
        size = 0
        # A little more is read, so that a token which begins before the limit is recognized as a whole.
        while size <= most + _LONGEST_TOKEN:
            with _reading(host):
                piece = await response.content.readany()
            if not piece:
                break
            size += len(piece)
            pieces.append(piece)
        body = scrub(b"".join(pieces))
        if size > most:
            raise ReplyTooLarge(f"{host}: a reply of more than {most >> 20} MiB", body[:most])
        return body

    @asynccontextmanager
    async def open(self, url: str, headers: dict[str, str]) -> AsyncIterator[Incoming]:
        """Request a media URL and hand over the answer with its body still to come, whatever the status.

        The query goes out byte for byte. Redirects are followed, each through the allow-list, never from
        https to http. Where https cannot connect, plain http to the same host is tried and remembered.

        Raises:
            Forbidden: the URL or a redirect leaves the borders.
            ConnectionFailed, Stalled, BadAnswer: no usable answer.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            parts = self._borders.check(url)
            response = await self._get(parts, headers)
            async with response:
                if response.status not in _REDIRECTS:
                    incoming = Incoming(response, parts.hostname or "", url, self._options.least_rate)
                    try:
                        yield incoming
                    finally:
                        incoming.end()
                    return
                url = _redirected(url, response.headers.get("Location", ""))
        raise BadAnswer(f"more than {_MOST_REDIRECTS} redirects, given up")

    async def lead(self, url: str) -> str:
        """Return where a short link leads: the first redirect out of the shortener, which is not followed.

        Raises:
            Forbidden: the URL is not the shortener's.
            ConnectionFailed, Stalled, BadAnswer: there is no such redirect.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            parts = self._borders.check(url, SHORT_LINK_DOMAINS)
            host = parts.hostname or ""
            response = await self._get(parts, {})
            async with response:
                if response.status not in _REDIRECTS:
                    raise BadAnswer(f"{host} answered {response.status} instead of a redirect")
                url = _target(url, response.headers.get("Location", ""))
            try:
                self._borders.check(url, SHORT_LINK_DOMAINS)
            except Forbidden:
                return url
        raise BadAnswer(f"more than {_MOST_REDIRECTS} redirects, given up")

    async def _get(self, parts: SplitResult, headers: dict[str, str]) -> "aiohttp.ClientResponse":
        host = parts.hostname or ""
        scheme = self._wire_scheme(parts)
        try:
            return await self._send(parts._replace(scheme=scheme), headers)
        except ConnectionFailed as problem:
            if (
                problem.sent
                or isinstance(problem, ProxyFailed)
                or scheme == "http"
                or self._borders.names_port(host, parts.port)
            ):
                raise
        # Stream URLs arrive as http, https works (docs/api.md#streams); some node may have the former only.
        response = await self._send(parts._replace(scheme="http"), headers)
        self._plain_hosts.add(host)
        return response

    def _wire_scheme(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        if self._borders.override(host) is not None or host in self._plain_hosts:
            return "http"
        return parts.scheme if self._borders.names_port(host, parts.port) else "https"

    async def _send(self, parts: SplitResult, headers: dict[str, str]) -> "aiohttp.ClientResponse":
        host = parts.hostname or ""
        proxy = None if self._borders.override(host) else self._proxy_for(parts)
        session = self._socks.get(proxy, self._sessions).media
        with _connecting(host):
            address = _untouched(urlunsplit(parts))
            response = await session.get(
                address, allow_redirects=False, **route(proxy, parts.scheme, headers)
            )
        try:
            refuse_407(response.status, proxy)
        except Forbidden:
            response.close()
            raise
        return response

    def _proxy_for(self, parts: SplitResult) -> Proxy | None:
        return self._options.proxies.proxy_for(parts.scheme, parts.hostname or "", parts.port)


def _untouched(url: str) -> "URL":
    """Return an address to which nothing is done: `|` encoded would break a signature.

    What the library does: docs/reliability.md#http-client.
    """
    from yarl import URL

    return URL(url, encoded=True)


def _target(url: str, location: str) -> str:
    """Return the address that a redirect names, ready to be sent; "" if it names none."""
    try:
        return urljoin(url, encoded(location.strip())) if location.strip() else ""
    except ValueError:  # as of "https://[half/"
        return ""


def _redirected(url: str, location: str) -> str:
    target = _target(url, location)
    if not target.startswith(("http://", "https://")):
        raise Forbidden("a redirect without a usable target was refused")
    # A CDN host is sent https whatever its URL says, so only a place with a port of its own can downgrade.
    named = urlsplit(target).netloc.rpartition("@")[2].rpartition(":")[2].isdigit()
    if named and url.startswith("https://") and target.startswith("http://"):
        raise Forbidden("a redirect from https to http was refused")
    return target


def _retry_after(value: str | None, date: str | None) -> float | None:
    """Read Retry-After: seconds, or a date that is compared with the server's own clock (RFC 9110 10.2.3)."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (moment(text) - moment(date)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
