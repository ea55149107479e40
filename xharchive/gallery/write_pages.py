"""Writes the pages and the index that changed."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from xharchive.archive import ArchiveFolder, PublishedNote
from xharchive.archive_path import ArchivePath
from xharchive.disk import atomic_replace, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery import pages, shards
from xharchive.gallery.from_manifest import Extras, build_page, folder_href, root_href
from xharchive.gallery.gallery_cache import GalleryCache
from xharchive.gallery.page_model import Neighbour
from xharchive.gallery.paths import FOLDER, GENERATED_KINDS, PAGE, GalleryPaths, stamp_of
from xharchive.integrity import decode_subtitle
from xharchive.manifest import Role
from xharchive.media import AssetKind

__all__ = ["WriteResult", "write_gallery"]

_Item = TypeVar("_Item")

_PAGES_A_BATCH = 500
_LARGEST_SUBTITLE = 2 * 1024 * 1024  # bytes of a subtitle file


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The number of notes in the gallery, the number of pages written, and a sentence for each failure."""

    notes: int
    pages: int
    closed: tuple[str, ...] = ()


def write_gallery(
    store: ArchiveFolder, cache: GalleryCache, paths: GalleryPaths, *, rebuild: bool
) -> WriteResult:
    """Write the pages and the index that changed. Blocking.

    Args:
        rebuild: remove generated files of notes that are not in the gallery any more.

    Raises:
        ArchiveError: a file cannot be written.
    """
    with translate_os_errors("writing the gallery"):
        for name, content in pages.static_files():
            _write(paths.folder / name, content)
        note_pages = _PageWriter(store, cache, paths)
        written = note_pages.write_stale()
        notes = _write_index(cache, paths)
        if rebuild:
            paths.remove_all_but(cache.ids())
        for folder in (paths.folder, paths.index.parent):
            folder.sync()
    return WriteResult(notes, written, tuple(note_pages.closed))


class _PageWriter:
    """Writes the page in each note folder."""

    def __init__(self, store: ArchiveFolder, cache: GalleryCache, paths: GalleryPaths) -> None:
        self._store = store
        self._cache = cache
        self._paths = paths
        self.closed: list[str] = []
        # Listed once: most notes have no generated files.
        self._notes_with = {kind: set((paths.folder / kind).entries()) for kind in GENERATED_KINDS}

    def write_stale(self) -> int:
        """Write the pages that are missing, damaged or outdated; return how many."""
        self._record_generated_files()
        written = 0
        for batch in _batches(self._cache.stale_pages(), _PAGES_A_BATCH):
            done = [(note.id, note.inputs, self._page_if_permitted(note.id)) for note in batch]
            with self._cache.batch():
                for note_id, inputs, stamp in done:
                    self._cache.mark_written(note_id, inputs, stamp)
            written += len(done)
        return written

    def _record_generated_files(self) -> None:
        """Record in the cache which generated files exist, because pages link to them."""
        known = self._cache.generated()
        found = {
            note_id: self._paths.generated_hash(note_id)
            for note_id in set(known).union(*self._notes_with.values())
        }
        with self._cache.batch():
            self._cache.save_generated(item for item in found.items() if item[1] != known.get(item[0], ""))

    def _page_if_permitted(self, note_id: str) -> str:
        try:
            with translate_os_errors(
                f"writing {self._store.note_folder(self._cache.neighbours(note_id).folder) / PAGE}"
            ):
                return self._write_page(note_id)
        except PermissionDenied as problem:
            self.closed.append(str(problem))
            return ""

    def _write_page(self, note_id: str) -> str:
        """Write the page of a note if it differs; return its stamp, or "" if there is no such note."""
        neighbours = self._cache.neighbours(note_id)
        published = self._store.read(neighbours.folder)
        if published is None:
            return ""
        root = root_href(neighbours.folder)
        newer, older = _neighbour(neighbours.newer, root), _neighbour(neighbours.older, root)
        page = build_page(published.manifest, self._extras(published), newer, older, root)
        content = pages.note_page(page).encode()
        folder = self._store.note_folder(neighbours.folder)
        with folder.preserve_times():  # the modification time is the publish time
            _write(folder / PAGE, content)
        return stamp_of(str(folder / PAGE))

    def _extras(self, published: PublishedNote) -> Extras:
        manifest, folder = published.manifest, self._store.note_folder(published.folder)
        texts = {
            entry.path: decode_subtitle((folder / entry.path).read_bytes(_LARGEST_SUBTITLE)) or ""
            for entry in manifest.files
            if entry.slot.kind is AssetKind.SUBTITLE and entry.role is Role.ORIGINAL
            # If the size differs from the manifest, the file may be too large to read.
            if entry.size <= _LARGEST_SUBTITLE
            and self._store.has_file(published.folder, entry.path, entry.size)
        }
        return Extras(
            texts,
            self._generated_hrefs("screens", published, ".webp"),
            self._generated_hrefs("previews", published, ".mp4"),
        )

    def _generated_hrefs(self, kind: str, published: PublishedNote, suffix: str) -> dict[str, str]:
        """Return the hrefs of generated files by the path of their source file."""
        manifest, root = published.manifest, root_href(published.folder)
        if manifest.id.text not in self._notes_with[kind]:
            return {}
        generated = self._paths.generated_folder(kind, manifest.id.text)
        return {
            entry.path: f"{root}{FOLDER}/{kind}/{manifest.id}/{entry.path}{suffix}"
            for entry in manifest.files
            if (generated / f"{entry.path}{suffix}").is_file()
        }


def _write_index(cache: GalleryCache, paths: GalleryPaths) -> int:
    """Write the data files and the index, and remove old data files; return the number of notes."""
    notes, names = 0, []
    for name, rows in shards.divide(cache.cards()):
        _write(paths.folder / name, pages.shard(rows).encode())
        names.append(name)
        notes += len(rows)
    hrefs = [f"{FOLDER}/{name}" for name in names]
    _write(paths.index, pages.index_page(hrefs, notes, cache.last_archived()).encode())
    for stale in set(paths.folder.entries()).difference(names):
        if shards.is_shard_name(stale):
            (paths.folder / stale).unlink()
    return notes


def _neighbour(note: tuple[str, str] | None, root: str) -> Neighbour | None:
    return Neighbour(f"{root}{folder_href(note[0])}index.html", note[1]) if note else None


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _write(path: ArchivePath, content: bytes) -> None:
    """Write a file, unless it has these bytes already."""
    with suppress(OSError):
        if path.read_bytes(len(content)) == content:
            return
    atomic_replace(path, content)
