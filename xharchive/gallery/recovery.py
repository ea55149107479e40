"""Finds what a power cut spoilt: nothing of a gallery is synced, so a name may stand over zeros or a half.

After the machine was started anew nobody knows how it had ended, so all is looked into, once a boot. Nothing
is removed for it: what is not sound counts as lost, and is made again in its place.
"""

import os

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.gallery.paths import Places, stamp_of
from xharchive.integrity import parse_structure

__all__ = ["Spoilt", "sound_stamp_of"]

_TAIL = 32  # bytes: no picture ends in so many zeros, and none is shorter


class Spoilt:
    """Tells of which notes a small picture is lost, cut, made of zeros, or cannot be read."""

    def __init__(self, places: Places) -> None:
        self._places = places
        # Most notes have no pictures for the screen: that is asked once, not for each note.
        self._having = set((places.folder / "screens").entries())

    def __call__(self, note_id: str, width: int, made: str) -> bool:
        """Whether something is spoilt of a note with a thumbnail of this width, 0: it has none.

        `made` is the word for what was made of its files besides (`Places.made_word`).
        """
        if width and not _is_whole(self._places.thumb(note_id)):
            return True
        return bool(made or note_id in self._having) and self._misses_a_screen(note_id, made)

    def _misses_a_screen(self, note_id: str, made: str) -> bool:
        screens = self._places.made("screens", note_id)
        try:
            if made and self._places.made_word(note_id) != made:
                return True
            names = [name for name in screens.entries() if name.endswith(".webp")]
        except OSError:
            return True
        return not all(_is_whole(screens / name) for name in names)


def sound_stamp_of(page: ArchivePath) -> str:
    """Return the stamp of a page; "" if zeros stand where it begins or ends, or it cannot be read."""
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


def _is_whole(picture: ArchivePath) -> bool:
    try:
        if not picture.is_file():
            return picture.exists()  # somebody put something else there, and no power cut
        with picture.open() as file:
            if not parse_structure(file, media.WEBP).whole:
                return False
            file.seek(-_TAIL, os.SEEK_END)
            return any(file.read(_TAIL))
    except OSError:
        return False
