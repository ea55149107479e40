"""Lets aioresponses 0.7.9 answer for aiohttp 3.14; test-only, and gone on the day its canary fails.

Two things changed under aioresponses: a response wants to know its `stream_writer`, and a stream that is fed
past its limit asks its protocol to pause reading, which needs a parser that nobody made.
"""

from asyncio import AbstractEventLoop
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock, patch

from aiohttp import ClientResponse, StreamReader
from aiohttp.client_proto import ResponseHandler
from aioresponses import aioresponses

__all__ = ["mocked_http"]

_NEVER_FULL = 1 << 30


class _Response(ClientResponse):
    def __init__(self, *args: Any, **named: Any) -> None:
        named.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **named)


def _roomy_stream(loop: AbstractEventLoop) -> StreamReader:
    return StreamReader(ResponseHandler(loop=loop), limit=_NEVER_FULL, loop=loop)


@contextmanager
def mocked_http() -> Iterator[aioresponses]:
    """Answer every aiohttp request of this block from what is registered; nothing reaches a socket."""
    repaired = patch.multiple(
        "aioresponses.core", ClientResponse=_Response, stream_reader_factory=_roomy_stream
    )
    with repaired, aioresponses() as mocked:
        yield mocked
