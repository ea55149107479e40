"""The one gate before all paid calls: how far apart they leave, and who need not wait any more."""

import asyncio
from itertools import pairwise

import pytest

from xharchive.api.call_limits import Rate, RateLimiter


class Time:
    """A clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


async def _leave(pace: RateLimiter) -> None:
    pace.release(await pace.acquire())


async def _left_at(pace: RateLimiter, time: Time, calls: int) -> list[float]:
    left: list[float] = []

    async def call() -> None:
        permit = await pace.acquire()
        await asyncio.sleep(0)
        left.append(time.now - 1000)
        pace.release(permit)

    await asyncio.gather(*(call() for _ in range(calls)))
    return left


async def test_calls_leave_evenly_spread() -> None:
    """The first at once, each other a whole interval after the one before, however many come together."""
    time = Time()
    assert await _left_at(RateLimiter(time.wait, Rate(2.5, time.clock)), time, 4) == [0, 2.5, 5, 7.5]


async def test_without_a_rate_nobody_waits() -> None:
    """No limit but what the API asks for."""
    time = Time()
    assert await _left_at(RateLimiter(time.wait), time, 3) == [0, 0, 0]
    assert time.waits == []


async def test_a_quiet_hour_saves_nothing_up() -> None:
    """After it calls are as far apart as ever: no burst."""
    time = Time()
    pace = RateLimiter(time.wait, Rate(2, time.clock))
    await _leave(pace)
    time.now += 3600
    assert await _left_at(pace, time, 3) == [3600, 3602, 3604]


async def test_stages_of_a_run_share_its_rate() -> None:
    """The first note is asked for an interval after the last page or short link."""
    time = Time()
    rate = Rate(10, time.clock)
    assert await _left_at(RateLimiter(time.wait, rate), time, 2) == [0, 10]
    assert await _left_at(RateLimiter(time.wait, rate), time, 2) == [20, 30]


@pytest.mark.parametrize(("asked", "left"), [(7.0, 7.0), (1.0, 2.0)])
async def test_what_the_api_asks_for_and_the_rate_hold_both(asked: float, left: float) -> None:
    """The longer of a Retry-After and the interval, not their sum."""
    time = Time()
    pace = RateLimiter(time.wait, Rate(2, time.clock))
    await _leave(pace)
    pace.slow_down(asked)
    assert await _left_at(pace, time, 2) == [left, left + 2]


async def test_a_wait_that_ends_early_goes_on() -> None:
    """Timers are not exact; the gate is."""
    time = Time()

    async def half(seconds: float) -> None:
        await time.wait(seconds / 2 if seconds > 0.1 else seconds)

    assert await _left_at(RateLimiter(half, Rate(1, time.clock)), time, 2) == [0, 1]


@pytest.mark.parametrize("slowed", [True, False])
async def test_nobody_waits_for_calls_that_will_not_go_out(slowed: bool) -> None:
    """After a refusal the gate lets everybody through, to be told: those who wait, and those who come."""
    resting = asyncio.Event()

    async def wait(_seconds: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    pace = RateLimiter(wait, None if slowed else Rate(3600))
    if slowed:
        pace.slow_down(300)
    else:
        await _leave(pace)
    waiting = [asyncio.create_task(_leave(pace)) for _ in range(3)]
    await resting.wait()
    pace.cancel_waiters()
    await asyncio.gather(*waiting)
    await _leave(pace)


async def test_an_interruption_leaves_the_gate_to_others() -> None:
    """Who waited for all is cancelled: the next one waits in its place, and no call is lost to the rate."""
    time = Time()
    begun = asyncio.Event()
    waits = [_for_ever(begun), None]

    async def wait(seconds: float) -> None:
        instead = waits.pop(0)
        await (time.wait(seconds) if instead is None else instead)

    pace = RateLimiter(wait, Rate(5, time.clock))
    await _leave(pace)
    first = asyncio.create_task(_leave(pace))
    await begun.wait()
    second = asyncio.create_task(_leave(pace))
    first.cancel()
    await second
    assert first.cancelled()
    assert time.now == 1005


async def _for_ever(begun: asyncio.Event) -> None:
    begun.set()
    await asyncio.Event().wait()


async def test_trouble_with_waiting_comes_out() -> None:
    """It is nobody's pause."""

    async def wait(_seconds: float) -> None:
        raise RuntimeError("no timer")

    pace = RateLimiter(wait)
    pace.slow_down(1)
    with pytest.raises(RuntimeError, match="no timer"):
        await _leave(pace)


async def test_who_is_slow_to_leave_keeps_the_distance_too() -> None:
    """Each second call takes most of an interval to be written down before it goes out."""
    time = Time()
    pace = RateLimiter(time.wait, Rate(2, time.clock))
    left: list[float] = []

    async def call(number: int) -> None:
        permit = await pace.acquire()
        if number % 2 == 0:
            await asyncio.sleep(0)
            time.now += 1.9
        left.append(time.now - 1000)
        pace.release(permit)
        pace.release(permit)

    await asyncio.gather(*(call(number) for number in range(5)))
    assert [round(after - before, 6) for before, after in pairwise(left)] == [2, 3.9, 2, 3.9]
