"""An archive that cannot be written can still be looked at."""

from pathlib import Path

import pytest
from support.command import run
from support.fake_world import FakeWorld

from xharchive.archive.index import open_index
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError

NOTE = "69aed4e2000000000e00c358"


def test_status_and_verify_need_no_writable_catalog(world: FakeWorld, tmp_path: Path) -> None:
    """With something in the catalog's place that is no file, both answer from the manifests alone."""
    assert run(["get", NOTE, "-d", tmp_path, *world.options]).code == 0
    before = run(["status", "-d", tmp_path, "--json"]).out
    catalog = tmp_path / ".xharchive" / "catalog.sqlite3"
    for file in catalog.parent.glob("catalog.sqlite3*"):
        file.unlink()
    catalog.mkdir()
    after = run(["status", "-d", tmp_path, "--json"])
    assert (after.code, after.out) == (0, before)
    assert run(["verify", "-d", tmp_path]).code == 0


def test_whoever_writes_needs_the_catalog(tmp_path: Path) -> None:
    """A run does not go on with an index that nobody would find again."""
    (tmp_path / "catalog.sqlite3").mkdir()
    with (
        pytest.raises(ArchiveError, match="catalog"),
        open_index(ArchivePath(tmp_path) / "catalog.sqlite3"),
    ):
        pass
