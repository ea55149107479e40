"""Finds the notes that changed by their manifests' stamps, and reads only those."""

import asyncio
from collections.abc import Callable, Iterator

from xharchive import __version__
from xharchive.gallery.places import size_of, word_for
from xharchive.gallery.small_pictures import SmallPictures
from xharchive.manifest import State, instant
from xharchive.stores import PosixStore, Published
from xharchive.views.gallery import pages
from xharchive.views.gallery.reading import card_of
from xharchive.views.gallery.state import GalleryState, Known, Shown

__all__ = ["FORM", "read_what_changed"]

FORM = f"{__version__} {pages.VERSION}"
"""Which program reads and writes: what another one has written is read and written again."""

_ID_LETTERS = 24  # with which the folder of a note ends
_AT_ONCE = 32  # notes that are read, and whose pictures wait for a worker, at one time


async def read_what_changed(
    store: PosixStore, state: GalleryState, pictures: SmallPictures, tell: Callable[[int, int], None]
) -> None:
    """Read manifests that are new or changed, make their small pictures, forget folders that are gone.

    Raises:
        ArchiveError: the disk would not.
    """
    known = state.known(FORM)
    changed, gone = await asyncio.to_thread(_look, store, known, str(pictures.places.thumbs))
    # The first picture waits for a worker to start: there is time for what is to be done anyway.
    _, lost = await asyncio.gather(
        _read(store, state, pictures, known, changed, tell),
        asyncio.to_thread(_meanwhile, known, str(store.root)),
    )
    with state.batch():
        state.lost_pages(lost)
    for folder in gone:  # last: a folder that was renamed is known by its id now
        if note_id := state.forget(folder):
            pictures.places.forget(note_id)


async def _read(
    store: PosixStore,
    state: GalleryState,
    pictures: SmallPictures,
    known: dict[str, Known],
    changed: list[str],
    tell: Callable[[int, int], None],
) -> None:
    for begin in range(0, len(changed), _AT_ONCE):
        tell(begin, len(changed))
        batch = changed[begin : begin + _AT_ONCE]
        found = await asyncio.to_thread(list, map(store.read, batch))
        published = [each for each in found if each is not None]
        sizes = await asyncio.gather(*(pictures.of_note(each, known.get(each.folder)) for each in published))
        with state.batch():
            for each, size in zip(published, sizes, strict=True):
                state.put(*_shown(each, size))


def _look(store: PosixStore, known: dict[str, Known], thumbs: str) -> tuple[list[str], set[str]]:
    """Return the folders that are to be read, ordered by name, and those that are notes no more."""
    changed, gone = [], set(known)
    for folder, stamp in _one_of_each(store):
        gone.discard(folder)
        before = known.get(folder)
        if before is None or not _is_as_it_was(before, stamp, thumbs):
            changed.append(folder)
    return changed, gone


def _one_of_each(store: PosixStore) -> Iterator[tuple[str, str]]:
    """Yield each note's folder and stamp; of two folders with one note, as copies are, the first by name."""
    ids = set()
    for folder in sorted(store.folders()):
        note_id = folder[-_ID_LETTERS:]
        if note_id not in ids and (stamp := store.stamp(folder)):
            ids.add(note_id)
            yield folder, stamp


def _meanwhile(known: dict[str, Known], root: str) -> list[str]:
    """Return the ids of notes whose page is gone, or was cut by a power cut; get ready to write pages."""
    lost = [
        each.id
        for each in known.values()
        if each.size >= 0 and size_of(f"{root}/{each.folder}/index.html") != each.size
    ]
    pages.get_ready()
    return lost


def _is_as_it_was(known: Known, stamp: str, thumbs: str) -> bool:
    """Whether a manifest was read as it is, and the thumbnail made of it, if any, is still there."""
    same = known.current and known.stamp == stamp
    return same and (not known.width or size_of(f"{thumbs}/{known.id}.webp") > 0)


def _shown(published: Published, thumb: tuple[int, int]) -> tuple[Shown, str]:
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
        archived=(instant(manifest.archived) or {}).get("china", ""),
        seal=word_for(FORM, published.folder, published.stamp),
        face=word_for(published.folder, card.title),
        width=width,
        height=height,
        empty=manifest.state is State.EMPTY,
    )
    return shown, pages.card_row(card)
