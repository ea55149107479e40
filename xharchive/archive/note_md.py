"""Compare each note's `note.md` with its manifest, and write it again if they differ."""

from xharchive.archive.note_folders import ArchiveFolder, PublishedNote
from xharchive.archive.note_markdown import note_text
from xharchive.archive.unexpected_files import read_note_md, write_note_md
from xharchive.manifest import Manifest

__all__ = ["is_current", "write_if_outdated"]


def is_current(store: ArchiveFolder, published: PublishedNote) -> bool:
    """Return whether the `note.md` of a note is the one that its manifest would make.

    Raises:
        ArchiveError: the file cannot be read.
    """
    return read_note_md(store.note_folder(published.folder)) == _expected_text(published.manifest)


def write_if_outdated(store: ArchiveFolder, published: PublishedNote) -> bool:
    """Write the `note.md` of a note again if it is not current; return whether it was written. This blocks.

    Raises:
        ArchiveError: the file cannot be read or written.
    """
    if is_current(store, published):
        return False
    text, mtime = _expected_text(published.manifest), published.manifest.id.published.timestamp()
    write_note_md(store.note_folder(published.folder), text, mtime)
    return True


def _expected_text(manifest: Manifest) -> bytes:
    return note_text(manifest).encode("utf-8", "replace")
