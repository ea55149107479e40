"""Who brings which bytes: shared so that all end together, and never so that a byte is missing."""

from collections.abc import Iterable
from copy import copy
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from xharchive.download.ranges import MAX_LATE_STARTS, RANGE_SIZE, REGIONS, RangePart, RangePlan

MIB = 1 << 20


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def divided(clock: Clock, total: int = 64 * MIB, trunk: int = 4 * MIB) -> tuple[RangePlan, RangePart]:
    """A body whose trunk brought so much in two seconds, and was divided by a first piece."""
    way = RangePlan(0, total, clock)
    way.advance(trunk)
    clock.time += 2
    piece = way.claim(None, 0)
    assert piece is not None
    assert way.split_at(piece)
    return way, piece


def test_a_trunk_that_becomes_slow_gives_its_rest_away() -> None:
    """It keeps what it brings in the time that the other one needs."""
    clock = Clock()
    way, first = divided(clock)
    first.position = first.end
    rest = way.main_end - way.position
    clock.time += 2
    way.advance(20_000)
    while (piece := way.claim(10e6, 3)) is not None and piece.start > way.main_end:
        piece.position = piece.end
    assert piece is not None
    assert (piece.start, piece.end) == (way.main_end, first.start)
    assert 64 * 1024 <= way.main_end - way.position < rest // 8


def test_what_waits_for_its_turn_is_counted() -> None:
    """Of pieces that are read in part, what is left of them."""
    way, first = divided(Clock())
    assert way.buffered == 0
    first.position += 1000
    second = way.claim(None, 1)
    assert second is not None
    second.position += 500
    assert way.buffered == 1500
    way.advance(way.main_end - way.position + 400)
    assert way.buffered == 1100


def test_a_trunk_as_fast_as_others_is_left_alone() -> None:
    """Its rest comes in less than the time that another request would win."""
    clock = Clock()
    way, _ = divided(clock)
    clock.time += 0.5
    way.advance(MIB)
    end = way.main_end
    while (piece := way.claim(2e6, 3)) is not None:
        piece.position = piece.end
    assert way.main_end == end


def test_two_connections_share_by_their_speeds() -> None:
    """The slower one keeps less, and both end together; who is known to bring nothing takes nothing."""
    clock = Clock()
    way, piece = divided(clock, total=12 * MIB, trunk=7 * MIB)
    assert piece.end == 12 * MIB
    way.advance(way.main_end - way.position)
    clock.time += 1
    piece.position += MIB // 4
    missing = piece.missing
    assert way.claim(0.0, 1) is None
    taken = way.claim(float(MIB), 1)
    assert taken is not None
    assert taken.missing == pytest.approx(missing * 4 / 5, rel=0.01)
    assert taken.start == piece.end


def test_a_trunk_that_broke_off_becomes_pieces() -> None:
    """All of its rest, in order, before what is there already."""
    clock = Clock()
    way, first = divided(clock, total=200 * MIB, trunk=40 * MIB)
    at, end = way.position, way.main_end
    assert end - at > RANGE_SIZE
    assert way.replace_main()
    assert way.main_end == at
    covered = at
    while covered < end:
        piece = way.claim(None, 3)
        assert piece is not None
        assert piece.start == covered
        covered = piece.end
    assert covered == first.start


def test_without_room_it_does_not() -> None:
    """The lanes are full: what is there already is given up."""
    clock = Clock()
    way, _ = divided(clock, total=200 * MIB, trunk=40 * MIB)
    while way.claim(None, 3) is not None:
        pass
    for _ in range(REGIONS):
        if not way.replace_main():
            return
        way.main_end = way.position + 2 * RANGE_SIZE
    pytest.fail("lanes without end")


def test_late_pieces_begin_further_ahead() -> None:
    """The trunk was past the first piece before its first bytes came."""
    clock = Clock()
    way = RangePlan(0, 64 * MIB, clock)
    clock.time += 1
    starts = []
    for _ in range(MAX_LATE_STARTS):
        piece = way.claim(None, 0)
        assert piece is not None
        starts.append(piece.start - way.position)
        way.advance(piece.start - way.position)
        assert not way.split_at(piece)
        way.release(piece)
    assert starts == sorted(set(starts))
    assert way.late_starts == MAX_LATE_STARTS
    assert not way.is_split


@given(seed=integers(0, 1 << 30))
def test_whatever_happens_the_pieces_are_the_body(seed: int) -> None:
    """Connections of any speeds come, go and break off: what is read in order is every byte once."""
    random, clock = Random(seed), Clock()  # noqa: S311 - test data
    total = random.randrange(20 * MIB, 80 * MIB)
    way, piece = divided(clock, total, trunk=random.randrange(MIB, 16 * MIB))
    taken: list[tuple[RangePart, float]] = [(piece, random.uniform(0, 1e7))]
    trunk, by_trunk, arrived = random.uniform(0, 1e7), True, 0
    for _ in range(3000):
        clock.time += 0.2
        if by_trunk and way.position < way.main_end:
            way.advance(min(int(trunk * 0.2), way.main_end - way.position))
            if random.random() < 0.02 and way.position < way.main_end:
                by_trunk = not way.replace_main()
        elif way.position >= way.main_end:
            by_trunk = False
        bring(way, taken, random)
        while not by_trunk and (head := way.next_buffered) is not None:
            assert head.start <= way.position < head.position
            way.advance(head.position - way.position)
        if len(taken) < 4:
            new = way.claim(random.choice([None, 0.0, 1e5, 1e7]), len(taken))
            if new is not None:
                assert 0 < new.missing <= RANGE_SIZE
                taken.append((new, random.uniform(1e5, 1e7)))
        assert_nothing_is_missing(way)
        assert arrived <= way.position + way.buffered <= total, "what came is counted once"
        arrived = way.position + way.buffered
        if way.position == total:
            return
    pytest.fail("it never ends")


@given(seed=integers(0, 1 << 30))
def test_what_was_left_is_gone_on_with(seed: int) -> None:
    """Interrupted at any moments, a few bytes of the part lost: no byte that is there is brought again."""
    random, clock = Random(seed), Clock()  # noqa: S311 - test data
    total = random.randrange(20 * MIB, 80 * MIB)
    way, piece = divided(clock, total, trunk=random.randrange(MIB, 16 * MIB))
    taken: list[tuple[RangePart, float]] = [(piece, random.uniform(0, 1e7))]
    noted: dict[int, RangePart] = {}
    lost = 0
    for _ in range(random.randrange(1, 4)):
        go_on_for_a_while(way, taken, noted, random, clock)
        lost = max(lost, random.choice([0, 1, MIB, 16 * MIB]))
        at = max(0, way.position - lost)
        way, taken = RangePlan(at, total, clock), []
        way.restore(copy(piece) for piece in noted.values())
        assert_nothing_is_missing(way)
        assert all(each.missing or each.position > way.position for each in way._parts)
        assert not any(each.is_claimed for each in way._parts)
        if lost <= MIB and way._free_regions:  # else lanes may be short for all the gaps
            assert way.buffered == behind(at, noted.values())
    there = {(each.start, each.position) for each in way._parts}
    while way.position < total:
        way.advance(max(0, way.main_end - way.position))
        if (new := way.claim(None, 3)) is not None:
            assert new.missing
            assert not any(start <= new.position < end for start, end in there), "it is there already"
            new.position = new.end
            way.release(new)
        while (head := way.next_buffered) is not None:
            way.advance(head.position - way.position)
        assert_nothing_is_missing(way)


def behind(at: int, pieces: Iterable[RangePart]) -> int:
    """How many bytes from there on the pieces have, each counted once."""
    size = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        size += max(0, piece.position - max(at, piece.start))
        at = max(at, piece.position)
    return size


def go_on_for_a_while(
    way: RangePlan,
    taken: list[tuple[RangePart, float]],
    noted: dict[int, RangePart],
    random: Random,
    clock: Clock,
) -> None:
    """The trunk and others bring some of it; what they bring is noted down, but not always the latest."""
    for _ in range(random.randrange(1, 60)):
        clock.time += 0.2
        way.advance(random.randint(0, max(0, way.main_end - way.position)))
        bring(way, taken, random)
        for each in way._parts:
            if each.position > each.start and random.random() < 0.9:
                noted[each.region] = RangePart(each.start, each.end, each.region, each.position)
        while (
            way.position >= way.main_end and (head := way.next_buffered) is not None and random.random() < 0.8
        ):
            way.advance(random.randint(1, head.position - way.position))
        if len(taken) < 4 and (new := way.claim(random.choice([None, 1e5, 1e7]), len(taken))) is not None:
            taken.append((new, random.uniform(1e5, 1e7)))


def test_there_is_not_room_for_everything() -> None:
    """So many gaps that lanes are short: the pieces behind them are given up, those before them count."""
    kept = [
        RangePart(n * 3 * RANGE_SIZE, n * 3 * RANGE_SIZE + 1000, n, n * 3 * RANGE_SIZE + 10)
        for n in range(REGIONS)
    ]
    way = RangePlan(5, 100 * RANGE_SIZE, Clock())
    way.restore(kept)
    assert_nothing_is_missing(way)
    assert way.buffered == 5
    assert way.main_end == way.position == 5
    assert [each.region for each in way._parts] == [0]
    way = RangePlan(5, 100 * RANGE_SIZE, Clock())
    way.restore(kept[:4])
    assert_nothing_is_missing(way)
    assert way.buffered == 5 + 10 + 10
    assert way.main_end == 5


def test_the_same_bytes_were_left_twice() -> None:
    """Of pieces that begin together, or of which one lies in another, the one that came further counts."""
    kept = [
        RangePart(100, 500, 0, 200),
        RangePart(100, 600, 1, 600),
        RangePart(150, 400, 2, 400),
        RangePart(600, 700, 3, 601),
    ]
    for at in (0, 99, 100, 150, 250):
        way = RangePlan(at, 1000, Clock())
        way.restore([copy(piece) for piece in kept])
        assert_nothing_is_missing(way)
        assert [(each.start, each.end, each.region) for each in way._parts] == [(100, 600, 1), (600, 700, 3)]
        assert way.buffered == 601 - max(at, 100)


def test_nothing_was_left() -> None:
    """Or only what was read already, or what cannot be of this body: as if it had never been."""
    way = RangePlan(100, 1000, Clock())
    way.restore([RangePart(0, 300, 4, 90), RangePart(900, 1001, 7, 950)])
    assert_nothing_is_missing(way)
    assert (way.is_split, way.buffered, way.main_end) == (False, 0, 1000)


def bring(way: RangePlan, taken: list[tuple[RangePart, float]], random: Random) -> None:
    """Everybody brings what comes in a fifth of a second; who is through, or breaks off, gives back."""
    for each, speed in list(taken):
        each.position = min(each.end, each.position + int(speed * 0.2))
        if not each.missing or random.random() < 0.05:
            taken.remove((each, speed))
            way.release(each)


def assert_nothing_is_missing(way: RangePlan) -> None:
    """Each lane is free or one piece's; each piece begins where the one before it ends."""
    assert sorted([each.region for each in way._parts] + way._free_regions) == list(range(REGIONS))
    for before, after in pairwise(way._parts):
        assert before.end == after.start
    if way._parts and way.position < way.main_end:
        assert way._parts[0].start == way.main_end
