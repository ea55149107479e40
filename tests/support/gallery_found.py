"""Reads what files of a gallery an archive has."""

import hashlib
from pathlib import Path

__all__ = ["contents", "written"]


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
