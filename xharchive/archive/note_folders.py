"""The note folders of an archive: find them, read their manifests, check their files, commit a note."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from xharchive.archive import storage
from xharchive.archive.note_md import NOTE_MD
from xharchive.archive.storage import Commit, PublishedNote, SkippedFolders, display_path, try_read
from xharchive.archive.workspace import Workspace, digest
from xharchive.archive_path import (
    PRIVATE,
    ArchivePath,
    atomic_replace,
    files_match,
    lstat_or_none,
    translate_os_errors,
)
from xharchive.disk import free_bytes
from xharchive.errors import ArchiveError
from xharchive.manifest import (
    FILE_NAME,
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestError,
    NewerManifest,
    parse,
    to_json,
)
from xharchive.models import LARGEST_SAVED_REPLY
from xharchive.naming import is_note_folder, may_hold_note, note_id_from_path

STATE_FOLDER = ".xharchive"
"""The folder of an archive's state: work folders, index, lock, ledger."""

_NO_ACCESS = frozenset((errno.EACCES, errno.EPERM))
_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))


class NoteFolders:
    """The note folders in an archive: a `NoteStorage`. Its methods block: call the long ones in a thread.

    Folders are named by their path relative to the archive, such as "x_<id>" or "travel/Shanghai". A note id
    at the end of a folder's name is enough, since the note may be unfinished. Any other folder needs a
    `manifest.json`. Without one, its subfolders are searched in the same way, but nothing below them.
    """

    def __init__(self, archive: ArchivePath) -> None:
        self._archive = archive
        self._prefix = os.path.join(archive.root, "")  # noqa: PTH118 - a str: a Path for each of many files is slow
        self.skipped = SkippedFolders()

    def search(self) -> Iterator[tuple[str, str]]:
        """Yield each folder that may hold a note, see `NoteStorage.search`."""
        searched = count(1)
        with translate_os_errors(f"listing the archive {self._archive}"):
            for name in self._archive.folders():
                if is_note_folder(name):
                    # Checked first because an archive may have a million of these; `may_hold_note` is slower.
                    if name[0] != "." and (name.isascii() or self._is_utf8(name)):
                        yield name, ""
                elif may_hold_note(name):
                    yield from self._search_folder(name, searched)

    def _search_folder(
        self, folder: str, searched: Iterator[int], *, is_inner: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Yield a folder without a note id in its name if it has a manifest, else the notes below it.

        Args:
            searched: counts such folders.
            is_inner: the folder is not at the top, so nothing below it is searched.
        """
        if next(searched) > storage.MAX_FOLDERS_SEARCHED:
            self.skipped.is_cut_short = True
            return
        try:
            stamp = _fingerprint(lstat_or_none(f"{self._prefix}{folder}/{FILE_NAME}"))
            # An archive inside this one is skipped: it has its own lock and gallery.
            is_leaf = is_inner or stamp or lstat_or_none(f"{self._prefix}{folder}/{STATE_FOLDER}") is not None
            inner = [] if is_leaf else list(self.path(folder).folders())
        except OSError as problem:
            if problem.errno in _NO_ACCESS:
                self.skipped.closed.add(folder)
            elif problem.errno not in _GONE:
                raise  # or a run would pay for a note again
            return
        if stamp and self._is_utf8(folder):
            yield folder, stamp
        for name in inner:
            path = f"{folder}/{name}"
            if not may_hold_note(path):
                continue
            if not is_note_folder(name):
                yield from self._search_folder(path, searched, is_inner=True)
            elif self._is_utf8(path):
                yield path, ""

    def _is_utf8(self, folder: str) -> bool:
        try:
            folder.encode()
        except UnicodeEncodeError:
            self.skipped.not_utf8.add(folder)
            return False
        return True

    def published(self) -> Iterator[tuple[str, PublishedNote | None, str]]:
        """Yield each note folder, sorted, as (folder, its manifest, why this user may not read it).

        The manifest is None if it is missing or damaged. A folder without a note id in its name is left out
        if its `manifest.json` is another program's.
        """
        for folder in sorted(folder for folder, _ in self.search()):
            published, reason = try_read(self, folder, of_note=note_id_from_path(folder) is not None)
            if published is not None or self.looks_like_note(folder):
                yield folder, published, reason

    def path(self, folder: str) -> ArchivePath:
        """Return the path of a note folder, whose names must be plain."""
        return self._archive.joinpath(folder)

    def exists(self, folder: str) -> bool:
        """Return whether this is a real folder that may hold a note."""
        return may_hold_note(folder) and self._is_folder(folder, folder)

    def looks_like_note(self, folder: str) -> bool:
        """Return whether a folder is a note's, judged by its name or saved replies, not by its manifest."""
        return note_id_from_path(folder) is not None or self._is_folder(folder, f"{folder}/replies")

    def _is_folder(self, folder: str, path: str) -> bool:
        found = self._status(folder, path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def stamp(self, folder: str) -> str:
        """Return the fingerprint of the folder's manifest, "" if it has none."""
        return _fingerprint(self._status(folder, f"{folder}/{FILE_NAME}"))

    def _status(self, folder: str, path: str) -> os.stat_result | None:
        try:
            return lstat_or_none(self._prefix + path)
        except OSError:
            with translate_os_errors(f"looking into {self.path(folder)}"):
                raise

    def read(self, folder: str, *, of_note: bool = False) -> PublishedNote | None:
        """Return a folder with its manifest, see `NoteStorage.read`.

        A folder without a note id in its name may belong to another program. There, an unreadable manifest
        or one of a newer version is skipped.
        """
        is_named = note_id_from_path(folder) is not None
        found = self._status(folder, f"{folder}/{FILE_NAME}")
        stamp = _fingerprint(found)
        if found is None or not stamp or found.st_size > MAX_MANIFEST_BYTES:
            return None
        path = self.path(folder)
        with translate_os_errors(f"reading the manifest of {display_path(str(path))}"):
            try:
                content = (path / FILE_NAME).read_bytes(MAX_MANIFEST_BYTES)
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

    def manifest_at(self, folder: str) -> Manifest | None:
        """Return the manifest in a folder, or None if it is missing or damaged."""
        published = self.read(folder)
        return published.manifest if published else None

    def has_files(self, folder: str, files: Iterable[tuple[str, int]]) -> bool:
        """Return whether the folder has these files, see `NoteStorage.has_files`."""
        try:
            return files_match(self._prefix + folder, files)
        except OSError:
            with translate_os_errors(f"looking into {self.path(folder)}"):
                raise

    def is_file(self, folder: str, path: str) -> bool:
        """Return whether the folder has a regular file of this name; a link does not count."""
        found = self._status(folder, f"{folder}/{path}")
        return found is not None and stat.S_ISREG(found.st_mode)

    def digest(self, folder: str, path: str, size: int) -> str | None:
        """Return the SHA-256 of a regular file in a folder, or None if it is missing or above `size`."""
        file = self.path(folder).joinpath(path)
        with translate_os_errors(f"reading {file}"):
            return digest(file, most=size)

    def check_free_space(self, needed: int) -> None:
        """Raise ArchiveError if the disk has no room for `needed` more bytes, before a download begins."""
        with translate_os_errors("asking the disk for its free space"):
            free = free_bytes(self._archive)
        if needed > free:
            raise ArchiveError(
                f"the disk of {self._archive} has {free:,} bytes free, and the next note declares "
                f"{needed:,}; free some space and run again"
            )

    def commit(self, folder: str, workspace: Workspace, commit: Commit) -> PublishedNote:
        """Write a note and sync it, see `NoteStorage.commit`.

        If a run is killed before the manifest, the work folder still has replies and records, and the next
        run continues.
        """
        target, manifest = self.path(folder), commit.manifest
        with translate_os_errors(f"writing the folder {target}"):
            target.mkdir()
            for entry in manifest.files:
                source = workspace.file(entry.path)
                if source.exists():  # else an earlier run moved it; it was checked before this commit
                    source.sync()
                    source.set_times(commit.mtime)
                    source.replace(target / entry.path)
            _copy_replies(workspace.replies, target / "replies", [reply.path for reply in manifest.replies])
            named = [(entry.path, entry.size) for entry in manifest.files]
            named += [(reply.path, reply.size) for reply in manifest.replies]
            for path, size in named:  # somebody may have removed one meanwhile
                if not self.has_files(folder, ((path, size),)):
                    raise ArchiveError(f"{folder}/{path} vanished before the commit; run again")
            atomic_replace(target / NOTE_MD, commit.text.encode(), commit.mtime)
            target.sync()
            published = self.write_manifest(folder, manifest)
            target.parent.sync()
            for path in commit.replaced:
                (target / path).unlink(missing_ok=True)
            workspace.folder.remove_tree()
        return published

    def write_manifest(self, folder: str, manifest: Manifest) -> PublishedNote:
        """Replace the manifest of a note, and sync it. Its files must be there."""
        target = self.path(folder)
        with translate_os_errors(f"writing the manifest of {target}"):
            atomic_replace(target / FILE_NAME, to_json(manifest).encode())
            target.sync()
        return PublishedNote(folder, manifest, self.stamp(folder))


def _copy_replies(source: ArchivePath, target: ArchivePath, paths: Sequence[str]) -> None:
    """Copy the saved replies in `source` that a manifest names."""
    if paths:
        target.mkdir()
        for name in (path.rpartition("/")[2] for path in paths):
            if (source / name).exists():
                atomic_replace(target / name, (source / name).read_bytes(LARGEST_SAVED_REPLY), mode=PRIVATE)
        target.sync()


def _fingerprint(found: os.stat_result | None) -> str:
    """Return modification time and size of a manifest with this status, "" if it is no regular file."""
    if found is None or not stat.S_ISREG(found.st_mode):
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}"
