"""Refreshes the gallery: reads the notes that changed since the last refresh, and writes only their pages."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ParamSpec, TypeVar

from xharchive import __version__
from xharchive.archive import Archive, PublishedNote
from xharchive.archive.note_md import may_be_outdated, write_if_outdated
from xharchive.cancel_shield import finish_before_cancel
from xharchive.disk import translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery import pages
from xharchive.gallery.cache import CachedNote, GalleryCache, ListedFolder, open_cache
from xharchive.gallery.from_manifest import build_card
from xharchive.gallery.paths import GalleryPaths, size_of
from xharchive.gallery.stale_mark import STALE_FILE
from xharchive.gallery.thumbnails import ThumbnailMaker
from xharchive.gallery.write_pages import write_gallery
from xharchive.images import Converter
from xharchive.manifest import State

FORM = f"{__version__} {pages.VERSION}"
"""Version of the program and of the pages. Notes of another version are read and written again."""

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_CACHE_FILE = "gallery.sqlite3"
_ID_LENGTH = 24  # characters of a note id
_NOTES_A_BATCH = 32  # notes read, and waiting for an image worker, at once


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
    store: Archive,
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
    images = ThumbnailMaker(converter, paths, use_early=after_a_run)
    with open_cache(store.state / _CACHE_FILE, rebuild=rebuild) as cache:
        reader = _NoteReader(store, cache, paths)
        changed = await _in_thread(cache, reader.compare)
        unread = cache.unread()
        for begin in range(0, changed, _NOTES_A_BATCH):
            on_progress(begin, changed)
            notes = await asyncio.to_thread(reader.read, list(islice(unread, _NOTES_A_BATCH)))
            making = asyncio.gather(*(images.refresh_note(note, reader.known(note)) for note in notes))
            # The templates are loaded while the first image worker starts.
            sizes, _ = await asyncio.gather(making, asyncio.to_thread(pages.load_templates))
            await _in_thread(cache, images.sync_names)  # before the cache records them
            await _in_thread(cache, reader.save, notes, sizes)
        await _in_thread(cache, reader.remove_missing)
        if not after_a_run:  # a run writes the texts of its own notes
            await _in_thread(cache, reader.refresh_texts, compare_all=rebuild)
        written = await _in_thread(cache, write_gallery, store, cache, paths, rebuild=rebuild)
    await finish_before_cancel(asyncio.to_thread(paths.remove_early_thumbnails))
    with translate_os_errors("unmarking the gallery"):
        (store.state / STALE_FILE).unlink(missing_ok=True)
    closed = tuple(dict.fromkeys((*reader.closed, *written.closed)))
    return RefreshResult(written.notes, written.pages, images.written, closed)


async def _in_thread(
    cache: GalleryCache, work: Callable[_P, _Result], *args: _P.args, **named: _P.kwargs
) -> _Result:
    """Call a function that uses the cache in a thread. Before a cancellation, await the end of the thread."""
    return await finish_before_cancel(asyncio.to_thread(work, *args, **named), cache.stop)


class _NoteReader:
    """Finds the notes whose manifest changed, reads them and saves them in the cache. Its methods block.

    Attributes:
        closed: one sentence for each note folder or file that this user may not read or write.
    """

    def __init__(self, store: Archive, cache: GalleryCache, paths: GalleryPaths) -> None:
        self.closed: list[str] = []
        self._store = store
        self._cache = cache
        self._paths = paths

    def compare(self) -> int:
        """Find the notes that must be read; return how many."""
        thumbs = str(self._paths.thumbnails)
        known = (note for note in self._cache.notes() if note.width)
        self._cache.forget([note.id for note in known if not size_of(f"{thumbs}/{note.id}.webp")])
        return self._cache.compare(self._list_folders(), FORM)

    def _list_folders(self) -> Iterator[ListedFolder]:
        for folder, found in self._store.folders.search():
            try:
                stamp = found or self._store.folders.stamp(folder)
                note_id = self._find_note_id(folder, found) if stamp else ""
            except PermissionDenied as problem:
                self.closed.append(str(problem))
                continue
            if note_id:
                yield ListedFolder(folder, note_id, stamp)

    def _find_note_id(self, folder: str, found: str) -> str:
        """Return the id of the note in a folder: from its name, the cache or the manifest."""
        if not found:
            return folder[-_ID_LENGTH:]
        known = self._cache.find(folder)
        if known is not None and known.stamp == found:
            return known.id
        published = self._store.folders.read(folder)
        return published.manifest.id.text if published else ""

    def read(self, folders: Iterable[str]) -> list[PublishedNote]:
        """Read the manifests in these folders."""
        notes: list[PublishedNote] = []
        for folder in folders:
            try:
                published = self._store.folders.read(folder)
            except PermissionDenied as problem:
                self.closed.append(str(problem))
                continue
            notes += [published] if published is not None else []
        return notes

    def save(self, notes: Iterable[PublishedNote], thumbnails: Iterable[tuple[int, int]]) -> None:
        """Save notes in the cache.

        Args:
            thumbnails: width and height of each note's thumbnail; (0, 0) if it has none.
        """
        pairs = zip(notes, thumbnails, strict=True)
        self._cache.save(_cache_entry(note, size, self.known(note)) for note, size in pairs)

    def known(self, note: PublishedNote) -> CachedNote | None:
        """Return what the cache has of a note, if it has it in the same folder."""
        found = self._cache.find(note.folder)
        return found if found is not None and found.id == note.manifest.id.text else None

    def remove_missing(self) -> None:
        """Delete the notes whose folder is gone, after all others are saved: folders may be renamed."""
        for note_id in self._cache.removed():
            with translate_os_errors("removing the gallery's files of a note that is gone"):
                self._paths.remove_note(note_id)
            self._cache.delete(note_id)

    def refresh_texts(self, *, compare_all: bool) -> None:
        """Write each `note.md` again that differs from its manifest.

        Args:
            compare_all: compare all, not only those that are missing, empty or newer than their manifest.
        """
        unfinished = {note_id.text for note_id in self._store.unfinished()}
        for note in self._cache.notes():
            try:
                if not (compare_all or may_be_outdated(f"{self._store.root}/{note.folder}", note.stamp)):
                    continue
                published = self._store.folders.read(note.folder)
                if published is not None and published.manifest.id.text not in unfinished:
                    write_if_outdated(self._store.folders.path(note.folder), published.manifest)
            except PermissionDenied as problem:
                self.closed.append(str(problem))


def _cache_entry(
    published: PublishedNote, thumbnail: tuple[int, int], known: CachedNote | None
) -> tuple[CachedNote, str]:
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
        archived=pages.china_time(manifest.archived),
        page=known.page if known else "",
        page_stamp=known.page_stamp if known else "",
        width=width,
        height=height,
        empty=manifest.state is State.EMPTY,
    )
    return note, pages.card_row(card)
