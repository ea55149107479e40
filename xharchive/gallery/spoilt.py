"""Finds what a power cut spoilt: nothing of a gallery is synced, so a name may stand over zeros or a half.

After the machine was started anew nobody knows how it had ended, so all is looked into, once a boot.
"""

import os
import stat
from itertools import chain
from pathlib import Path

from xharchive import media
from xharchive.disk import no_follow, ours
from xharchive.gallery.places import Places
from xharchive.media import Format
from xharchive.structure import examine

__all__ = ["remove_spoilt", "sound_size_of"]

_FORMATS = {".webp": media.WEBP, ".mp4": media.MP4}


def remove_spoilt(places: Places) -> None:
    """Remove the small pictures and previews that are not whole. Blocking.

    A picture for the screen takes its note's thumbnail along, for lack of which the note is read again.

    Raises:
        ArchiveError: the disk would not.
    """
    with ours("looking for what a power cut spoilt of the gallery"):
        for small in chain(places.thumbs.glob("*"), places.folder.glob("previews/*/*")):
            if _is_spoilt(small):
                small.unlink()
        for screen in places.folder.glob("screens/*/*"):
            if _is_spoilt(screen):
                screen.unlink()
                places.thumb(screen.parent.name).unlink(missing_ok=True)


def sound_size_of(path: str) -> int:
    """Return the size of a page in bytes; 0 if it is made of zeros, -1 if none is there."""
    try:
        with open(path, "rb", opener=no_follow) as file:
            return 0 if file.read(1) == b"\0" else os.fstat(file.fileno()).st_size
    except OSError:
        return -1


def _is_spoilt(path: Path) -> bool:
    found = _FORMATS.get(path.suffix)
    return found is not None and stat.S_ISREG(path.lstat().st_mode) and not _is_whole(path, found)


def _is_whole(path: Path, found: Format) -> bool:
    with open(path, "rb", opener=no_follow) as file:
        return examine(file, found).whole
