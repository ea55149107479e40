"""What an archive needs of the storage of its notes, so that another one can stand in for folders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from xharchive.archive.folder_search import SkippedFolders
from xharchive.archive.workspace import Workspace
from xharchive.errors import PermissionDenied
from xharchive.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Commit:
    """What to write into a note folder.

    Attributes:
        text: content of `note.md`.
        mtime: modification time of the files, in Unix seconds.
        replaced: paths of older files that the new manifest no longer names; the commit removes them.
    """

    manifest: Manifest
    text: str
    mtime: float
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedNote:
    """A note folder with a valid manifest.

    Attributes:
        folder: its path, relative to the archive.
        stamp: fingerprint of the manifest, which changes whenever the manifest does.
    """

    folder: str
    manifest: Manifest
    stamp: str


class NoteStorage(Protocol):
    """The published notes of an archive, each in a folder with a manifest. All methods block.

    Files and replies are staged in a local work folder; `commit` publishes them. The lock of the archive
    allows one writer. tests/unit/archive/test_storage_contract.py has what each storage must keep.

    Attributes:
        skipped: folders that searches found and did not use as notes.

    Raises:
        PermissionDenied: any method raises it if this user may not read or write there.
        ArchiveError: any method raises it if the storage cannot be read or written.
    """

    skipped: SkippedFolders

    def search(self) -> Iterator[tuple[str, str]]:
        """Yield each folder that may hold a note, with the stamp of its manifest.

        The stamp is "" for a folder with a note id in its name, which is found without a look into it.
        """

    def exists(self, folder: str) -> bool:
        """Return whether this folder is there and may hold a note."""

    def stamp(self, folder: str) -> str:
        """Return the stamp of the folder's manifest, "" if it has none."""

    def read(self, folder: str, *, of_note: bool = False) -> PublishedNote | None:
        """Return a folder with its manifest, or None if that is missing, damaged or another program's.

        Args:
            of_note: the folder is known to hold a note, so an unreadable manifest is an error.
        """

    def has_files(self, folder: str, files: Iterable[tuple[str, int]]) -> bool:
        """Return whether the folder has files of exactly these sizes in bytes."""

    def digest(self, folder: str, path: str, size: int) -> str | None:
        """Return the SHA-256 of a file, or None if it is missing or larger than `size` bytes."""

    def commit(self, folder: str, workspace: Workspace, commit: Commit) -> PublishedNote:
        """Publish a note: files, replies and `note.md` durably, only then the manifest. Then clean up.

        A commit that was interrupted anywhere can be repeated.
        """

    def write_manifest(self, folder: str, manifest: Manifest) -> PublishedNote:
        """Replace the manifest of a note whose files are there, in one step and durably."""


def try_read(storage: NoteStorage, folder: str, *, of_note: bool) -> tuple[PublishedNote | None, str]:
    """Read a folder, see `NoteStorage.read`; return also why this user may not, "" if they may."""
    try:
        return storage.read(folder, of_note=of_note), ""
    except PermissionDenied as problem:
        return None, str(problem)
