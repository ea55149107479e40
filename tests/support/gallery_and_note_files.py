"""Reads which files of an archive are its gallery's, and which are its notes'."""

import hashlib
from pathlib import Path

__all__ = ["contents", "originals", "written"]


def written(archive: Path) -> dict[str, tuple[int, str]]:
    """Every file that is the gallery's: when it was written, and its digest."""
    found = [*archive.glob("index.html"), *archive.glob("2*/index.html"), *archive.glob("gallery/**/*")]
    return {
        str(path.relative_to(archive)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in found
        if path.is_file()
    }


def contents(archive: Path) -> dict[str, str]:
    """Every file that is the gallery's, by its digest."""
    return {name: digest for name, (_, digest) in written(archive).items()}


def originals(archive: Path) -> dict[str, str]:
    """What the notes' folders hold besides their pages."""
    return {
        str(path.relative_to(archive)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in archive.glob("2*/**/*")
        if path.is_file() and path.name != "index.html"
    }
