"""Names the gallery's files, checks that they belong to the gallery, and marks a gallery as stale.

This loads no pages and no templates, because a run without a gallery needs none.
"""

import asyncio
import hashlib
import os
import re
import stat
from contextlib import suppress

from xharchive.archive import Archive
from xharchive.archive_path import PRIVATE, ArchivePath, lstat_or_none, makedirs, translate_os_errors
from xharchive.cancel_shield import finish_before_cancel
from xharchive.errors import ArchiveError
from xharchive.images import ThumbnailFolder, ThumbnailTarget

FOLDER = "gallery"
PAGE = "index.html"
GENERATED_KINDS = ("screens", "previews")
"""Folders of files generated from a note: images that browsers can display, videos that they can play."""

_THUMBNAIL_BOX = (360, 640)  # largest width and height in pixels
_EARLY_THUMBNAIL = re.compile(r"[0-9a-f]{64}\.webp(\.new)?")
_GENERATOR_MARK = b'<meta name="generator" content="xharchive">'


class GalleryPaths:
    """The paths of an archive's gallery.

    Attributes:
        early_thumbnails: for the thumbnails that a run makes together with a derivative, from the decoded
            pixels. The refresh after the run moves them into the gallery, and makes those that are missing.

    Raises:
        OSError: a file or folder cannot be read, written or removed.
    """

    def __init__(self, store: Archive) -> None:
        self.index = store.folder / PAGE
        self.folder = store.folder / FOLDER
        self.thumbnails = self.folder / "thumbs"
        self.cache = store.state / "gallery.sqlite3"
        self.early_thumbnails = ThumbnailFolder(store.state / "thumbs", *_THUMBNAIL_BOX)

    def thumbnail(self, note_id: str) -> ThumbnailTarget:
        return ThumbnailTarget(self.thumbnails / f"{note_id}.webp", *_THUMBNAIL_BOX)

    def generated_folder(self, kind: str, note_id: str) -> ArchivePath:
        """Return the folder of a note's files of a kind (`GENERATED_KINDS`)."""
        return self.folder / kind / note_id

    def count_screens(self, note_id: str) -> int:
        """Return the number of screen-sized images of a note. Raises ArchiveError."""
        folder = self.generated_folder("screens", note_id)
        with translate_os_errors(f"looking into {folder}"):
            return sum(has_content(f"{folder}/{name}") for name in folder.entries())

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
        self.thumbnail(note_id).path.unlink(missing_ok=True)
        for kind in GENERATED_KINDS:
            self.generated_folder(kind, note_id).remove_tree()  # a NAS may keep folders of its own in it

    def remove_early_thumbnails(self) -> None:
        """Remove unused early thumbnails; ignore errors, because a leftover does no harm."""
        folder = self.early_thumbnails.path
        with suppress(OSError):
            for name in filter(_EARLY_THUMBNAIL.fullmatch, folder.entries()):
                with suppress(OSError):
                    (folder / name).unlink()
            folder.rmdir()

    def remove_all_but(self, ids: set[str]) -> None:
        """Remove the files generated from notes other than these."""
        for name in self.thumbnails.entries():
            if name.endswith(".webp") and name.removesuffix(".webp") not in ids:
                (self.thumbnails / name).unlink()
        for folder in (self.folder / kind for kind in GENERATED_KINDS):
            for name in set(folder.entries()) - ids:
                (folder / name).remove_tree()


async def prepare_early_thumbnails(store: Archive) -> ThumbnailFolder:
    """Remove the early thumbnails of earlier runs, which may be damaged; return the folder for new ones."""
    paths = GalleryPaths(store)
    await finish_before_cancel(asyncio.to_thread(paths.remove_early_thumbnails))
    return paths.early_thumbnails


class StaleMark:
    """A file that marks the gallery as older than a committed note, also if the run is killed."""

    def __init__(self, store: Archive) -> None:
        self.file = store.state / "gallery.stale"
        self._is_safe = False

    def set(self) -> None:
        """Write the mark durably. Blocking.

        Call it before the first commit of a run: after a power cut a committed note must not be without the
        mark. Several threads may call it at once; each returns after the mark is durable.

        Raises:
            ArchiveError: the mark cannot be written.
        """
        if not self._is_safe:
            with translate_os_errors("marking the gallery"):
                os.close(self.file.open_descriptor(os.O_WRONLY | os.O_CREAT, PRIVATE))
                self.file.parent.sync()
            self._is_safe = True


def is_stale(store: Archive) -> bool:
    """Whether there is no gallery, or a note was committed after its last refresh."""
    return StaleMark(store).file.exists() or not (store.folder / PAGE).is_file()


def has_content(path: str) -> bool:
    """Whether there is a file that is not empty."""
    found = _status(path)
    return found is not None and found.st_size > 0


def stamp_of(path: str) -> str:
    """Return a text that changes when the file changes; "" if there is none.

    It includes `st_ctime`: a program can restore size and modification time of a changed file, but not that.
    """
    found = _status(path)
    return f"{found.st_size}-{found.st_ctime_ns}" if found and stat.S_ISREG(found.st_mode) else ""


def _status(path: str) -> os.stat_result | None:
    try:
        return lstat_or_none(path)
    except OSError:
        return None


def short_hash(*parts: str) -> str:
    """Return a short hash of texts without zero bytes."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
