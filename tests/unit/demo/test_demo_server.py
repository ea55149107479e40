"""The demo's server speaks HTTP as the API and the CDN do, and misbehaves on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from support.fault_letters import LETTERS, FaultScript, FaultyHandler, serve_faulty
from support.recorded_responses import SeenRequest
from yarl import URL

from xharchive.demo.server import API_PATHS
from xharchive.demo.world import CI_HOST, DemoWorld

NOTE = "69aed4e2000000000e00c358"
PICTURE = "/notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130"
V1_PATH = "/api/xiaohongshu/get-note-detail/v1"
ASK_V1 = f"{V1_PATH}?token=demo&noteId={NOTE}"


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Client:
    """Asks the server, under any host name; `seen` is what the server reported."""

    session: aiohttp.ClientSession
    base: str
    seen: list[SeenRequest] = field(default_factory=list)

    def request(
        self, path: str, host: str, method: str = "GET", **headers: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        named = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self.base + path, encoded=True)
        return self.session.request(method, url, headers=named, allow_redirects=False)

    async def get(self, path: str, host: str = CI_HOST, method: str = "GET", **headers: str) -> Got:
        async with self.request(path, host, method, **headers) as response:
            return Got(response.status, response.headers, await response.read())


@pytest.fixture(scope="module")
def world() -> DemoWorld:
    return DemoWorld()


@asynccontextmanager
async def running(world: DemoWorld, faults: FaultScript | None = None) -> AsyncIterator[Client]:
    seen: list[SeenRequest] = []
    async with (
        serve_faulty(FaultyHandler(world, seen.append, faults)) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Client(session, server.base_url, seen)


def always(letter: str) -> FaultScript:
    return lambda _host, _path, _number: letter


@pytest.mark.parametrize("path", API_PATHS)
async def test_every_endpoint_answers_with_json(world: DemoWorld, path: str) -> None:
    """The five paths are there, and say code 0."""
    async with running(world) as client:
        got = await client.get(f"{path}?token=demo&noteId={NOTE}", host="api.justoneapi.com")
        assert got.status == 200
        assert got.headers["Content-Type"].startswith("application/json")
        assert json.loads(got.body)["code"] == 0
        assert client.seen[0].kind == "api"


@pytest.mark.parametrize("query", ["", "?noteId=x", "?token=&noteId=x", "?token=wrong&noteId=x"])
async def test_a_bad_token_is_code_100(world: DemoWorld, query: str) -> None:
    """Missing, empty or wrong."""
    async with running(world) as client:
        assert json.loads((await client.get(V1_PATH + query, host="localhost:8000")).body)["code"] == 100


async def test_the_api_has_no_other_paths(world: DemoWorld) -> None:
    """Nor does the CDN answer under the API's names."""
    async with running(world) as client:
        assert (await client.get("/api/unknown?token=demo", host="127.0.0.1")).status == 404
        assert (await client.get(PICTURE, host="127.0.0.1")).status == 404
        assert (await client.get(ASK_V1, host=CI_HOST)).status == 404


async def test_an_upload_comes_whole(world: DemoWorld) -> None:
    """Length, type and a strong validator are declared."""
    async with running(world) as client:
        got = await client.get(PICTURE)
        assert got.body == world.original(NOTE, "image-1")
        assert got.headers["Content-Length"] == str(len(got.body))
        assert got.headers["Content-Type"] == "image/heic"
        assert got.headers["ETag"].startswith('"')
        assert got.headers["Accept-Ranges"] == "bytes"
        seen = client.seen[0]
        assert (seen.kind, seen.host, seen.status, seen.sent_bytes) == ("media", CI_HOST, 200, len(got.body))


async def test_the_query_arrives_byte_for_byte(world: DemoWorld) -> None:
    """A raw bar stays a bar, a percent-encoded one stays encoded."""
    queries = [f"?imageView2/2/w/576/format/heif/q/58{bar}imageMogr2/strip&ap=1" for bar in ("|", "%7C")]
    async with running(world) as client:
        for query in queries:
            assert (await client.get(PICTURE + query)).status == 200
        assert [seen.raw_path for seen in client.seen] == [PICTURE + query for query in queries]


async def test_head_sends_no_body(world: DemoWorld) -> None:
    """The length is that of the file."""
    async with running(world) as client:
        got = await client.get(PICTURE, method="HEAD")
        assert got.body == b""
        assert got.headers["Content-Length"] == str(len(world.original(NOTE, "image-1")))
        assert client.seen[0].sent_bytes == 0


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=100-199", 100, 199),
        ("bytes=100-", 100, None),
        ("bytes=-50", -50, None),
        ("bytes=9-99999999", 9, None),
    ],
)
async def test_a_range_is_a_206(world: DemoWorld, asked: str, first: int, last: int | None) -> None:
    """Content-Range says which bytes came."""
    whole = world.original(NOTE, "image-1")
    start = first if first >= 0 else len(whole) + first
    stop = len(whole) if last is None else last + 1
    async with running(world) as client:
        got = await client.get(PICTURE, Range=asked)
        assert got.status == 206
        assert got.body == whole[start:stop]
        assert got.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=5-4"])
async def test_a_range_outside_is_a_416(world: DemoWorld, asked: str) -> None:
    """The answer tells the true length."""
    async with running(world) as client:
        got = await client.get(PICTURE, Range=asked)
        assert got.status == 416
        assert got.headers["Content-Range"] == f"bytes */{len(world.original(NOTE, 'image-1'))}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b"])
async def test_a_range_that_is_not_understood_is_ignored(world: DemoWorld, asked: str) -> None:
    """RFC 9110, 14.2."""
    async with running(world) as client:
        assert (await client.get(PICTURE, Range=asked)).status == 200


async def test_if_range_guards_the_range(world: DemoWorld) -> None:
    """The same validator continues, another one starts again."""
    async with running(world) as client:
        etag = (await client.get(PICTURE)).headers["ETag"]
        same = await client.get(PICTURE, Range="bytes=10-", If_Range=etag)
        other = await client.get(PICTURE, Range="bytes=10-", If_Range='"other"')
        assert (same.status, other.status) == (206, 200)


async def test_a_dead_host_is_a_503(world: DemoWorld) -> None:
    """Whatever it is asked for."""
    async with running(world) as client:
        assert (await client.get("/anything", host="sns-v27.rednotecdn.com")).status == 503


async def test_the_script_counts_requests_for_the_same_address(world: DemoWorld) -> None:
    """Healthy only at the third try of each path."""
    async with running(world, faults=lambda _host, _path, number: "5" if number < 3 else None) as client:
        assert [(await client.get(PICTURE)).status for _ in range(3)] == [503, 503, 200]
        assert (await client.get(f"{PICTURE}?x=1")).status == 503


@pytest.mark.parametrize(("letter", "status"), [("4", 404), ("3", 403), ("5", 503)])
async def test_error_pages(world: DemoWorld, letter: str, status: int) -> None:
    """A status with an HTML page."""
    async with running(world, always(letter)) as client:
        got = await client.get(PICTURE)
        assert got.status == status
        assert got.headers["Content-Type"].startswith("text/html")


async def test_a_dropped_connection_has_no_status(world: DemoWorld) -> None:
    """X: gone before the headers."""
    async with running(world, always("X")) as client:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.get(PICTURE)
        assert client.seen[0].status == 0


@pytest.mark.parametrize("path", [PICTURE, ASK_V1])
async def test_a_cut_body_is_noticed_by_its_length(world: DemoWorld, path: str) -> None:
    """C: the full length is promised, half of it comes."""
    async with running(world, always("C")) as client:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get(path, host=CI_HOST if path == PICTURE else "127.0.0.1")
        assert client.seen[0].sent_bytes > 0


async def test_a_cut_without_length_looks_whole(world: DemoWorld) -> None:
    """c: nothing in HTTP tells that half of it is missing."""
    whole = world.original(NOTE, "image-1")
    async with running(world, always("c")) as client:
        got = await client.get(PICTURE)
        assert (got.status, got.body) == (200, whole[: len(whole) // 2])
        assert "Content-Length" not in got.headers


async def test_a_cut_counts_from_the_start_of_the_range(world: DemoWorld) -> None:
    """A resumed download can be cut again."""
    whole = world.original(NOTE, "image-1")
    async with running(world, always("c")) as client:
        got = await client.get(PICTURE, Range="bytes=1000-2999")
        assert (got.status, got.body) == (206, whole[1000:2000])


async def test_a_stall_ends_when_the_client_goes(world: DemoWorld) -> None:
    """S: half a body, then silence; the server lets go of it by itself."""
    half = len(world.original(NOTE, "image-1")) // 2
    reported = asyncio.Event()
    seen: list[SeenRequest] = []

    def note_down(request: SeenRequest) -> None:
        seen.append(request)
        reported.set()

    async with serve_faulty(FaultyHandler(world, note_down, always("S"))) as server:
        async with aiohttp.ClientSession() as session:
            client = Client(session, server.base_url)
            async with client.request(PICTURE, CI_HOST) as response:
                assert len(await response.content.readexactly(half)) == half
                assert not seen
        await reported.wait()
    assert (seen[0].status, seen[0].sent_bytes) == (200, half)


async def test_a_stall_ends_when_the_server_ends(world: DemoWorld) -> None:
    """S: a shutdown does not wait for clients that wait for it."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        async with serve_faulty(FaultyHandler(world, faults=always("S"))) as server:
            request = Client(session, server.base_url).request(PICTURE, CI_HOST)
            response = await stack.enter_async_context(request)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_page_in_disguise(world: DemoWorld) -> None:
    """H: status 200 and the right type, but a page."""
    async with running(world, always("H")) as client:
        got = await client.get(PICTURE)
        assert (got.status, got.headers["Content-Type"]) == (200, "image/heic")
        assert got.body.startswith(b"<!DOCTYPE html>")


async def test_nothing_with_status_200(world: DemoWorld) -> None:
    """Z: an empty body."""
    async with running(world, always("Z")) as client:
        got = await client.get(PICTURE)
        assert (got.status, got.body) == (200, b"")


async def test_redirects_lead_nowhere_good(world: DemoWorld) -> None:
    """R: out of the allowed hosts. L: back to itself."""
    async with running(world, always("R")) as client:
        assert (await client.get(PICTURE)).headers["Location"] == "http://127.0.0.1:1/"
    async with running(world, always("L")) as client:
        assert (await client.get(PICTURE)).headers["Location"] == PICTURE


async def test_another_file_in_its_place(world: DemoWorld) -> None:
    """W: a movie for a picture, a picture for a movie, another note for a note."""
    async with running(world, always("W")) as client:
        assert (await client.get(PICTURE)).body == world.original(NOTE, "live-1")
        motion = f"/{world.notes[NOTE].originals['live-1']}"
        assert (await client.get(motion, host="sns-v8.rednotecdn.com")).body == world.original(
            NOTE, "image-1"
        )
        reply = await client.get(ASK_V1, host="127.0.0.1")
        assert json.loads(reply.body)["code"] == 0
        assert NOTE.encode() not in reply.body


async def test_a_flipped_end(world: DemoWorld) -> None:
    """B: the right length, the last 4 KiB wrong."""
    whole = world.original(NOTE, "image-1")
    async with running(world, always("B")) as client:
        body = (await client.get(PICTURE)).body
        assert len(body) == len(whole)
        assert body[:-4096] == whole[:-4096]
        assert all(a ^ b == 255 for a, b in zip(body[-4096:], whole[-4096:], strict=True))


@pytest.mark.parametrize(("letter", "code"), [("T", 302), ("E", 301), ("I", 500), ("Q", 303), ("N", 600)])
async def test_the_vendors_codes(world: DemoWorld, letter: str, code: int) -> None:
    """HTTP 200, the trouble is in the body (docs/api.md#envelope)."""
    async with running(world, always(letter)) as client:
        got = await client.get(ASK_V1, host="127.0.0.1")
        assert got.status == 200
        assert json.loads(got.body)["code"] == code


async def test_a_reply_that_is_no_json(world: DemoWorld) -> None:
    """J: the reply breaks off, the connection does not."""
    async with running(world, always("J")) as client:
        got = await client.get(ASK_V1, host="127.0.0.1")
        with pytest.raises(json.JSONDecodeError):
            json.loads(got.body)


async def test_o_is_healthy(world: DemoWorld) -> None:
    """The letter for "nothing is wrong"."""
    async with running(world, always("o")) as client:
        assert (await client.get(PICTURE)).body == world.original(NOTE, "image-1")
    assert set("o435rXCcnwHZSsRLWBVv126TEIQNJ") == LETTERS
