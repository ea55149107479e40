"""Writes the pages and the index that changed."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from xharchive.archive import Archive, PublishedNote
from xharchive.archive_path import ArchivePath
from xharchive.disk import atomic_replace, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery import pages
from xharchive.gallery.cache import CachedNote, GalleryCache
from xharchive.gallery.from_manifest import Extras, build_page
from xharchive.gallery.page_model import Neighbour
from xharchive.gallery.pages import file_href
from xharchive.gallery.paths import FOLDER, GENERATED_KINDS, PAGE, GalleryPaths, short_hash, stamp_of
from xharchive.integrity import decode_subtitle
from xharchive.manifest import Role
from xharchive.media import AssetKind

_Item = TypeVar("_Item")

_PAGES_A_BATCH = 500
_LARGEST_SUBTITLE = 2 * 1024 * 1024  # bytes of a subtitle file


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The number of notes in the gallery, the number of pages written, and a sentence for each failure."""

    notes: int
    pages: int
    closed: tuple[str, ...] = ()


def write_gallery(store: Archive, cache: GalleryCache, paths: GalleryPaths, *, rebuild: bool) -> WriteResult:
    """Write the pages and the index that changed. Blocking.

    Args:
        rebuild: remove generated files of notes that are not in the gallery any more.

    Raises:
        ArchiveError: a file cannot be written.
    """
    with translate_os_errors("writing the gallery"):
        for name, content in pages.static_files():
            _write(paths.folder / name, content)
        note_pages = _PageWriter(store, paths)
        stale = note_pages.stale(cache.shown())
        written = 0
        done = ((page.inputs, note_pages.write(page), page.note.id) for page in stale)
        for batch in _batches(done, _PAGES_A_BATCH):
            cache.mark_written(batch)
            written += len(batch)
        notes = _write_index(cache, paths)
        if rebuild:
            paths.remove_all_but({note.id for note in cache.notes()})
        for folder in (paths.folder, paths.index.parent):
            folder.sync()  # before the mark of a stale gallery is removed
    return WriteResult(notes, written, tuple(note_pages.closed))


class _StalePage(NamedTuple):
    """A note whose page must be written, a hash of what it is made from, and the neighbours in its links."""

    note: CachedNote
    inputs: str
    newer: CachedNote | None
    older: CachedNote | None


class _PageWriter:
    """Writes the page in each note folder.

    Attributes:
        closed: one sentence for each page that this user may not write.
    """

    def __init__(self, store: Archive, paths: GalleryPaths) -> None:
        self._store = store
        self._paths = paths
        self.closed: list[str] = []
        # Listed once: most notes have no generated files.
        self._notes_with = {kind: set((paths.folder / kind).entries()) for kind in GENERATED_KINDS}

    def stale(self, notes: Iterable[CachedNote]) -> Iterator[_StalePage]:
        """Yield the pages that are missing, changed on the disk, or made from something else.

        Args:
            notes: all notes with a page, oldest first.
        """
        with_files = set().union(*self._notes_with.values())
        for older, note, newer in _with_neighbours(notes):
            generated = self._paths.generated_hash(note.id) if note.id in with_files else ""
            links = [(each.folder, each.title) if each else None for each in (older, newer)]
            inputs = short_hash(note.form, note.folder, note.stamp, generated, links)
            if (inputs, stamp_of(f"{self._store.root}/{note.folder}/{PAGE}")) != (note.page, note.page_stamp):
                yield _StalePage(note, inputs, newer, older)

    def write(self, page: _StalePage) -> str:
        """Write a page if it differs; return its stamp, or "" if it cannot be written."""
        folder = self._store.folders.path(page.note.folder)
        try:
            with translate_os_errors(f"writing {folder / PAGE}"):
                published = self._store.folders.read(page.note.folder)
                if published is None:
                    return ""
                with folder.preserve_times():  # the modification time is the publish time
                    _write(folder / PAGE, self._content(page, published).encode())
                return stamp_of(str(folder / PAGE))
        except PermissionDenied as problem:
            self.closed.append(str(problem))
            return ""

    def _content(self, page: _StalePage, published: PublishedNote) -> str:
        root = _root_href(published.folder)
        newer, older = _neighbour(page.newer, root), _neighbour(page.older, root)
        return pages.note_page(build_page(published.manifest, self._extras(published), newer, older, root))

    def _extras(self, published: PublishedNote) -> Extras:
        manifest, folder = published.manifest, self._store.folders.path(published.folder)
        texts = {
            entry.path: decode_subtitle((folder / entry.path).read_bytes(_LARGEST_SUBTITLE)) or ""
            for entry in manifest.files
            if entry.slot.kind is AssetKind.SUBTITLE and entry.role is Role.ORIGINAL
            # If the size differs from the manifest, the file may be too large to read.
            if entry.size <= _LARGEST_SUBTITLE
            and self._store.folders.has_files(published.folder, [(entry.path, entry.size)])
        }
        return Extras(
            texts,
            self._generated_hrefs("screens", published, ".webp"),
            self._generated_hrefs("previews", published, ".mp4"),
        )

    def _generated_hrefs(self, kind: str, published: PublishedNote, suffix: str) -> dict[str, str]:
        """Return the hrefs of generated files by the path of their source file."""
        manifest, root = published.manifest, _root_href(published.folder)
        if manifest.id.text not in self._notes_with[kind]:
            return {}
        generated = self._paths.generated_folder(kind, manifest.id.text)
        return {
            entry.path: f"{root}{FOLDER}/{kind}/{manifest.id}/{entry.path}{suffix}"
            for entry in manifest.files
            if (generated / f"{entry.path}{suffix}").is_file()
        }


def _with_neighbours(
    notes: Iterable[CachedNote],
) -> Iterator[tuple[CachedNote | None, CachedNote, CachedNote | None]]:
    """Yield each note between the one before it and the one after it."""
    older, note = None, None
    for newer in chain(notes, (None,)):
        if note is not None:
            yield older, note, newer
        older, note = note, newer


def _root_href(folder: str) -> str:
    return "../" * len(folder.split("/"))


def _neighbour(note: CachedNote | None, root: str) -> Neighbour | None:
    return Neighbour(f"{root}{file_href(note.folder)}/{PAGE}", note.title) if note else None


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _write_index(cache: GalleryCache, paths: GalleryPaths) -> int:
    """Write the data files and the index, and remove old data files; return the number of notes."""
    notes, names = 0, []
    for name, rows in pages.divide(cache.cards()):
        _write(paths.folder / name, pages.shard(rows).encode())
        names.append(name)
        notes += len(rows)
    hrefs = [f"{FOLDER}/{name}" for name in names]
    _write(paths.index, pages.index_page(hrefs, notes, cache.last_archived()).encode())
    for stale in set(paths.folder.entries()).difference(names):
        if pages.is_shard_name(stale):
            (paths.folder / stale).unlink()
    return notes


def _write(path: ArchivePath, content: bytes) -> None:
    """Write a file, unless it has these bytes already."""
    with suppress(OSError):
        if path.read_bytes(len(content)) == content:
            return
    atomic_replace(path, content)
