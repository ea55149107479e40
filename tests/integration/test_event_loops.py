"""uvloop is used if it is importable, and a run is the same with Python's own event loop."""

import asyncio
import sys
from pathlib import Path

import pytest
from support.fake_world import FakeWorld
from support.single_run import get


@pytest.fixture
def uvloop(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.AbstractEventLoop]:
    """The real uvloop, and the loops that are made of it."""
    monkeypatch.delitem(sys.modules, "uvloop")
    real = pytest.importorskip("uvloop")
    made: list[asyncio.AbstractEventLoop] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = real.Loop()
        made.append(loop)
        return loop

    monkeypatch.setattr(real, "new_event_loop", new_event_loop)
    return made


def test_uvloop_is_used_if_it_is_there(
    world: FakeWorld, tmp_path: Path, uvloop: list[asyncio.AbstractEventLoop]
) -> None:
    """A whole run over it: the same files as over Python's own loop, whatever hangs, breaks and stalls."""
    world.script["*", "/stream/"] = "X"
    assert get(world, tmp_path / "fast").code == 3
    world.script.clear()
    left = get(world, tmp_path / "fast")
    assert (left.code, len(uvloop)) == (0, 2)
    assert left.is_complete()


def test_without_uvloop_python_s_own_loop_does(
    world: FakeWorld, tmp_path: Path, uvloop: list[asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never required, and the files are the same."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    left = get(world, tmp_path)
    assert (left.code, uvloop) == (0, [])
    assert left.is_complete()
