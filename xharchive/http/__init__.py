"""Send HTTP requests with time-outs, size limits, the host allow-list and redaction.

No other room imports aiohttp. The caller decides what an HTTP status means. aiohttp is imported with the
first request: a run over a complete archive sends none, and would end sooner than the import.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

from xharchive.errors import BadResponse, ConnectionFailed, NotAllowed, ProxyFailed, ReplyTooLarge
from xharchive.host_allowlist import SHORT_LINK_DOMAINS
from xharchive.http.http_options import MIN_RATE, TransportOptions
from xharchive.http.responses import (
    ApiResponse,
    ContentRange,
    StreamResponse,
    read_retry_after,
    translate_read_errors,
)
from xharchive.proxies import Proxy
from xharchive.sanitize import percent_encoded

if TYPE_CHECKING:
    import aiohttp

    from xharchive.http.sessions import Sessions

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
    transport = Transport(options)
    try:
        yield transport
    finally:
        await transport.close()


class Transport:
    """Send API calls and media requests.

    Args:
        options: time-outs, limits and hosts.
        sessions: the sessions to use; made with the first request if None.
    """

    def __init__(self, options: TransportOptions, sessions: "Sessions | None" = None) -> None:
        self._options = options
        self._allow_list = options.borders
        self._sessions = sessions
        self._http_only_hosts: set[str] = set()

    async def close(self) -> None:
        """Close all connections."""
        if self._sessions is not None:
            await self._sessions.close()

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
        async with await self._get(url, headers, proxy, api=True) as response:
            if response.status in _REDIRECT_STATUSES:
                raise BadResponse(f"{host}: the API answered with a redirect, which is never followed")
            body = await self._read_body(response, host)
            return ApiResponse(response.status, body, read_retry_after(response.headers))

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
        limit, body = self._options.largest_reply, bytearray()
        with translate_read_errors(host):
            # Read past the limit, so that a token which begins before the limit is removed completely.
            while len(body) <= limit + _MAX_TOKEN_BYTES and (chunk := await response.content.readany()):
                body += chunk
        redacted = self._options.token.redact_bytes(bytes(body))
        if len(body) > limit:
            raise ReplyTooLarge(f"{host}: a reply of more than {limit >> 20} MiB", redacted[:limit])
        return redacted

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
            async with await self._get_with_fallback(parts, headers) as response:
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
        parts = self._allow_list.check(url, SHORT_LINK_DOMAINS)
        for _ in range(_MAX_REDIRECTS + 1):
            async with await self._get_with_fallback(parts, {}) as response:
                if response.status not in _REDIRECT_STATUSES:
                    raise BadResponse(f"{parts.hostname} answered {response.status} instead of a redirect")
                url = _redirect_target(url, response.headers.get("Location", ""))
            try:
                parts = self._allow_list.check(url, SHORT_LINK_DOMAINS)
            except NotAllowed:
                return url
        raise BadResponse(f"more than {_MAX_REDIRECTS} redirects, given up")

    async def _get_with_fallback(
        self, parts: SplitResult, headers: dict[str, str]
    ) -> "aiohttp.ClientResponse":
        """Send a media request by https, or by http if the host cannot do https."""
        host = parts.hostname or ""
        parts = parts._replace(scheme=self._scheme_to_use(parts))
        proxy = None if self._allow_list.override(host) else self._proxy_for(parts)
        try:
            return await self._get(urlunsplit(parts), headers, proxy)
        except ConnectionFailed as error:
            as_named = self._allow_list.allows_exact_port(host, parts.port)
            if error.sent or isinstance(error, ProxyFailed) or parts.scheme == "http" or as_named:
                raise
        # Stream URLs arrive as http, and https works (docs/api.md#streams); a node may serve http only.
        plain = parts._replace(scheme="http")
        response = await self._get(urlunsplit(plain), headers, self._proxy_for(plain))
        self._http_only_hosts.add(host)
        return response

    def _scheme_to_use(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        if self._allow_list.override(host) is not None or host in self._http_only_hosts:
            return "http"
        return parts.scheme if self._allow_list.allows_exact_port(host, parts.port) else "https"

    async def _get(
        self, url: str, headers: dict[str, str], proxy: Proxy | None, *, api: bool = False
    ) -> "aiohttp.ClientResponse":
        if self._sessions is None:
            from xharchive.http.sessions import Sessions

            self._sessions = Sessions(self._options)
        return await self._sessions.get(url, headers, proxy, api=api)

    def _proxy_for(self, parts: SplitResult) -> Proxy | None:
        return self._options.proxies.proxy_for(parts.scheme, parts.hostname or "", parts.port)


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
