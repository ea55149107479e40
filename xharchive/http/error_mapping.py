"""Translate the exceptions of aiohttp, around single calls.

The text of an aiohttp exception is never used: some texts contain complete URLs with the token
(docs/reliability.md#http-client). The functions import aiohttp, so that this module can be imported without
it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from xharchive.errors import BadResponse, ConnectionFailed, IncompleteBody, NotAllowed, Stalled

REFUSED_MARK = "address outside the allow-list"
"""The text of the OSError for a refused address; aiohttp wraps that error."""


@contextmanager
def translate_connect_errors(host: str) -> Iterator[None]:
    """Translate the errors until the headers of a response are there.

    Raises:
        ConnectionFailed: the name has no address, there is no connection, or it broke; a retry may help.
        Stalled: no response arrived in time.
        NotAllowed: the address is not allowed, or the certificate is invalid.
        BadResponse: the response is not HTTP.
    """
    import aiohttp

    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise NotAllowed(f"{host}: its TLS certificate is not valid for it") from None
    except aiohttp.ClientConnectorDNSError:
        raise ConnectionFailed(f"{host}: the name cannot be resolved") from None
    except aiohttp.ClientConnectorError as error:
        if REFUSED_MARK in str(error.os_error):
            raise NotAllowed(f"{host}: it resolves to an address that is not public") from None
        raise ConnectionFailed(f"{host}: no connection ({_os_error_text(error.os_error)})") from None
    except aiohttp.ConnectionTimeoutError:
        raise ConnectionFailed(f"{host}: no connection in time") from None
    except TimeoutError:
        raise Stalled(f"{host}: no answer in time") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
        raise ConnectionFailed(f"{host}: the connection broke before an answer", sent=True) from None
    except (aiohttp.ClientError, ValueError):
        raise BadResponse(f"{host}: the answer is not valid HTTP") from None


def _os_error_text(error: OSError) -> str:
    return (error.strerror or type(error).__name__).partition(":")[0].lower()[:80]


@contextmanager
def translate_read_errors(host: str) -> Iterator[None]:
    """Translate the errors while a body arrives.

    Raises:
        Stalled: no bytes arrived within the time-out. `BelowMinimumRate` is raised unchanged.
        IncompleteBody: the connection broke, or the body is shorter than announced.
    """
    import aiohttp

    try:
        yield
    except TimeoutError:
        raise Stalled(f"{host}: the body stopped arriving") from None
    except (aiohttp.ClientError, ConnectionError):
        raise IncompleteBody(f"{host}: the body broke off") from None
