"""Codes of the API that end a run, and the one that slows it down (docs/api.md#codes)."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.fake_world import FakeWorld, running
from support.single_run import get, resume

from xharchive.api.call_limits import RateLimiter
from xharchive.demo import server
from xharchive.demo.server import HttpResponse
from xharchive.demo.world import DemoWorld

MODEL = "6a1d8bee000000000f02c1a4"
IDS = tuple(f"{0x6A1D8BEE:08x}{number:016x}" for number in range(12))
WORDS = {100: "token", 303: "quota", 600: "permission", 601: "balance", 602: "limit"}


pytestmark = pytest.mark.usefixtures("no_workers")


@pytest.fixture
def world(demo_world: DemoWorld) -> Iterator[FakeWorld]:
    """Twelve small notes."""
    altered = AlteredWorld(demo_world)
    altered.copies(MODEL, {note: lambda reply: reply for note in IDS})
    with running(altered) as fake:
        yield fake


def answering(
    monkeypatch: pytest.MonkeyPatch, code: int, status: int, after: int, headers: dict[str, str] | None = None
) -> None:
    """Have the API answer so many calls well, and all later ones with this code under this HTTP status."""
    healthy, calls = server.RequestHandler.api, iter(range(1_000_000))

    async def api(desk: Any, request: Any) -> HttpResponse:
        if next(calls) < after:
            return await healthy(desk, request)
        body = json.dumps({"code": code, "message": "no", "recordTime": None, "data": None}).encode()
        return HttpResponse(status, {"Content-Type": "application/json", **(headers or {})}, body)

    monkeypatch.setattr(server.RequestHandler, "api", api)


@pytest.mark.parametrize(
    ("code", "status"), [(100, 200), (303, 200), (600, 200), (601, 200), (602, 200), (601, 402), (303, 500)]
)
def test_the_run_stops_at_once(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    """After two of twelve notes: no call beyond those in flight, what is paid for is finished, exit 4.

    The envelope counts, whatever HTTP says. The last line says why, and how to go on.
    """
    with monkeypatch.context() as patch:
        answering(patch, code, status, after=2)
        left = get(world, tmp_path, "--api-jobs", "3", notes=IDS)
    assert left.code == 4
    assert 3 <= len(world.calls) <= 2 + 3
    assert left.ran.report["notes"]["archived"] == 2
    assert left.ran.report["left"] == 10
    assert WORDS[code] in left.ran.report["stopped"]
    assert f"stopped: {left.ran.report['stopped']}" in left.ran.err
    assert f"continue with: xharchive resume -d {tmp_path}" in left.ran.err
    assert left.billed.count("yes") == 2
    paid = len(world.calls)
    again = resume(world, tmp_path)
    assert again.code == 0
    assert all(again.is_complete(note) for note in IDS)
    assert len(world.calls) == paid + 10


def test_a_rate_limit_slows_everybody_down(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """302 with Retry-After: one pause for all, honoured by the clock of the server, then all recover."""
    asked: list[float] = []
    rests: list[tuple[int, float]] = []
    healthy, rest = server.RequestHandler.api, RateLimiter._sleep

    async def noted(pace: RateLimiter, seconds: float) -> None:
        rests.append((len(asked), seconds))
        await rest(pace, seconds)

    monkeypatch.setattr(RateLimiter, "_sleep", noted)

    async def api(desk: Any, request: Any) -> HttpResponse:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) <= 3:
            body = b'{"code": 302, "message": null, "recordTime": null, "data": null}'
            return HttpResponse(429, {"Content-Type": "application/json", "Retry-After": "2"}, body)
        return await healthy(desk, request)

    monkeypatch.setattr(server.RequestHandler, "api", api)
    left = get(world, tmp_path, "--api-jobs", "3", notes=IDS[:6])
    assert left.code == 0
    assert len(world.calls) == 9
    assert left.billed.count("no") == 3
    assert all(left.is_complete(note) for note in IDS[:6])
    assert asked[3] - asked[2] >= 1.9
    assert rests[0][1] >= 2
    assert [seconds for calls, seconds in rests if calls > 3 and seconds >= 2] == []
