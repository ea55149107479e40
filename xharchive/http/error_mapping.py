"""The border where aiohttp's exceptions become ours, around single calls.

No text of a foreign exception crosses it: aiohttp puts whole URLs, token included, into some
(docs/reliability.md#http-client).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from xharchive.errors import BadAnswer, BodyCut, ConnectionFailed, Forbidden, Stalled
from xharchive.http.address_guard import REFUSED_MARK

__all__ = ["connecting", "reading"]


@contextmanager
def connecting(host: str) -> Iterator[None]:
    """Translate what can go wrong until the headers are there.

    Raises:
        ConnectionFailed: no name, no connection, or it broke; worth trying again later.
        Stalled: connected, and no answer came in time.
        Forbidden: the address is outside the borders, or its certificate is not good.
        BadAnswer: the answer is not HTTP.
    """
    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise Forbidden(f"{host}: its TLS certificate is not valid for it") from None
    except aiohttp.ClientConnectorDNSError:
        raise ConnectionFailed(f"{host}: the name cannot be resolved") from None
    except aiohttp.ClientConnectorError as problem:
        if REFUSED_MARK in str(problem.os_error):
            raise Forbidden(f"{host}: it resolves to an address that is not public") from None
        raise ConnectionFailed(f"{host}: no connection ({_cause(problem.os_error)})") from None
    except aiohttp.ConnectionTimeoutError:
        raise ConnectionFailed(f"{host}: no connection in time") from None
    except TimeoutError:
        raise Stalled(f"{host}: no answer in time") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
        raise ConnectionFailed(f"{host}: the connection broke before an answer", sent=True) from None
    except (aiohttp.ClientError, ValueError):
        raise BadAnswer(f"{host}: the answer is not valid HTTP") from None


def _cause(problem: OSError) -> str:
    return (problem.strerror or type(problem).__name__).partition(":")[0].lower()[:80]


@contextmanager
def reading(host: str) -> Iterator[None]:
    """Translate what can go wrong while a body arrives.

    Raises:
        Stalled: nothing came for as long as the time-out allows; `TooLittle` passes through unchanged.
        BodyCut: the connection broke, or ended before the announced length.
    """
    try:
        yield
    except TimeoutError:
        raise Stalled(f"{host}: the body stopped arriving") from None
    except (aiohttp.ClientError, ConnectionError):
        raise BodyCut(f"{host}: the body broke off") from None
