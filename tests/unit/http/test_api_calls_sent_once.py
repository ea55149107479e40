"""A request is sent once: what is paid per call must not be repeated behind our back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from xharchive.errors import ConnectionFailed
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions, connect


@asynccontextmanager
async def _hanging_up(requests: list[bytes]) -> AsyncIterator[int]:
    """Serve connections that break after the request's headers, and record those."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_an_api_call_whose_connection_breaks_is_not_repeated() -> None:
    """aiohttp repeats such a GET by itself; a repeated call would be paid twice and stand in no ledger."""
    requests: list[bytes] = []
    async with (
        _hanging_up(requests) as port,
        connect(TransportOptions(api_base=f"http://127.0.0.1:{port}")) as transport,
    ):
        with pytest.raises(ConnectionFailed) as failed:
            await transport.api_get("/api/note", {"noteId": "1"})
    assert failed.value.sent, "it may have been billed"
    assert len(requests) == 1


async def test_a_media_request_whose_connection_breaks_is_not_repeated() -> None:
    """Retries are the fetcher's affair: it counts them, and goes to a mirror first."""
    requests: list[bytes] = []
    async with _hanging_up(requests) as port:
        borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", port),))
        async with connect(TransportOptions(borders=borders)) as transport:
            with pytest.raises(ConnectionFailed):
                async with transport.open("https://ci.xiaohongshu.com/key", {}):
                    pass
    assert len(requests) == 1
