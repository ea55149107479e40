"""Opens an archive that must exist. A module of its own, because most of its users need no network code."""

import sys
from pathlib import Path

from xharchive.archive import Archive
from xharchive.errors import UsageError
from xharchive.sanitize import printable

__all__ = ["existing_archive", "print_skipped_folders"]


def existing_archive(root: Path) -> Archive:
    """Return the archive in a folder.

    Raises:
        UsageError: there is no archive.
    """
    store = Archive(root)
    if not store.exists:
        raise UsageError(f"there is no archive in {root}; name its folder with -d, or begin one with `get`")
    return store


def print_skipped_folders(store: Archive) -> None:
    """Print to standard error the folders of an archive that are not used as notes, with reasons."""
    for sentence in store.skipped.sentences():
        sys.stderr.write(f"{printable(sentence)}\n")
