"""What every storage of notes keeps, whether folders on a disk or objects in a store.

A new storage is one more entry in `STORAGES`. The tests use the methods of `NoteStorage` and a local work
folder, never the place where the notes are.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.note_folders import FILES, MOMENT, manifest_of, note_id, sha256

from xharchive.archive import Commit, NoteFolders, NoteStorage, Workspace
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest

NOTE = note_id(1)
FOLDER = f"2026-03-09_A title_{NOTE}"
REPLY = "replies/note-detail-v1.json"
NEWER = {**FILES, "03.jpg": b"third"}


def folders_on_a_disk(root: Path) -> NoteStorage:
    root.mkdir()
    return NoteFolders(ArchivePath(root))


STORAGES: tuple[Callable[[Path], NoteStorage], ...] = (folders_on_a_disk,)


@pytest.fixture(params=STORAGES, ids=lambda made: made.__name__)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> NoteStorage:
    """An empty storage."""
    made: NoteStorage = request.param(tmp_path / "archive")
    return made


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Workspace]:
    """A function that lays out a work folder with these files and a reply."""
    (tmp_path / "local").mkdir()

    def staged(files: Mapping[str, bytes] = FILES, *, with_reply: bool = True) -> Workspace:
        workspace = Workspace(ArchivePath(tmp_path / "local") / NOTE.text, None)
        workspace.prepare()
        for path, content in files.items():
            workspace.file(path).unguarded.write_bytes(content)
        if with_reply:
            workspace.replies.mkdir()
            (workspace.replies / "note-detail-v1.json").unguarded.write_bytes(b'{"code":0}')
        return workspace

    return staged


def commit_of(manifest: Manifest, *replaced: str) -> Commit:
    return Commit(manifest, "# A title\n", MOMENT.timestamp(), replaced)


def test_an_empty_storage_has_nothing(storage: NoteStorage) -> None:
    """No folder, no manifest, no file; asking is no error."""
    assert list(storage.search()) == []
    assert not storage.exists(FOLDER)
    assert storage.stamp(FOLDER) == ""
    assert storage.read(FOLDER) is None
    assert not storage.has_files(FOLDER, [("01.heic", 1)])
    assert storage.digest(FOLDER, "01.heic", 100) is None


def test_a_committed_note_is_found_and_read(storage: NoteStorage, stage: Callable[..., Workspace]) -> None:
    """Files, reply and manifest; and the work folder is gone."""
    workspace = stage()
    done = storage.commit(FOLDER, workspace, commit_of(manifest_of(NOTE)))
    assert (done.folder, done.manifest) == (FOLDER, manifest_of(NOTE))
    assert storage.read(FOLDER) == done
    assert done.stamp == storage.stamp(FOLDER) != ""
    assert [folder for folder, _ in storage.search()] == [FOLDER]
    assert storage.exists(FOLDER)
    assert storage.has_files(FOLDER, [*((path, len(body)) for path, body in FILES.items()), (REPLY, 10)])
    for path, body in FILES.items():
        assert storage.digest(FOLDER, path, len(body)) == sha256(body)
    assert not workspace.folder.exists()


def test_sizes_are_compared(storage: NoteStorage, stage: Callable[..., Workspace]) -> None:
    """A longer or shorter file is another one, and a longer one is not hashed."""
    storage.commit(FOLDER, stage(), commit_of(manifest_of(NOTE)))
    size = len(FILES["01.heic"])
    assert not storage.has_files(FOLDER, [("01.heic", size - 1)])
    assert not storage.has_files(FOLDER, [("01.heic", size), ("03.jpg", 1)])
    assert storage.digest(FOLDER, "01.heic", size - 1) is None


@pytest.mark.parametrize("missing", ["01.heic", "note-detail-v1.json"])
def test_a_manifest_is_published_only_after_all_that_it_names(
    storage: NoteStorage, stage: Callable[..., Workspace], missing: str
) -> None:
    """Otherwise there is no note, and the same commit succeeds once everything is there."""
    workspace = stage()
    place = workspace.replies if missing.endswith(".json") else workspace.folder
    content = (place / missing).unguarded.read_bytes()
    (place / missing).unlink()
    with pytest.raises(ArchiveError, match="vanished before the commit"):
        storage.commit(FOLDER, workspace, commit_of(manifest_of(NOTE)))
    assert storage.read(FOLDER) is None
    (place / missing).unguarded.write_bytes(content)
    done = storage.commit(FOLDER, workspace, commit_of(manifest_of(NOTE)))
    assert storage.read(FOLDER) == done


def test_a_commit_can_be_repeated(storage: NoteStorage, stage: Callable[..., Workspace]) -> None:
    """As after a kill before the work folder was removed: files that were published need not be staged."""
    storage.commit(FOLDER, stage(), commit_of(manifest_of(NOTE)))
    done = storage.commit(FOLDER, stage({}, with_reply=False), commit_of(manifest_of(NOTE)))
    assert storage.read(FOLDER) == done


def test_a_note_is_completed_and_loses_what_is_replaced(
    storage: NoteStorage, stage: Callable[..., Workspace]
) -> None:
    """New files join those that are there; a file that the new manifest does not name is removed."""
    first = storage.commit(FOLDER, stage(NEWER), commit_of(manifest_of(NOTE, NEWER)))
    files = {"01.heic": FILES["01.heic"], "02.avif": b"better"}
    second = storage.commit(
        FOLDER, stage({"02.avif": b"better"}), commit_of(manifest_of(NOTE, files), "02.webp", "03.jpg")
    )
    assert second.stamp != first.stamp
    assert storage.read(FOLDER) == second
    assert storage.has_files(FOLDER, [(path, len(body)) for path, body in files.items()])
    assert storage.digest(FOLDER, "02.webp", 100) is None
    assert storage.digest(FOLDER, "03.jpg", 100) is None


def test_a_manifest_is_replaced_alone(storage: NoteStorage, stage: Callable[..., Workspace]) -> None:
    """The files stay, and the stamp tells."""
    first = storage.commit(FOLDER, stage(), commit_of(manifest_of(NOTE)))
    changed = replace(first.manifest, generator="xharchive 9.9.9 with a longer name")
    second = storage.write_manifest(FOLDER, changed)
    assert storage.read(FOLDER) == second
    assert second.manifest == changed
    assert second.stamp != first.stamp
    assert storage.has_files(FOLDER, [(path, len(body)) for path, body in FILES.items()])


@pytest.mark.parametrize("folder", ["../elsewhere", "a/../../b", "", "a\0b"])
def test_no_name_leads_out(storage: NoteStorage, stage: Callable[..., Workspace], folder: str) -> None:
    """A commit into such a folder is refused, and there is no note in one."""
    with pytest.raises(ArchiveError):
        storage.commit(folder, stage(), commit_of(manifest_of(NOTE)))
    assert not storage.exists(folder)
    assert list(storage.search()) == []
