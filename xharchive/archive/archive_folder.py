"""Read and write an archive: a folder for each note, and `.xharchive/` for state."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from xharchive.archive.folder_search import FolderSearch, SkippedFolders, display_path, fingerprint_of
from xharchive.archive.lock import acquire_lock
from xharchive.archive.pending_list import PendingList
from xharchive.archive.workspace import Workspace, copy_replies, digest, move_in
from xharchive.archive_path import ArchivePath, files_match, lstat_or_none
from xharchive.disk import atomic_replace, free_bytes, makedirs, translate_os_errors
from xharchive.errors import ArchiveError, PermissionDenied
from xharchive.manifest import (
    FILE_NAME,
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestError,
    NewerManifest,
    parse,
    to_json,
)
from xharchive.models import LARGEST_SAVED_REPLY, NoteId
from xharchive.naming import may_hold_note, note_id_from_path
from xharchive.note_markdown import NOTE_MD

__all__ = ["ArchiveFolder", "Commit", "PublishedNote"]

_STATE_FOLDER = ".xharchive"


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
        fingerprint: that of the manifest, which changes whenever the manifest does.
    """

    folder: str
    manifest: Manifest
    stamp: str


class ArchiveFolder:
    """The archive in the folder `root`. Its methods block: call the long ones in a thread.

    Attributes:
        lock_warning: a warning for the user where the file system has no locks, else "".
        skipped: folders that searches found and did not use as notes.

    Raises:
        ArchiveError: any method raises it if the archive cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = ArchivePath(root)
        self._root_prefix = os.path.join(root, "")  # noqa: PTH118 - a str: a Path for each of many files is slow
        self.state = self.folder / _STATE_FOLDER
        self.ledger = self.state / "ledger.jsonl"
        self.index_path = self.state / "catalog.sqlite3"
        self.pending = PendingList(self.state / "wanted.txt")
        self.lock_warning = ""
        self.skipped = SkippedFolders()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the archive's lock for the block. Create the archive if it does not exist.

        Where the file system has no locks, `lock_warning` has a warning for the user afterwards.

        Raises:
            ArchiveError: another process holds the lock (the message names it), or the archive cannot be
                written.
        """
        with translate_os_errors(f"making {self.state}"):
            makedirs(self.state)
        with acquire_lock(self.state, self.root) as self.lock_warning:
            with translate_os_errors(f"opening the archive {self.root}"):
                self.state.sync()  # a killed run may have created folders of paid replies without a sync
                self.folder.sync()
            yield

    @property
    def exists(self) -> bool:
        """Whether there is an archive: a state folder, or note folders that were copied without it."""
        # A symbolic link counts: functions that enter the folder refuse it.
        with translate_os_errors(f"looking into {self.root}"):
            if self.state.exists():
                return True
            if not self.root.is_dir():
                return False
        return any(self._may_be_note(folder, stamp) for folder, stamp in self.folders_with_fingerprints())

    def _may_be_note(self, folder: str, stamp: str) -> bool:
        """Return whether a folder that a search found holds a note, or may not be read."""
        try:
            return bool(self.read(folder) if stamp else self.stamp(folder))
        except PermissionDenied:
            return True

    def check_free_space(self, needed: int) -> None:
        """Check that the disk has room for `needed` more bytes, before a download begins.

        Raises:
            ArchiveError: the disk has less free space, or its free space is unknown.
        """
        with translate_os_errors("asking the disk for its free space"):
            free = free_bytes(self.folder)
        if needed > free:
            raise ArchiveError(
                f"the disk of {self.root} has {free:,} bytes free, and the next note declares {needed:,}; "
                "free some space and run again"
            )

    def workspace(self, note_id: NoteId, folder: str | None) -> Workspace:
        """Return the work folder of a note.

        Args:
            folder: the note's own folder, relative to the archive, if it has one or will have one.
        """
        published = self.note_folder(folder) if folder else None
        return Workspace(self.state / "work" / note_id.text, published)

    def link(self, key: str) -> ArchivePath:
        """Return the folder for the target of a short link.

        Args:
            key: a plain word, see `ShortLink.key`.

        Raises:
            ArchiveError: a symbolic link or a file stands in the way.
        """
        return self._state_subfolder("links", key)

    def _state_subfolder(self, kind: str, key: str) -> ArchivePath:
        """Return a folder in the state folder, after a check that nothing else has its name.

        The check comes before a paid call, because the reply could not be saved.
        """
        with translate_os_errors(f"looking into {self.state / kind}"):
            (self.state / kind / key).check_folders()
        return self.state / kind / key

    def listing(self, key: str) -> ArchivePath:
        """Return the folder for the saved pages of a listing.

        Args:
            key: a plain word.

        Raises:
            ArchiveError: a symbolic link or a file stands in the way.
        """
        return self._state_subfolder("listings", key)

    def finish_listing(self, key: str, at: datetime) -> None:
        """Rename the folder of a finished listing, so that the next request starts at its first page.

        Args:
            at: the time that becomes part of the new name.

        Raises:
            ArchiveError: the folder cannot be renamed.
        """
        source = self.listing(key)
        with translate_os_errors("renaming the folder of a finished listing"):
            if source.is_dir():
                source.replace(source.with_name(f"{key}.{at:%Y%m%dT%H%M%S%f}"))
                source.parent.sync()

    def unfinished(self) -> Iterator[NoteId]:
        """Yield the ids of notes that have a work folder."""
        work = self.state / "work"
        with translate_os_errors(f"listing the work folder {work}"):
            names = work.entries()
        for name in names:
            with contextlib.suppress(ValueError):
                yield NoteId(name)

    def has_new_replies(self, note_id: NoteId, note_folder: str) -> bool:
        """Return whether the note's work folder has a reply that its own folder does not have."""
        work = self.state / "work" / note_id.text / "replies"
        committed = self.note_folder(note_folder) / "replies"
        with translate_os_errors(f"looking for new replies in {work}"):
            found = [folder / name for folder in (work, work / "fresh") for name in folder.entries()]
            return any(
                digest(path, most=LARGEST_SAVED_REPLY)
                != digest(committed / path.name, most=LARGEST_SAVED_REPLY)
                for path in found
                if path.suffix == ".json"
            )

    def remove_workspace(self, note_id: NoteId) -> None:
        """Remove the work folder of a note, as far as possible. A rest does no harm."""
        (self.state / "work" / note_id.text).remove_tree()

    def folders(self) -> Iterator[str]:
        """Yield the path of each folder that may hold a note, such as "x_<id>" or "travel/Shanghai"."""
        return (folder for folder, _ in self.folders_with_fingerprints())

    def folders_with_fingerprints(self) -> Iterator[tuple[str, str]]:
        """Yield each folder that may hold a note, with the fingerprint of its manifest.

        The fingerprint is "" for a folder with a note id in its name, which is found without a look into it.
        Folders that are not used are added to `skipped`."""
        with translate_os_errors(f"listing the archive {self.root}"):
            yield from FolderSearch(self.folder, self.skipped).run()

    def note_folder(self, folder: str) -> ArchivePath:
        """Return a note's folder by its path in the archive.

        Raises:
            UnsafeName: a part of the path is not a plain name.
        """
        return self.folder.joinpath(folder)

    @property
    def identity(self) -> str:
        """The identity of the archive: device and inode of its folders, so that even a copy differs."""
        with translate_os_errors(f"looking at {self.root}"):
            found = [folder.lstat() for folder in (self.folder, self.state)]
        return " ".join(f"{each.st_dev}:{each.st_ino}" for each in found)

    def has_folder(self, folder: str) -> bool:
        """Return whether the archive has a real folder of this name that may hold a note."""
        found = self._status(folder, folder) if may_hold_note(folder) else None
        return found is not None and stat.S_ISDIR(found.st_mode)

    def looks_like_note(self, folder: str) -> bool:
        """Return whether a folder is a note's, judged by its name or saved replies, not by its manifest."""
        if note_id_from_path(folder) is not None:
            return True
        found = self._status(folder, f"{folder}/replies")
        return found is not None and stat.S_ISDIR(found.st_mode)

    def stamp(self, folder: str) -> str:
        """Return the fingerprint of the folder's manifest, "" if it has none."""
        found = self._file_status(folder, FILE_NAME)
        return fingerprint_of(found)

    def _file_status(self, folder: str, path: str) -> os.stat_result | None:
        """Return the status of a regular file in a note folder, or None."""
        found = self._status(folder, f"{folder}/{path}")
        return found if found is not None and stat.S_ISREG(found.st_mode) else None

    def _status(self, folder: str, path: str) -> os.stat_result | None:
        try:
            return lstat_or_none(self._root_prefix + path)
        except OSError:
            with translate_os_errors(f"looking into {self.note_folder(folder)}"):
                raise

    def read(self, folder: str, *, of_note: bool = False) -> PublishedNote | None:
        """Return a folder with its manifest, or None if that is missing or damaged.

        A folder without a note id in its name may belong to another program. There, an unreadable manifest
        or one of a newer version is skipped.

        Args:
            of_note: the folder is known to hold a note, so an unreadable manifest is an error.

        Raises:
            PermissionDenied: this user may not read the manifest.
            ArchiveError: the manifest cannot be read, or a newer version wrote it.
        """
        is_named = note_id_from_path(folder) is not None
        found = self._file_status(folder, FILE_NAME)
        if found is None or found.st_size > MAX_MANIFEST_BYTES:
            return None
        stamp = fingerprint_of(found)
        path = self.note_folder(folder) / FILE_NAME
        with translate_os_errors(f"reading the manifest of {display_path(str(path.parent))}"):
            try:
                content = path.read_bytes(MAX_MANIFEST_BYTES)
            except PermissionError:
                if is_named or of_note:
                    raise
                self.skipped.closed.add(folder)
                return None
        try:
            return PublishedNote(folder, parse(content), stamp)
        except NewerManifest as newer:
            if not (is_named or newer.is_from_xharchive):
                return None
            raise ArchiveError(
                f"{folder}: its manifest was written by a newer xharchive; use that one, nothing was changed"
            ) from None
        except ManifestError:
            return None

    def has_file(self, folder: str, path: str, size: int) -> bool:
        """Return whether the folder has a regular file of exactly this size; a link does not count."""
        return self.has_files(folder, ((path, size),))

    def has_files(self, folder: str, files: Iterable[tuple[str, int]]) -> bool:
        """Return whether `has_file` holds for each path and size in bytes."""
        try:
            return files_match(self._root_prefix + folder, files)
        except OSError:
            with translate_os_errors(f"looking into {self.note_folder(folder)}"):
                raise

    def is_file(self, folder: str, path: str) -> bool:
        """Return whether the folder has a regular file of this name; a link does not count."""
        return self._file_status(folder, path) is not None

    def commit(self, folder: str, workspace: Workspace, commit: Commit) -> PublishedNote:
        """Write a note and sync it: files, replies and `note.md` first, then the manifest. Then clean up.

        If a run is killed before the manifest, the work folder still has replies and records, and the next
        run continues.

        Raises:
            ArchiveError: a file cannot be written, something else has the folder's name, or a file that the
                manifest names is missing.
        """
        target = self.note_folder(folder)
        with translate_os_errors(f"writing the folder {target}"):
            target.mkdir()
            for entry in commit.manifest.files:
                move_in(workspace.file(entry.path), target / entry.path, commit.mtime)
            copy_replies(workspace.replies, target / "replies", [r.path for r in commit.manifest.replies])
            self._check_all_present(folder, commit.manifest)
            atomic_replace(target / NOTE_MD, commit.text.encode(), commit.mtime)
            target.sync()
            atomic_replace(target / FILE_NAME, to_json(commit.manifest).encode())
            target.sync()
            target.parent.sync()
            for path in commit.replaced:
                (target / path).unlink(missing_ok=True)
            workspace.folder.remove_tree()
        return PublishedNote(folder, commit.manifest, self.stamp(folder))

    def _check_all_present(self, folder: str, manifest: Manifest) -> None:
        """Check that all files are there that the manifest names: somebody may have removed one meanwhile.

        Raises:
            ArchiveError: a file is missing.
        """
        named = [(entry.path, entry.size) for entry in manifest.files]
        named += [(reply.path, reply.size) for reply in manifest.replies]
        for path, size in named:
            if not self.has_file(folder, path, size):
                raise ArchiveError(f"{folder}/{path} vanished before the commit; run again")

    def write_manifest(self, folder: str, manifest: Manifest) -> PublishedNote:
        """Replace the manifest of a note whose files do not change."""
        target = self.note_folder(folder)
        with translate_os_errors(f"writing the manifest of {target}"):
            atomic_replace(target / FILE_NAME, to_json(manifest).encode())
            target.sync()
        return PublishedNote(folder, manifest, self.stamp(folder))

    def digest(self, folder: str, path: str, size: int) -> str | None:
        """Return the SHA-256 of a regular file in a folder, or None if it is missing or above `size`."""
        file = self.note_folder(folder).joinpath(path)
        with translate_os_errors(f"reading {file}"):
            return digest(file, most=size)
