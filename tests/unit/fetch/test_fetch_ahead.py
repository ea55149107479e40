"""The place for bytes that came before their turn: without a name, never on a disk that is nearly full."""

import shutil
from pathlib import Path

import pytest

from xharchive.fetch.ahead import Ahead
from xharchive.fetch.pieces import LANES, PIECE


def test_lanes_do_not_touch_each_other(tmp_path: Path) -> None:
    """What is written to a lane is read from it, and the folder shows nothing."""
    ahead = Ahead(tmp_path)
    ahead.open(PIECE)
    for lane in range(LANES):
        ahead.write(lane, PIECE - 3, bytes([lane]) * 3)
    assert [ahead.read(lane, PIECE - 3, 3) for lane in range(LANES)] == [bytes([n]) * 3 for n in range(LANES)]
    assert list(tmp_path.iterdir()) == []
    ahead.close()
    assert not ahead.is_open


def test_bytes_that_are_not_there_are_not_made_up(tmp_path: Path) -> None:
    """Less than was asked for is an error."""
    ahead = Ahead(tmp_path)
    ahead.open(PIECE)
    ahead.write(0, 0, b"abc")
    with pytest.raises(OSError, match="not there"):
        ahead.read(0, 1, 3)
    ahead.close()


def test_a_nearly_full_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body itself needs the room."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 500 << 20))
    ahead = Ahead(tmp_path)
    with pytest.raises(OSError, match="space"):
        ahead.open(300 << 20)
    assert not ahead.is_open
