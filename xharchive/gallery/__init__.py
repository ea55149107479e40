"""Refreshes the gallery: finds the notes that changed since the last refresh and writes only their pages.

`scan` finds and reads changed manifests, `thumbnails` makes images that browsers can display, `write_pages`
writes pages and index, `paths` names the files.

The pages open from the disk, without a server or network: `page_model` defines the values on a page,
`from_manifest` takes them from a manifest, `pages` writes the HTML, `gallery_cache` records what was written
from which manifest.

A file is synced before it gets its name, and its folder before the cache records it: what the cache says is
on the disk, also after a power cut. Originals and manifests are only read.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from xharchive.archive import ArchiveFolder
from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.cancel_shield import finish_before_cancel
from xharchive.disk import translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery.gallery_cache import GalleryCache, open_cache
from xharchive.gallery.paths import PAGE, GalleryPaths
from xharchive.gallery.scan import read_changed_notes
from xharchive.gallery.thumbnails import THUMBNAIL_BOX, ThumbnailMaker
from xharchive.gallery.write_pages import write_gallery
from xharchive.images import Converter, ThumbnailTarget
from xharchive.models import NoteId
from xharchive.note_markdown import may_be_outdated, write_if_outdated

__all__ = [
    "RefreshResult",
    "StaleMark",
    "early_thumbnail_targets",
    "generated_folder",
    "is_stale",
    "refresh_gallery",
]

_CACHE_FILE = "gallery.sqlite3"
_STALE_FILE = "gallery.stale"


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """The result of a refresh.

    Attributes:
        notes: notes in the gallery.
        pages: pages written.
        pictures: thumbnails and screen-sized images written.
        closed: one sentence for each note folder that this user may not read or write.
    """

    notes: int
    pages: int
    pictures: int
    closed: tuple[str, ...] = ()


async def refresh_gallery(
    store: ArchiveFolder,
    converter: Converter,
    *,
    rebuild: bool = False,
    after_a_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda _through, _of: None,
) -> RefreshResult:
    """Bring the gallery of a locked archive up to date.

    Args:
        rebuild: write everything again.
        after_a_run: the early thumbnails are from this run: use them.
        on_progress: called with the number of changed notes that are done, and the number of all.

    Raises:
        ArchiveError: a file cannot be read or written.
    """
    paths = GalleryPaths(store.folder, store.state)
    paths.makedirs()
    paths.refuse_other_index()
    closed: list[str] = []
    pictures = ThumbnailMaker(converter, paths, use_early=after_a_run)
    with open_cache(store.state / _CACHE_FILE, rebuild=rebuild) as cache:
        closed += await read_changed_notes(store, cache, pictures, on_progress)
        if not after_a_run:  # a run writes the texts of its own notes
            refreshing = asyncio.to_thread(_refresh_texts, store, cache, compare_all=rebuild)
            closed += await finish_before_cancel(refreshing, cache.stop)
        writing = asyncio.to_thread(write_gallery, store, cache, paths, rebuild=rebuild)
        written = await finish_before_cancel(writing, cache.stop)
    await finish_before_cancel(asyncio.to_thread(paths.remove_early_thumbnails))
    with translate_os_errors("unmarking the gallery"):
        (store.state / _STALE_FILE).unlink(missing_ok=True)
    unique = tuple(dict.fromkeys((*closed, *written.closed)))
    return RefreshResult(written.notes, written.pages, pictures.written, unique)


def _refresh_texts(store: ArchiveFolder, cache: GalleryCache, *, compare_all: bool) -> list[str]:
    """Write each `note.md` again that differs from its manifest. Blocking.

    Args:
        compare_all: compare all of them, not only those that are missing, empty or newer than their manifest.

    Returns:
        One sentence for each file that this user may not read or write.
    """
    unfinished = {note_id.text for note_id in store.unfinished()}
    closed: list[str] = []
    for folder, stamp in cache.stamps():
        try:
            if not (compare_all or may_be_outdated(f"{store.root}/{folder}", stamp)):
                continue
            published = store.read(folder)
            if published is not None and published.manifest.id.text not in unfinished:
                write_if_outdated(store.note_folder(folder), published.manifest)
        except PermissionDenied as problem:
            closed.append(str(problem))
    return closed


def generated_folder(store: ArchiveFolder, kind: str, note_id: NoteId) -> ArchivePath:
    """Return the folder of the files that the gallery generated from a note.

    Args:
        kind: "screens" or "previews".

    Raises:
        ArchiveError: one of the gallery's folders is a link.
    """
    paths = GalleryPaths(store.folder, store.state)
    paths.makedirs()
    return paths.generated_folder(kind, note_id.text)


async def early_thumbnail_targets(store: ArchiveFolder) -> Callable[[str], ThumbnailTarget]:
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

    def __init__(self, store: ArchiveFolder) -> None:
        self._file = store.state / _STALE_FILE
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


def is_stale(store: ArchiveFolder) -> bool:
    """Whether there is no gallery, or a note was committed after its last refresh."""
    return (store.state / _STALE_FILE).exists() or not (store.folder / PAGE).is_file()
