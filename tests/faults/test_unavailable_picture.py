"""A picture that is nowhere to be had: the run ends soon, and does not wait for hosts that no reply names."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.command import run
from support.fake_world import FakeWorld
from support.raw_http import deaf_port
from support.single_run import HEIC, LIVE_NOTE, Left

from xharchive.download import Fetcher
from xharchive.run import archive_notes as run_package

I8 = "sns-i8.rednotecdn.com"
LISTED = (I8, "sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com")
PATIENT = ("--retries", "3", "--retry-wait", "0.1")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of a run for media hosts, which pass at once on a clock that they move."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    def fetcher(*given: Any, **named: Any) -> Fetcher:
        return Fetcher(*given, **{**named, "wait": wait, "monotonic": lambda: time.monotonic() + sum(waits)})

    monkeypatch.setattr(run_package, "Fetcher", fetcher)
    return waits


def get(world: FakeWorld, archive: Path, *arguments: str, reachable: Sequence[str] = LISTED) -> Left:
    """Archive a note; connections to all media hosts but the reachable ones are refused."""
    with deaf_port() as nobody:
        places = [f"--resolve={host}=127.0.0.1:{world.port}" for host in reachable]
        fixed = ["--api-base", world.api_base, "--image-format", "keep", "--no-gallery"]
        others = f"--resolve=*=127.0.0.1:{nobody}"
        ran = run(["get", LIVE_NOTE, "-d", archive, "--json", *fixed, *places, others, *PATIENT, *arguments])
    left = Left(ran, archive, world)
    left.hold_the_promises()
    return left


def assert_only_the_picture_is_missing(left: Left, reasons: set[str]) -> None:
    assert left.code == 3
    assert set(left.gaps()) == {"image-1"}
    assert left.gaps()["image-1"] in reasons
    assert left.is_untouched("live-1")
    assert "yes" in left.billed


@pytest.mark.parametrize(("letter", "calls"), [("4", 1), ("3", 2)])
def test_gone_or_expired_where_the_reply_points_and_the_guessed_hosts_refuse(
    world: FakeWorld, tmp_path: Path, waits: list[float], letter: str, calls: int
) -> None:
    """Nothing is waited for; 403 is worth a call for new addresses, and nothing else is."""
    world.script["*", "/notes_uhdr/"] = letter
    left = get(world, tmp_path)
    assert_only_the_picture_is_missing(left, {"not-found", "forbidden", "unreachable"})
    assert waits == []
    assert world.calls == [f"v1 {LIVE_NOTE}"] * calls
    most = {"4": 1, "3": 4}[letter]  # 403: with a Referer too, and both under the new addresses
    assert set(Counter(world.media).values()) <= {1, most}


@pytest.mark.parametrize("letter", ["C", "5", "X"])
@pytest.mark.parametrize("guessed", [False, True], ids=["refusing", "failing"])
def test_always_cut_or_always_busy(
    world: FakeWorld, tmp_path: Path, waits: list[float], letter: str, guessed: bool
) -> None:
    """The hosts back off longer and longer, and are waited for a bounded time in all."""
    world.script["*", "/notes_uhdr/"] = letter
    hosts = ("*",) if guessed else LISTED
    left = get(world, tmp_path, reachable=hosts)
    assert_only_the_picture_is_missing(left, {"cut", "busy", "resting", "unreachable"})
    assert 0 < sum(waits) <= 7.0
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_user_s_patience_is_the_limit(world: FakeWorld, tmp_path: Path, waits: list[float]) -> None:
    """With `--patience 0` each address is asked, and none is waited for; the report says what ended it."""
    world.script["*", "/notes_uhdr/"] = "5"
    left = get(world, tmp_path, "--patience", "0")
    assert_only_the_picture_is_missing(left, {"busy", "resting", "unreachable"})
    assert waits == []
    assert "(--patience) was used up" in left.manifest()["gaps"][0]["detail"]


def test_guessed_hosts_are_asked_all_the_same(world: FakeWorld, tmp_path: Path, waits: list[float]) -> None:
    """The upload comes from one of them, though the first refuses connections and another is busy."""
    bd, hw = "sns-img-bd.xhscdn.com", "sns-img-hw.xhscdn.com"
    world.script[bd, "/notes_uhdr/"] = "5"
    left = get(world, tmp_path, reachable=(*LISTED, bd, hw))
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("image-1") == [("ci.xiaohongshu.com", "unreachable"), (bd, "busy")]
    assert (world.count(bd, HEIC), world.count(hw, HEIC)) == (1, 1)
    assert waits == []


def test_a_host_of_the_reply_that_is_busy_for_a_minute_is_waited_for(
    world: FakeWorld, tmp_path: Path, waits: list[float]
) -> None:
    """It says so three times (Retry-After: 20), and then it has the picture; the retries are not longer."""
    world.script[I8, "/notes_uhdr/"] = "rrro"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.refused("image-1")[0] == ("ci.xiaohongshu.com", "unreachable")
    assert left.files()["image-1"]["source"]["host"] == I8
    assert 59 < sum(waits) < 65
    assert world.calls == [f"v1 {LIVE_NOTE}"]
