"""Finds the notes that changed by their manifests' stamps, and reads only those."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from xharchive import __version__
from xharchive.archive import ArchiveFolder, PublishedNote
from xharchive.errors import PermissionDenied
from xharchive.gallery.paths import PAGE, size_of, stamp_of, word_for
from xharchive.gallery.recovery import sound_stamp_of
from xharchive.gallery.thumbnails import SmallPictures
from xharchive.manifest import State, as_timestamps
from xharchive.shielded import finish_before_cancel
from xharchive.views.gallery import pages
from xharchive.views.gallery.from_manifest import card_of
from xharchive.views.gallery.gallery_cache import GalleryState, Listed, Shown

__all__ = ["FORM", "read_what_changed"]

FORM = f"{__version__} {pages.VERSION}"
"""Which program reads and writes: what another one has written is read and written again."""

_ID_LETTERS = 24  # of a note id
_AT_ONCE = 32  # notes that are read, and whose pictures wait for a worker, at one time


async def read_what_changed(
    store: ArchiveFolder,
    state: GalleryState,
    pictures: SmallPictures,
    tell: Callable[[int, int], None],
    *,
    looks_into: bool,
) -> list[str]:
    """Read manifests that are new or changed, make their small pictures, forget folders that are gone.

    Returns a sentence for each note folder or manifest that this user may not read.

    With `looks_into` pages are opened, since a power cut may have spoilt them. No thread is at work with the
    state any more when this is left, in whatever way.

    Raises:
        ArchiveError: the disk would not.
    """
    closed: list[str] = []
    thumbs = str(pictures.places.thumbs)
    comparing = asyncio.to_thread(
        state.compare,
        _listed(store, state, closed),
        FORM,
        lambda note_id: size_of(f"{thumbs}/{note_id}.webp"),
    )
    changed = await finish_before_cancel(comparing, state.stop)
    unread = state.unread()
    for begin in range(0, changed, _AT_ONCE):
        tell(begin, changed)
        found = await asyncio.to_thread(_read_each, store, list(islice(unread, _AT_ONCE)), closed)
        published = [each for each in found if each is not None]
        making = asyncio.gather(*(pictures.of_note(each, state.thumbed(each.folder)) for each in published))
        if begin == 0:  # the first picture waits for a worker to start: there is time for the pages
            looking = asyncio.ensure_future(_look_at_pages(store, state, looks_into=looks_into))
            await asyncio.gather(making, looking, return_exceptions=True)
            await looking
        sizes = await making
        with state.batch():
            for each, size in zip(published, sizes, strict=True):
                state.put(*_shown(each, size))
    if not changed:
        await _look_at_pages(store, state, looks_into=looks_into)
    for folder in state.gone():  # only now: a folder that was renamed is known by its id
        if note_id := state.forget(folder):
            pictures.places.forget(note_id)
    return closed


async def _look_at_pages(store: ArchiveFolder, state: GalleryState, *, looks_into: bool) -> None:
    """Find pages that are gone, or are not the files that were written; get ready to write them."""
    root = str(store.root)

    def stamp(folder: str) -> str:
        if looks_into:
            return sound_stamp_of(store.note_folder(folder) / PAGE)
        return stamp_of(f"{root}/{folder}/{PAGE}")

    def look() -> None:
        state.check_pages(stamp)
        pages.get_ready()

    await finish_before_cancel(asyncio.to_thread(look), state.stop)


def _listed(store: ArchiveFolder, state: GalleryState, closed: list[str]) -> Iterator[Listed]:
    """Yield the folders that hold notes; `closed` gets a sentence for each that this user may not read."""
    for folder, found in store.folders_with_fingerprints():
        try:
            stamp = found or store.stamp(folder)
            note_id = _note_in(store, state, folder, found) if stamp else ""
        except PermissionDenied as problem:
            closed.append(str(problem))
            continue
        if note_id:
            yield Listed(folder, note_id, stamp)


def _note_in(store: ArchiveFolder, state: GalleryState, folder: str, found: str) -> str:
    """Return the id of the note in a folder; it is read if neither its name nor the state tells the id."""
    if not found:
        return folder[-_ID_LETTERS:]
    if note_id := state.id_in(folder, found):
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


def _shown(published: PublishedNote, thumb: tuple[int, int]) -> tuple[Shown, str]:
    """Return a note as the gallery remembers it, and its row in the index."""
    manifest = published.manifest
    width, height = thumb
    href = f"gallery/thumbs/{manifest.id}.webp"
    card = card_of(manifest, published.folder, (href, width, height) if width else ("", 0, 0))
    shown = Shown(
        id=manifest.id.text,
        folder=published.folder,
        stamp=published.stamp,
        form=FORM,
        published=card.published,
        title=card.title,
        archived=(as_timestamps(manifest.archived) or {}).get("china", ""),
        seal=word_for(FORM, published.folder, published.stamp),
        face=word_for(published.folder, card.title),
        width=width,
        height=height,
        empty=manifest.state is State.EMPTY,
    )
    return shown, pages.card_row(card)
