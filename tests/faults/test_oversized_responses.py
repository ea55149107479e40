"""Answers that are larger, deeper or longer than anybody needs: bounded, refused, and the run goes on."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld, note_in
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, get, resume

from xharchive.demo import server
from xharchive.demo.server import HttpResponse
from xharchive.download.receive import MAX_BODY_SIZE
from xharchive.media import Family

CI = "ci.xiaohongshu.com"
MIB = 1 << 20


def long_header(found: HttpResponse) -> HttpResponse:
    return HttpResponse(200, {**found.headers, "X-Long": "x" * 70_000}, found.body)


def many_headers(found: HttpResponse) -> HttpResponse:
    return HttpResponse(
        200, {**found.headers, **{f"X-{number}": "x" for number in range(40_000)}}, found.body
    )


def bomb(found: HttpResponse) -> HttpResponse:
    packed = gzip.compress(found.body[:1000] + bytes(64 * MIB), compresslevel=1)
    return HttpResponse(200, {**found.headers, "Content-Encoding": "gzip"}, packed)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (long_header, "bad-answer"),
        (many_headers, "bad-answer"),
        (bomb, "too-large"),
    ],
)
def test_of_a_cdn_host(
    world: FakeWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[HttpResponse], HttpResponse],
    reason: str,
) -> None:
    """Asked once, given up for good; the next host has the same upload, and nothing of the first is left."""
    healthy = server.RequestHandler.media

    async def media(desk: Any, host: str, request: Any) -> HttpResponse:
        found = await healthy(desk, host, request)
        return answer(found) if host == CI else found

    monkeypatch.setattr(server.RequestHandler, "media", media)
    monkeypatch.setitem(MAX_BODY_SIZE, Family.PICTURE, 4 * MIB)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("image-1") == [(CI, reason)]
    assert world.count(CI, HEIC) == 1
    assert not (tmp_path / ".xharchive" / "work" / LIVE_NOTE).exists()


def padded(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode() + b" " * (16 * MIB)


def deep(_reply: dict[str, Any]) -> bytes:
    return b'{"code": 0, "data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def deep_beside_a_note(reply: dict[str, Any]) -> bytes:
    reply["x"] = "DEEP"
    return json.dumps(reply).encode().replace(b'"DEEP"', b'{"a":' * 200_000 + b"1" + b"}" * 200_000)


@pytest.mark.parametrize(
    ("reply", "calls", "bill"),
    [(padded, 1, "unknown"), (deep, 3, "unknown"), (deep_beside_a_note, 3, "unknown")],
)
def test_of_the_api(
    altered: tuple[AlteredWorld, FakeWorld],
    tmp_path: Path,
    reply: Callable[[dict[str, Any]], bytes],
    calls: int,
    bill: str,
) -> None:
    """Both may be paid for: too large ends the note, unreadable is asked of each endpoint once. It heals."""
    world, fake = altered
    for endpoint in ("v1", "v6", "pgy"):
        world.tells(endpoint, LIVE_NOTE, reply)
    left = get(fake, tmp_path)
    assert left.code == 3
    assert len(fake.calls) == calls
    assert set(left.billed) == {bill}
    assert fake.media == []
    assert list(tmp_path.glob("*/manifest.json")) == []
    world.tells("v1", LIVE_NOTE, lambda found: found)
    assert resume(fake, tmp_path).is_complete()


@pytest.mark.parametrize("size", [5_000, 100_000])
def test_a_number_of_thousands_of_digits(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, size: int
) -> None:
    """As a count, a width and a time: Python's own limit on digits costs nobody a reply that was paid for."""
    world, fake = altered

    def change(reply: dict[str, Any]) -> bytes:
        note = note_in(reply)
        note["liked_count"] = note["time"] = note["images_list"][0]["width"] = "NUMBER"
        return json.dumps(reply).encode().replace(b'"NUMBER"', b"9" * size)

    world.tells("v1", LIVE_NOTE, change)
    left = get(fake, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert fake.calls == [f"v1 {LIVE_NOTE}"]


def test_headers_of_the_api(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply under a header of 20 kB is no HTTP: not asked again, because it may be paid for."""
    healthy = server.RequestHandler.api

    async def api(desk: Any, request: Any) -> HttpResponse:
        return long_header(await healthy(desk, request))

    with monkeypatch.context() as patch:
        patch.setattr(server.RequestHandler, "api", api)
        left = get(world, tmp_path)
    assert left.code == 3
    assert left.billed == ["unknown"]
    assert resume(world, tmp_path).is_complete()


def test_pictures_without_end(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """A note that declares 5,000 pictures: the first 100 are looked at, the rest is one more gap."""
    world, fake = altered

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        note_in(reply)["images_list"] = [{"fileid": f"gone{number}"} for number in range(5_000)]
        return reply

    world.tells("v1", LIVE_NOTE, change)
    left = get(fake, tmp_path, "--retries", "0")
    assert left.code == 3
    assert len(left.gaps()) <= 101
    assert len(fake.media) <= 20 * 101
