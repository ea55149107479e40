"""The brake for an outage: when it begins, who may ask meanwhile, and when it is over."""

import asyncio
from dataclasses import dataclass, field

import pytest

from xharchive.api.call_limits import CircuitBreaker, Silence
from xharchive.errors import Refused

PAUSES = (5.0, 10.0, 20.0)


@dataclass
class Desk:
    """An outage's brake, with what it waited for and said."""

    waits: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = asyncio.Event()
        self.outage = CircuitBreaker(PAUSES, self._wait, self.said.append)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.waiting.set()
        await asyncio.sleep(0)

    def silence(self, *notes: str) -> None:
        for note in notes:
            self.outage.record_silence(note, "no connection")

    async def probe(self, note: str) -> None:
        async with self.outage.admit():
            self.silence(note)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_four_notes_without_a_reply_are_no_outage(desk: Desk) -> None:
    """Nobody waits; nothing is decided about them until another note is replied to."""
    desk.silence(*"abcd", "a", "b")
    async with desk.outage.admit():
        assert desk.waits == []
    assert desk.outage.silence_about("a") is Silence.UNDECIDED
    desk.outage.record_reply()
    assert desk.outage.silence_about("a") is Silence.NONE
    desk.silence("e")
    assert not desk.outage.is_open


async def test_probes_go_one_by_one_at_growing_pauses_and_then_no_more(desk: Desk) -> None:
    """Many want to ask at once: three may, each after the one before came back without a reply."""
    desk.silence(*"abcde")
    ends = await asyncio.gather(*(desk.probe(note) for note in "fghijk"), return_exceptions=True)
    assert [type(end) for end in ends] == [type(None)] * 3 + [Refused] * 3
    assert desk.waits == [5, 10, 20]
    assert "asking again in 10 seconds" in desk.said[1]
    assert "8 notes in a row (no connection); run `xharchive resume`" in str(ends[-1])


async def test_a_reply_ends_it_for_everybody(desk: Desk) -> None:
    """Those who waited behind the probe ask at once and together; notes without a reply stay left."""
    desk.silence(*"abcde")
    together = asyncio.Barrier(3)

    async def ask(note: str) -> None:
        async with desk.outage.admit():
            if desk.outage.is_open:
                desk.outage.record_reply()
            else:
                await together.wait()

    await asyncio.gather(*(ask(note) for note in "fghi"))
    assert desk.waits == [5]
    assert "5 notes without a reply are left" in desk.said[-1]
    assert desk.outage.silence_about("e") is Silence.OUTAGE
    assert desk.outage.silence_about("f") is Silence.NONE


async def test_the_next_outage_begins_with_the_first_pause(desk: Desk) -> None:
    """Probes of an outage that is over do not count."""
    desk.silence(*"abcde")
    await desk.probe("f")
    desk.outage.record_reply()
    desk.silence(*"ghijk")
    await desk.probe("l")
    assert desk.waits == [5, 5]


async def test_a_reply_to_a_call_under_way_spares_the_probe(desk: Desk) -> None:
    """It came while the pause lasted: calls go on without waiting for each other."""
    desk.silence(*"abcde")

    async def ask() -> None:
        async with desk.outage.admit():
            assert not desk.outage.is_open

    asking = asyncio.create_task(ask())
    await desk.waiting.wait()
    desk.outage.record_reply()
    await asking


async def test_an_interrupted_pause_lets_others_ask(desk: Desk) -> None:
    """A cancelled probe holds nobody up."""
    desk.silence(*"abcde")
    asking = asyncio.create_task(desk.probe("f"))
    await desk.waiting.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await desk.probe("g")
    assert desk.waits == [5, 10]


async def test_when_all_calls_are_refused_nobody_waits_for_a_probe(desk: Desk) -> None:
    """The run is to end, and there is nothing to find out."""
    desk.silence(*"abcde")
    desk.outage.cancel_waiters()
    async with desk.outage.admit():
        assert desk.waits == []
