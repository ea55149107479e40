"""`reindex`: the catalog made of the manifests alone equals the one that grew with the archive."""

import shutil
from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.index_dump import dump_of
from support.note_folders import commit_note, note_id, opened_store

from xharchive.archive import Archive
from xharchive.manifest import FILE_NAME

LIVE = "69aed4e2000000000e00c358"
VIDEO = "69637d24000000001b01d5f2"
STILLS = "69ef13c8000000000c00f2b5"
EMPTY = "6a064da2000000001c03e8d7"


def catalog_of(archive: Path) -> Path:
    return archive / ".xharchive" / "catalog.sqlite3"


def is_the_same_anew(archive: Path) -> bool:
    """Whether a new catalog says what the old one said; and again after none was there at all."""
    before = dump_of(catalog_of(archive))
    ran = run(["reindex", "-d", archive])
    assert ran.code == 0, ran.err
    same = dump_of(catalog_of(archive)) == before
    for file in catalog_of(archive).parent.glob("catalog.sqlite3*"):
        file.unlink()
    assert run(["reindex", "-d", archive]).code == 0
    return same and dump_of(catalog_of(archive)) == before


def test_after_anything_that_happens_to_an_archive(world: FakeWorld, tmp_path: Path) -> None:
    """Complete, partial and empty notes, a resume, a note archived anew, a folder deleted, one moved away."""
    options = ["-d", str(tmp_path), "--image-format", "keep", "-q", *world.options]
    world.script[("*", "/stream/")] = "4"
    world.script[("*", "/livephoto/")] = "4"
    assert run(["get", LIVE, VIDEO, STILLS, EMPTY, *options]).code == 3
    assert "partial" in run(["ls", "-d", tmp_path]).out
    assert is_the_same_anew(tmp_path)
    world.script.clear()
    assert run(["resume", *options]).code in (0, 3)
    assert is_the_same_anew(tmp_path)
    shutil.rmtree(folder_of(tmp_path, STILLS))
    assert run(["get", LIVE, *options]).code == 0
    assert is_the_same_anew(tmp_path)
    folder_of(tmp_path, VIDEO).rename(tmp_path / f"renamed by hand_{VIDEO}")
    assert run(["get", STILLS, *options]).code == 0
    assert is_the_same_anew(tmp_path)
    assert run(["reparse", "-d", tmp_path]).code == 0
    assert is_the_same_anew(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Archive:
    """Three notes, and a folder that is none."""
    made = opened_store(tmp_path / "archive")
    for number in (1, 2, 3):
        commit_note(made, note_id(number))
    (made.root / f"2026-03-09_begun_{note_id(4)}").mkdir()
    return made


def test_it_says_how_many(store: Archive) -> None:
    """Notes, and folders that are none; as JSON too. Nothing else is left in the archive's own folder."""
    ran = run(["reindex", "-d", store.root])
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["3 notes in the new index", "1 folder left out: it has no manifest that can be read"],
    )
    (event,) = run(["reindex", "-d", store.root, "--json"]).events
    assert event == {"notes": 3, "unreadable": 1}
    shutil.rmtree(store.root / f"2026-03-09_begun_{note_id(4)}")
    assert run(["reindex", "-d", store.root]).out == "3 notes in the new index\n"
    assert not list(store.state.unguarded.glob("catalog.sqlite3.new*"))


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, None])
def test_whatever_lay_in_its_place(store: Archive, content: bytes | None) -> None:
    """Nothing, something damaged, the rows of notes that are gone."""
    if content is None:
        assert run(["ls", "-d", store.root]).code == 0
        shutil.rmtree(next(store.root.glob(f"*_{note_id(2)}")))
    else:
        store.index_path.unguarded.write_bytes(content)
    assert run(["reindex", "-d", store.root]).code == 0
    expected = {str(note_id(number)) for number in (1, 2, 3) if content is not None or number != 2}
    assert set(run(["ls", "-d", store.root, "--ids"]).out.split()) == expected


def test_an_archive_in_use_is_left_alone(store: Archive) -> None:
    """Exit code 5, and who holds it."""
    with store.held():
        ran = run(["reindex", "-d", store.root])
    assert ran.code == 5
    assert "another xharchive is at work" in ran.err


def test_a_newer_manifest_stops_it(store: Archive) -> None:
    """The old catalog stays."""
    assert run(["ls", "-d", store.root]).code == 0
    before = dump_of(store.index_path.unguarded)
    path = next(store.root.glob(f"*_{note_id(2)}")) / FILE_NAME
    path.write_text(path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 2'), "utf-8")
    ran = run(["reindex", "-d", store.root])
    assert ran.code == 5
    assert "newer xharchive" in ran.err
    assert dump_of(store.index_path.unguarded) == before
