"""Send HTTP requests with time-outs, size limits, the host allow-list and redaction.

No other room imports aiohttp. The API and the CDN have separate sessions, so that the session with the token
never connects to a media host. The caller decides what an HTTP status means. aiohttp is imported with the
first request: a run over a complete archive sends none, and would end sooner than the import.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

from xharchive.errors import BadResponse, ConnectionFailed, NotAllowed, ProxyFailed, ReplyTooLarge
from xharchive.host_allowlist import SHORT_LINK_DOMAINS
from xharchive.http.error_mapping import translate_connect_errors, translate_read_errors
from xharchive.http.headers import ContentRange
from xharchive.http.http_options import MIN_RATE, TransportOptions, check_proxy_login, request_arguments
from xharchive.http.responses import ApiResponse, StreamResponse, read_retry_after
from xharchive.proxies import Proxy
from xharchive.sanitize import percent_encoded

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

__all__ = [
    "MIN_RATE",
    "ApiResponse",
    "ContentRange",
    "StreamResponse",
    "Transport",
    "TransportOptions",
    "connect",
]

_MAX_TOKEN_BYTES = 64 * 1024  # as encoded in a URL
_MAX_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset((301, 302, 303, 307, 308))


@asynccontextmanager
async def connect(options: TransportOptions) -> AsyncIterator["Transport"]:
    """Open a transport for one event loop; its connections close with the context."""
    sessions = _LazySessions(options)
    socks: dict[Proxy | None, _LazySessions] = {
        proxy: _LazySessions(options, proxy) for proxy in options.proxies.all if proxy.is_socks
    }
    try:
        yield Transport(options, sessions, socks)
    finally:
        for each in (sessions, *socks.values()):
            await each.close()


class Sessions(Protocol):
    """The sessions of one route: one for the API, one for the CDN."""

    @property
    def api(self) -> "aiohttp.ClientSession":
        """The session of API calls, whose URLs carry the token."""

    @property
    def media(self) -> "aiohttp.ClientSession":
        """The session of media requests, which never carry the token."""


class _LazySessions:
    """Sessions that are made at their first use; all connections go through `socks` if it is given."""

    def __init__(self, options: TransportOptions, socks: Proxy | None = None) -> None:
        self._options = options
        self._socks = socks
        self._pair: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None

    @property
    def api(self) -> "aiohttp.ClientSession":
        return self._open()[0]

    @property
    def media(self) -> "aiohttp.ClientSession":
        return self._open()[1]

    def _open(self) -> "tuple[aiohttp.ClientSession, aiohttp.ClientSession]":
        if self._pair is None:
            from xharchive.http.sessions import api_session, media_session

            self._pair = (
                api_session(self._options, self._socks),
                media_session(self._options, self._socks),
            )
        return self._pair

    async def close(self) -> None:
        for session in reversed(self._pair or ()):
            await session.close()


class Transport:
    """Send API calls and media requests.

    Args:
        options: time-outs, limits and hosts.
        sessions: the sessions for direct connections and HTTP proxies.
        socks: the sessions of each SOCKS proxy.
    """

    def __init__(
        self,
        options: TransportOptions,
        sessions: Sessions,
        socks: Mapping[Proxy | None, Sessions] = MappingProxyType({}),
    ) -> None:
        self._options = options
        self._allow_list = options.borders
        self._sessions = sessions
        self._socks_sessions = socks
        self._http_only_hosts: set[str] = set()

    async def api_get(self, path: str, parameters: dict[str, str]) -> ApiResponse:
        """Send one API call (GET) and return its response, whatever the status.

        Args:
            path: the URL path of the endpoint.
            parameters: the query without the token.

        Raises:
            ConnectionFailed: no connection, or (with `sent`) the connection broke before a response.
            Stalled, IncompleteBody: the response did not arrive completely; the call may have been billed.
            BadResponse: the response is not HTTP, or is a redirect.
            ReplyTooLarge: the body is larger than `largest_reply`.
            NotAllowed: the certificate is invalid, or the proxy refuses; nothing was sent.
        """
        query = urlencode({"token": self._options.token.reveal(), **parameters})
        url, headers = self._api_url(f"{self._options.api_base.rstrip('/')}{path}?{query}")
        host = urlsplit(self._options.api_base).hostname or ""
        # An override names the address to connect to, so no proxy is used.
        proxy = None if headers else self._proxy_for(urlsplit(url))
        with translate_connect_errors(host):
            response = await self._socks_sessions.get(proxy, self._sessions).api.get(
                _exact_url(url),
                allow_redirects=False,
                **request_arguments(proxy, urlsplit(url).scheme, headers),
            )
        async with response:
            check_proxy_login(response.status, proxy)
            if response.status in _REDIRECT_STATUSES:
                raise BadResponse(f"{host}: the API answered with a redirect, which is never followed")
            body = await self._read_body(response, host)
            retry_after = read_retry_after(response.headers)
            return ApiResponse(response.status, body, retry_after)

    def _api_url(self, url: str) -> tuple[str, dict[str, str]]:
        """Return the URL and the extra headers of an API call; apply the override for the API's host."""
        parts = urlsplit(url)
        override = self._allow_list.exact_override(parts.hostname or "")
        if override is None:
            return url, {}
        address = f"[{override.address}]" if ":" in override.address else override.address
        target = parts._replace(scheme="http", netloc=f"{address}:{override.port}")
        return urlunsplit(target), {"Host": parts.netloc}

    async def _read_body(self, response: "aiohttp.ClientResponse", host: str) -> bytes:
        """Return a complete body without the token.

        Raises:
            ReplyTooLarge: the body is larger than `largest_reply`.
        """
        limit, redact_bytes = self._options.largest_reply, self._options.token.redact_bytes
        chunks: list[bytes] = []
        size = 0
        # Read past the limit, so that a token which begins before the limit is removed completely.
        while size <= limit + _MAX_TOKEN_BYTES:
            with translate_read_errors(host):
                chunk = await response.content.readany()
            if not chunk:
                break
            size += len(chunk)
            chunks.append(chunk)
        body = redact_bytes(b"".join(chunks))
        if size > limit:
            raise ReplyTooLarge(f"{host}: a reply of more than {limit >> 20} MiB", body[:limit])
        return body

    @asynccontextmanager
    async def open(self, url: str, headers: dict[str, str]) -> AsyncIterator[StreamResponse]:
        """Request a media URL and yield the response, whatever the status.

        The query is sent byte for byte. Each redirect must pass the allow-list, and none may lead from https
        to http. Where https cannot connect, plain http to the same host is tried; later requests use what
        worked.

        Raises:
            NotAllowed: the URL or a redirect is not in the allow-list.
            ConnectionFailed, Stalled, BadResponse: no usable response.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            parts = self._allow_list.check(url)
            response = await self._get_with_fallback(parts, headers)
            async with response:
                if response.status not in _REDIRECT_STATUSES:
                    incoming = StreamResponse(response, parts.hostname or "", url, self._options.least_rate)
                    try:
                        yield incoming
                    finally:
                        incoming.end()
                    return
                url = _allowed_redirect(url, response.headers.get("Location", ""))
        raise BadResponse(f"more than {_MAX_REDIRECTS} redirects, given up")

    async def resolve_redirect(self, url: str) -> str:
        """Return the URL that a short link leads to. Only the shortener's hosts get requests.

        Raises:
            NotAllowed: the URL is no short link.
            ConnectionFailed, Stalled, BadResponse: there is no such redirect.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            parts = self._allow_list.check(url, SHORT_LINK_DOMAINS)
            host = parts.hostname or ""
            response = await self._get_with_fallback(parts, {})
            async with response:
                if response.status not in _REDIRECT_STATUSES:
                    raise BadResponse(f"{host} answered {response.status} instead of a redirect")
                url = _redirect_target(url, response.headers.get("Location", ""))
            try:
                self._allow_list.check(url, SHORT_LINK_DOMAINS)
            except NotAllowed:
                return url
        raise BadResponse(f"more than {_MAX_REDIRECTS} redirects, given up")

    async def _get_with_fallback(
        self, parts: SplitResult, headers: dict[str, str]
    ) -> "aiohttp.ClientResponse":
        """Send a media request by https, or by http if the host cannot do https."""
        host = parts.hostname or ""
        scheme = self._scheme_to_use(parts)
        try:
            return await self._send(parts._replace(scheme=scheme), headers)
        except ConnectionFailed as error:
            if (
                error.sent
                or isinstance(error, ProxyFailed)
                or scheme == "http"
                or self._allow_list.allows_exact_port(host, parts.port)
            ):
                raise
        # Stream URLs arrive as http, and https works (docs/api.md#streams); a node may serve http only.
        response = await self._send(parts._replace(scheme="http"), headers)
        self._http_only_hosts.add(host)
        return response

    def _scheme_to_use(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        if self._allow_list.override(host) is not None or host in self._http_only_hosts:
            return "http"
        return parts.scheme if self._allow_list.allows_exact_port(host, parts.port) else "https"

    async def _send(self, parts: SplitResult, headers: dict[str, str]) -> "aiohttp.ClientResponse":
        host = parts.hostname or ""
        proxy = None if self._allow_list.override(host) else self._proxy_for(parts)
        session = self._socks_sessions.get(proxy, self._sessions).media
        with translate_connect_errors(host):
            address = _exact_url(urlunsplit(parts))
            response = await session.get(
                address, allow_redirects=False, **request_arguments(proxy, parts.scheme, headers)
            )
        try:
            check_proxy_login(response.status, proxy)
        except NotAllowed:
            response.close()
            raise
        return response

    def _proxy_for(self, parts: SplitResult) -> Proxy | None:
        return self._options.proxies.proxy_for(parts.scheme, parts.hostname or "", parts.port)


def _exact_url(url: str) -> "URL":
    """Return a URL that the library sends as it is: an encoded `|` would break a signature.

    Source: docs/reliability.md#http-client.
    """
    from yarl import URL

    return URL(url, encoded=True)


def _redirect_target(url: str, location: str) -> str:
    """Return the encoded URL that a redirect leads to, "" if it names none."""
    try:
        return urljoin(url, percent_encoded(location.strip())) if location.strip() else ""
    except ValueError:  # such as "https://[half/"
        return ""


def _allowed_redirect(url: str, location: str) -> str:
    """Return the URL that a media redirect leads to.

    Raises:
        NotAllowed: there is no usable URL, or it would leave https.
    """
    target = _redirect_target(url, location)
    if not target.startswith(("http://", "https://")):
        raise NotAllowed("a redirect without a usable target was refused")
    # A CDN host gets https whatever its URL says, so only a URL with a port can downgrade.
    has_port = urlsplit(target).netloc.rpartition("@")[2].rpartition(":")[2].isdigit()
    if has_port and url.startswith("https://") and target.startswith("http://"):
        raise NotAllowed("a redirect from https to http was refused")
    return target
