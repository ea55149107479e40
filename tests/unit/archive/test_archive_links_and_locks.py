"""No write leaves the archive, and never do two runs write one archive (promise 5, rows 40, 43)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.note_folders import MOMENT, commit_note, manifest_of, note_id, opened_store, prepare, tree

from xharchive.archive import Archive, Commit
from xharchive.archive.verification import unexpected_files
from xharchive.errors import ArchiveError
from xharchive.manifest import FILE_NAME
from xharchive.models import NoteId
from xharchive.naming import folder_name

NOTE = note_id(1)
FOLDER = folder_name(NOTE, "A title")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside the archive that must stay as it is."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "precious").write_bytes(b"precious")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Archive:
    """An archive that has begun."""
    return opened_store(tmp_path / "archive")


def commit(store: Archive) -> None:
    store.commit(FOLDER, store.workspace(NOTE, FOLDER), Commit(manifest_of(NOTE), "text", MOMENT.timestamp()))


def unharmed(victim: Path) -> bool:
    return tree(victim) == {"precious": b"precious"}


def test_an_archive_is_made_where_there_is_none(tmp_path: Path) -> None:
    """Its folders too; before, it does not exist."""
    store = Archive(tmp_path / "a" / "b")
    before = store.exists
    with store.held():
        during = store.exists
    assert (before, during, store.exists) == (False, True, True)


def test_an_archive_is_made_for_good(tmp_path: Path, synced: list[Path]) -> None:
    """Each new folder's name is synced: a paid reply in a folder that a power cut takes is lost too."""
    with Archive(tmp_path / "a" / "b").held():
        assert synced[:3] == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    synced.clear()
    with Archive(tmp_path / "a" / "b").held():  # its first run may have been killed before it synced them
        assert {tmp_path / "a" / "b", tmp_path / "a" / "b" / ".xharchive"} <= set(synced)


def test_an_archive_cannot_be_made_on_a_file(tmp_path: Path) -> None:
    """The sentence names the place."""
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(ArchiveError, match=r"making .*/file/\.xharchive: "),
        Archive(tmp_path / "file").held(),
    ):
        pytest.fail("held")


def test_a_linked_state_folder_is_refused(tmp_path: Path, victim: Path) -> None:
    """Ledger, replies and work would land elsewhere."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / ".xharchive").symlink_to(victim)
    with pytest.raises(ArchiveError, match="symbolic link"), Archive(tmp_path / "archive").held():
        pytest.fail("held")
    assert unharmed(victim)


def test_a_linked_note_folder_is_refused(store: Archive, victim: Path) -> None:
    """Even one that leads to an empty folder."""
    prepare(store, NOTE)
    (store.root / FOLDER).symlink_to(victim)
    with pytest.raises(ArchiveError, match="a file or a symbolic link stands where a folder is expected"):
        commit(store)
    assert unharmed(victim)
    assert [folder for folder, _ in store.folders.search()] == []
    assert not store.folders.exists(FOLDER)


def test_a_linked_replies_folder_is_refused(store: Archive, victim: Path) -> None:
    """The reply stays in the work folder for the next try."""
    workspace = prepare(store, NOTE)
    (store.root / FOLDER).mkdir()
    (store.root / FOLDER / "replies").symlink_to(victim)
    with pytest.raises(ArchiveError, match="symbolic link"):
        commit(store)
    assert unharmed(victim)
    assert (workspace.replies / "note-detail-v1.json").exists()


@pytest.mark.parametrize("name", ["01.heic", "note.md", "note.md.tmp", "manifest.json", "manifest.json.tmp"])
def test_a_linked_file_is_replaced_not_followed(store: Archive, victim: Path, name: str) -> None:
    """Whatever stands at a name of ours, the write does not go through it."""
    prepare(store, NOTE)
    (store.root / FOLDER).mkdir()
    (store.root / FOLDER / name).symlink_to(victim / "precious")
    commit(store)
    assert unharmed(victim)
    assert not any(path.is_symlink() for path in (store.root / FOLDER).iterdir())


def test_a_linked_file_in_the_work_folder_is_not_archived(store: Archive, victim: Path) -> None:
    """A planted link does not make a file of the user's a part of a note."""
    workspace = prepare(store, NOTE)
    workspace.file("01.heic").unlink()
    workspace.file("01.heic").unguarded.symlink_to(victim / "precious")
    with pytest.raises(ArchiveError, match="symbolic link"):
        commit(store)
    assert store.folders.read(FOLDER) is None


def test_the_lock_goes_through_no_link(tmp_path: Path, victim: Path) -> None:
    """A link in the lock's place is replaced by a file; what it led to is not emptied."""
    state = tmp_path / "archive" / ".xharchive"
    state.mkdir(parents=True)
    (state / "lock").symlink_to(victim / "precious")
    with Archive(tmp_path / "archive").held():
        assert (state / "lock").is_file()
        assert not (state / "lock").is_symlink()
    assert unharmed(victim)


def test_a_second_holder_is_refused_at_once(store: Archive) -> None:
    """It would wait for ever. With a sentence that says what to do; and the first one is not disturbed."""
    with store.held():
        with (
            pytest.raises(ArchiveError, match="another xharchive is at work in"),
            Archive(store.root).held(),
        ):
            pytest.fail("held twice")
        (store.root / "still mine").write_bytes(b"")
    with Archive(store.root).held():
        pass


def test_another_process_is_refused_too(store: Archive) -> None:
    """The lock is the kernel's, not this process's."""
    code = (
        "import sys; from pathlib import Path; from xharchive.archive import Archive\n"
        "with Archive(Path(sys.argv[1])).held(): pass"
    )
    with store.held():
        ran = subprocess.run(
            [sys.executable, "-c", code, store.root], capture_output=True, text=True, check=False
        )
    assert ran.returncode != 0
    assert "another xharchive is at work" in ran.stderr


def test_a_stale_lock_file_is_taken_over(store: Archive) -> None:
    """A run that was killed leaves a file, but no lock."""
    (store.state / "lock").unguarded.write_text("12345\n")
    with store.held():
        pass


def test_a_lock_is_given_back_after_a_failure(store: Archive) -> None:
    """Whatever happened while it was held."""
    with pytest.raises(RuntimeError), store.held():
        raise RuntimeError
    with store.held():
        pass


def test_only_real_folders_with_an_id_are_notes(store: Archive, victim: Path) -> None:
    """Files, links, copies and folders of others are left alone."""
    commit_note(store, NOTE)
    (store.root / "holiday").mkdir()
    (store.root / f"{FOLDER} copy").mkdir()
    (store.root / f"file_{note_id(2)}").write_bytes(b"")
    (store.root / f"link_{note_id(3)}").symlink_to(victim)
    (store.root / str(note_id(4))).mkdir()
    assert sorted(folder for folder, _ in store.folders.search()) == sorted([FOLDER, str(note_id(4))])
    assert store.folders.exists(FOLDER)
    assert not store.folders.exists(f"link_{note_id(3)}")
    assert not store.folders.exists(f"file_{note_id(2)}")


def test_an_archive_that_is_gone_cannot_be_listed(tmp_path: Path) -> None:
    """An unmounted disk is an error, not an empty archive."""
    with pytest.raises(ArchiveError, match="listing the archive"):
        list(Archive(tmp_path / "gone").folders.search())


def test_unfinished_notes_are_those_with_a_work_folder(store: Archive) -> None:
    """In order; what else lies there is no note."""
    assert list(store.unfinished()) == []
    for number in (2, 1):
        store.workspace(note_id(number), None).prepare()
    (store.state / "work" / "litter").mkdir()
    assert list(store.unfinished()) == [note_id(1), note_id(2)]


def test_links_and_folders_are_no_files(store: Archive, victim: Path) -> None:
    """Only a plain file of the right size counts as archived."""
    commit_note(store, NOTE)
    size = len(b"first picture")
    (store.root / FOLDER / "link").symlink_to("01.heic")
    assert store.folders.has_files(FOLDER, (("01.heic", size),))
    assert not store.folders.has_files(FOLDER, (("01.heic", size + 1),))
    assert store.folders.is_file(FOLDER, "01.heic")
    for path in ("link", "replies", "gone", "01.heic/below", "x" * 300):
        assert not store.folders.has_files(FOLDER, ((path, size),))
        assert not store.folders.is_file(FOLDER, path)
    assert store.folders.digest(FOLDER, "link", 1000) is None
    assert store.folders.digest(FOLDER, "gone", 1000) is None


def test_a_folder_that_cannot_be_looked_into_is_an_error(
    store: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that might be there must not be fetched and paid for again."""
    commit_note(store, NOTE)

    def refuse(_path: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refuse)
    for look in (
        lambda: store.folders.stamp(FOLDER),
        lambda: store.folders.exists(FOLDER),
        lambda: store.folders.is_file(FOLDER, "01.heic"),
        lambda: store.folders.has_files(FOLDER, (("01.heic", 1),)),
    ):
        with pytest.raises(ArchiveError, match="looking into"):
            look()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_manifest_that_cannot_be_read_is_none(store: Archive, content: bytes) -> None:
    """The folder is no note then, but its replies may still serve."""
    commit_note(store, NOTE)
    (store.root / FOLDER / FILE_NAME).write_bytes(content)
    assert store.folders.read(FOLDER) is None
    assert store.folders.stamp(FOLDER) != ""


def test_a_linked_manifest_makes_no_note(store: Archive) -> None:
    """Only a plain file counts."""
    commit_note(store, NOTE)
    path = store.root / FOLDER / FILE_NAME
    path.rename(store.root / "elsewhere.json")
    path.symlink_to(store.root / "elsewhere.json")
    assert store.folders.read(FOLDER) is None


def test_foreign_is_all_that_the_manifest_does_not_name(store: Archive, victim: Path) -> None:
    """Files, links to files and to folders, leftovers of a commit; of a folder only its name."""
    done = commit_note(store, NOTE)
    folder = store.root / FOLDER
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "extra.jpg").write_bytes(b"")
    (folder / "replies" / "other.json").write_bytes(b"")
    (folder / "manifest.json.tmp").write_bytes(b"")
    (folder / "link").symlink_to(victim / "precious")
    (folder / "linked folder").symlink_to(victim)
    for litter in (".DS_Store", "Thumbs.db", "replies/desktop.ini", "index.html"):
        (folder / litter).write_bytes(b"")
    assert unexpected_files(store.folder / done.folder, done.manifest) == [
        ".DS_Store",
        "Thumbs.db",
        "deep/",
        "link",
        "linked folder",
        "manifest.json.tmp",
        "replies/desktop.ini",
        "replies/other.json",
    ]


def test_a_folder_that_cannot_be_listed_is_an_error(store: Archive) -> None:
    """Not a folder without foreign files."""
    done = commit_note(store, NOTE)
    (store.root / FOLDER).rename(store.root / "elsewhere")
    with pytest.raises(ArchiveError, match="listing"):
        unexpected_files(store.folder / done.folder, done.manifest)


def test_a_workspace_knows_its_places(store: Archive) -> None:
    """Everything of an unfinished note lies under its id."""
    workspace = store.workspace(NoteId(NOTE.text), FOLDER)
    assert workspace.folder == store.state / "work" / NOTE.text
    assert workspace.published == store.folder / FOLDER
    assert store.workspace(NOTE, None).published is None
