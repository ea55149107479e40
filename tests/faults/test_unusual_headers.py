"""Answers with headers that few servers send and every browser accepts: an odd encoding word, long lines."""

from pathlib import Path
from typing import Any

import pytest
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get

from xharchive.demo import server
from xharchive.demo.server import HttpResponse

CI, V8 = "ci.xiaohongshu.com", "sns-v8.rednotecdn.com"
LIMIT = 65_536


def add_header(monkeypatch: pytest.MonkeyPatch, side: str, name: str, value: str) -> None:
    """Have every answer of the API ("api") or of the CDN ("media") carry one more header."""
    usual = getattr(server.RequestHandler, side)

    async def answer(desk: Any, *arguments: Any) -> HttpResponse:
        found: HttpResponse = await usual(desk, *arguments)
        return HttpResponse(found.status, {**found.headers, name: value}, found.body)

    monkeypatch.setattr(server.RequestHandler, side, answer)


@pytest.mark.parametrize(
    "word", ["aws-chunked", "utf-8", "none", "identity", "", "binary, UTF-8", "x" * 9000]
)
def test_an_unknown_content_encoding_says_nothing_about_the_body(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """The bytes are the file: each is archived from the first host, with one request."""
    add_header(monkeypatch, "media", "Content-Encoding", word)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert (left.refused("image-1"), left.refused("live-1")) == ([], [])
    assert (world.count(CI, HEIC), world.count(V8, STREAM), len(world.media)) == (1, 1, 2)
    assert world.calls == [f"v1 {LIVE_NOTE}"]


@pytest.mark.parametrize("word", ["br", "zstd", "compress", "utf-8, br", "gzip, aws-chunked"])
def test_a_body_that_claims_a_registered_encoding_is_not_the_file(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Nothing is archived of bodies that are, by their own word, packed in a way that does not fit them."""
    add_header(monkeypatch, "media", "Content-Encoding", word)
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.files() == {}
    assert set(left.gaps().values()) == {"encoded"}


@pytest.mark.parametrize("size", [9_000, LIMIT - 100])
@pytest.mark.parametrize("side", ["api", "media"])
def test_a_long_header_line_is_accepted(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str, size: int
) -> None:
    """A cookie or policy of many kilobytes is no reason to ask another host, or to pay for another call."""
    add_header(monkeypatch, side, "Content-Security-Policy", "x" * size)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert len(world.media) == 2
    assert world.calls == [f"v1 {LIVE_NOTE}"]
