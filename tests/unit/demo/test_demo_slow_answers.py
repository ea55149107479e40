"""The demo server's slow answers: healthy, and open to whoever wants to break off in the middle."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest
from support.fault_letters import FaultyHandler, serve_faulty
from support.recorded_responses import SeenRequest
from test_demo_server import ASK_V1, NOTE, PICTURE, Client, always, running

from xharchive.demo.world import CI_HOST, DemoWorld


@pytest.mark.parametrize(("path", "host"), [(PICTURE, CI_HOST), (ASK_V1, "127.0.0.1")])
async def test_a_slow_answer_comes_in_pieces(demo_world: DemoWorld, path: str, host: str) -> None:
    """s: whole in the end."""
    async with running(demo_world) as client:
        whole = (await client.get(path, host=host)).body
    async with running(demo_world, always("s")) as client, client.request(path, host) as response:
        first = await response.content.readany()
        assert 0 < len(first) < len(whole)
        assert not client.seen
        assert first + await response.read() == whole


async def test_a_range_is_slow_too(demo_world: DemoWorld) -> None:
    """s: a resumed download takes its time like any other."""
    async with running(demo_world, always("s")) as client:
        got = await client.get(PICTURE, Range="bytes=1000-1009")
        assert (got.status, got.body) == (206, demo_world.original(NOTE, "image-1")[1000:1010])


async def test_a_client_that_goes_leaves_the_rest_unsent(demo_world: DemoWorld) -> None:
    """s: what is counted went out."""
    reported = asyncio.Event()
    seen: list[SeenRequest] = []

    def note_down(request: SeenRequest) -> None:
        seen.append(request)
        reported.set()

    async with serve_faulty(FaultyHandler(demo_world, note_down, always("s"))) as server:
        async with aiohttp.ClientSession() as session:
            client = Client(session, server.base_url)
            async with client.request(PICTURE, CI_HOST) as response:
                assert await response.content.readany()
        await reported.wait()
    assert 0 < seen[0].sent_bytes < len(demo_world.original(NOTE, "image-1"))


async def test_a_server_that_ends_hurries(demo_world: DemoWorld) -> None:
    """s: a shutdown does not wait for the pauses, and cuts nothing."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        async with serve_faulty(FaultyHandler(demo_world, faults=always("s"))) as server:
            request = Client(session, server.base_url).request(PICTURE, CI_HOST)
            response = await stack.enter_async_context(request)
        assert await response.read() == demo_world.original(NOTE, "image-1")
