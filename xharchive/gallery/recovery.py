"""Finds gallery files that a power cut damaged. They are not synced, so a file may have zeros or be cut.

The program cannot know how the machine stopped, so it checks all files once after each boot. It removes none:
a damaged file counts as missing and is written again.
"""

import os

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.gallery.paths import GalleryPaths, stamp_of
from xharchive.integrity import parse_structure

__all__ = ["DamageCheck", "stamp_if_intact"]

_TAIL = 32  # bytes: no image ends with as many zeros, and none is shorter


class DamageCheck:
    """Checks whether the generated images of a note are missing, cut, zeroed or unreadable."""

    def __init__(self, paths: GalleryPaths) -> None:
        self._paths = paths
        # Listed once: most notes have no screen-sized images.
        self._notes_with_screens = set((paths.folder / "screens").entries())

    def __call__(self, note_id: str, width: int, made: str) -> bool:
        """Whether a generated image of a note is damaged.

        Args:
            width: width of its thumbnail; 0 if it has none.
            made: recorded hash of its other generated files (`GalleryPaths.generated_hash`).
        """
        if width and not _is_intact(self._paths.thumbnail(note_id)):
            return True
        return bool(made or note_id in self._notes_with_screens) and self._is_screen_damaged(note_id, made)

    def _is_screen_damaged(self, note_id: str, made: str) -> bool:
        screens = self._paths.generated_folder("screens", note_id)
        try:
            if made and self._paths.generated_hash(note_id) != made:
                return True
            names = [name for name in screens.entries() if name.endswith(".webp")]
        except OSError:
            return True
        return not all(_is_intact(screens / name) for name in names)


def stamp_if_intact(page: ArchivePath) -> str:
    """Return the stamp of a page; "" if its first or last byte is zero, or it cannot be read."""
    try:
        with page.open() as file:
            if not file.seek(0, os.SEEK_END):
                return ""
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(0)
            return "" if b"\0" in (file.read(1), last) else stamp_of(str(page))
    except OSError:
        return ""


def _is_intact(picture: ArchivePath) -> bool:
    try:
        if not picture.is_file():
            return picture.exists()  # another program put something else there
        with picture.open() as file:
            if not parse_structure(file, media.WEBP).whole:
                return False
            file.seek(-_TAIL, os.SEEK_END)
            return any(file.read(_TAIL))
    except OSError:
        return False
