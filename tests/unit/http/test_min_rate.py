"""The least rate of a body and the deadline of its headers, at tarpits and at hosts that are only slow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.raw_http import Asked, Says, head, listening_on
from support.served_host import serving
from support.tarpit import BODIES, HEADS, Tarpit

from xharchive.errors import BadResponse, BelowMinimumRate, IncompleteBody, NetworkError, Stalled
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import Transport, TransportOptions, connect
from xharchive.http.http_options import MinRate
from xharchive.http.responses import RateTimer

URL = "https://sns-img-bd.xhscdn.com/a"
STALL = 0.2
BY_BOUNDS = {
    "an endless header": BadResponse,
    "endless headers": BadResponse,
    "trailers without end": IncompleteBody,
}
"""What aiohttp itself refuses."""
UNPACKED_ELSEWHERE = "packed blocks without content"


class Reader:
    """A body whose size the test says, a clock that it moves, and the one timer that is set on it."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self.failed: BaseException | None = None
        self.now = 0.0
        self.timer: tuple[float, Callable[[], None]] = (0.0, lambda: None)

    def set_exception(self, exc: BaseException) -> None:
        self.failed = exc

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> object:
        self.timer = (when, call)
        return self.timer

    def wait_until(self, now: float) -> None:
        """Let the time pass, and every timer go off that falls into it."""
        while self.timer[0] <= now and self.failed is None:
            self.now, call = self.timer
            call()
        self.now = now


def a_window() -> tuple[Reader, RateTimer]:
    """A reader, and a timer with windows of 10 seconds, in each of which 100 bytes must come."""
    reader = Reader()
    stands_for: Any = reader
    return reader, RateTimer(stands_for, MinRate(size=100, window=10), "a.host", stands_for)


def test_a_window_ends_when_the_reader_has_waited_so_long() -> None:
    """The wait under way counts before it has ended."""
    reader, timer = a_window()
    timer.begin_wait()
    reader.wait_until(4)
    timer.end_wait()
    reader.wait_until(5)
    timer.begin_wait()
    reader.wait_until(10.9)
    assert reader.failed is None
    reader.wait_until(11.1)
    assert isinstance(reader.failed, BelowMinimumRate)


def test_a_reader_that_is_busy_elsewhere_is_no_fault_of_the_host() -> None:
    """An hour between two waits does not end the window."""
    reader, timer = a_window()
    timer.begin_wait()
    reader.wait_until(9)
    timer.end_wait()
    reader.wait_until(3600)
    assert reader.failed is None
    timer.begin_wait()
    reader.wait_until(3602)
    assert reader.failed is not None


@pytest.mark.parametrize(("size", "enough"), [(0, False), (99, False), (100, True), (10**9, True)])
def test_a_window_is_judged_by_what_came_in_it(size: int, enough: bool) -> None:
    """As many bytes as the least rate demands are enough."""
    reader, timer = a_window()
    timer.begin_wait()
    reader.total_bytes = size
    reader.wait_until(10)
    assert (reader.failed is None) is enough


def test_each_window_is_judged_for_itself() -> None:
    """Much that came before excuses nothing, and little that came before is not held against the host."""
    reader, timer = a_window()
    timer.begin_wait()
    reader.total_bytes = 1_000_000
    reader.wait_until(10)
    reader.total_bytes += 100
    reader.wait_until(20)
    assert reader.failed is None
    reader.total_bytes += 99
    reader.wait_until(30)
    assert reader.failed is not None


def test_a_window_that_ends_between_two_waits_begins_anew() -> None:
    """The next one has all of its seconds left, and counts from the next wait on."""
    reader, timer = a_window()
    timer.begin_wait()
    reader.wait_until(9.9)
    reader.total_bytes = 100
    timer.end_wait()
    reader.wait_until(10)  # not over yet: 9.9 seconds were waited
    timer.begin_wait()
    reader.wait_until(15)
    timer.end_wait()
    reader.wait_until(20)
    timer.begin_wait()
    assert reader.failed is None
    reader.wait_until(24)
    assert reader.failed is None
    reader.wait_until(27)
    assert reader.failed is not None


def test_the_rate_is_said_in_bytes_a_second() -> None:
    """As the option states it."""
    assert str(MinRate(size=256 * 60, window=60)) == "256 bytes a second over 60 s"


@asynccontextmanager
async def transport_to(port: int, **options: Any) -> AsyncIterator[Transport]:
    """A transport that finds the API, the shortener and every media host at one port."""
    ways = TransportOptions(
        api_base=f"http://127.0.0.1:{port}",
        borders=AllowList(overrides=(HostOverride("*", "127.0.0.1", port),)),
        stall=options.pop("stall", STALL),
        api_timeout=STALL,
        **options,
    )
    async with connect(ways) as transport:
        yield transport


async def body_of(transport: Transport) -> bytes:
    """The whole media body."""
    body = b""
    async with transport.open(URL, {}) as incoming:
        while piece := await incoming.read():
            body += piece
    return body


@pytest.mark.parametrize("name", sorted((HEADS | BODIES).keys() - {UNPACKED_ELSEWHERE}))
async def test_a_media_answer_without_end_is_left(name: str) -> None:
    """Whatever keeps the connection busy: the headers have a deadline, the body a least rate."""
    with serving(Tarpit((HEADS | BODIES)[name], bytes(100_000))) as tarpit:
        async with transport_to(tarpit.port) as transport:
            with pytest.raises(BY_BOUNDS.get(name, BelowMinimumRate if name in BODIES else Stalled)):
                await body_of(transport)


@pytest.mark.parametrize("name", HEADS)
async def test_a_short_link_without_end_is_left(name: str) -> None:
    """The headers of the shortener have the same deadline."""
    with serving(Tarpit(HEADS[name])) as tarpit:
        async with transport_to(tarpit.port) as transport:
            with pytest.raises(BY_BOUNDS.get(name, Stalled)):
                await transport.resolve_redirect("http://xhslink.com/a/AbCdEf")


@pytest.mark.parametrize("name", HEADS | BODIES)
async def test_a_reply_of_the_api_without_end_is_left(name: str) -> None:
    """The call has one limit for all of it, so it stalled or was cut, and may have been billed."""
    with serving(Tarpit((HEADS | BODIES)[name], bytes(100_000))) as tarpit:
        async with transport_to(tarpit.port) as transport:
            with pytest.raises(NetworkError) as failed:
                await transport.api_get("/x", {})
    assert isinstance(failed.value, BY_BOUNDS.get(name, Stalled))


def dripping(piece: bytes, pause: float, times: int) -> Says:
    """Say a body in pieces with pauses before them, under an honest length."""

    async def said(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, length=times * len(piece)))
        for _ in range(times):
            await asyncio.sleep(pause)
            writer.write(piece)

    return said


async def test_a_slow_body_above_the_least_rate_is_never_cut() -> None:
    """For several windows, at twice the rate and with pauses within the time-out on silence."""
    async with (
        listening_on(dripping(bytes(100), 0.1, times=15)) as wire,
        transport_to(wire.port, stall=0.25, min_rate=500) as transport,
    ):
        assert len(await body_of(transport)) == 1500


async def test_without_a_least_rate_any_body_is_waited_for() -> None:
    """A byte at a time, for longer than a window: 0 turns the judgement off."""
    async with (
        listening_on(dripping(b".", 0.1, times=8)) as wire,
        transport_to(wire.port, min_rate=0) as transport,
    ):
        assert await body_of(transport) == b"........"


async def test_a_body_below_the_least_rate_is_left_with_the_rate_named() -> None:
    """The sentence names the host and what was demanded."""
    async with (
        listening_on(dripping(b".", 0.05, times=100)) as wire,
        transport_to(wire.port) as transport,
    ):
        with pytest.raises(
            BelowMinimumRate, match=r"^sns-img-bd\S+: the body brought less than 256 bytes a second"
        ):
            await body_of(transport)


async def test_a_slow_reader_is_no_slow_host() -> None:
    """What waits here to be read came in time: the body is whole, however long the reader takes."""
    body = bytes(100_000)

    async def at_once(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, length=len(body)) + body[:10])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(body[10:])

    async with (
        listening_on(at_once) as wire,
        transport_to(wire.port, stall=0.1, min_rate=1000) as transport,
        transport.open(URL, {}) as incoming,
    ):
        read = 0
        while piece := await incoming.read():
            read += len(piece)
            await asyncio.sleep(0.3)  # longer than a window
        assert read == len(body)


async def test_the_wait_for_a_free_connection_is_not_counted() -> None:
    """The deadline of the headers begins when the request is sent."""
    body = dripping(bytes(1000), 0.1, times=6)
    async with listening_on(body) as wire, transport_to(wire.port, stall=0.4, jobs=1) as transport:
        bodies = await asyncio.gather(*(body_of(transport) for _ in range(2)))
        assert [len(body) for body in bodies] == [6000, 6000]


async def test_a_body_that_is_not_read_is_not_judged() -> None:
    """As of an answer whose status is all that is wanted: there is no wait, so there is no timer."""
    async with (
        listening_on(dripping(b".", 0.02, times=40)) as wire,
        transport_to(wire.port) as transport,
        transport.open(URL, {}) as incoming,
    ):
        await asyncio.sleep(2.5 * STALL)  # longer than a window
        assert await incoming.read()
    async with (
        listening_on(dripping(b".", 0.02, times=40)) as wire,
        transport_to(wire.port) as transport,
        transport.open(URL, {}) as incoming,
    ):
        assert incoming.status == 200
