"""The plan of a large body's ranges, and the files that hold them."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, booleans, integers, lists, tuples
from support.archive_paths import guarded

from xharchive.download import ranges
from xharchive.download.ranges import MAX_RANGES, RangePart, RangePlan, load_range

TOTAL = 40_000
BODY = Random(3).randbytes(3000)  # noqa: S311 - test data


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes of a thousandth of the real ones."""
    monkeypatch.setattr(ranges, "RANGE_SIZE", 3000)
    monkeypatch.setattr(ranges, "_MIN_SIZE", 1000)


def plan(start: int = 0) -> RangePlan:
    """A plan of a body, on a clock that stands still."""
    return RangePlan(guarded(Path("/x.part")), "id", start, TOTAL, lambda: 0.0)


def follows_on(made: RangePlan) -> bool:
    """Whether the ranges cover the bytes from the first one's to the last one's once, in order."""
    joined = all(one.end == other.start for one, other in pairwise(made.parts))
    return joined and all(part.start < part.end for part in made.parts)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saved=lists(tuples(integers(0, TOTAL), integers(1, 3000), integers(1, 3000))), start=integers(0, 9000))
def test_any_ranges_that_were_left_make_a_plan(saved: list[tuple[int, int, int]], start: int) -> None:
    """What is useful of them is used, gaps are planned, and no byte is in two of them."""
    made = plan(start)
    parts = [
        RangePart(guarded(Path("/x")), "id", first, first + size, first + min(size, came))
        for first, size, came in saved
    ]
    made.restore(parts)
    assert follows_on(made)
    useful = [part for part in parts if part.position > start and part.end <= TOTAL]
    assert bool(made.parts) == bool(useful)
    if useful:
        assert made.main_end == max(start, made.parts[0].start)
        assert made.parts[0].start == min(part.start for part in useful)


def split_plan(others: list[int]) -> tuple[RangePlan, RangePart]:
    """A plan on its tenth second, and its first range, of which 100 bytes came; of the others so many."""
    clock = [0.0]
    made = RangePlan(guarded(Path("/x.part")), "id", 0, TOTAL, lambda: clock[0])
    slow = made.claim(1)
    assert slow is not None
    assert made.split_at(slow)
    made.advance(slow.start)
    slow.position += 100
    for came in others:
        part = made.claim(4)
        assert part is not None
        part.position = min(part.end, part.start + came)
    clock[0] = 10.0
    return made, slow


def test_a_slow_connection_gives_its_range_up_once_when_the_others_have_no_work() -> None:
    made, slow = split_plan([3000] * (MAX_RANGES - 1))
    assert made.give_up(slow, 10.0)
    assert not made.give_up(slow, 10.0)


@pytest.mark.parametrize(
    ("others", "speed"),
    [([3000] * (MAX_RANGES - 2), 10.0), ([3000] * (MAX_RANGES - 1), 700.0), ([25] * (MAX_RANGES - 1), 20.0)],
    ids=["others have work", "it is not far slower", "all are as slow"],
)
def test_a_connection_keeps_its_range(others: list[int], speed: float) -> None:
    made, slow = split_plan(others)
    assert not made.give_up(slow, speed)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(read_first=integers(0, 5000), moves=lists(tuples(integers(1, 4), integers(0, 3000), booleans())))
def test_whatever_arrives_every_byte_is_claimed_once(
    read_first: int, moves: list[tuple[int, int, bool]]
) -> None:
    """Connections that bring some of a range, all of it or nothing; the reader follows."""
    made = plan()
    made.advance(read_first)
    first = made.claim(2)
    assert first is not None
    assert made.split_at(first)
    made.advance(made.main_end - made.position)
    first.is_claimed = False
    for connections, size, is_read in moves:
        part = made.claim(connections)
        if part is not None:
            part.position = min(part.end, part.position + size)
            part.is_claimed = False
        if is_read and made.front is not None:
            made.advance(made.front.position - made.position)
        assert follows_on(made)
        assert len(made.parts) <= MAX_RANGES
        assert made.ahead == sum(
            max(0, part.position - max(part.start, made.position)) for part in made.parts
        )
    while made.position < TOTAL:
        part = made.claim(1)
        if part is not None:
            part.position = part.end
        if made.front is not None:
            made.advance(made.front.missing or made.front.end - made.position)
    assert made.parts == []
    assert not made.has_work()


def test_a_helper_that_came_too_late_is_none() -> None:
    """The main connection is past its range already; the next one begins farther ahead."""
    clock = [0.0]
    made = RangePlan(guarded(Path("/x.part")), "id", 0, TOTAL, lambda: clock[0])
    late = made.claim(1)
    assert late is not None
    made.advance(late.start)
    clock[0] = 10.0
    assert not made.split_at(late)
    assert (made.late_starts, made.is_split, made.parts) == (1, False, [])
    further = made.claim(1)
    assert further is not None
    assert further.start - made.position == 2 * late.start


def test_what_the_main_connection_did_not_bring_is_a_range() -> None:
    """It was cut before the helper's range: the gap is planned, and needed first."""
    made = plan()
    part = made.claim(1)
    assert part is not None
    made.split_at(part)
    made.advance(400)
    made.replace_main()
    gap = made.claim(1)
    assert gap is not None
    assert (gap.start, gap.end, made.main_end) == (400, part.start, 400)


def test_only_a_slow_body_is_helped() -> None:
    """Measured for a tenth of a second, and slower than 16 MB/s."""
    clock = [0.0]
    made = RangePlan(guarded(Path("/x.part")), "id", 0, 1 << 30, lambda: clock[0])
    seen = [made.is_slow]
    clock[0] = 0.2
    seen.append(made.is_slow)
    made.advance(4_000_000)
    assert [*seen, made.is_slow] == [False, True, False]


def stored(folder: Path, size: int = 2000) -> RangePart:
    """A range of 3,000 bytes from byte 500 on, of which so many came."""
    part = RangePart(guarded(folder / "x.part.500"), "id", 500, 3500, 500)
    for at in range(0, size, 700):
        part.write(BODY[at : min(at + 700, size)])
    return part


def test_a_range_is_read_back_and_continued(tmp_path: Path) -> None:
    """Each block is there at once; another transfer of the same body goes on with it."""
    part = stored(tmp_path)
    assert part.read(600, 300) == BODY[100:400]
    again = load_range(part.path, "id", 500)
    assert again is not None
    assert (again.start, again.position, again.end, again.missing) == (500, 2500, 3500, 1000)
    again.write(BODY[2000:])
    assert again.read(500, 3000) == BODY
    whole = load_range(part.path, "id", 500)
    assert whole is not None
    assert whole.digest.hexdigest() == hashlib.sha256(BODY).hexdigest()


def test_of_another_body_or_place_it_is_nothing(tmp_path: Path) -> None:
    """Another validator, size or URL; another name than the one it was stored under."""
    part = stored(tmp_path)
    assert load_range(part.path, "other", 500) is None
    assert load_range(part.path, "id", 3500) is None
    assert load_range(guarded(tmp_path / "gone"), "id", 500) is None


@pytest.mark.parametrize("plant", ["symlink_to", "hardlink_to"])
def test_another_name_of_a_file_is_no_range(tmp_path: Path, plant: str) -> None:
    """A link, or a file that has a second name: its content may be somebody else's."""
    stored(tmp_path)
    (tmp_path / "x.part.500").rename(tmp_path / "elsewhere")
    getattr(tmp_path / "x.part.500", plant)(tmp_path / "elsewhere")
    assert load_range(guarded(tmp_path / "x.part.500"), "id", 500) is None


def test_bytes_that_are_gone_are_told(tmp_path: Path) -> None:
    """No shorter answer than was asked for."""
    part = stored(tmp_path)
    with pytest.raises(OSError, match="not there"):
        part.read(2000, 600)


def test_a_block_without_its_record_does_not_count(tmp_path: Path) -> None:
    """Killed in between: the record vouches for what came before, and the rest is asked for again."""
    part = stored(tmp_path, 1400)
    path = tmp_path / "x.part.500"
    path.write_bytes(path.read_bytes() + BODY[1400:2000])
    again = load_range(part.path, "id", 500)
    assert again is not None
    assert again.position == 500 + 1400


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=integers(0, 2511), garbage=binary(min_size=1, max_size=60))
def test_a_file_that_was_changed_is_worth_nothing(tmp_path: Path, at: int, garbage: bytes) -> None:
    """Record or bytes: only what has its digest is accepted."""
    part = stored(tmp_path)
    path = tmp_path / "x.part.500"
    before = path.read_bytes()
    path.write_bytes(before[:at] + garbage + before[at + len(garbage) :])
    again = load_range(part.path, "id", 500)
    if again is not None:
        size = again.position - 500
        assert again.read(500, size) == BODY[:size]


@pytest.mark.parametrize(
    "changed", [{"at": 500}, {"end": 2000}, {"end": 99_999}, {"at": "2500"}, {"of": 3}, {"sha256": None}]
)
def test_a_record_that_cannot_be_is_none(tmp_path: Path, changed: dict[str, object]) -> None:
    """Nothing there, more there than there may be, other types."""
    part = stored(tmp_path)
    path = tmp_path / "x.part.500"
    record = {**json.loads(path.read_bytes()[:512]), **changed}
    path.write_bytes(json.dumps(record).encode().ljust(512) + path.read_bytes()[512:])
    assert load_range(part.path, "id", 500) is None
