"""What a run leaves for the next refresh: the mark that the gallery is stale, and early thumbnails.

This loads no pages and no templates, because a run without a gallery needs none.
"""

import asyncio
import os
from collections.abc import Callable

from xharchive.archive import Archive
from xharchive.archive_path import PRIVATE, translate_os_errors
from xharchive.cancel_shield import finish_before_cancel
from xharchive.gallery.paths import PAGE, THUMBNAIL_BOX, GalleryPaths
from xharchive.images import ThumbnailTarget

STALE_FILE = "gallery.stale"


async def early_thumbnail_targets(store: Archive) -> Callable[[str], ThumbnailTarget]:
    """Begin a run: remove the early thumbnails of earlier runs, and return where to write new ones.

    An early thumbnail is made together with a derivative, because the pixels are decoded already. The refresh
    after the run moves it into the gallery, and makes those that are missing. Early thumbnails of an earlier
    run may be damaged, so they are removed.

    Returns:
        A function from the SHA-256 of an original to the target of its thumbnail.
    """
    paths = GalleryPaths(store.folder, store.state)
    await finish_before_cancel(asyncio.to_thread(paths.remove_early_thumbnails))
    return lambda sha256: ThumbnailTarget(paths.early_thumbnail(sha256), *THUMBNAIL_BOX)


class StaleMark:
    """A file that marks the gallery as older than a committed note, also if the run is killed."""

    def __init__(self, store: Archive) -> None:
        self._file = store.state / STALE_FILE
        self._is_safe = False

    def set(self) -> None:
        """Write the mark durably. Blocking.

        Call it before the first commit of a run: after a power cut a committed note must not be without the
        mark. Several threads may call it at once; each returns after the mark is durable.

        Raises:
            ArchiveError: the mark cannot be written.
        """
        if self._is_safe:
            return
        with translate_os_errors("marking the gallery"):
            os.close(self._file.open_descriptor(os.O_WRONLY | os.O_CREAT, PRIVATE))
            self._file.parent.sync()
        self._is_safe = True


def is_stale(store: Archive) -> bool:
    """Whether there is no gallery, or a note was committed after its last refresh."""
    return (store.state / STALE_FILE).exists() or not (store.folder / PAGE).is_file()
