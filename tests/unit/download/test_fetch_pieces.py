"""Who brings which bytes: shared so that all end together, and never so that a byte is missing."""

from collections.abc import Iterable
from copy import copy
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from xharchive.download.ranges import LANES, MOST_LATE, PIECE, Piece, Pieces

MIB = 1 << 20


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def divided(clock: Clock, total: int = 64 * MIB, trunk: int = 4 * MIB) -> tuple[Pieces, Piece]:
    """A body whose trunk brought so much in two seconds, and was divided by a first piece."""
    way = Pieces(0, total, clock)
    way.was_read(trunk)
    clock.time += 2
    piece = way.take(None, 0)
    assert piece is not None
    assert way.divide(piece)
    return way, piece


def test_a_trunk_that_becomes_slow_gives_its_rest_away() -> None:
    """It keeps what it brings in the time that the other one needs."""
    clock = Clock()
    way, first = divided(clock)
    first.at = first.end
    rest = way.trunk_end - way.at
    clock.time += 2
    way.was_read(20_000)
    while (piece := way.take(10e6, 3)) is not None and piece.start > way.trunk_end:
        piece.at = piece.end
    assert piece is not None
    assert (piece.start, piece.end) == (way.trunk_end, first.start)
    assert 64 * 1024 <= way.trunk_end - way.at < rest // 8


def test_what_waits_for_its_turn_is_counted() -> None:
    """Of pieces that are read in part, what is left of them."""
    way, first = divided(Clock())
    assert way.ahead == 0
    first.at += 1000
    second = way.take(None, 1)
    assert second is not None
    second.at += 500
    assert way.ahead == 1500
    way.was_read(way.trunk_end - way.at + 400)
    assert way.ahead == 1100


def test_a_trunk_as_fast_as_others_is_left_alone() -> None:
    """Its rest comes in less than the time that another request would win."""
    clock = Clock()
    way, _ = divided(clock)
    clock.time += 0.5
    way.was_read(MIB)
    end = way.trunk_end
    while (piece := way.take(2e6, 3)) is not None:
        piece.at = piece.end
    assert way.trunk_end == end


def test_two_connections_share_by_their_speeds() -> None:
    """The slower one keeps less, and both end together; who is known to bring nothing takes nothing."""
    clock = Clock()
    way, piece = divided(clock, total=12 * MIB, trunk=7 * MIB)
    assert piece.end == 12 * MIB
    way.was_read(way.trunk_end - way.at)
    clock.time += 1
    piece.at += MIB // 4
    missing = piece.missing
    assert way.take(0.0, 1) is None
    taken = way.take(float(MIB), 1)
    assert taken is not None
    assert taken.missing == pytest.approx(missing * 4 / 5, rel=0.01)
    assert taken.start == piece.end


def test_a_trunk_that_broke_off_becomes_pieces() -> None:
    """All of its rest, in order, before what is there already."""
    clock = Clock()
    way, first = divided(clock, total=200 * MIB, trunk=40 * MIB)
    at, end = way.at, way.trunk_end
    assert end - at > PIECE
    assert way.replace_trunk()
    assert way.trunk_end == at
    covered = at
    while covered < end:
        piece = way.take(None, 3)
        assert piece is not None
        assert piece.start == covered
        covered = piece.end
    assert covered == first.start


def test_without_room_it_does_not() -> None:
    """The lanes are full: what is there already is given up."""
    clock = Clock()
    way, _ = divided(clock, total=200 * MIB, trunk=40 * MIB)
    while way.take(None, 3) is not None:
        pass
    for _ in range(LANES):
        if not way.replace_trunk():
            return
        way.trunk_end = way.at + 2 * PIECE
    pytest.fail("lanes without end")


def test_late_pieces_begin_further_ahead() -> None:
    """The trunk was past the first piece before its first bytes came."""
    clock = Clock()
    way = Pieces(0, 64 * MIB, clock)
    clock.time += 1
    starts = []
    for _ in range(MOST_LATE):
        piece = way.take(None, 0)
        assert piece is not None
        starts.append(piece.start - way.at)
        way.was_read(piece.start - way.at)
        assert not way.divide(piece)
        way.give_back(piece)
    assert starts == sorted(set(starts))
    assert way.late == MOST_LATE
    assert not way.is_divided


@given(seed=integers(0, 1 << 30))
def test_whatever_happens_the_pieces_are_the_body(seed: int) -> None:
    """Connections of any speeds come, go and break off: what is read in order is every byte once."""
    random, clock = Random(seed), Clock()  # noqa: S311 - test data
    total = random.randrange(20 * MIB, 80 * MIB)
    way, piece = divided(clock, total, trunk=random.randrange(MIB, 16 * MIB))
    taken: list[tuple[Piece, float]] = [(piece, random.uniform(0, 1e7))]
    trunk, by_trunk, arrived = random.uniform(0, 1e7), True, 0
    for _ in range(3000):
        clock.time += 0.2
        if by_trunk and way.at < way.trunk_end:
            way.was_read(min(int(trunk * 0.2), way.trunk_end - way.at))
            if random.random() < 0.02 and way.at < way.trunk_end:
                by_trunk = not way.replace_trunk()
        elif way.at >= way.trunk_end:
            by_trunk = False
        bring(way, taken, random)
        while not by_trunk and (head := way.head) is not None:
            assert head.start <= way.at < head.at
            way.was_read(head.at - way.at)
        if len(taken) < 4:
            new = way.take(random.choice([None, 0.0, 1e5, 1e7]), len(taken))
            if new is not None:
                assert 0 < new.missing <= PIECE
                taken.append((new, random.uniform(1e5, 1e7)))
        assert_nothing_is_missing(way)
        assert arrived <= way.at + way.ahead <= total, "what came is counted once"
        arrived = way.at + way.ahead
        if way.at == total:
            return
    pytest.fail("it never ends")


@given(seed=integers(0, 1 << 30))
def test_what_was_left_is_gone_on_with(seed: int) -> None:
    """Interrupted at any moments, a few bytes of the part lost: no byte that is there is brought again."""
    random, clock = Random(seed), Clock()  # noqa: S311 - test data
    total = random.randrange(20 * MIB, 80 * MIB)
    way, piece = divided(clock, total, trunk=random.randrange(MIB, 16 * MIB))
    taken: list[tuple[Piece, float]] = [(piece, random.uniform(0, 1e7))]
    noted: dict[int, Piece] = {}
    lost = 0
    for _ in range(random.randrange(1, 4)):
        go_on_for_a_while(way, taken, noted, random, clock)
        lost = max(lost, random.choice([0, 1, MIB, 16 * MIB]))
        at = max(0, way.at - lost)
        way, taken = Pieces(at, total, clock), []
        way.restore(copy(piece) for piece in noted.values())
        assert_nothing_is_missing(way)
        assert all(each.missing or each.at > way.at for each in way._pieces)
        assert not any(each.taken for each in way._pieces)
        if lost <= MIB and way._lanes:  # else lanes may be short for all the gaps
            assert way.ahead == behind(at, noted.values())
    there = {(each.start, each.at) for each in way._pieces}
    while way.at < total:
        way.was_read(max(0, way.trunk_end - way.at))
        if (new := way.take(None, 3)) is not None:
            assert new.missing
            assert not any(start <= new.at < end for start, end in there), "it is there already"
            new.at = new.end
            way.give_back(new)
        while (head := way.head) is not None:
            way.was_read(head.at - way.at)
        assert_nothing_is_missing(way)


def behind(at: int, pieces: Iterable[Piece]) -> int:
    """How many bytes from there on the pieces have, each counted once."""
    size = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        size += max(0, piece.at - max(at, piece.start))
        at = max(at, piece.at)
    return size


def go_on_for_a_while(
    way: Pieces, taken: list[tuple[Piece, float]], noted: dict[int, Piece], random: Random, clock: Clock
) -> None:
    """The trunk and others bring some of it; what they bring is noted down, but not always the latest."""
    for _ in range(random.randrange(1, 60)):
        clock.time += 0.2
        way.was_read(random.randint(0, max(0, way.trunk_end - way.at)))
        bring(way, taken, random)
        for each in way._pieces:
            if each.at > each.start and random.random() < 0.9:
                noted[each.lane] = Piece(each.start, each.end, each.lane, each.at)
        while way.at >= way.trunk_end and (head := way.head) is not None and random.random() < 0.8:
            way.was_read(random.randint(1, head.at - way.at))
        if len(taken) < 4 and (new := way.take(random.choice([None, 1e5, 1e7]), len(taken))) is not None:
            taken.append((new, random.uniform(1e5, 1e7)))


def test_there_is_not_room_for_everything() -> None:
    """So many gaps that lanes are short: the pieces behind them are given up, those before them count."""
    kept = [Piece(n * 3 * PIECE, n * 3 * PIECE + 1000, n, n * 3 * PIECE + 10) for n in range(LANES)]
    way = Pieces(5, 100 * PIECE, Clock())
    way.restore(kept)
    assert_nothing_is_missing(way)
    assert way.ahead == 5
    assert way.trunk_end == way.at == 5
    assert [each.lane for each in way._pieces] == [0]
    way = Pieces(5, 100 * PIECE, Clock())
    way.restore(kept[:4])
    assert_nothing_is_missing(way)
    assert way.ahead == 5 + 10 + 10
    assert way.trunk_end == 5


def test_the_same_bytes_were_left_twice() -> None:
    """Of pieces that begin together, or of which one lies in another, the one that came further counts."""
    kept = [
        Piece(100, 500, 0, 200),
        Piece(100, 600, 1, 600),
        Piece(150, 400, 2, 400),
        Piece(600, 700, 3, 601),
    ]
    for at in (0, 99, 100, 150, 250):
        way = Pieces(at, 1000, Clock())
        way.restore([copy(piece) for piece in kept])
        assert_nothing_is_missing(way)
        assert [(each.start, each.end, each.lane) for each in way._pieces] == [(100, 600, 1), (600, 700, 3)]
        assert way.ahead == 601 - max(at, 100)


def test_nothing_was_left() -> None:
    """Or only what was read already, or what cannot be of this body: as if it had never been."""
    way = Pieces(100, 1000, Clock())
    way.restore([Piece(0, 300, 4, 90), Piece(900, 1001, 7, 950)])
    assert_nothing_is_missing(way)
    assert (way.is_divided, way.ahead, way.trunk_end) == (False, 0, 1000)


def bring(way: Pieces, taken: list[tuple[Piece, float]], random: Random) -> None:
    """Everybody brings what comes in a fifth of a second; who is through, or breaks off, gives back."""
    for each, speed in list(taken):
        each.at = min(each.end, each.at + int(speed * 0.2))
        if not each.missing or random.random() < 0.05:
            taken.remove((each, speed))
            way.give_back(each)


def assert_nothing_is_missing(way: Pieces) -> None:
    """Each lane is free or one piece's; each piece begins where the one before it ends."""
    assert sorted([each.lane for each in way._pieces] + way._lanes) == list(range(LANES))
    for before, after in pairwise(way._pieces):
        assert before.end == after.start
    if way._pieces and way.at < way.trunk_end:
        assert way._pieces[0].start == way.trunk_end
