"""The place for bytes that came before their turn: what is there after a kill, and what is not believed."""

import json
import os
import shutil
import signal
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, integers
from support.archive_paths import guarded

from xharchive.download.out_of_order import OutOfOrderBuffer
from xharchive.download.ranges import RANGE_SIZE, REGIONS, RangePart

BODY = "an address 99999999 a validator"
FIRST_REGION = 8192


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where it lies."""
    return tmp_path / "x.part.ahead"


def opened(path: Path) -> OutOfOrderBuffer:
    """A new one."""
    ahead = OutOfOrderBuffer(guarded(path), BODY)
    ahead.open(RANGE_SIZE)
    return ahead


def put(ahead: OutOfOrderBuffer, piece: RangePart, *blocks: bytes) -> None:
    """Bring a piece's next blocks."""
    for block in blocks:
        ahead.write(piece, block)
        piece.position += len(block)


def left(path: Path, of: str = BODY) -> list[tuple[int, int, int, int]]:
    """What another transfer finds: start, end, lane and how far it came, of each piece."""
    ahead = OutOfOrderBuffer(guarded(path), of)
    kept = ahead.load()
    assert ahead.is_open == bool(kept)
    if kept:
        ahead.close()
    return [(piece.start, piece.end, piece.region, piece.position) for piece in kept]


def test_lanes_do_not_touch_each_other(path: Path) -> None:
    """What is written to a lane is read from it, to its last byte."""
    ahead = opened(path)
    for region in range(REGIONS):
        piece = RangePart(region * RANGE_SIZE, (region + 1) * RANGE_SIZE, region, region * RANGE_SIZE)
        put(ahead, piece, bytes([region]) * 3, bytes(RANGE_SIZE - 6), bytes([region]) * 3)
    for place in (0, RANGE_SIZE - 3):
        read = [ahead.read(region, place, 3) for region in range(REGIONS)]
        assert read == [bytes([region]) * 3 for region in range(REGIONS)]
    ahead.close()
    assert not ahead.is_open


def test_bytes_that_are_not_there_are_not_made_up(path: Path) -> None:
    """Less than was asked for is an error."""
    ahead = opened(path)
    put(ahead, RangePart(0, 9, REGIONS - 1, 0), b"abc")
    with pytest.raises(OSError, match="not there"):
        ahead.read(REGIONS - 1, 1, 3)
    ahead.close()


def test_a_nearly_full_disk_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body itself needs the room."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 500 << 20))
    ahead = OutOfOrderBuffer(guarded(path), BODY)
    with pytest.raises(OSError, match="space"):
        ahead.open(300 << 20)
    assert not ahead.is_open
    assert not path.exists()


def test_another_transfer_finds_it(path: Path) -> None:
    """Pieces as far as they came; it goes on with them, and a third one finds that too."""
    ahead = opened(path)
    put(ahead, RangePart(100, 500, 3, 100), b"abc", b"def")
    put(ahead, RangePart(500, 600, 1, 500), b"x" * 100)
    ahead.close()
    assert left(path) == [(500, 600, 1, 600), (100, 500, 3, 106)]
    second = OutOfOrderBuffer(guarded(path), BODY)
    piece = next(piece for piece in second.load() if piece.region == 3)
    put(second, piece, b"ghi")
    assert second.read(3, 0, 9) == b"abcdefghi"
    second.close()
    assert left(path) == [(500, 600, 1, 600), (100, 500, 3, 109)]


def test_a_lane_that_is_used_again(path: Path) -> None:
    """It holds its new piece; between the first new byte and the note of it, nothing."""
    ahead = opened(path)
    put(ahead, RangePart(0, 10, 0, 0), b"0123456789")
    os.pwrite(ahead._descriptor, b"new", FIRST_REGION)  # killed before the note
    assert left(path) == []
    put(ahead, RangePart(50, 60, 0, 50), b"new")
    ahead.close()
    assert left(path) == [(50, 60, 0, 53)]


def test_a_block_without_its_note_does_not_count(path: Path) -> None:
    """What was noted before does."""
    ahead = opened(path)
    put(ahead, RangePart(0, 10, 0, 0), b"0123")
    os.pwrite(ahead._descriptor, b"4567", FIRST_REGION + 4)
    ahead.close()
    assert left(path) == [(0, 10, 0, 4)]


def test_a_disk_that_takes_no_block(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays good, and the block may come again."""
    ahead = opened(path)
    piece = RangePart(0, 10, 0, 0)
    put(ahead, piece, b"0123")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="space"):
            ahead.write(piece, b"4567")
    assert left(path) == [(0, 10, 0, 4)]
    put(ahead, piece, b"4567")
    ahead.close()
    assert left(path) == [(0, 10, 0, 8)]


def test_more_than_the_piece_by_now(path: Path) -> None:
    """Its second half became somebody else's while the block was on its way: the bytes are the body's."""
    ahead = opened(path)
    piece = RangePart(0, 10, 0, 0)
    piece.end = 3
    put(ahead, piece, b"01234567")
    ahead.close()
    assert left(path) == [(0, 8, 0, 8)]


def test_a_disk_that_takes_not_even_the_first_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is open."""
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(full))
    ahead = OutOfOrderBuffer(guarded(path), BODY)
    with pytest.raises(OSError, match="space"):
        ahead.open(RANGE_SIZE)
    assert not ahead.is_open


@pytest.mark.parametrize("of", ["", BODY + "!", BODY.replace("validator", '"other"')])
def test_another_body_has_no_part_in_it(path: Path, of: str) -> None:
    """Another address, size or validator: nothing of it counts."""
    ahead = opened(path)
    put(ahead, RangePart(0, 10, 0, 0), b"0123")
    ahead.close()
    assert left(path) == [(0, 10, 0, 4)]
    assert left(path, of) == []


@pytest.mark.parametrize("place", [FIRST_REGION, FIRST_REGION + RANGE_SIZE - 1])
def test_a_byte_that_is_not_what_came(path: Path, place: int) -> None:
    """A power cut left zeros, somebody wrote something: that piece does not count, others do."""
    ahead = opened(path)
    put(ahead, RangePart(0, RANGE_SIZE, 0, 0), Random(1).randbytes(RANGE_SIZE))  # noqa: S311 - test data
    put(ahead, RangePart(RANGE_SIZE, RANGE_SIZE + 3, 1, RANGE_SIZE), b"abc")
    old = os.pread(ahead._descriptor, 1, place)
    os.pwrite(ahead._descriptor, bytes([old[0] ^ 1]), place)
    ahead.close()
    assert left(path) == [(RANGE_SIZE, RANGE_SIZE + 3, 1, RANGE_SIZE + 3)]


def test_a_file_that_was_cut(path: Path) -> None:
    """Bytes that are noted down and not there: nothing is made up."""
    ahead = opened(path)
    put(ahead, RangePart(0, 10, 0, 0), b"0123")
    ahead.close()
    os.truncate(path, FIRST_REGION + 3)
    assert left(path) == []
    path.write_bytes(b"")
    assert left(path) == []


def test_what_is_no_file_of_ours(path: Path, tmp_path: Path) -> None:
    """A link, a second name, a folder, a pipe: not followed, not waited for, not written to."""
    real = tmp_path / "real"
    ahead = opened(real)
    put(ahead, RangePart(0, 10, 0, 0), b"0123")
    ahead.close()
    assert left(real) == [(0, 10, 0, 4)]
    path.symlink_to(real)
    assert left(path) == []
    path.unlink()
    path.hardlink_to(real)
    assert left(path) == []
    path.unlink()
    os.mkfifo(path)
    signal.alarm(20)
    assert left(path) == []
    signal.alarm(0)
    path.unlink()
    path.mkdir()
    assert left(path) == []
    assert left(tmp_path / "nothing") == []


def noted(path: Path, region: int, record: object) -> None:
    """Write another record of a lane."""
    with path.open("r+b") as file:
        file.seek(512 * (1 + region))
        file.write(json.dumps(record).encode().ljust(512))


@pytest.mark.parametrize(
    "change",
    [
        {"start": -4, "at": 0},
        {"start": 4},
        {"at": 0},
        {"end": 3},
        {"end": RANGE_SIZE + 1},
        {"at": RANGE_SIZE + 1, "end": RANGE_SIZE + 1},
        {"at": 4.0},
        {"start": False},
        {"end": None},
        {"end": "10"},
        {"sha256": None},
        {"sha256": "0" * 64},
    ],
)
def test_a_record_that_cannot_be(path: Path, change: dict[str, object]) -> None:
    """Whoever wrote it, it does not lead behind a lane."""
    ahead = opened(path)
    put(ahead, RangePart(0, 10, 2, 0), b"0123")
    record = json.loads(os.pread(ahead._descriptor, 512, 512 * 3))
    ahead.close()
    noted(path, 2, record)
    assert left(path) == [(0, 10, 2, 4)]
    noted(path, 2, {**record, **change})
    assert left(path) == []
    noted(path, 2, [record])
    assert left(path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=integers(0, 9000), noise=binary(min_size=1, max_size=600))
def test_noise_anywhere(path: Path, place: int, noise: bytes) -> None:
    """What counts are the bytes that came, or nothing."""
    content = Random(2).randbytes(600)  # noqa: S311 - test data
    ahead = opened(path)
    put(ahead, RangePart(70, 2000, 0, 70), content)
    os.pwrite(ahead._descriptor, noise, place)
    ahead.close()
    again = OutOfOrderBuffer(guarded(path), BODY)
    for piece in again.load():
        assert (piece.start, piece.position, piece.region) == (70, 670, 0)
        assert again.read(0, 0, 600) == content
    if again.is_open:
        again.close()
