"""Finds the files of a note folder that are not the archive's."""

from xharchive.archive_path import ArchivePath
from xharchive.disk import translate_os_errors
from xharchive.manifest import FILE_NAME, Manifest
from xharchive.note_markdown import NOTE_MD

__all__ = ["unexpected_files"]

_UNLISTED = frozenset((FILE_NAME, NOTE_MD, "index.html"))
"""Files of this program that a manifest does not list."""
_REPLIES = "replies"


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
