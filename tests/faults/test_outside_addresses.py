"""Addresses that lead out of the borders, in every spelling: refused before a packet, the run goes on.

Every connection of this process is on record (an audit hook below all libraries), and a canary listens
on loopback: neither ever sees a place that the user did not name.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from support.altered_demo_world import AlteredWorld, note_in
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get

from xharchive.demo import server
from xharchive.demo.server import HttpResponse

NOTE = "6a1d8bee000000000f02c1a4"
SPELLINGS = [
    "http://127.0.0.1:{0}/x",
    "http://127.0.0.1/x",
    "https://127.0.0.1:443/x",
    "http://localhost:{0}/x",
    "http://localhost/x",
    "http://LOCALHOST./x",
    "http://a.localhost/x",
    "http://ip6-localhost/x",
    "http://0.0.0.0:{0}/x",
    "http://0/x",
    "http://127.1:{0}/x",
    "http://127.0.1/x",
    "http://2130706433:{0}/x",
    "http://2130706433/x",
    "http://0x7f000001:{0}/x",
    "http://0x7f.0x0.0x0.0x1/x",
    "http://017700000001/x",
    "http://0177.0.0.1:{0}/x",
    "http://127.000.000.001/x",
    "http://127.0.0.1.:{0}/x",
    "http://[::1]:{0}/x",
    "http://[::]/x",
    "http://[::ffff:127.0.0.1]:{0}/x",
    "http://[::ffff:7f00:1]/x",
    "http://[::127.0.0.1]/x",
    "http://[64:ff9b::7f00:1]:{0}/x",
    "http://[2002:7f00:1::]/x",
    "http://[2002:a9fe:a9fe::]/x",
    "http://[fe80::1%25lo]:{0}/x",
    "http://[fd00:ec2::254]/x",
    "http://[fec0::1]/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/x",
    "http://10.0.0.1/x",
    "http://172.16.0.1/x",
    "http://192.168.0.1/x",
    "http://100.64.0.1/x",
    "http://224.0.0.1/x",
    "http://255.255.255.255/x",
    "http://8.8.8.8/x",
    "http://127。0。0。1/x",
    "http://①②⑦.0.0.1/x",
    "http://127.0.0.1.nip.io/x",
    "http://xhscdn.com.example.org/x",
    "http://evilxhscdn.com/x",
    "http://user@127.0.0.1:{0}/x",
    "http://user:word@sns-img-bd.xhscdn.com/x",
    "http://sns-img-bd.xhscdn.com@127.0.0.1:{0}/x",
    "http://sns-img-bd.xhscdn.com:x@127.0.0.1:{0}/x",
    "http://127.0.0.1:{0}\\@sns-img-bd.xhscdn.com/x",
    "http://127.0.0.1:{0}#@sns-img-bd.xhscdn.com/x",
    "http://127.0.0.1:{0}?@sns-img-bd.xhscdn.com/x",
    "http://sns-img-bd.xhscdn.com:{0}/x",
    "http://sns-img-bd.xhscdn.com:22/x",
    "http://sns-img-bd.xhscdn.com:0/x",
    "http://sns-img-bd.xhscdn.com:99999/x",
    "ftp://sns-img-bd.xhscdn.com/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{0}/x",
    "data:image/jpeg;base64,AAAA",
    "//127.0.0.1:{0}/x",
    "http:///127.0.0.1:{0}/x",
    "http:127.0.0.1:{0}/x",
    "http://[::1/x",
]
_logs: list[list[tuple[Any, ...]]] = []
_hooked: list[bool] = []


def _write_down(event: str, arguments: tuple[Any, ...]) -> None:
    if _logs and event == "socket.connect" and isinstance(arguments[1], tuple):
        _logs[-1].append(arguments[1][:2])


@pytest.fixture
def connections() -> Iterator[list[tuple[Any, ...]]]:
    """Every place that this process connects to from now on."""
    if not _hooked:
        sys.addaudithook(_write_down)  # for the life of the process: there is no way back
        _hooked.append(True)
    _logs.append([])
    yield _logs[-1]
    _logs.pop()


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener on loopback that nobody may talk to."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        yield listener


def assert_silent(canary: socket.socket, connections: list[tuple[Any, ...]], fake: FakeWorld) -> None:
    with pytest.raises(BlockingIOError):
        canary.accept()
    assert set(connections) == {("127.0.0.1", fake.port)}


def pictured(urls: list[str]) -> Any:
    """Have a note's pictures at these URLs, and nowhere else."""

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        note_in(reply)["images_list"] = [{"url": url, "width": 9, "height": 9} for url in urls]
        return reply

    return change


def test_in_a_reply(
    altered: tuple[AlteredWorld, FakeWorld],
    tmp_path: Path,
    canary: socket.socket,
    connections: list[tuple[Any, ...]],
) -> None:
    """64 pictures at 64 such addresses: 64 gaps, no file, one API call and no other connection at all."""
    world, fake = altered
    urls = [spelling.format(canary.getsockname()[1]) for spelling in SPELLINGS]
    world.tells("v1", NOTE, pictured(urls))
    left = get(fake, tmp_path, "--endpoints", "v1", "--retries", "0", notes=(NOTE,))
    assert left.code == 3
    assert len(left.gaps(NOTE)) == len(SPELLINGS) >= 60
    assert set(left.gaps(NOTE).values()) <= {"outside-borders", "no-source"}
    assert left.files(NOTE) == {}
    assert fake.media == []
    assert_silent(canary, connections, fake)


def test_in_redirects(
    altered: tuple[AlteredWorld, FakeWorld],
    tmp_path: Path,
    canary: socket.socket,
    connections: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An allowed host that sends us there: its own request is the last; the picture is a gap."""
    world, fake = altered
    port = canary.getsockname()[1]
    spellings = [text for text in SPELLINGS if text.isascii() and not text.startswith(("//", "http:1"))]
    places = [f"/x{number}" for number in range(len(spellings))]
    healthy = server.RequestHandler.media

    async def media(desk: Any, host: str, request: Any) -> HttpResponse:
        if request.path in places:
            return HttpResponse(302, {"Location": spellings[places.index(request.path)].format(port)}, b"")
        return await healthy(desk, host, request)

    monkeypatch.setattr(server.RequestHandler, "media", media)
    world.tells("v1", NOTE, pictured([f"https://sns-avatar-qc.xhscdn.com{place}" for place in places]))
    left = get(fake, tmp_path, "--endpoints", "v1", "--retries", "0", notes=(NOTE,))
    assert left.code == 3
    assert left.files(NOTE) == {}
    assert set(left.gaps(NOTE).values()) == {"outside-borders"}
    assert len(left.gaps(NOTE)) == len(places) >= 55
    assert len(fake.media) == len(places)
    assert_silent(canary, connections, fake)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],  # noqa: S104
)
def test_in_answers_of_the_dns(
    world: FakeWorld,
    tmp_path: Path,
    canary: socket.socket,
    connections: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    """Every CDN name but one resolves to a place inside: refused at the moment of connecting."""

    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = canary.getsockname()[1] if address == "127.0.0.1" else port
        return [ResolveResult(hostname=host, host=address, port=place, family=kind, proto=0, flags=0)]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    world.script["ci.xiaohongshu.com", HEIC] = "4"
    base = ["--api-base", world.api_base, "--resolve", f"ci.xiaohongshu.com=127.0.0.1:{world.port}"]
    monkeypatch.setattr(FakeWorld, "options", [*base, "--retries", "0"])
    left = get(world, tmp_path, "--timeout", "2")
    assert left.code == 3
    assert set(left.gaps()) == {"image-1", "live-1"}
    assert left.gaps()["live-1"] == "outside-borders"
    assert not [asked for asked in world.media if STREAM in asked]
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert_silent(canary, connections, world)
