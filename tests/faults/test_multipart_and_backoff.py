"""A body that comes over several connections while its host is to rest: one connection would have finished.

So does this one: what came in order is kept, and gone on with when the rest is over.
"""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.another_process import started
from support.fake_world import FakeWorld
from support.large_motion import PART, V8, Hosts, get, is_whole, refusals
from support.ranged_host import MIB, RangedHost, Request
from support.single_run import LIVE_NOTE, STREAM

from xharchive.download import Fetcher
from xharchive.download.hosts import HostHealth
from xharchive.run import archive_notes as run_package

_HELPERS = 3


@dataclass
class Pauses:
    """The fetcher's waits, which pass at once on a clock that they move, and its memory of hosts."""

    waits: list[float] = field(default_factory=list)
    health: list[HostHealth] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def was_a_minute(self) -> bool:
        """Whether there was one wait: for a minute, less what had passed of it in the test's own time."""
        (seconds,) = self.waits
        return 59.999 - (time.monotonic() - self.began) < seconds < 60.001


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """A run that never really waits."""
    pauses = Pauses()

    def fetcher(*given: Any, **named: Any) -> Fetcher:
        now = named["monotonic"]
        named["monotonic"] = lambda: now() + sum(pauses.waits)
        made = Fetcher(*given, **{**named, "wait": pauses.wait})
        pauses.health.append(made._health)
        return made

    monkeypatch.setattr(run_package, "Fetcher", fetcher)
    return pauses


def elsewhere(large: FakeWorld) -> list[str]:
    """The requests for the motion that other mirrors got."""
    return [asked for asked in large.media if STREAM in asked]


def went_on(host: RangedHost) -> bool:
    """Whether one request at the end brought what still missed, behind what was kept; none was for all of it.

    What helpers brought ahead of a gap travels twice; that is all.
    """
    first, *_, last = host.asked
    return (
        (first.first, first.status) == (None, 200)
        and [seen.status for seen in host.asked if not seen.is_piece] == [200, 206]
        and (last.last, last.if_range) == (None, host.etag)
        and (last.first or 0) > MIB
        and last.sent == len(host.body) - (last.first or 0)
        and host.sent <= len(host.body) + _HELPERS * 4 * MIB
    )


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_helper_is_told_to_wait_for_a_minute(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, pauses: Pauses, number: int
) -> None:
    """The host has so many connections and no more: it gets its minute, and then brings the rest over one."""
    with hosted(faults={number: "busy for a minute"}) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    assert elsewhere(large) == []
    assert went_on(host)
    assert pauses.was_a_minute()


@pytest.mark.parametrize("option", [[], ["--no-ranges"]], ids=["ranges", "one connection"])
def test_another_asset_is_told_to_wait(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, pauses: Pauses, option: list[str]
) -> None:
    """Its Retry-After comes while the body is under way: no byte that was kept is fetched again."""

    def told(sent: int) -> None:
        if sent >= 8 * MIB and not pauses.health[0].backoff_left(V8) and not pauses.waits:
            pauses.health[0].back_off(V8, 60.0)

    with hosted(on_sent=told, patient=not option) as host:
        assert get(large, host, tmp_path, *option) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    assert elsewhere(large) == []
    if option:
        assert (len(host.asked), host.sent, pauses.waits) == (1, len(motion), [])
    else:
        assert went_on(host)
        assert pauses.was_a_minute()


@pytest.mark.parametrize("unreachable", [False, True])
def test_other_assets_fail(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, pauses: Pauses, unreachable: bool
) -> None:
    """The host rests by our own rule, and did not ask for it: this body goes on over one connection."""

    def fail(sent: int) -> None:
        if sent >= 8 * MIB and not pauses.health[0].backoff_left(V8):
            for _ in range(3):
                pauses.health[0].record_failure(V8, unreachable=unreachable)

    with hosted(on_sent=fail) as host:
        assert get(large, host, tmp_path, "--retry-wait", "4") == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    assert elsewhere(large) == []
    assert went_on(host)
    assert pauses.waits == []


def busy_for_the_rest(host: RangedHost, times: int) -> None:
    """The first requests for the rest of it are told to wait for a minute."""
    trunk, left = host._trunk, [times]

    async def answer(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.first is None or not left[0]:
            await trunk(request, reader, writer)
        else:
            left[0] -= 1
            request.status = 503
            writer.write(b"HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n")

    host._trunk = answer  # type: ignore[method-assign]


def test_still_busy_after_its_rest(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, pauses: Pauses
) -> None:
    """It was asked to go on, once, before another mirror's bytes take the place of what was kept."""
    with hosted(faults={3: "busy for a minute"}) as host:
        busy_for_the_rest(host, 9)
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == ["busy"]
    assert [seen.status for seen in host.asked if not seen.is_piece] == [200, 503]
    assert len(elsewhere(large)) == 1
    assert pauses.was_a_minute()


def test_the_rest_itself_is_told_to_wait(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, pauses: Pauses
) -> None:
    """All helpers break off, and only then the host asks for its minute: it gets it, and brings the rest."""
    with hosted(faults=dict.fromkeys(range(3, 20), "drop")) as host:
        busy_for_the_rest(host, 1)
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    asked = [seen for seen in host.asked if not seen.is_piece]
    assert [seen.status for seen in asked] == [200, 503, 206]
    assert asked[1].first == asked[2].first
    assert elsewhere(large) == []
    assert pauses.was_a_minute()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_while_the_host_rests(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, number: signal.Signals
) -> None:
    """Nobody sits the minute out: what is kept is a beginning of the file; the next run goes on with it."""
    with hosted(faults={2: "busy for a minute"}) as host:
        with started(large, tmp_path, "get", LIVE_NOTE, *host.option) as process:
            process.until(lambda event: event["event"] == "asset_archived")
            process.writes(tmp_path / PART, MIB)
            code = process.signal(number)
        assert code == (-9 if number is signal.SIGKILL else 128 + number)
        left = (tmp_path / PART).read_bytes()
        assert motion.startswith(left)
        before = len(host.asked)
        host.patient = False
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)
    again = host.asked[before]
    assert (again.first, again.last, again.status) == (len(left), None, 206)
    assert elsewhere(large) == []
