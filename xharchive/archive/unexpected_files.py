"""Files of a note folder beside its media: `note.md`, and files that are not the archive's."""

import stat

from xharchive.archive_path import ArchivePath, lstat_or_none
from xharchive.disk import atomic_replace, translate_os_errors
from xharchive.manifest import FILE_NAME, Manifest

__all__ = ["NOTE_MD", "may_be_outdated", "read_note_md", "unexpected_files", "write_note_md"]

NOTE_MD = "note.md"
_UNLISTED = frozenset((FILE_NAME, NOTE_MD, "index.html"))
"""Files of this program that a manifest does not list."""
_REPLIES = "replies"
_MAX_DIGITS = 20  # of a time in nanoseconds
_MAX_TEXT_BYTES = 16 * 1024 * 1024  # as for a manifest, which `note.md` is made from


def unexpected_files(folder: ArchivePath, manifest: Manifest) -> list[str]:
    """Return the paths in a note folder that are not the archive's, relative to the folder.

    A folder is returned as its name with a slash, without its content: a NAS or the user may keep many files
    there.

    Raises:
        ArchiveError: the folder cannot be listed.
    """
    named = {entry.path for entry in manifest.files} | {reply.path for reply in manifest.replies}
    with translate_os_errors(f"listing {folder}"):
        found = _names_in(folder)
        if f"{_REPLIES}/" in found:
            found.remove(f"{_REPLIES}/")
            found |= {f"{_REPLIES}/{name}" for name in _names_in(folder / _REPLIES)}
    return sorted(found - named - _UNLISTED)


def _names_in(folder: ArchivePath) -> set[str]:
    """Return the names in a folder; the names of real folders end with a slash."""
    folders = set(folder.folders())
    return {f"{name}/" if name in folders else name for name in folder.entries()}


def read_note_md(folder: ArchivePath) -> bytes | None:
    """Return the content of `note.md`, or None if it is missing, too large, or not a regular file.

    Raises:
        ArchiveError: the file cannot be read.
    """
    path = folder / NOTE_MD
    with translate_os_errors(f"reading {path}"):
        found = path.status()
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_TEXT_BYTES:
            return None
        return path.read_bytes(_MAX_TEXT_BYTES)


def may_be_outdated(folder: str, stamp: str) -> bool:
    """Return whether `note.md` is missing, empty, or newer than the manifest. This opens no file.

    A commit sets the time of `note.md` to the publish time, which is before the time of the manifest.

    Args:
        folder: absolute path of the note folder.
        fingerprint: that of the manifest in it, which begins with the manifest's time in nanoseconds.

    Raises:
        ArchiveError: the folder cannot be read.
    """
    try:
        text = lstat_or_none(f"{folder}/{NOTE_MD}")
    except OSError:
        with translate_os_errors(
            f"looking into {folder}"
        ):  # here, because a million context managers take seconds
            raise
    if text is None or text.st_size == 0:
        return True
    written = stamp.partition("-")[0][:_MAX_DIGITS]
    return not written.isdecimal() or text.st_mtime_ns > int(written)


def write_note_md(folder: ArchivePath, text: bytes, mtime: float) -> None:
    """Write the `note.md` of a note again.

    Args:
        mtime: its modification time, in Unix seconds.

    Raises:
        ArchiveError: the file cannot be written.
    """
    with translate_os_errors(f"writing {folder / NOTE_MD}"):
        with folder.preserve_times():  # the folder shows the publish time
            atomic_replace(folder / NOTE_MD, text, mtime)
        folder.sync()
