"""What lies in a note folder beside its media: `note.md`, and whatever is not the archive's."""

import stat

from xharchive.archive_path import ArchivePath, status_by_path
from xharchive.disk import ours, replace_whole
from xharchive.manifest import FILE_NAME, Manifest

__all__ = ["NOTE_TEXT", "foreign_in", "is_text_doubtful", "read_text", "write_text"]

NOTE_TEXT = "note.md"
_NOT_NAMED = frozenset((FILE_NAME, NOTE_TEXT, "index.html"))
"""The files of this program that no manifest names."""
_REPLIES = "replies"
_MOST_DIGITS = 20  # of a time in nanoseconds
_LARGEST_TEXT = 16 * 1024 * 1024  # bytes; the manifest that it is made of is not larger


def foreign_in(folder: ArchivePath, manifest: Manifest) -> list[str]:
    """Return what lies in a note folder and is not the archive's: what its manifest does not name.

    Paths are relative to the folder. Of a foreign folder only the name is returned, with a slash behind it: a
    NAS, or the owner of the archive, may keep any number of files there.

    Raises:
        ArchiveError: the folder cannot be listed.
    """
    named = {entry.path for entry in manifest.files} | {reply.path for reply in manifest.replies}
    with ours(f"listing {folder}"):
        found = _listed(folder)
        if f"{_REPLIES}/" in found:
            found.remove(f"{_REPLIES}/")
            found |= {f"{_REPLIES}/{name}" for name in _listed(folder / _REPLIES)}
    return sorted(found - named - _NOT_NAMED)


def _listed(folder: ArchivePath) -> set[str]:
    """Return the names in a folder; those of real folders end with a slash."""
    folders = set(folder.folders())
    return {f"{name}/" if name in folders else name for name in folder.entries()}


def read_text(folder: ArchivePath) -> bytes | None:
    """Return the content of a note's `note.md`, None if there is no plain file of a sensible size.

    Raises:
        ArchiveError: it is there and cannot be read.
    """
    path = folder / NOTE_TEXT
    with ours(f"reading {path}"):
        found = path.status()
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_TEXT:
            return None
        return path.read_bytes(_LARGEST_TEXT)


def is_text_doubtful(folder: str, stamp: str) -> bool:
    """Whether a note's `note.md` is missing, empty, or newer than its manifest; no file is opened.

    A commit gives it the publish time of the note, which is before the time of any manifest.

    Args:
        folder: the note's folder by its whole path.
        stamp: that of the manifest in it; it begins with the manifest's time in nanoseconds.

    Raises:
        ArchiveError: the folder cannot be looked into.
    """
    try:
        text = status_by_path(f"{folder}/{NOTE_TEXT}")
    except OSError:
        with ours(f"looking into {folder}"):  # entered only now: a million times would take seconds
            raise
    if text is None or text.st_size == 0:
        return True
    written = stamp.partition("-")[0][:_MOST_DIGITS]
    return not written.isdecimal() or text.st_mtime_ns > int(written)


def write_text(folder: ArchivePath, text: bytes, mtime: float) -> None:
    """Write a note's `note.md` again; `mtime` (Unix seconds) is the time that it shows.

    Raises:
        ArchiveError: it cannot be written.
    """
    with ours(f"writing {folder / NOTE_TEXT}"):
        with folder.times_kept():  # they show when the note was published
            replace_whole(folder / NOTE_TEXT, text, mtime)
        folder.sync()
