"""The archive that a verb works on must stand already. Apart, because most such verbs need no network."""

import sys
from pathlib import Path

from xharchive.archive import ArchiveFolder
from xharchive.errors import UsageError
from xharchive.sanitize import printable

__all__ = ["existing_store", "print_passed_over"]


def existing_store(root: Path) -> ArchiveFolder:
    """Return the archive in a folder.

    Raises:
        UsageError: there is none.
    """
    store = ArchiveFolder(root)
    if not store.exists:
        raise UsageError(f"there is no archive in {root}; name its folder with -d, or begin one with `get`")
    return store


def print_passed_over(store: ArchiveFolder) -> None:
    """Print to standard error which folders a search of the archive has found and not used."""
    for sentence in store.skipped.sentences():
        sys.stderr.write(f"{printable(sentence)}\n")
