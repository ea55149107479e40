"""How a run is watched: what the rooms tell, how busy the writers are, a look now and then."""

import asyncio
from threading import Event

import pytest

from xharchive.bottleneck import Stage
from xharchive.run.monitor import RunMonitor, WriterThreads

PLACES = dict.fromkeys(Stage, 1)


def test_writers_are_busy_while_they_work() -> None:
    """Jobs that are through and the one under way; errors of a job are its caller's."""
    now = [0.0]

    def work(seconds: float) -> float:
        now[0] += seconds
        return seconds

    begun, go_on = Event(), Event()

    def long_work() -> None:
        begun.set()
        assert go_on.wait(20)

    with WriterThreads(1, lambda: now[0]) as writers:
        assert writers.busy == 0
        assert writers.submit(work, seconds=2.0).result() == 2
        assert isinstance(writers.submit(int, "three").exception(), ValueError)
        under_way = writers.submit(long_work)
        assert begun.wait(20)
        now[0] += 5
        assert writers.busy == 7
        go_on.set()
        under_way.result()
        now[0] += 1
        assert writers.busy == 7


async def test_a_run_is_looked_at_every_second_until_it_ends() -> None:
    """No longer, whatever ends it."""
    looks = 0
    three = asyncio.Event()

    async def wait(seconds: float) -> None:
        nonlocal looks
        assert seconds == 1
        looks += 1
        if looks == 3:
            three.set()
            await asyncio.Event().wait()

    with WriterThreads(1) as writers:
        async with RunMonitor(PLACES, 1, writers, wait) as monitor:
            await three.wait()
            assert sum(monitor.shares().values()) > 0.99
    assert looks == 3


async def test_waiting_for_a_host_is_work_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits until a host may be asked again is counted, also if the wait is cut short."""
    told: list[int] = []
    begun = asyncio.Event()

    async def wait(_seconds: float) -> None:
        begun.set()
        await asyncio.Event().wait()

    with WriterThreads(1) as writers:
        monitor = RunMonitor(PLACES, 1, writers, wait)
        monkeypatch.setattr(monitor, "counter_of", lambda _stage: told.append)
        waiting = asyncio.create_task(_ask(monitor))
        await begun.wait()
        assert told == [1]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert told == [1, -1]


async def _ask(monitor: RunMonitor) -> None:
    await monitor.waiting(Stage.NETWORK)(30)
