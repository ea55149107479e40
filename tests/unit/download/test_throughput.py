"""Which transfers are left for a faster mirror, on a clock that the bodies themselves move."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, tuples

from xharchive.download.hosts import HostHealth, HostThroughput, SlowHost, TransferSpeed, is_much_faster
from xharchive.models import Candidate, Quality

MB = 1_000_000
HOST, MIRROR, THIRD = "slow.xhscdn.com", "quick.xhscdn.com", "third.xhscdn.com"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Flowing:
    """A body in pieces: how many bytes, and how many seconds each of them takes."""

    encoding, chunked = "", False

    def __init__(self, clock: Clock, pieces: list[tuple[int, float]], length: int | None = None) -> None:
        self._clock, self._pieces = clock, pieces
        self.length = sum(size for size, _ in pieces) if length is None else length or None
        self.came = 0

    async def read(self) -> bytes:
        if not self._pieces:
            return b""
        size, seconds = self._pieces.pop(0)
        self._clock.now += seconds
        self.came += size
        return bytes(size)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def speeds(clock: Clock) -> HostThroughput:
    """Nothing is known yet."""
    return HostThroughput(clock)


def steadily(rate: int, size: int, every: float = 0.25) -> list[tuple[int, float]]:
    """Pieces of a body at so many bytes a second."""
    piece = int(rate * every)
    whole = [(piece, every)] * (size // piece)
    return [*whole, (size % piece, every)] if size % piece else whole


@dataclass
class Paced:
    """A body of HOST, and its speed; so many bytes come ahead of each that is read in order."""

    body: Flowing
    speed: TransferSpeed
    lanes: int = 1


async def read_all(paced: Paced, handed: list[bytes] | None = None) -> int:
    """Read to the end; return how many bytes came."""
    blocks, speed, arrived = [] if handed is None else handed, paced.speed, 0
    speed.begin()
    while block := await paced.body.read():
        blocks.append(block)
        arrived += len(block) * paced.lanes
        if speed.now() >= speed.next_check:
            speed.check(arrived, paced.lanes)
    speed.finish(arrived, paced.lanes)
    return sum(map(len, blocks))


def paced(body: Flowing, speeds: HostThroughput, *mirrors: str, start: int = 0, lanes: int = 1) -> Paced:
    """A body of HOST that could come from these hosts too."""
    health, length = HostHealth(speeds.now, 8.0), body.length or 0
    candidates = [Candidate(f"https://{host}/x", Quality.RENDITION, "f") for host in mirrors]
    return Paced(body, TransferSpeed(speeds, health, HOST, candidates, start + length, length), lanes)


async def test_a_slow_body_is_left_for_a_fast_mirror(clock: Clock, speeds: HostThroughput) -> None:
    """After two looks, a second apart; what came until then is handed on, and the sentence says why."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    body = Flowing(clock, steadily(MB // 5, 10 * MB))
    began, handed = clock.now, list[bytes]()
    with pytest.raises(SlowHost) as left:
        await read_all(paced(body, speeds, MIRROR), handed)
    assert clock.now - began == pytest.approx(2.0)
    assert sum(map(len, handed)) == body.came
    assert str(left.value) == f"{HOST} delivers 200 KB/s, {MIRROR} 2,000 KB/s: trying the mirrors first"
    assert speeds.is_avoided(HOST)
    assert not speeds.is_avoided(MIRROR)


async def test_nothing_is_left_where_no_mirror_is_known_to_be_faster(
    clock: Clock, speeds: HostThroughput
) -> None:
    """The only address, one with mirrors that nobody asked yet, one with a mirror that is as slow."""
    speeds.add(THIRD, 9 * MB, 1.0)
    for mirrors in ((), (MIRROR,)):
        assert await read_all(paced(Flowing(clock, steadily(10_000, MB)), speeds, *mirrors)) == MB
    speeds.add(MIRROR, 15_000, 1.0)
    assert await read_all(paced(Flowing(clock, steadily(10_000, MB)), speeds, MIRROR)) == MB
    assert not speeds.is_avoided(HOST)


async def test_what_was_seen_long_ago_is_no_reason(clock: Clock, speeds: HostThroughput) -> None:
    """The mirror was fast eleven seconds ago: perhaps the line was free then."""
    speeds.add(MIRROR, 20 * MB, 1.0)
    clock.now += 11
    assert await read_all(paced(Flowing(clock, steadily(100_000, 5 * MB)), speeds, MIRROR)) == 5 * MB


@pytest.mark.parametrize(("third", "is_left"), [(2 * MB, True), (100_000, False)])
async def test_what_was_seen_long_ago_holds_if_the_line_does(
    clock: Clock, speeds: HostThroughput, third: int, *, is_left: bool
) -> None:
    """A mirror that nobody used for a while, as it was resting: another host's pace now tells of the line."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    clock.now += 60.0
    speeds.add(THIRD, third, 1.0)
    body = paced(Flowing(clock, steadily(MB // 5, 10 * MB)), speeds, MIRROR)
    if is_left:
        with pytest.raises(SlowHost):
            await read_all(body)
    else:
        assert await read_all(body) == 10 * MB


async def test_speeds_that_fall_together_are_no_reason(clock: Clock, speeds: HostThroughput) -> None:
    """Another program takes the line: the mirror's transfers, seen lately, are as slow."""
    speeds.add(MIRROR, 2 * MB, 1.0)

    class Shared(Flowing):
        async def read(self) -> bytes:
            speeds.add(MIRROR, 50_000, 0.25)
            return await super().read()

    body = Shared(clock, steadily(200_000, 10 * MB))
    assert await read_all(paced(body, speeds, MIRROR)) == 10 * MB


async def test_a_moment_in_which_nothing_came_from_anywhere(clock: Clock, speeds: HostThroughput) -> None:
    """The first transfer to be looked at after it is not the one to blame."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    body = Flowing(clock, [(1000, 6.0), *steadily(2 * MB, 20 * MB)])
    assert await read_all(paced(body, speeds, MIRROR)) == 20 * MB + 1000


async def test_a_transfer_that_became_faster_is_not_slow(clock: Clock, speeds: HostThroughput) -> None:
    """Its average is still low, its last second is not."""
    speeds.add(MIRROR, 4 * MB, 1.0)
    body = Flowing(clock, [*steadily(10_000, 15_000), *steadily(3 * MB, 40 * MB)])
    assert await read_all(paced(body, speeds, MIRROR)) == 40 * MB + 15_000


async def test_the_end_of_a_body_is_waited_for(clock: Clock, speeds: HostThroughput) -> None:
    """Of 10 MB 9.5 are there already: the mirror would have to bring all of it."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    body = Flowing(clock, steadily(MB // 10, MB // 2))
    assert await read_all(paced(body, speeds, MIRROR, start=9_500_000)) == MB // 2


async def test_a_body_of_unknown_length_is_waited_for(clock: Clock, speeds: HostThroughput) -> None:
    """Its next byte may be its last."""
    speeds.add(MIRROR, 20 * MB, 1.0)
    body = Flowing(clock, steadily(10_000, MB), length=0)
    assert await read_all(paced(body, speeds, MIRROR)) == MB


@pytest.mark.parametrize(("lanes", "leaves"), [(4, False), (1, True)])
async def test_helpers_count(clock: Clock, speeds: HostThroughput, lanes: int, leaves: bool) -> None:
    """In order comes little, as the first lane is behind; what waits behind it came, too."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    body = Flowing(clock, steadily(MB // 4, 10 * MB))
    stream = paced(body, speeds, MIRROR, lanes=lanes)
    if leaves:
        with pytest.raises(SlowHost):
            await read_all(stream)
    else:
        assert await read_all(stream) == 10 * MB
        assert speeds.fastest((HOST,), THIRD)[0] <= MB / 4 + 1, "it is told what one connection brings"


async def test_small_bodies_say_nothing(clock: Clock, speeds: HostThroughput) -> None:
    """A file of 100 KB is a round trip and no speed; many of them neither."""
    for _ in range(20):
        await read_all(paced(Flowing(clock, [(100_000, 0.05)]), speeds))
    assert speeds.fastest((HOST,), THIRD) == (0.0, "")
    await read_all(paced(Flowing(clock, [(300_000, 0.15)]), speeds))
    assert speeds.fastest((HOST,), THIRD)[0] == pytest.approx(2 * MB)


async def test_a_file_that_was_not_worth_leaving_tells_the_next_ones(
    clock: Clock, speeds: HostThroughput
) -> None:
    """1 MB at a tenth: five seconds instead of half a one; and for a minute the mirror is asked first."""
    speeds.add(MIRROR, 2 * MB, 1.0)
    assert await read_all(paced(Flowing(clock, steadily(MB // 5, MB)), speeds, MIRROR)) == MB
    assert speeds.is_avoided(HOST)
    clock.now += 59
    assert speeds.is_avoided(HOST)
    clock.now += 2
    assert not speeds.is_avoided(HOST)


sizes = integers(1, 1 << 35)
rates = floats(1.0, 1e10)


@given(sizes, rates, sizes, rates)
def test_far_sooner_means_several_times_as_fast(whole: int, other: float, missing: int, speed: float) -> None:
    """Never for a mirror that is less than three times as fast, and never for less than two seconds."""
    missing = min(whole, missing)
    if is_much_faster(whole, other, missing, speed):
        assert other > 2.9 * speed
        assert missing / speed - whole / other > 1.9
    assert not is_much_faster(whole, 0.0, missing, speed)


class Beside(Flowing):
    """A body beside which the mirror's transfers bring nothing."""

    def __init__(self, clock: Clock, pieces: list[tuple[int, float]], speeds: HostThroughput) -> None:
        super().__init__(clock, pieces)
        self._speeds = speeds

    async def read(self) -> bytes:
        self._speeds.add(MIRROR, 0, 1.0)
        return await super().read()


pieces = lists(tuples(integers(1, 1 << 20), floats(0.0, 20.0)), max_size=30)


@given(pieces)
async def test_whatever_its_pace_a_body_is_read_to_its_end(drawn: list[tuple[int, float]]) -> None:
    """Nothing is known of its mirrors, or nothing comes from them either."""
    size, clock = sum(size for size, _ in drawn), Clock()
    speeds = HostThroughput(clock)
    for body in (Flowing(clock, list(drawn)), Beside(clock, list(drawn), speeds)):
        assert await read_all(paced(body, speeds, MIRROR)) == size
    assert not speeds.is_avoided(HOST)
