"""Where the gallery's files lie, and that these places are the gallery's own."""

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from xharchive.disk import make_folders, ours
from xharchive.errors import ArchiveError

__all__ = ["FOLDER", "KINDS", "Places", "names_in", "size_of", "word_for"]

FOLDER = "gallery"
KINDS = ("screens", "previews")
"""What is made of a note's files: pictures that browsers draw, films that they play."""

_PUT_ASIDE = re.compile(r"[0-9a-f]{64}\.webp(\.new)?")
_OURS = b'<meta name="generator" content="xharchive">'


class Places:
    """The gallery of the archive at `root`, whose own folder is `state`."""

    def __init__(self, root: Path, state: Path) -> None:
        self.index = root / "index.html"
        self.folder = root / FOLDER
        self.thumbs = self.folder / "thumbs"
        self._aside = state / "thumbs"

    def thumb(self, note_id: str) -> Path:
        """The thumbnail of a note."""
        return self.thumbs / f"{note_id}.webp"

    def put_aside(self, sha256: str) -> Path:
        """Where a thumbnail waits that was made with the derivative of the original of this SHA-256."""
        return self._aside / f"{sha256}.webp"

    def made(self, kind: str, note_id: str) -> Path:
        """The folder of what was made of a note's files."""
        return self.folder / kind / note_id

    def made_word(self, note_id: str) -> str:
        """Return a word for the names of what was made of a note's files, "" for none. Raises OSError."""
        names = [names_in(self.made(kind, note_id)) for kind in KINDS]
        return word_for(*names) if any(names) else ""

    def refuse_foreign_index(self) -> None:
        """Refuse to write over a page of somebody else: the archive lies in a folder of other things.

        Raises:
            ArchiveError: it is not, or cannot be read.
        """
        index = self.index
        with ours("looking at the index"):
            if not index.is_file() or index.is_symlink():
                return
            with index.open("rb") as file:
                head = file.read(4096)
        if head.strip(b"\0") and _OURS not in head:  # nothing, or zeros: what a power cut leaves of ours
            raise ArchiveError(f"{index} is not the gallery's; move it, or keep the archive elsewhere")

    def make_folders(self) -> None:
        """Make the gallery's folder and those in it; one that is a link would lead its files elsewhere.

        Raises:
            ArchiveError: one is a link, or the disk would not.
        """
        with ours("making the gallery's folders"):
            for place in (self.folder, self.thumbs, *(self.folder / kind for kind in KINDS)):
                if place.is_symlink():
                    raise ArchiveError(f"{place} is a symbolic link; the gallery's folders must be real ones")
            make_folders(self.thumbs)

    def forget(self, note_id: str) -> None:
        """Remove what was made of a note's files.

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("removing what the gallery had of a note that is gone"):
            self.thumb(note_id).unlink(missing_ok=True)
            for kind in KINDS:
                _remove_folder(self.made(kind, note_id))

    def forget_what_was_put_aside(self) -> None:
        """Remove thumbnails that no note came for, as far as that works: they are in nobody's way."""
        with suppress(OSError):
            if self._aside.is_symlink():
                return
            for file in self._aside.iterdir():
                if _PUT_ASIDE.fullmatch(file.name):
                    with suppress(OSError):
                        file.unlink()
            self._aside.rmdir()

    def forget_all_but(self, ids: set[str]) -> None:
        """Remove what was made of notes that are not among these. Raises OSError."""
        for thumb in self.thumbs.glob("*.webp"):
            if thumb.stem not in ids:
                thumb.unlink()
        for made in (made for kind in KINDS for made in (self.folder / kind).glob("*")):
            if made.name not in ids:
                _remove_folder(made)


def names_in(folder: Path) -> Sequence[str]:
    """Return the names in a folder in order, none if it is not there. Raises OSError."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208 - names, not paths


def size_of(path: str) -> int:
    """Return the size of what lies there, in bytes, a link's own; -1 if nothing does.

    Asked of every page and picture of an archive, hence no Path, which costs more than the question.
    """
    try:
        return os.lstat(path).st_size
    except OSError:
        return -1


def word_for(*parts: object) -> str:
    """Return a short word that stands for these texts, or lists of texts: another one if they differ."""
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()[:16]


def _remove_folder(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
