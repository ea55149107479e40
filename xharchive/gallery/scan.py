"""Finds the notes whose manifest changed, by its stamp, and reads only those."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from xharchive import __version__
from xharchive.archive import ArchiveFolder, PublishedNote
from xharchive.cancel_shield import finish_before_cancel
from xharchive.errors import PermissionDenied
from xharchive.gallery import pages
from xharchive.gallery.from_manifest import build_card
from xharchive.gallery.gallery_cache import CachedNote, GalleryCache, ListedFolder
from xharchive.gallery.paths import PAGE, short_hash, size_of, stamp_of
from xharchive.gallery.thumbnails import ThumbnailMaker
from xharchive.manifest import State, as_timestamps

__all__ = ["FORM", "read_changed_notes"]

FORM = f"{__version__} {pages.VERSION}"
"""Version of the program and of the pages. Notes of another version are read and written again."""

_ID_LENGTH = 24  # characters of a note id
_NOTES_A_BATCH = 32  # notes read, and waiting for an image worker, at once


async def read_changed_notes(
    store: ArchiveFolder,
    cache: GalleryCache,
    pictures: ThumbnailMaker,
    on_progress: Callable[[int, int], None],
) -> list[str]:
    """Read new and changed manifests, make their thumbnails, and delete removed folders from the gallery.

    When it returns or raises, no thread uses the cache any more.

    Returns:
        One sentence for each note folder or manifest that this user may not read.

    Raises:
        ArchiveError: a file cannot be read or written.
    """
    closed: list[str] = []
    thumbs = str(pictures.paths.thumbnails)
    comparing = asyncio.to_thread(
        cache.compare,
        _list_folders(store, cache, closed),
        FORM,
        lambda note_id: size_of(f"{thumbs}/{note_id}.webp"),
    )
    changed = await finish_before_cancel(comparing, cache.stop)
    unread = cache.unread()
    for begin in range(0, changed, _NOTES_A_BATCH):
        on_progress(begin, changed)
        found = await asyncio.to_thread(_read_each, store, list(islice(unread, _NOTES_A_BATCH)), closed)
        published = [each for each in found if each is not None]
        thumbnails = asyncio.gather(
            *(pictures.refresh_note(each, cache.thumbnail_of(each.folder)) for each in published)
        )
        if begin == 0:  # while the first image worker starts, check the pages
            checking = asyncio.ensure_future(_check_pages(store, cache))
            await asyncio.gather(thumbnails, checking, return_exceptions=True)
            await checking
        sizes = await thumbnails
        await asyncio.to_thread(pictures.sync_names)
        with cache.batch():
            for each, size in zip(published, sizes, strict=True):
                cache.save(*_cache_entry(each, size))
    if not changed:
        await _check_pages(store, cache)
    for folder in cache.removed_folders():  # last: the id of a renamed folder has a new row by now
        if note_id := cache.delete_folder(folder):
            pictures.paths.remove_note(note_id)
    return closed


async def _check_pages(store: ArchiveFolder, cache: GalleryCache) -> None:
    """Mark pages that are missing or changed on disk, and load the templates."""
    root = str(store.root)

    def check() -> None:
        cache.check_pages(lambda folder: stamp_of(f"{root}/{folder}/{PAGE}"))
        pages.load_templates()

    await finish_before_cancel(asyncio.to_thread(check), cache.stop)


def _list_folders(store: ArchiveFolder, cache: GalleryCache, closed: list[str]) -> Iterator[ListedFolder]:
    """Yield the note folders; append a sentence to `closed` for each that this user may not read."""
    for folder, found in store.folders_with_fingerprints():
        try:
            stamp = found or store.stamp(folder)
            note_id = _find_note_id(store, cache, folder, found) if stamp else ""
        except PermissionDenied as problem:
            closed.append(str(problem))
            continue
        if note_id:
            yield ListedFolder(folder, note_id, stamp)


def _find_note_id(store: ArchiveFolder, cache: GalleryCache, folder: str, found: str) -> str:
    """Return the id of the note in a folder: from its name, the cache or the manifest."""
    if not found:
        return folder[-_ID_LENGTH:]
    if note_id := cache.find_note_id(folder, found):
        return note_id
    published = store.read(folder)
    return published.manifest.id.text if published else ""


def _read_each(store: ArchiveFolder, folders: Iterable[str], closed: list[str]) -> list[PublishedNote | None]:
    found: list[PublishedNote | None] = []
    for folder in folders:
        try:
            found.append(store.read(folder))
        except PermissionDenied as problem:
            closed.append(str(problem))
    return found


def _cache_entry(published: PublishedNote, thumbnail: tuple[int, int]) -> tuple[CachedNote, str]:
    """Return a note's entry in the cache, and its row in the index."""
    manifest = published.manifest
    width, height = thumbnail
    href = f"gallery/thumbs/{manifest.id}.webp"
    card = build_card(manifest, published.folder, (href, width, height) if width else ("", 0, 0))
    note = CachedNote(
        id=manifest.id.text,
        folder=published.folder,
        stamp=published.stamp,
        form=FORM,
        published=card.published,
        title=card.title,
        archived=(as_timestamps(manifest.archived) or {}).get("china", ""),
        page_hash=short_hash(FORM, published.folder, published.stamp),
        title_hash=short_hash(published.folder, card.title),
        width=width,
        height=height,
        empty=manifest.state is State.EMPTY,
    )
    return note, pages.card_row(card)
