"""The demo server's misfortunes about ranges and validators, each as its letter says."""

import aiohttp
import pytest
from test_demo_server import NOTE, PICTURE, always, running

from xharchive.demo.world import DemoWorld

FROM_1000 = {"Range": "bytes=1000-"}


async def test_a_host_that_asks_for_patience(demo_world: DemoWorld) -> None:
    """r: 503 and for how long."""
    async with running(demo_world, always("r")) as client:
        got = await client.get(PICTURE)
        assert (got.status, got.headers["Retry-After"]) == (503, "20")


async def test_a_range_that_is_ignored(demo_world: DemoWorld) -> None:
    """2: all of it, with 200."""
    async with running(demo_world, always("2")) as client:
        got = await client.get(PICTURE, **FROM_1000)
        assert (got.status, got.body) == (200, demo_world.original(NOTE, "image-1"))


async def test_a_range_that_is_refused(demo_world: DemoWorld) -> None:
    """1: 416, but only to a range."""
    async with running(demo_world, always("1")) as client:
        assert (await client.get(PICTURE, **FROM_1000)).status == 416
        assert (await client.get(PICTURE)).status == 200


async def test_a_range_that_begins_late(demo_world: DemoWorld) -> None:
    """6: one byte is missing, and the header says so."""
    whole = demo_world.original(NOTE, "image-1")
    async with running(demo_world, always("6")) as client:
        got = await client.get(PICTURE, **FROM_1000)
        assert (got.status, got.body) == (206, whole[1001:])
        assert got.headers["Content-Range"] == f"bytes 1001-{len(whole) - 1}/{len(whole)}"
        assert (await client.get(PICTURE)).body == whole


async def test_a_range_of_another_file(demo_world: DemoWorld) -> None:
    """v: the right range, the wrong bytes, and an ETag that tells."""
    whole = demo_world.original(NOTE, "image-1")
    async with running(demo_world, always("v")) as client:
        healthy = await client.get(PICTURE)
        got = await client.get(PICTURE, **FROM_1000)
        assert (got.status, len(got.body)) == (206, len(whole) - 1000)
        assert got.body != whole[1000:]
        assert got.headers["ETag"] != healthy.headers["ETag"]


async def test_a_file_that_changed(demo_world: DemoWorld) -> None:
    """V: another one with 200, whatever was asked for."""
    async with running(demo_world, always("V")) as client:
        got = await client.get(PICTURE, **FROM_1000)
        assert (got.status, got.headers["ETag"]) == (200, '"changed"')
        assert got.body == demo_world.original(NOTE, "live-1")


@pytest.mark.parametrize(("letter", "etag"), [("n", None), ("w", "W/")])
async def test_a_cut_without_proof(demo_world: DemoWorld, letter: str, etag: str | None) -> None:
    """n, w: half a body whose ETag is missing or weak."""
    async with (
        running(demo_world, always(letter)) as client,
        client.request(PICTURE, "ci.xiaohongshu.com") as response,
    ):
        assert response.headers.get("ETag", "")[:2] == (etag or "")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
