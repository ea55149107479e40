"""How far notes are resolved ahead: far enough that nothing runs dry, no further."""

import asyncio
from typing import cast

from xharchive.download import TransferScheduler
from xharchive.run.archive_notes import Backpressure


class Queue:
    """A queue of assets as long as the test says."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.changed = asyncio.Event()


def backpressure_of(queue: Queue, jobs: int, api_jobs: int, *, at_a_rate: bool = False) -> Backpressure:
    return Backpressure(cast("TransferScheduler", queue), jobs, api_jobs, at_a_rate=at_a_rate)


async def _admitted(backpressure: Backpressure, most: int = 500) -> tuple[int, "asyncio.Task[None]"]:
    """How many notes are let in at once, and the one that waits."""
    for count in range(most):
        task = asyncio.create_task(backpressure.admit())
        await asyncio.sleep(0)
        if not task.done():
            return count, task
    raise AssertionError("nobody is ever kept waiting")


async def _dismiss(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_as_many_notes_resolve_at_once_as_calls_may_run() -> None:
    """The fourth waits until one is resolved, and comes in then."""
    backpressure = backpressure_of(Queue(), jobs=4, api_jobs=3)
    count, waiting = await _admitted(backpressure)
    assert count == 3
    backpressure.note_resolved()
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_deep_queue_of_assets_keeps_notes_out() -> None:
    """Twice as many waiting assets as places are enough; a shorter queue lets the next note in."""
    queue = Queue()
    backpressure = backpressure_of(queue, jobs=4, api_jobs=3)
    queue.waiting = 8
    count, waiting = await _admitted(backpressure)
    assert count == 0
    queue.changed.set()
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.waiting = 7
    queue.changed.set()
    await asyncio.sleep(0)
    assert waiting.done()


async def test_notes_alive_are_bounded_whatever_the_queue_says() -> None:
    """A list of a million notes whose assets all wait for hosts does not fill the memory."""
    backpressure = backpressure_of(Queue(), jobs=4, api_jobs=3)
    for _ in range(64):
        await backpressure.admit()
        backpressure.note_resolved()
    count, waiting = await _admitted(backpressure)
    assert count == 0
    backpressure.note_finished()
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_run_with_many_places_may_hold_more_notes() -> None:
    """Four a place."""
    backpressure = backpressure_of(Queue(), jobs=100, api_jobs=1000)
    count, waiting = await _admitted(backpressure, 1000)
    assert count == 400
    await _dismiss(waiting)


async def test_at_a_rate_a_deep_queue_holds_up_no_call() -> None:
    """A call that does not go out at its time is lost, however much there is to do for the notes before."""
    backpressure = backpressure_of(Queue(10_000), jobs=1, api_jobs=3, at_a_rate=True)
    for _ in range(128):
        await backpressure.admit()
        backpressure.note_resolved()
    count, waiting = await _admitted(backpressure)
    assert count == 0
    backpressure.note_finished()
    await asyncio.sleep(0)
    assert waiting.done()


async def test_at_a_rate_one_note_is_ready_before_its_call_may_run() -> None:
    """Its folders are made, and it stands at the gate when that opens."""
    backpressure = backpressure_of(Queue(), jobs=4, api_jobs=3, at_a_rate=True)
    count, waiting = await _admitted(backpressure)
    assert count == 4
    await _dismiss(waiting)


async def test_nobody_starves() -> None:
    """Whatever frees a place first, every note of a long list gets in."""
    queue = Queue()
    backpressure = backpressure_of(queue, jobs=2, api_jobs=2)
    through = 0

    async def note() -> None:
        nonlocal through
        await asyncio.sleep(0)
        queue.waiting += 3
        backpressure.note_resolved()
        for _ in range(3):
            await asyncio.sleep(0)
            queue.waiting -= 1
            queue.changed.set()
        through += 1
        backpressure.note_finished()

    async with asyncio.TaskGroup() as group:
        for _ in range(300):
            await backpressure.admit()
            group.create_task(note())
    assert through == 300
