"""What an archive needs of the storage of its notes, so that another one can stand in for folders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import fsencode
from typing import Protocol

from xharchive.archive.workspace import Workspace
from xharchive.errors import PermissionDenied
from xharchive.manifest import Manifest

MAX_FOLDERS_SEARCHED = 100_000
"""The most folders without a note id in their name that one search enters: more would take many seconds."""

_MAX_EXAMPLES = 3


@dataclass(slots=True)
class SkippedFolders:
    """Folders that are not used as notes, for a report to the user.

    Attributes:
        not_utf8: folders whose path is not UTF-8: a manifest, database or page cannot contain it.
        closed: folders that this user may not read.
        copies: number of folders that hold a note that another folder holds too.
        copy_examples: some of these, each with the folder that is used instead.
        is_cut_short: whether the archive has more folders than `MAX_FOLDERS_SEARCHED`.
    """

    not_utf8: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    copies: int = 0
    copy_examples: tuple[tuple[str, str], ...] = ()
    is_cut_short: bool = False

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each of the first folders of a kind, and one for the number of the rest."""
        for folder in sorted(self.not_utf8)[:_MAX_EXAMPLES]:
            yield f"the name of the folder {display_path(folder)} is not UTF-8; rename it (it was skipped)"
        yield from _rest(len(self.not_utf8), "folders whose name is not UTF-8")
        for folder in sorted(self.closed)[:_MAX_EXAMPLES]:
            yield f"the folder {display_path(folder)} may not be read by this user; notes in it are not found"
        yield from _rest(len(self.closed), "folders that this user may not read")
        for copy, used in self.copy_examples[:_MAX_EXAMPLES]:
            yield f"the folder {copy} was skipped: {used} has its note"
        yield from _rest(self.copies, "copies of notes")
        if self.is_cut_short:
            yield (
                f"more than {MAX_FOLDERS_SEARCHED:,} folders have no note id in their name; "
                "notes in the rest of them are not found"
            )


def _rest(count: int, kind: str) -> Iterator[str]:
    if count > _MAX_EXAMPLES:
        yield f"{count - _MAX_EXAMPLES} more {kind} were skipped"


def display_path(folder: str) -> str:
    """Return a folder's path as valid text: bytes that are not UTF-8 become U+FFFD."""
    return fsencode(folder).decode("utf-8", "replace")


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
        """Yield each folder that may hold a note, with the stamp of its manifest; add others to `skipped`.

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
        """Return whether the folder has regular files of exactly these paths and sizes; no link counts."""

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
