"""The places in which transfers run: fair by urgency, and no place is ever lost."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import DataObject, data, integers

from xharchive.download.scheduler import Loan, TransferScheduler


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@dataclass
class Transfers:
    """Transfers by name, which start and end when the test says so."""

    slots: TransferScheduler
    started: list[str] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    done: dict[str, asyncio.Event] = field(default_factory=dict)

    def add(self, name: str, urgency: int = 1) -> None:
        self.done[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._transfer(name, urgency))

    async def _transfer(self, name: str, urgency: int) -> None:
        async with self.slots.acquire(urgency):
            self.started.append(name)
            await self.done[name].wait()

    async def end(self, name: str) -> None:
        self.done[name].set()
        await self.tasks[name]
        await _settle()

    async def end_all(self) -> None:
        for event in self.done.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_as_many_as_there_are_places_start_at_once() -> None:
    """The third of two waits until one is through."""
    transfers = Transfers(TransferScheduler(2))
    for name in "abc":
        transfers.add(name)
    await _settle()
    assert transfers.started == ["a", "b"]
    assert transfers.slots.waiting == 1
    await transfers.end("a")
    assert transfers.started == ["a", "b", "c"]
    assert transfers.slots.waiting == 0
    await transfers.end_all()


async def test_the_urgent_go_first_and_equals_in_the_order_they_came() -> None:
    """Videos (0) overtake pictures (1); among equals it is first come, first served."""
    transfers = Transfers(TransferScheduler(1))
    transfers.add("running")
    await _settle()
    for name, urgency in (("p1", 1), ("p2", 1), ("v1", 0), ("p3", 1), ("v2", 0)):
        transfers.add(name, urgency)
    await _settle()
    for name in ("running", "v1", "v2", "p1", "p2"):
        await transfers.end(name)
    assert transfers.started == ["running", "v1", "v2", "p1", "p2", "p3"]
    await transfers.end_all()


async def test_a_place_is_given_back_when_a_transfer_fails() -> None:
    """Whatever ends a transfer frees its place."""
    slots = TransferScheduler(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with slots.acquire(1):
                _ = 1 / 0
    async with slots.acquire(1):
        assert slots.waiting == 0


async def test_nobody_jumps_a_queue_that_was_just_served() -> None:
    """A place that was handed to a waiter is not free for who comes in the same moment."""
    transfers = Transfers(TransferScheduler(1))
    transfers.add("first")
    await _settle()
    transfers.add("waiter")
    await _settle()
    transfers.done["first"].set()
    transfers.add("late", urgency=0)
    await _settle()
    assert transfers.started[:2] == ["first", "waiter"]
    assert len(transfers.started) == 2
    await transfers.end_all()


async def test_every_shortening_of_the_queue_is_told() -> None:
    """Being served and giving up both shorten it: whoever feeds the queue hears of both."""
    slots = TransferScheduler(1)
    transfers = Transfers(slots)
    for name in ("running", "served", "gives up", "stays"):
        transfers.add(name)
        await _settle()
    assert not slots.changed.is_set()
    transfers.tasks["gives up"].cancel()
    await _settle()
    assert slots.changed.is_set()
    slots.changed.clear()
    await transfers.end("running")
    assert slots.changed.is_set()
    assert slots.waiting == 1
    await transfers.end_all()


async def test_a_waiter_that_is_cancelled_with_the_place_in_hand_passes_it_on() -> None:
    """Served and cancelled in one moment: the next in the queue gets the place."""
    transfers = Transfers(TransferScheduler(1))
    for name in ("running", "unlucky", "next"):
        transfers.add(name)
        await _settle()
    transfers.done["running"].set()
    await asyncio.sleep(0)
    assert transfers.slots.waiting == 1
    transfers.tasks["unlucky"].cancel()  # served, and has not run since
    await _settle()
    assert transfers.started == ["running", "next"]
    assert transfers.tasks["unlucky"].cancelled()
    await transfers.end_all()


async def test_a_waiter_that_was_cancelled_a_moment_ago_is_passed_over() -> None:
    """Cancelled but still in the queue when a place comes free: it goes to the next."""
    transfers = Transfers(TransferScheduler(1))
    for name in ("running", "gone", "next"):
        transfers.add(name)
        await _settle()
    transfers.tasks["gone"].cancel()
    transfers.done["running"].set()
    await _settle()
    assert transfers.started == ["running", "next"]
    await transfers.end_all()


class SlotsUnderCancellation(RuleBasedStateMachine):
    """Transfers come, end and are cancelled at every point; the loop turns one step at a time."""

    PLACES = 3

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.slots = TransferScheduler(self.PLACES)
        self.holding = 0
        self.live: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def _transfer(self, urgency: int, done: asyncio.Event) -> None:
        async with self.slots.acquire(urgency):
            self.holding += 1
            try:
                await done.wait()
            finally:
                self.holding -= 1

    @rule(urgency=integers(0, 1))
    def come(self, urgency: int) -> None:
        done = asyncio.Event()
        self.live.append((self.loop.create_task(self._transfer(urgency, done)), done))

    @precondition(lambda self: self.live)
    @rule(choice=data())
    def end(self, choice: DataObject) -> None:
        self.live[choice.draw(integers(0, len(self.live) - 1))][1].set()

    @precondition(lambda self: self.live)
    @rule(choice=data())
    def cancel(self, choice: DataObject) -> None:
        self.live.pop(choice.draw(integers(0, len(self.live) - 1)))[0].cancel()

    @rule(steps=integers(1, 3))
    def turn(self, steps: int) -> None:
        for _ in range(steps):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    @rule()
    def rest(self) -> None:
        self.turn(12)
        self.live = [(task, done) for task, done in self.live if not task.done()]
        assert self.holding == min(self.PLACES, len(self.live))
        assert self.slots.waiting == max(0, len(self.live) - self.PLACES)

    @invariant()
    def never_more_than_there_are_places(self) -> None:
        assert 0 <= self.holding <= self.PLACES

    def teardown(self) -> None:
        for task, _ in self.live:
            task.cancel()
        self.live = []
        self.rest()
        for _ in range(self.PLACES):
            self.come(1)
        self.rest()
        for task, _ in self.live:
            task.cancel()
        self.turn(4)
        self.loop.close()


TestSlotsUnderCancellation = SlotsUnderCancellation.TestCase
TestSlotsUnderCancellation.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def recalled(*loans: Loan | None) -> list[bool]:
    """Which of these are asked back."""
    return [loan is not None and loan.is_recalled for loan in loans]


async def test_idle_places_are_lent_and_asked_back_by_who_needs_one() -> None:
    """A helper never waits, and an asset only as long as one takes to leave; the last one goes first."""
    slots = TransferScheduler(3)
    first, second = slots.lend("a"), slots.lend("a")
    assert first is not None
    assert second is not None
    second.task = asyncio.create_task(asyncio.sleep(3600))
    assets = [slots.acquire(1) for _ in range(4)]
    await assets[0].__aenter__()
    assert (slots.free, slots.lend("a"), recalled(first, second)) == (0, None, [False, False])
    turns: list[asyncio.Future[None]] = []
    for asked_back in ([False, True], [True, True], [True, True]):
        turns.append(asyncio.ensure_future(assets[len(turns) + 1].__aenter__()))
        await asyncio.sleep(0)
        assert recalled(first, second) == asked_back
    await _settle()
    assert second.task.cancelled()
    slots.end_loan(second)
    slots.end_loan(first)
    await asyncio.gather(*turns[:2])
    assert slots.lend("a") is None
    for asset in assets[:3]:
        await asset.__aexit__(None, None, None)
    await turns[2]
    assert slots.free == 2
    assert slots.lend("a") is not None


async def test_a_host_has_no_more_transfers_than_it_may() -> None:
    """Helpers count too, and make room when an asset of the same host comes; other hosts are free."""
    slots = TransferScheduler(9, per_host=2)
    with slots.transfer("a"):
        first = slots.lend("a")
        assert first is not None
        assert slots.lend("a") is None
        other = slots.lend("b")
        assert other is not None
        with slots.transfer("a"):
            assert recalled(first, other) == [True, False]
            slots.end_loan(first)
            assert slots.lend("a") is None
        assert slots.lend("a") is not None
    assert recalled(other) == [False]


def test_bodies_that_borrow_share_what_is_idle() -> None:
    """All of it for one; a half, rounded up, for each of two; lent places count."""
    slots = TransferScheduler(5)
    assert slots.fair_share == 5
    with slots.borrower():
        assert slots.fair_share == 5
        with slots.borrower():
            assert slots.fair_share == 3
            assert slots.lend("a") is not None
            assert slots.fair_share == 3
        assert slots.fair_share == 5
