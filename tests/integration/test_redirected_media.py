"""A media address that redirects to another host and path: the manifest names where the bytes came from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.fake_world import FakeWorld, running
from support.single_run import HEIC, get

from xharchive.demo import server
from xharchive.demo.server import HttpResponse, redirect
from xharchive.demo.world import DemoWorld

CI, HW = "ci.xiaohongshu.com", "sns-img-hw.xhscdn.com"
TARGET = f"/copy7{HEIC}"


@pytest.fixture
def redirecting(demo_world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorld]:
    """Serve a world in which one host sends every request on to another host and path."""
    usual = server.RequestHandler.media

    async def media(desk: Any, host: str, request: Any) -> HttpResponse:
        if host == CI:
            return redirect(f"https://{HW}{TARGET}?sign=0123456789abcdef0123456789abcdef&t=69aed4e2")
        return await usual(desk, host, request)

    monkeypatch.setattr(server.RequestHandler, "media", media)
    with running(AlteredWorld(demo_world)) as fake:
        yield fake


def test_the_source_is_the_address_that_answered(redirecting: FakeWorld, tmp_path: Path) -> None:
    """Host and path of the second address, without its signature; the bytes are the upload's."""
    left = get(redirecting, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.files()["image-1"]["source"] == {"host": HW, "path": TARGET}
    assert "0123456789abcdef" not in json.dumps(left.manifest())
    assert (redirecting.count(CI, HEIC), redirecting.count(HW, TARGET)) == (1, 1)
