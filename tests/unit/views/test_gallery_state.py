"""What the gallery remembers, where the disk has the last word."""

import sqlite3
from pathlib import Path

import pytest

from xharchive.errors import ArchiveError
from xharchive.views.gallery.state import open_state


def test_a_full_disk_is_told_although_it_ended_the_transaction(tmp_path: Path) -> None:
    """SQLite rolls back by itself then: that there is nothing left to roll back is not the trouble."""
    with open_state(tmp_path / "gallery.sqlite3") as state:

        def fill_the_disk() -> None:
            with state.batch():
                state._connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("database or disk is full")

        with pytest.raises(ArchiveError, match="disk is full"):
            fill_the_disk()
        with state.batch():
            state.lost_pages(["69aed4e2000000000e00c358"])
