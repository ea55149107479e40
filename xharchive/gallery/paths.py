"""Where the gallery's files lie, and that these places are the gallery's own."""

import hashlib
import os
import re
import stat
from contextlib import suppress

from xharchive.archive_path import ArchivePath, lstat_or_none
from xharchive.disk import makedirs, translate_os_errors
from xharchive.errors import ArchiveError

__all__ = ["FOLDER", "KINDS", "PAGE", "Places", "size_of", "stamp_of", "word_for"]

FOLDER = "gallery"
PAGE = "index.html"
KINDS = ("screens", "previews")
"""What is made of a note's files: pictures that browsers draw, films that they play."""

_PUT_ASIDE = re.compile(r"[0-9a-f]{64}\.webp(\.new)?")
_OURS = b'<meta name="generator" content="xharchive">'


class Places:
    """The gallery of the archive at `root`, whose own folder is `state`."""

    def __init__(self, root: ArchivePath, state: ArchivePath) -> None:
        self.index = root / PAGE
        self.folder = root / FOLDER
        self.thumbs = self.folder / "thumbs"
        self._aside = state / "thumbs"

    def thumb(self, note_id: str) -> ArchivePath:
        """The thumbnail of a note."""
        return self.thumbs / f"{note_id}.webp"

    def put_aside(self, sha256: str) -> ArchivePath:
        """Where a thumbnail waits that was made with the derivative of the original of this SHA-256."""
        return self._aside / f"{sha256}.webp"

    def made(self, kind: str, note_id: str) -> ArchivePath:
        """The folder of what was made of a note's files."""
        return self.folder / kind / note_id

    def made_word(self, note_id: str) -> str:
        """Return a word for the names of what was made of a note's files, "" for none. Raises OSError."""
        names = [self.made(kind, note_id).entries() for kind in KINDS]
        return word_for(*names) if any(names) else ""

    def refuse_foreign_index(self) -> None:
        """Refuse to write over a page of somebody else: the archive lies in a folder of other things.

        Raises:
            ArchiveError: it is not, or cannot be read.
        """
        index = self.index
        with translate_os_errors(f"looking at {index}"):
            if not index.is_file():
                return
            with index.open() as file:
                head = file.read(4096)
        if head.strip(b"\0") and _OURS not in head:  # nothing, or zeros: what a power cut leaves of ours
            raise ArchiveError(f"{index} is not the gallery's; move it, or keep the archive elsewhere")

    def makedirs(self) -> None:
        """Make the gallery's folder and those in it; one that is a link would lead its files elsewhere.

        Raises:
            ArchiveError: one is a link, or the disk would not.
        """
        for kind in KINDS:
            with translate_os_errors(f"looking at {self.folder / kind}"):
                (self.folder / kind).check_folders()
        with translate_os_errors(f"making {self.thumbs}"):
            makedirs(self.thumbs)

    def forget(self, note_id: str) -> None:
        """Remove what was made of a note's files.

        Raises:
            ArchiveError: the disk would not.
        """
        with translate_os_errors("removing what the gallery had of a note that is gone"):
            self.thumb(note_id).unlink(missing_ok=True)
            for kind in KINDS:
                _remove_folder(self.made(kind, note_id))

    def forget_what_was_put_aside(self) -> None:
        """Remove thumbnails that no note came for, as far as that works: they are in nobody's way."""
        with suppress(OSError):
            for name in self._aside.entries():
                if _PUT_ASIDE.fullmatch(name):
                    with suppress(OSError):
                        (self._aside / name).unlink()
            self._aside.rmdir()

    def forget_all_but(self, ids: set[str]) -> None:
        """Remove what was made of notes that are not among these. Raises OSError."""
        for name in self.thumbs.entries():
            if name.endswith(".webp") and name.removesuffix(".webp") not in ids:
                (self.thumbs / name).unlink()
        for folder in (self.folder / kind for kind in KINDS):
            for name in folder.entries():
                if name not in ids:
                    _remove_folder(folder / name)


def size_of(path: str) -> int:
    """Return the size of what lies there, in bytes, a link's own; -1 if nothing does."""
    found = _look(path)
    return found.st_size if found else -1


def stamp_of(path: str) -> str:
    """Return a text that changes when the file at a path does, "" if there is none.

    Whoever changes a file can give it its old size and modification time again, but not the time of this
    change (st_ctime).
    """
    found = _look(path)
    return f"{found.st_size}-{found.st_ctime_ns}" if found and stat.S_ISREG(found.st_mode) else ""


def _look(path: str) -> os.stat_result | None:
    try:
        return lstat_or_none(path)
    except OSError:
        return None


def word_for(*parts: object) -> str:
    """Return a short word that stands for these texts, or lists of texts: another one if they differ."""
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()[:16]


def _remove_folder(folder: ArchivePath) -> None:
    if folder.is_dir():
        for name in folder.entries():
            (folder / name).unlink()
        folder.rmdir()
