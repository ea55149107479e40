"""Where notes are looked for in an archive, and what is said of folders that are not used."""

import os
from pathlib import Path

import pytest
from support.note_folders import note_id, opened_store

from xharchive.archive import Archive, storage
from xharchive.archive.storage import SkippedFolders
from xharchive.errors import ArchiveError

NAMED = f"x_{note_id(1)}"


@pytest.fixture
def store(tmp_path: Path) -> Archive:
    return opened_store(tmp_path / "archive")


def planted(store: Archive, folder: str) -> Path:
    """A folder with a manifest."""
    (store.root / folder).mkdir(parents=True)
    (store.root / folder / "manifest.json").write_text("{}")
    return store.root / folder


def test_ids_in_names_and_manifests_make_a_folder_a_candidate(store: Archive) -> None:
    """At the top and one level down, whatever the name; what has no id in its name comes with a stamp."""
    for folder in ("Shanghai", "travel/Shanghai", "travel/deep/below", NAMED, f"{NAMED}/inner"):
        planted(store, folder)
    (store.root / "travel" / NAMED).mkdir()
    (store.root / "travel" / "empty").mkdir()
    found = dict(store.folders.search())
    assert set(found) == {"Shanghai", "travel/Shanghai", NAMED, f"travel/{NAMED}"}
    assert {folder for folder, stamp in found.items() if stamp} == {"Shanghai", "travel/Shanghai"}
    assert found["Shanghai"] == store.folders.stamp("Shanghai")


def test_the_number_of_folders_looked_into_is_bounded(
    store: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More are not looked into, which is said; names with an id need no look and are found all the same."""
    monkeypatch.setattr(storage, "MAX_FOLDERS_SEARCHED", 5)
    for number in range(10):
        planted(store, f"a{number}/inner")
        (store.root / f"x_{note_id(number)}").mkdir()
    found = [folder for folder, _ in store.folders.search()]
    assert sum(folder.startswith("x_") for folder in found) == 10
    assert sum(folder.endswith("inner") for folder in found) == 2
    assert "no note id in their name" in next(store.skipped.sentences())


@pytest.mark.parametrize("closed", ["closed", "travel/closed"])
def test_a_folder_that_may_not_be_looked_into_is_passed_over(
    store: Archive, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """It stops nothing else, and the user is told: notes in it would be paid for again."""
    planted(store, closed)
    planted(store, "travel/open")
    look = os.lstat

    def refuse(path: str) -> os.stat_result:
        if closed in path:
            raise PermissionError(13, "Permission denied")
        return look(path)

    monkeypatch.setattr(os, "lstat", refuse)
    assert [folder for folder, _ in store.folders.search()] == ["travel/open"]
    assert list(store.skipped.sentences()) == [
        f"the folder {closed} may not be read by this user; notes in it are not found"
    ]


@pytest.mark.parametrize("folder", ["a", "travel/a"])
def test_a_disk_that_fails_is_an_error(store: Archive, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """A note must not be paid for again because it could not be seen."""
    planted(store, folder)

    def fail(path: str) -> os.stat_result:
        raise OSError(5, f"Input/output error {path}")

    monkeypatch.setattr(os, "lstat", fail)
    with pytest.raises(ArchiveError, match="listing the archive"):
        [folder for folder, _ in store.folders.search()]


@pytest.mark.parametrize("folder", ["a", "travel/a"])
def test_a_folder_that_vanishes_meanwhile_is_gone(
    store: Archive, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Between the listing and the look at it."""
    planted(store, folder)

    def vanished(path: str) -> os.stat_result:
        raise OSError(40, f"Too many levels of symbolic links {path}")

    monkeypatch.setattr("xharchive.archive.note_folders.lstat_or_none", vanished)
    assert [folder for folder, _ in store.folders.search()] == []
    assert list(store.skipped.sentences()) == []


def test_a_manifest_that_may_not_be_read(store: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a name with an id it is an error; elsewhere it may be another program's, and is passed over."""
    planted(store, NAMED)
    planted(store, "extension")

    def refuse(_self: object, _most: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("xharchive.archive_path.ArchivePath.read_bytes", refuse)
    assert store.folders.read("extension") is None
    assert store.skipped.closed == {"extension"}
    with pytest.raises(ArchiveError, match="reading the manifest"):
        store.folders.read(NAMED)


@pytest.mark.parametrize("generator", ["xharchive 9.0", ""])
def test_a_manifest_of_a_newer_program_is_not_touched(store: Archive, generator: str) -> None:
    """Under a name with an id, or with our signature; else it is another program's."""
    content = f'{{"schema_version": 99, "generator": "{generator}"}}'
    for folder in (NAMED, "Shanghai"):
        (planted(store, folder) / "manifest.json").write_text(content)
    with pytest.raises(ArchiveError, match="newer xharchive"):
        store.folders.read(NAMED)
    if generator:
        with pytest.raises(ArchiveError, match="newer xharchive"):
            store.folders.read("Shanghai")
    else:
        assert store.folders.read("Shanghai") is None


def test_a_few_folders_are_named_and_the_others_counted() -> None:
    """An archive may hold thousands of them."""
    names = {os.fsdecode(b"\xb1" + str(number).encode()) for number in range(5)}
    told = list(
        SkippedFolders(names, set(), 4, tuple((f"copy {number}", "first") for number in range(3))).sentences()
    )
    assert told[0] == "the name of the folder \ufffd0 is not UTF-8; rename it (it was skipped)"
    assert told[3:] == [
        "2 more folders whose name is not UTF-8 were skipped",
        "the folder copy 0 was skipped: first has its note",
        "the folder copy 1 was skipped: first has its note",
        "the folder copy 2 was skipped: first has its note",
        "1 more copies of notes were skipped",
    ]
    assert all(sentence.encode() for sentence in told)
