"""How the resolver slows down when the API asks for it: everybody, and as long as it asks."""

import asyncio
from pathlib import Path

import pytest
from support.scripted_api import Http, ScriptedApi, envelope, resolving

from xharchive.demo.world import DemoWorld
from xharchive.errors import NoteFailed
from xharchive.events import Warned
from xharchive.retry import RetryPolicy

IMAGE_NOTE = "69aed4e2000000000e00c358"


@pytest.mark.parametrize("answer", [302, envelope("302"), Http(429, b""), Http(429, envelope(302))])
async def test_a_rate_limit_is_waited_out_without_spending_a_retry(
    api: ScriptedApi, tmp_path: Path, answer: object
) -> None:
    """302 or 429 five times, with no retries allowed at all: the note is resolved all the same."""
    api.script["v1"] = [answer] * 5
    async with resolving(api, tmp_path, retry=RetryPolicy(0, 1.0)) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert len(api.calls) == 6
    assert len(desk.waits) == 5
    for step, seconds in enumerate(desk.waits):
        assert 2.0**step / 2 <= seconds <= 2.0**step
    assert {bill for _, _, bill in desk.outcomes[:-1]} == {"no"}


async def test_retry_after_is_honoured(api: ScriptedApi, tmp_path: Path) -> None:
    """The longer of our own pause and the one that the API asks for; a date counts by the server's clock."""
    by_date = {"Date": "Fri, 02 Jan 2026 00:00:00 GMT", "Retry-After": "Fri, 02 Jan 2026 00:00:42 GMT"}
    api.script["v1"] = [
        Http(429, b"", {"Retry-After": "17"}),
        Http(429, b"", by_date),
        Http(429, b"", {"Retry-After": "0"}),
    ]
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    assert desk.waits[:2] == [17.0, 42.0]
    assert 2.0 <= desk.waits[2] <= 4.0


@pytest.mark.parametrize("body", [b"", b'{"code":500,"data":null}'])
async def test_retry_after_counts_with_a_failing_server_too(
    api: ScriptedApi, tmp_path: Path, body: bytes
) -> None:
    """503 with a time to come back: asking earlier would only burn the note's retries."""
    api.script["v1"] = [Http(503, body, {"Retry-After": "19"})]
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    assert desk.waits == [19.0]


async def test_no_server_can_make_us_wait_for_ever(api: ScriptedApi, tmp_path: Path) -> None:
    """A Retry-After of thirty years is five minutes."""
    api.script["v1"] = [Http(429, b"", {"Retry-After": "999999999"})]
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    assert desk.waits == [300.0]


async def test_a_long_wait_is_told(api: ScriptedApi, tmp_path: Path) -> None:
    """Nobody sits before a bar that stands still for minutes without a word; a short pause is no news."""
    api.script["v1"] = [
        Http(429, b"", {"Retry-After": "240"}),
        Http(429, b"", {"Retry-After": "9"}),
        Http(503, b"", {"Retry-After": "20"}),
    ]
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    assert [event.text for event in desk.events if isinstance(event, Warned)] == [
        "the API asks us to wait; calls go on in 240 seconds",
        "the API asks us to wait; calls go on in 20 seconds",
    ]


async def test_a_rate_limit_for_ever_ends_with_the_note(api: ScriptedApi, tmp_path: Path) -> None:
    """After eight slow-downs the note is given up: the limit is the token's, no other endpoint is paid."""
    api.script["*"] = [302, ...]
    async with resolving(api, tmp_path, retry=RetryPolicy(1, 1.0, 2.0)) as desk:
        with pytest.raises(NoteFailed, match="fewer calls a second"):
            await desk.resolve(IMAGE_NOTE)
    assert len(api.calls) == 9
    assert max(desk.waits) <= 2.0


async def test_a_rate_limit_pauses_everybody(api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld) -> None:
    """One note hears 429: while its pause lasts no other note's call goes out."""
    api.script["*"] = [Http(429, b"", {"Retry-After": "30"})]
    notes = [note.id for note in demo_world.notes.values() if "v1" in note.replies][:6]
    at_pause: list[int] = []
    async with resolving(api, tmp_path, endpoints="v1", api_jobs=1) as desk:

        async def pause(seconds: float) -> None:
            at_pause.append(len(api.calls))
            for _ in range(50):
                await asyncio.sleep(0)
            at_pause.append(len(api.calls))
            desk.waits.append(seconds)

        desk.resolver._api._rate_limiter._wait = pause
        await asyncio.gather(*(desk.resolve(note) for note in notes))
    assert at_pause == [1, 1]
    assert desk.waits == [30.0]
    assert len(api.calls) == 1 + len(notes)


async def test_no_more_calls_at_once_than_allowed(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`api_jobs` bounds the calls in flight over all notes."""
    notes = [note.id for note in demo_world.notes.values() if "v1" in note.replies][:8]
    async with resolving(api, tmp_path, endpoints="v1", api_jobs=2) as desk:
        flying = highest = 0
        two_at_once = asyncio.Event()
        ask = desk.resolver._api._transport.api_get

        async def counted(path: str, parameters: dict[str, str]) -> object:
            nonlocal flying, highest
            flying += 1
            highest = max(highest, flying)
            if flying == 2:
                two_at_once.set()
            await two_at_once.wait()
            try:
                return await ask(path, parameters)
            finally:
                flying -= 1

        monkeypatch.setattr(desk.resolver._api._transport, "api_get", counted)
        await asyncio.gather(*(desk.resolve(note) for note in notes))
    assert highest == 2
    assert len(api.calls) == len(notes)
