"""`--api-rate`: every paid call of a run goes through one gate, and nothing else of the run waits at it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import ledger, run
from support.fake_world import FakeWorld

from xharchive.api import ApiClient
from xharchive.api.call_limits import Rate, RateLimiter
from xharchive.cli import build_parser
from xharchive.demo.world import DemoWorld
from xharchive.download.http_file import Downloader
from xharchive.images import Converter

SEARCH_V2 = "/api/xiaohongshu/search-note/v2"
KEEP = ("--image-format", "keep")


class Gate:
    """The time that a run spends at the gate: nothing else moves its clock on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        patch.setattr("xharchive.cli.settings.Rate", lambda every: Rate(every, lambda: self.now))
        patch.setattr("xharchive.api.RateLimiter", lambda _wait, rate, _tell: RateLimiter(self._wait, rate))

    async def _wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The gate of the next run."""
    return Gate(monkeypatch)


def images(world: DemoWorld) -> list[str]:
    """Notes with pictures that v1 knows all about: one call each."""
    return [
        note.id for note in world.notes.values() if {"image-1"} <= set(note.originals) and _is_still(note)
    ]


def _is_still(note: Any) -> bool:
    return "v1" in note.replies and "video" not in note.originals


def sent(archive: Path) -> int:
    return sum(line["event"] == "intent" for line in ledger(archive))


@pytest.mark.parametrize(("rate", "every"), [("2/s", 0.5), ("30/m", 2), ("500/h", 7.2)])
def test_all_paid_calls_of_a_run_keep_their_distance(
    world: FakeWorld, tmp_path: Path, gate: Gate, no_workers: None, rate: str, every: float
) -> None:
    """Pages of a search, then notes, one of them with a retry: a whole interval before each but the first."""
    world.script["127.0.0.1", SEARCH_V2] = "5o"
    world.script["127.0.0.1", "/api/xiaohongshu/get-note-detail/v1"] = "5o"
    found = ["search", "豫园", "--limit", "3", "--get", "--api-rate", rate]
    ran = run([*found, "-d", tmp_path, *KEEP, *world.options])
    assert ran.code == 0, ran.err
    reasons = [line["reason"] for line in ledger(tmp_path) if line["event"] == "intent"]
    assert reasons.count("retry") >= 2
    assert gate.now == pytest.approx((len(reasons) - 1) * every)


@pytest.mark.parametrize("letters", ["Q", ""])
def test_a_run_that_may_not_call_any_more_does_not_wait_for_its_turn(
    world: FakeWorld, tmp_path: Path, demo_world: DemoWorld, no_workers: None, letters: str
) -> None:
    """A call an hour, and the first one ends it, by its answer or by the budget: this test takes no hour."""
    if letters:
        world.script["127.0.0.1", "/"] = letters
    notes = images(demo_world)[:6]
    ran = run(["get", *notes, "-d", tmp_path, "--api-rate", "1/h", "--max-calls", "1", *KEEP, *world.options])
    assert ran.code == 4, ran.err
    assert sent(tmp_path) == 1


@pytest.mark.parametrize("held", ["downloads", "decoders"])
def test_calls_leave_in_their_time_whatever_else_is_under_way(
    world: FakeWorld,
    tmp_path: Path,
    gate: Gate,
    demo_world: DemoWorld,
    monkeypatch: pytest.MonkeyPatch,
    held: str,
) -> None:
    """All calls are made before the first download, or decoding, comes to its end; one transfer at a time."""
    notes = images(demo_world)
    assert len(notes) > 8
    answered = _count_answers(monkeypatch, len(notes))

    room, name = (Downloader, "fetch") if held == "downloads" else (Converter, "examine")
    really = getattr(room, name)

    async def late(*arguments: Any, **named: Any) -> Any:
        await answered().wait()
        return await really(*arguments, **named)

    monkeypatch.setattr(room, name, late)
    jobs = ("-j", "1") if held == "downloads" else ()
    ran = run(["get", *notes, "-d", tmp_path, "--api-rate", "4/s", *jobs, *KEEP, *world.options, "--json"])
    assert ran.report["notes"]["archived"] == len(notes), ran.err
    assert gate.now == pytest.approx((len(notes) - 1) / 4)


def _count_answers(patch: pytest.MonkeyPatch, notes: int) -> Callable[[], asyncio.Event]:
    """Return what gives the event that so many calls are through; one for the loop of the run."""
    events: list[asyncio.Event] = []
    through = 0
    call = ApiClient.call

    def event() -> asyncio.Event:
        if not events:
            events.append(asyncio.Event())
        return events[0]

    async def counted(*arguments: Any) -> Any:
        nonlocal through
        answer = await call(*arguments)
        through += 1
        if through == notes:
            event().set()
        return answer

    patch.setattr(ApiClient, "call", counted)
    return event


@pytest.mark.parametrize(
    "text", ["2", "0/s", "-1/s", "1.5/s", "2/d", "2 / s", "/s", "2/", "", "1/s\n", "٢/s", "9999999/s"]
)
def test_what_is_no_rate_is_refused_in_a_sentence(text: str) -> None:
    """Before anything is asked or paid, with examples of what is meant."""
    ran = run(["get", "69aed4e2000000000e00c358", f"--api-rate={text}"])
    assert ran.code == 2
    assert "as 2/s, 30/m or 500/h" in ran.err


@pytest.mark.parametrize("verb", ["get -i x", "resume", "search x", "author x", "topic x", "feed"])
def test_every_verb_that_pays_has_a_rate(verb: str) -> None:
    """It holds for listings and short links as for notes."""
    assert build_parser().parse_args([*verb.split(), "--api-rate", "30/m"]).api_rate == 2
