"""Find the folders of an archive that may hold a note, at the top and one level down.

A note id at the end of a folder's name is enough, since the note may be unfinished. Any other folder needs a
`manifest.json`. Without one, its subfolders are searched in the same way, but nothing below them.
"""

import errno
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import fsencode, stat_result
from os.path import join

from xharchive.archive_path import ArchivePath, lstat_or_none
from xharchive.manifest import FILE_NAME
from xharchive.naming import is_note_folder, may_hold_note

MAX_FOLDERS_SEARCHED = 100_000
"""The most folders without a note id in their name that one search enters: more would take many seconds."""

STATE_FOLDER = ".xharchive"
"""The folder of an archive's state: work folders, index, lock, ledger."""

_MAX_EXAMPLES = 3
_NO_ACCESS = frozenset((errno.EACCES, errno.EPERM))


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
        not_utf8 = [
            f"the name of the folder {display_path(folder)} is not UTF-8; rename it (it was skipped)"
            for folder in sorted(self.not_utf8)
        ]
        closed = [
            f"the folder {display_path(folder)} may not be read by this user; notes in it are not found"
            for folder in sorted(self.closed)
        ]
        copies = [f"the folder {copy} was skipped: {used} has its note" for copy, used in self.copy_examples]
        for examples, count, kind in (
            (not_utf8, len(not_utf8), "folders whose name is not UTF-8"),
            (closed, len(closed), "folders that this user may not read"),
            (copies, self.copies, "copies of notes"),
        ):
            yield from examples[:_MAX_EXAMPLES]
            if count > _MAX_EXAMPLES:
                yield f"{count - _MAX_EXAMPLES} more {kind} were skipped"
        if self.is_cut_short:
            yield (
                f"more than {MAX_FOLDERS_SEARCHED:,} folders have no note id in their name; "
                "notes in the rest of them are not found"
            )


class FolderSearch:
    """Finds the folders of an archive that may hold notes, and adds those that it must skip to `skipped`."""

    def __init__(self, archive: ArchivePath, skipped: SkippedFolders) -> None:
        self._archive = archive
        self._root_prefix = join(archive.root, "")  # noqa: PTH118 - a str: a Path for each folder is slow
        self._skipped = skipped
        self._searched = 0

    def run(self) -> Iterator[tuple[str, str]]:
        """Yield the path of each folder in the archive, with the fingerprint of its manifest.

        The fingerprint is "" for a folder that is found by its name alone.

        Raises:
            OSError: the archive cannot be listed, or the status of a manifest cannot be read.
        """
        for name in self._archive.folders():
            if is_note_folder(name):
                # Checked first because an archive may have a million of these; `may_hold_note` is slower.
                if name[0] != "." and (name.isascii() or self._is_utf8(name)):
                    yield name, ""
            elif may_hold_note(name):
                yield from self._search_folder(name)

    def _search_folder(self, folder: str, *, is_inner: bool = False) -> Iterator[tuple[str, str]]:
        """Yield a folder without a note id in its name if it has a manifest, else the notes below it.

        Args:
            is_inner: the folder is not at the top, so nothing below it is searched.
        """
        self._searched += 1
        if self._searched > MAX_FOLDERS_SEARCHED:
            self._skipped.is_cut_short = True
            return
        try:
            stamp = fingerprint_of(self._status(f"{folder}/{FILE_NAME}"))
            # An archive inside this one is skipped: it has its own lock and gallery.
            is_leaf = is_inner or stamp or self._status(f"{folder}/{STATE_FOLDER}") is not None
            inner = [] if is_leaf else list(self._archive.joinpath(folder).folders())
        except OSError as problem:
            self._skip(folder, problem)
            return
        if stamp and self._is_utf8(folder):
            yield folder, stamp
        for name in inner:
            path = f"{folder}/{name}"
            if not may_hold_note(path):
                continue
            if not is_note_folder(name):
                yield from self._search_folder(path, is_inner=True)
            elif self._is_utf8(path):
                yield path, ""

    def _status(self, path: str) -> stat_result | None:
        return lstat_or_none(self._root_prefix + path)

    def _skip(self, folder: str, problem: OSError) -> None:
        """Record a folder that this user may not read. A folder that is gone by now is ignored.

        Raises:
            OSError: any other error. The search must fail then, or a run would pay for a note again.
        """
        if problem.errno in _NO_ACCESS:
            self._skipped.closed.add(folder)
        elif problem.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise problem

    def _is_utf8(self, folder: str) -> bool:
        try:
            folder.encode()
        except UnicodeEncodeError:
            self._skipped.not_utf8.add(folder)
            return False
        return True


def fingerprint_of(found: stat_result | None) -> str:
    """Return the fingerprint of a manifest with this status, "" if it is not a regular file.

    It is made of modification time and size, so it changes whenever the manifest does.
    """
    if found is None or not stat.S_ISREG(found.st_mode):
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}"


def display_path(folder: str) -> str:
    """Return a folder's path as valid text: bytes that are not UTF-8 become U+FFFD."""
    return fsencode(folder).decode("utf-8", "replace")
