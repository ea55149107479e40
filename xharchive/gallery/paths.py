"""Names the gallery's files, and checks that they belong to the gallery."""

import hashlib
import os
import re
import stat
from contextlib import suppress

from xharchive.archive_path import ArchivePath, lstat_or_none, makedirs, translate_os_errors
from xharchive.errors import ArchiveError

FOLDER = "gallery"
PAGE = "index.html"
GENERATED_KINDS = ("screens", "previews")
"""Folders of files generated from a note: images that browsers can display, videos that they can play."""

THUMBNAIL_BOX = (360, 640)
"""The largest width and height of a thumbnail, in pixels."""

_EARLY_THUMBNAIL = re.compile(r"[0-9a-f]{64}\.webp(\.new)?")
_GENERATOR_MARK = b'<meta name="generator" content="xharchive">'


class GalleryPaths:
    """The paths of the gallery of the archive at `root`; `state` is the archive's state folder.

    Raises:
        OSError: a file or folder cannot be read, written or removed.
    """

    def __init__(self, root: ArchivePath, state: ArchivePath) -> None:
        self.index = root / PAGE
        self.folder = root / FOLDER
        self.thumbnails = self.folder / "thumbs"
        self._early = state / "thumbs"

    def thumbnail(self, note_id: str) -> ArchivePath:
        """Return the path of a note's thumbnail."""
        return self.thumbnails / f"{note_id}.webp"

    def early_thumbnail(self, sha256: str) -> ArchivePath:
        """Return the path of the thumbnail that was made with the derivative of an original."""
        return self._early / f"{sha256}.webp"

    def generated_folder(self, kind: str, note_id: str) -> ArchivePath:
        """Return the folder of the files of a kind (`GENERATED_KINDS`) generated from a note."""
        return self.folder / kind / note_id

    def generated_hash(self, note_id: str) -> str:
        """Return a hash of the names of the files generated from a note."""
        return short_hash(*(self.generated_folder(kind, note_id).entries() for kind in GENERATED_KINDS))

    def refuse_other_index(self) -> None:
        """Check that `index.html` is absent or was written by this program.

        Raises:
            ArchiveError: it is another file, or cannot be read.
        """
        with translate_os_errors(f"looking at {self.index}"):
            if not self.index.is_file():
                return
            with self.index.open() as file:
                head = file.read(4096)
        if head.strip(b"\0") and _GENERATOR_MARK not in head:  # a power cut left zeros of an older program
            raise ArchiveError(f"{self.index} is not the gallery's; move it, or keep the archive elsewhere")

    def makedirs(self) -> None:
        """Create the gallery's folders.

        Raises:
            ArchiveError: one of them is a link, which could lead outside; or a folder cannot be created.
        """
        for kind in GENERATED_KINDS:
            with translate_os_errors(f"looking at {self.folder / kind}"):
                (self.folder / kind).check_folders()
        with translate_os_errors(f"making {self.thumbnails}"):
            makedirs(self.thumbnails)

    def remove_note(self, note_id: str) -> None:
        """Remove the files generated from a note."""
        self.thumbnail(note_id).unlink(missing_ok=True)
        for kind in GENERATED_KINDS:
            self.generated_folder(kind, note_id).remove_tree()  # a NAS may keep folders of its own in it

    def remove_early_thumbnails(self) -> None:
        """Remove unused early thumbnails; ignore errors, because a leftover does no harm."""
        with suppress(OSError):
            for name in filter(_EARLY_THUMBNAIL.fullmatch, self._early.entries()):
                with suppress(OSError):
                    (self._early / name).unlink()
            self._early.rmdir()

    def remove_all_but(self, ids: set[str]) -> None:
        """Remove the files generated from notes other than these."""
        for name in self.thumbnails.entries():
            if name.endswith(".webp") and name.removesuffix(".webp") not in ids:
                (self.thumbnails / name).unlink()
        for folder in (self.folder / kind for kind in GENERATED_KINDS):
            for name in set(folder.entries()) - ids:
                (folder / name).remove_tree()


def size_of(path: str) -> int:
    """Return the size of a file in bytes, without following a link; 0 if there is none."""
    found = _status(path)
    return found.st_size if found else 0


def stamp_of(path: str) -> str:
    """Return a text that changes when the file changes; "" if there is none.

    It includes `st_ctime`: a program can restore size and modification time of a changed file, but not that.
    """
    found = _status(path)
    return f"{found.st_size}-{found.st_ctime_ns}" if found and stat.S_ISREG(found.st_mode) else ""


def _status(path: str) -> os.stat_result | None:
    with suppress(OSError):
        return lstat_or_none(path)
    return None


def short_hash(*parts: object) -> str:
    """Return a short hash of texts, or of lists of texts."""
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()[:16]
