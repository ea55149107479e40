"""Keeps each note's `note.md` as it is made from the manifest: compares it, and writes it again."""

from xharchive.archive import PosixStore, Published
from xharchive.archive.other_files import read_text, write_text
from xharchive.manifest import Manifest
from xharchive.views.note_markdown import note_text

__all__ = ["is_current", "write_if_other"]


def is_current(store: PosixStore, published: Published) -> bool:
    """Whether a note's `note.md` is what would be written for its manifest.

    Raises:
        ArchiveError: it is there and cannot be read.
    """
    return read_text(store.note_folder(published.folder)) == _content(published.manifest)


def write_if_other(store: PosixStore, published: Published) -> bool:
    """Write a note's `note.md` again unless it is current; return whether it was written. Blocking.

    Raises:
        ArchiveError: it cannot be read or written.
    """
    if is_current(store, published):
        return False
    manifest = published.manifest
    write_text(store.note_folder(published.folder), _content(manifest), manifest.id.published.timestamp())
    return True


def _content(manifest: Manifest) -> bytes:
    return note_text(manifest).encode("utf-8", "replace")
