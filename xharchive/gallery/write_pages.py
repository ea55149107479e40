"""Puts the pages and the index on the disk, as far as they changed."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.archive import ArchiveFolder, PublishedNote
from xharchive.archive_path import ArchivePath
from xharchive.disk import atomic_replace, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery.paths import FOLDER, KINDS, PAGE, Places, stamp_of
from xharchive.integrity import decode_subtitle
from xharchive.manifest import Role
from xharchive.media import AssetKind
from xharchive.views.gallery import pages, shards
from xharchive.views.gallery.from_manifest import Extras, folder_href, page_of, root_href
from xharchive.views.gallery.gallery_cache import GalleryState
from xharchive.views.gallery.page_model import Neighbour

__all__ = ["Written", "write_gallery"]

_Item = TypeVar("_Item")

_PAGES_A_BATCH = 500
_LARGEST_TEXT = 2 * 1024 * 1024  # of a subtitle that is shown with its video


@dataclass(frozen=True, slots=True)
class Written:
    """The notes that are shown, the pages that were written, and why others could not be."""

    notes: int
    pages: int
    closed: tuple[str, ...] = ()


def write_gallery(store: ArchiveFolder, state: GalleryState, places: Places, *, rebuild: bool) -> Written:
    """Write what changed; after a rebuild remove what no note has any more. Blocking.

    Raises:
        ArchiveError: the disk would not.
    """
    with translate_os_errors("writing the gallery"):
        for name, content in pages.static_files():
            _write(places.folder / name, content)
        note_pages = _Pages(store, state, places)
        written = note_pages.write()
        notes = _write_index(state, places)
        if rebuild:
            places.forget_all_but(state.ids())
    return Written(notes, written, tuple(note_pages.closed))


class _Pages:
    """The page in each note's folder."""

    def __init__(self, store: ArchiveFolder, state: GalleryState, places: Places) -> None:
        self._store = store
        self._state = state
        self._places = places
        self.closed: list[str] = []
        # Most notes have nothing made of them: that is asked once, not for each note.
        self._having = {kind: set((places.folder / kind).entries()) for kind in KINDS}

    def write(self) -> int:
        """Write those that are missing, cut, or made of something else; return how many."""
        self._look_at_what_was_made()
        written = 0
        for batch in _chunks(self._state.due(), _PAGES_A_BATCH):
            done = [(note.id, note.made_of, self._page_if_permitted(note.id)) for note in batch]
            with self._state.batch():
                for note_id, made_of, stamp in done:
                    self._state.written(note_id, made_of, stamp)
            written += len(done)
        return written

    def _look_at_what_was_made(self) -> None:
        """Have the state know which screens and previews there are: pages show them."""
        known = self._state.made()
        made = {
            note_id: self._places.made_word(note_id) for note_id in set(known).union(*self._having.values())
        }
        with self._state.batch():
            self._state.remember_made(item for item in made.items() if item[1] != known.get(item[0], ""))

    def _page_if_permitted(self, note_id: str) -> str:
        try:
            with translate_os_errors(
                f"writing {self._store.note_folder(self._state.between(note_id).folder) / PAGE}"
            ):
                return self._write_page(note_id)
        except PermissionDenied as problem:
            self.closed.append(str(problem))
            return ""

    def _write_page(self, note_id: str) -> str:
        """Write the page of a note, unless it is there, and return its stamp; "" if there is no such note."""
        beside = self._state.between(note_id)
        published = self._store.read(beside.folder)
        if published is None:
            return ""
        root = root_href(beside.folder)
        newer, older = _neighbour(beside.newer, root), _neighbour(beside.older, root)
        page = page_of(published.manifest, self._extras(published), newer, older, root)
        content = pages.note_page(page).encode()
        folder = self._store.note_folder(beside.folder)
        with folder.preserve_times():  # they show when the note was published
            _write(folder / PAGE, content)
        return stamp_of(str(folder / PAGE))

    def _extras(self, published: PublishedNote) -> Extras:
        manifest, folder = published.manifest, self._store.note_folder(published.folder)
        texts = {
            entry.path: decode_subtitle((folder / entry.path).read_bytes(_LARGEST_TEXT)) or ""
            for entry in manifest.files
            if entry.slot.kind is AssetKind.SUBTITLE and entry.role is Role.ORIGINAL
            # A file of another size than the manifest says may be of any size.
            if entry.size <= _LARGEST_TEXT and self._store.is_there(published.folder, entry.path, entry.size)
        }
        return Extras(
            texts,
            self._made("screens", published, ".webp"),
            self._made("previews", published, ".mp4"),
        )

    def _made(self, kind: str, published: PublishedNote, suffix: str) -> dict[str, str]:
        """The hrefs of what was made beside a note, by the path of the file that it was made of."""
        manifest, root = published.manifest, root_href(published.folder)
        if manifest.id.text not in self._having[kind]:
            return {}
        made = self._places.made(kind, manifest.id.text)
        return {
            entry.path: f"{root}{FOLDER}/{kind}/{manifest.id}/{entry.path}{suffix}"
            for entry in manifest.files
            if (made / f"{entry.path}{suffix}").is_file()
        }


def _write_index(state: GalleryState, places: Places) -> int:
    """Write the data files and the index that names them, remove data files that it does not name."""
    notes, names = 0, []
    for name, rows in shards.divided(state.cards()):
        _write(places.folder / name, pages.shard(rows).encode())
        names.append(name)
        notes += len(rows)
    hrefs = [f"{FOLDER}/{name}" for name in names]
    _write(places.index, pages.index_page(hrefs, notes, state.newest()).encode())
    for stale in set(places.folder.entries()).difference(names):
        if shards.is_name(stale):
            (places.folder / stale).unlink()
    return notes


def _neighbour(note: tuple[str, str] | None, root: str) -> Neighbour | None:
    return Neighbour(f"{root}{folder_href(note[0])}index.html", note[1]) if note else None


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _write(path: ArchivePath, content: bytes) -> None:
    """Write a file unless it is there with just these bytes."""
    with suppress(OSError):
        if path.read_bytes(len(content)) == content:
            return
    atomic_replace(path, content, durable=False)
