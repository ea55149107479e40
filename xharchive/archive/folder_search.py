"""Find the folders of an archive that may hold a note, at the top and one level down, whatever their names.

A name that ends with a note id is enough, since that folder may be unfinished. Any other folder counts if it
holds a `manifest.json`; if it does not, the folders in it are looked at in the same way. Deeper ones are not.
"""

import errno
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import fsencode, stat_result
from os.path import join

from xharchive.archive_path import ArchivePath, status_by_path
from xharchive.manifest import FILE_NAME
from xharchive.naming import is_note_folder, is_note_place

__all__ = ["MOST_LOOKS", "FolderSearch", "PassedOver", "readable", "stamp_of"]

MOST_LOOKS = 100_000
"""How many folders without a note id in their name one search looks into: more would take many seconds."""

_ARCHIVE_STATE = ".xharchive"
_EXAMPLES = 3
_NO_ACCESS = frozenset((errno.EACCES, errno.EPERM))


@dataclass(slots=True)
class PassedOver:
    """Folders that are not used as notes, for the user to hear of.

    Attributes:
        misnamed: folders whose path is not UTF-8, which no manifest, database or page can hold.
        closed: folders that this user may not look into.
        copies: how many folders hold a note that another folder holds too.
        copy_examples: some of those, each with the folder that is used instead.
        is_cut_short: whether the archive has more folders than `MOST_LOOKS`.
    """

    misnamed: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    copies: int = 0
    copy_examples: tuple[tuple[str, str], ...] = ()
    is_cut_short: bool = False

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for the first folders of each kind, and one for the number of the others."""
        copied = [
            f"the folder {copy} was passed over: {used} has its note" for copy, used in self.copy_examples
        ]
        yield from _first(_misnamed(self.misnamed), len(self.misnamed), "folders whose name is not UTF-8")
        yield from _first(_closed(self.closed), len(self.closed), "folders that this user may not read")
        yield from _first(copied, self.copies, "copies of notes")
        if self.is_cut_short:
            yield (
                f"more than {MOST_LOOKS:,} folders have no note id in their name; "
                "notes in the rest of them are not found"
            )


def _first(sentences: Iterable[str], count: int, kind: str) -> Iterator[str]:
    yield from list(sentences)[:_EXAMPLES]
    if count > _EXAMPLES:
        yield f"{count - _EXAMPLES} more {kind} were passed over"


def _misnamed(folders: set[str]) -> list[str]:
    return [
        f"the name of the folder {readable(folder)} is not UTF-8; rename it (it was passed over)"
        for folder in sorted(folders)
    ]


def _closed(folders: set[str]) -> list[str]:
    return [
        f"the folder {readable(folder)} may not be read by this user; notes in it are not found"
        for folder in sorted(folders)
    ]


class FolderSearch:
    """Search an archive for folders that may hold a note; what it passes over is added to `passed_over`."""

    def __init__(self, archive: ArchivePath, passed_over: PassedOver) -> None:
        self._archive = archive
        self._within = join(archive.root, "")  # noqa: PTH118 - a text: a Path a folder is slow
        self._passed_over = passed_over
        self._looks = 0

    def run(self) -> Iterator[tuple[str, str]]:
        """Yield each folder's path in the archive, and the stamp of its manifest.

        The stamp is "" for a folder that is found by its name alone.

        Raises:
            OSError: the archive cannot be listed, or a folder's manifest cannot be looked at.
        """
        for name in self._archive.folders():
            if is_note_folder(name):
                # An archive may have a million of these. Such a name is never that of a folder without notes.
                if name[0] != "." and (name.isascii() or self._is_utf8(name)):
                    yield name, ""
            elif is_note_place(name):
                yield from self._look_into(name)

    def _look_into(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield a folder without an id in its name if it holds a manifest, else the notes in it."""
        if self._is_enough():
            return
        try:
            stamp = self._stamp(folder)
            # Another archive in this one has its own lock and gallery.
            is_archive = not stamp and self._status(f"{folder}/{_ARCHIVE_STATE}") is not None
            inner = [] if stamp or is_archive else list(self._archive.joined(folder).folders())
        except OSError as problem:
            self._pass_over(folder, problem)
            return
        if stamp and self._is_utf8(folder):
            yield folder, stamp
        for name in inner:
            yield from self._look_at_inner(f"{folder}/{name}", name)

    def _look_at_inner(self, folder: str, name: str) -> Iterator[tuple[str, str]]:
        if not is_note_place(folder):
            return
        if is_note_folder(name):
            if self._is_utf8(folder):
                yield folder, ""
            return
        if self._is_enough():
            return
        try:
            stamp = self._stamp(folder)
        except OSError as problem:
            self._pass_over(folder, problem)
            return
        if stamp and self._is_utf8(folder):
            yield folder, stamp

    def _is_enough(self) -> bool:
        self._looks += 1
        if self._looks > MOST_LOOKS:
            self._passed_over.is_cut_short = True
        return self._looks > MOST_LOOKS

    def _stamp(self, folder: str) -> str:
        return stamp_of(self._status(f"{folder}/{FILE_NAME}"))

    def _status(self, path: str) -> stat_result | None:
        return status_by_path(self._within + path)

    def _pass_over(self, folder: str, problem: OSError) -> None:
        """Note a folder that cannot be looked into; one that vanished meanwhile is simply gone.

        Raises:
            OSError: the disk fails in another way. A note must not be paid for again because of that.
        """
        if problem.errno in _NO_ACCESS:
            self._passed_over.closed.add(folder)
        elif problem.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise problem

    def _is_utf8(self, folder: str) -> bool:
        try:
            folder.encode()
        except UnicodeEncodeError:
            self._passed_over.misnamed.add(folder)
            return False
        return True


def stamp_of(found: stat_result | None) -> str:
    """Return a text that changes whenever a manifest with this status does, "" if it is no plain file."""
    if found is None or not stat.S_ISREG(found.st_mode):
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}"


def readable(folder: str) -> str:
    """Return a folder's path as it can be encoded; bytes that are not UTF-8 become U+FFFD."""
    return fsencode(folder).decode("utf-8", "replace")
