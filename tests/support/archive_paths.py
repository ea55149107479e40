"""Paths of a test's own folder as the program takes them."""

from pathlib import Path

from xharchive.archive_path import ArchivePath

__all__ = ["guarded"]


def guarded(path: Path) -> ArchivePath:
    """Return the path in an archive whose root is the folder that holds it."""
    return ArchivePath(path.parent, path.name)
