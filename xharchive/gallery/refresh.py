"""Refreshes the gallery: reads the notes that changed since the last refresh, and writes only their pages."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from xharchive import __version__
from xharchive.archive import Archive, PublishedNote
from xharchive.archive.note_md import may_be_outdated, write_if_outdated
from xharchive.archive_path import translate_os_errors
from xharchive.cancel_shield import finish_before_cancel
from xharchive.database import remove_database
from xharchive.errors import PermissionDenied
from xharchive.gallery import assets, pages
from xharchive.gallery.cache import CachedNote, DamagedCache, GalleryCache, NoteFiles, open_cache
from xharchive.gallery.formats import china_time
from xharchive.gallery.from_manifest import build_card
from xharchive.gallery.paths import PAGE, GalleryPaths, StaleMark, has_content, short_hash, stamp_of
from xharchive.gallery.thumbnails import ThumbnailMaker
from xharchive.gallery.write_pages import write_gallery
from xharchive.images import Converter
from xharchive.manifest import State

FORM = f"{__version__} {assets.VERSION}"
"""Version of the program and of the pages. Notes of another version are read and written again."""

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_ID_LENGTH = 24  # characters of a note id
_NOTES_A_BATCH = 32  # notes read, and waiting for an image worker, at once


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """Numbers of notes in the gallery, of pages written, of thumbnails and screen-sized images written.

    `closed` has one sentence for each note folder that this user may not read or write.
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
    paths = GalleryPaths(store)
    paths.makedirs()
    paths.refuse_other_index()
    images = ThumbnailMaker(converter, paths, use_early=after_a_run)
    refresh = partial(
        _refresh, store, paths, images, rebuild=rebuild, check_texts=not after_a_run, on_progress=on_progress
    )
    try:
        result = await refresh()
    except DamagedCache:
        remove_database(paths.cache)
        result = await refresh()
    await finish_before_cancel(asyncio.to_thread(paths.remove_early_thumbnails))
    with translate_os_errors("unmarking the gallery"):
        StaleMark(store).file.unlink(missing_ok=True)
    return result


async def _refresh(
    store: Archive,
    paths: GalleryPaths,
    images: ThumbnailMaker,
    *,
    rebuild: bool,
    check_texts: bool,  # of the notes: a run writes those of its own notes
    on_progress: Callable[[int, int], None],
) -> RefreshResult:
    with open_cache(paths.cache, rebuild=rebuild) as cache:
        notes = _Notes(store, cache, paths, check_texts=check_texts)
        await _read_changed(notes, cache, images, on_progress)
        await _in_thread(cache, notes.remove_missing)
        await _in_thread(cache, notes.write_texts, compare_all=rebuild)
        shown, written, closed = await _in_thread(cache, write_gallery, store, cache, paths, rebuild=rebuild)
    return RefreshResult(shown, written, images.written, tuple(dict.fromkeys((*notes.closed, *closed))))


async def _read_changed(
    notes: "_Notes", cache: GalleryCache, images: ThumbnailMaker, on_progress: Callable[[int, int], None]
) -> None:
    """Save the notes that changed in the cache, with their thumbnails; check all texts and pages."""
    changed = await _in_thread(cache, notes.find_changed)
    unread = cache.unread()
    for begin in range(0, changed, _NOTES_A_BATCH):
        on_progress(begin, changed)
        batch = await asyncio.to_thread(notes.read, list(islice(unread, _NOTES_A_BATCH)))
        making = asyncio.gather(*(images.refresh_note(note, notes.known(note)) for note in batch))
        if begin == 0:  # while the first image worker starts
            await _in_thread(cache, notes.check_texts_and_pages)
            await asyncio.to_thread(pages.load_templates)
        sizes = await making
        await _in_thread(cache, images.sync_names)  # before the cache records them
        await _in_thread(cache, notes.save, batch, sizes)
    if not changed:
        await _in_thread(cache, notes.check_texts_and_pages)


async def _in_thread(
    cache: GalleryCache, work: Callable[_P, _Result], *args: _P.args, **named: _P.kwargs
) -> _Result:
    """Call a function that uses the cache in a thread. Before a cancellation, await the end of the thread."""
    return await finish_before_cancel(asyncio.to_thread(work, *args, **named), cache.stop)


class _Notes:
    """The notes of the archive, compared with those in the cache. Its methods block.

    Attributes:
        closed: one sentence for each note folder or file that this user may not read or write.
    """

    def __init__(
        self, store: Archive, cache: GalleryCache, paths: GalleryPaths, *, check_texts: bool
    ) -> None:
        self.closed: list[str] = []
        self._check_texts = check_texts
        self._outdated_texts: dict[str, None] = {}  # folders, in the order of the cache
        self._store = store
        self._cache = cache
        self._paths = paths
        self._root, self._thumbnails = str(store.root), str(paths.thumbnails)  # made once: a million notes

    @contextmanager
    def _skip_closed(self) -> Iterator[None]:
        try:
            yield
        except PermissionDenied as problem:
            self.closed.append(str(problem))

    def find_changed(self) -> int:
        """Find the notes that must be read; return how many."""
        self._cache.forget([note.id for note in self._cache.notes() if self._lost_images(note)])
        return self._cache.compare(self._list_folders(), FORM)

    def check_texts_and_pages(self) -> None:
        """Find each `note.md` that looks outdated, and each page that is missing or changed on the disk."""
        changed: list[tuple[str, str, str]] = []
        for note_id, folder, stamp, page_stamp in self._cache.stamps():
            self._check_text(folder, stamp)
            if page_stamp and stamp_of(f"{self._root}/{folder}/{PAGE}") != page_stamp:
                changed.append(("", "", note_id))
        self._cache.mark_written(changed)

    def _check_text(self, folder: str, stamp: str) -> None:
        try:
            if self._check_texts and may_be_outdated(f"{self._root}/{folder}", stamp):
                self._outdated_texts[folder] = None
        except PermissionDenied as problem:
            self.closed.append(str(problem))

    def _lost_images(self, note: NoteFiles) -> bool:
        lost_thumbnail = note.width and not has_content(f"{self._thumbnails}/{note.id}.webp")
        return bool(lost_thumbnail) or (
            note.screens > 0 and note.screens > self._paths.count_screens(note.id)
        )

    def _list_folders(self) -> Iterator[tuple[str, str, str]]:
        """Yield each folder with a manifest, its note id and its manifest's stamp."""
        stamp_of_manifest = self._store.folders.stamp
        for folder, found in self._store.folders.search():
            try:
                stamp = found or stamp_of_manifest(folder)
                if not stamp:
                    continue
                note_id = self._find_note_id(folder, stamp) if found else folder[-_ID_LENGTH:]
            except PermissionDenied as problem:
                self.closed.append(str(problem))
                continue
            if note_id:
                yield folder, note_id, stamp

    def _find_note_id(self, folder: str, stamp: str) -> str:
        """Return the id of the note in a folder without it in its name: from the cache or the manifest."""
        known = self._cache.find(folder)
        if known is not None and known.stamp == stamp:
            return known.id
        published = self._store.folders.read(folder)
        return published.manifest.id.text if published else ""

    def read(self, folders: Iterable[str]) -> list[PublishedNote]:
        """Read the manifests in these folders."""
        notes: list[PublishedNote] = []
        for folder in folders:
            with self._skip_closed():
                published = self._store.folders.read(folder)
                if published is not None:
                    notes.append(published)
                    self._check_text(folder, published.stamp)
        return notes

    def known(self, note: PublishedNote) -> CachedNote | None:
        """Return what the cache has of a note, if it has it in the same folder."""
        found = self._cache.find(note.folder)
        return found if found is not None and found.id == note.manifest.id.text else None

    def save(self, notes: Iterable[PublishedNote], thumbnails: Iterable[tuple[int, int]]) -> None:
        """Save notes in the cache, with width and height of their thumbnails."""
        self._cache.save(map(self._entry, notes, thumbnails))

    def _entry(self, published: PublishedNote, thumbnail: tuple[int, int]) -> tuple[CachedNote, str]:
        """Return a note's entry in the cache, and its row in the index."""
        manifest, (width, height), known = published.manifest, thumbnail, self.known(published)
        href = f"gallery/thumbs/{manifest.id}.webp" if width else ""
        card = build_card(manifest, published.folder, (href, width, height))
        note = CachedNote(
            id=manifest.id.text,
            folder=published.folder,
            stamp=published.stamp,
            form=FORM,
            published=card.published,
            title=card.title,
            archived=china_time(manifest.archived),
            link=short_hash(published.folder, card.title),
            page=known.page if known else "",
            page_stamp=known.page_stamp if known else "",
            width=width,
            height=height,
            screens=self._paths.count_screens(manifest.id.text),
            empty=manifest.state is State.EMPTY,
        )
        return note, pages.card_row(card)

    def remove_missing(self) -> None:
        """Delete the notes whose folder is gone, after all others are saved: folders may be renamed."""
        for note_id in self._cache.removed():
            with translate_os_errors("removing the gallery's files of a note that is gone"):
                self._paths.remove_note(note_id)
            self._cache.delete(note_id)

    def write_texts(self, *, compare_all: bool) -> None:
        """Write each `note.md` again that differs; without `compare_all`, only those that look changed."""
        if not self._check_texts:
            return
        unfinished = {note_id.text for note_id in self._store.unfinished()}
        every = (folder for _, folder, _, _ in self._cache.stamps())
        for folder in every if compare_all else self._outdated_texts:
            with self._skip_closed():
                published = self._store.folders.read(folder)
                if published is not None and published.manifest.id.text not in unfinished:
                    write_if_outdated(self._store.folders.path(folder), published.manifest)
