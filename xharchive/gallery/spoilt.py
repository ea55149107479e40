"""Finds what a power cut spoilt: nothing of a gallery is synced, so a name may stand over zeros or a half.

After the machine was started anew nobody knows how it had ended, so all is looked into, once a boot. Nothing
is removed for it: what is not sound counts as lost, and is made again in its place.
"""

import os
import stat
from pathlib import Path

from xharchive import media
from xharchive.disk import open_left
from xharchive.gallery.places import Places, names_in
from xharchive.structure import examine

__all__ = ["Spoilt", "sound_size_of"]

_TAIL = 32  # bytes: no picture ends in so many zeros, and none is shorter


class Spoilt:
    """Tells of which notes a small picture is lost, cut, made of zeros, or cannot be read."""

    def __init__(self, places: Places) -> None:
        self._places = places
        # Most notes have no pictures for the screen: that is asked once, not for each note.
        self._having = set(names_in(places.folder / "screens"))

    def __call__(self, note_id: str, width: int, made: str) -> bool:
        """Whether something is spoilt of a note with a thumbnail of this width, 0: it has none.

        `made` is the word for what was made of its files besides (`Places.made_word`).
        """
        if width and not _is_whole(self._places.thumb(note_id)):
            return True
        return bool(made or note_id in self._having) and self._misses_a_screen(note_id, made)

    def _misses_a_screen(self, note_id: str, made: str) -> bool:
        screens = self._places.made("screens", note_id)
        if screens.is_symlink():
            return False  # nothing is made there
        try:
            if made and self._places.made_word(note_id) != made:
                return True
            names = [name for name in names_in(screens) if name.endswith(".webp")]
        except OSError:
            return True
        return not all(_is_whole(screens / name) for name in names)


def sound_size_of(path: str) -> int:
    """Return the bytes of a page; 0 if zeros stand where it begins or ends, -1 if it cannot be read."""
    try:
        with open(path, "rb", opener=_opened) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or not found.st_size:
                return 0
            first = file.read(1)
            file.seek(-1, os.SEEK_END)
            return 0 if b"\0" in (first, file.read(1)) else found.st_size
    except OSError:
        return -1


def _is_whole(picture: Path) -> bool:
    try:
        if not stat.S_ISREG(picture.lstat().st_mode):
            return True  # somebody put it there, and no power cut
        with open(picture, "rb", opener=_opened) as file:
            if not examine(file, media.WEBP).whole:
                return False
            file.seek(-_TAIL, os.SEEK_END)
            return any(file.read(_TAIL))
    except OSError:
        return False


def _opened(path: str, flags: int) -> int:
    return open_left(Path(path), flags)
