"""Writes the pages and the index that changed."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

from xharchive.archive import Archive, PublishedNote
from xharchive.archive_path import ArchivePath, atomic_replace, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery import assets, pages
from xharchive.gallery.cache import DamagedCache, GalleryCache, PageState
from xharchive.gallery.formats import file_href
from xharchive.gallery.from_manifest import Extras, build_page
from xharchive.gallery.pages import Neighbour
from xharchive.gallery.paths import FOLDER, GENERATED_KINDS, PAGE, GalleryPaths, short_hash, stamp_of
from xharchive.manifest import Role
from xharchive.media import AssetKind, decode_text

_PAGES_A_BATCH = 500
_LARGEST_SUBTITLE = 2 * 1024 * 1024  # bytes of a subtitle file


def write_gallery(
    store: Archive, cache: GalleryCache, paths: GalleryPaths, *, rebuild: bool
) -> tuple[int, int, list[str]]:
    """Write the pages and the index that changed. Blocking.

    Args:
        rebuild: remove generated files of notes that are not in the gallery any more.

    Returns:
        Numbers of notes in the gallery and of pages written; one sentence for each page that is closed.

    Raises:
        DamagedCache: the cache is not from this program.
        ArchiveError: a file cannot be written.
    """
    with translate_os_errors("writing the gallery"):
        for name, content in assets.static_files().items():
            _write(paths.folder / name, content)
        writer = _PageWriter(store, cache, paths)
        done = writer.refresh()
        written = 0
        while batch := list(islice(done, _PAGES_A_BATCH)):
            cache.mark_written(batch)
            written += sum(bool(stamp) for _, stamp, _ in batch)
        notes = _write_index(cache, paths)
        if notes != writer.notes:
            raise DamagedCache(f"{paths.cache} does not have one card for each note")
        if rebuild:
            paths.remove_all_but({note.id for note in cache.notes()})
        for folder in (paths.folder, paths.index.parent):
            folder.sync()  # before the mark of a stale gallery is removed
    return notes, written, writer.closed


class _PageWriter:
    """Writes the page in each note folder.

    Attributes:
        closed: one sentence for each page that this user may not write.
        notes: number of the notes with a page.
    """

    def __init__(self, store: Archive, cache: GalleryCache, paths: GalleryPaths) -> None:
        self._cache = cache
        self._folders = store.folders
        self._paths = paths
        self.closed: list[str] = []
        self.notes = 0
        # Listed once: most notes have no generated files.
        self._notes_with = {kind: set((paths.folder / kind).entries()) for kind in GENERATED_KINDS}
        self._notes_with_any = set().union(*self._notes_with.values())

    def refresh(self) -> Iterator[tuple[str, str, str]]:
        """Write the pages that are made from something else than before, or marked to be written again.

        Yields:
            For each page what it is made from, its stamp, and the id of its note. The first two are "" if it
            cannot be written: then it is tried again at the next refresh.
        """
        older, note = None, None
        for newer in chain(self._cache.pages(), (None,)):
            if note is not None:
                self.notes += 1
                generated = self._generated_hash(note.id) if note.id in self._notes_with_any else ""
                links = f"{older.link if older else '-'} {note.link} {newer.link if newer else '-'}"
                made_from = f"{note.source} {links} {generated}"
                if made_from != note.page:
                    stamp = self._write(note, newer, older)
                    yield made_from if stamp else "", stamp, note.id
            older, note = note, newer

    def _generated_hash(self, note_id: str) -> str:
        names = (self._paths.generated_folder(kind, note_id).entries() for kind in GENERATED_KINDS)
        return short_hash(*map("/".join, names))

    def _write(self, note: PageState, newer: PageState | None, older: PageState | None) -> str:
        """Write a page if it differs; return its stamp, or "" if it cannot be written."""
        folder = self._folders.path(note.folder)
        try:
            with translate_os_errors(f"writing {folder / PAGE}"):
                published = self._folders.read(note.folder)
                if published is None:
                    return ""
                with folder.preserve_times():  # the modification time is the publish time
                    _write(folder / PAGE, self._content(published, newer, older).encode())
                return stamp_of(str(folder / PAGE))
        except PermissionDenied as problem:
            self.closed.append(str(problem))
            return ""

    def _content(self, published: PublishedNote, newer: PageState | None, older: PageState | None) -> str:
        root = "../" * len(published.folder.split("/"))
        newer_link, older_link = (note and self._link(note.folder, root) for note in (newer, older))
        extras = Extras(
            self._subtitles(published),
            self._generated_hrefs("screens", published, ".webp", root),
            self._generated_hrefs("previews", published, ".mp4", root),
        )
        return pages.note_page(build_page(published.manifest, extras, newer_link, older_link, root))

    def _link(self, folder: str, root: str) -> Neighbour | None:
        note = self._cache.find(folder)
        return Neighbour(f"{root}{file_href(folder)}/{PAGE}", note.title) if note else None

    def _subtitles(self, published: PublishedNote) -> dict[str, str]:
        folder = self._folders.path(published.folder)
        return {
            entry.path: decode_text((folder / entry.path).read_bytes(_LARGEST_SUBTITLE)) or ""
            for entry in published.manifest.files
            if entry.slot.kind is AssetKind.SUBTITLE and entry.role is Role.ORIGINAL
            # If the size differs from the manifest, the file may be too large to read.
            if entry.size <= _LARGEST_SUBTITLE
            and self._folders.has_files(published.folder, [(entry.path, entry.size)])
        }

    def _generated_hrefs(self, kind: str, published: PublishedNote, suffix: str, root: str) -> dict[str, str]:
        """Return the hrefs of generated files by the path of their source file."""
        manifest = published.manifest
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
    for name, rows in pages.divide(cache.cards()):
        _write(paths.folder / name, pages.shard(rows).encode())
        names.append(name)
        notes += len(rows)
    hrefs = [f"{FOLDER}/{name}" for name in names]
    _write(paths.index, pages.index_page(hrefs, notes, cache.last_archived()).encode())
    for stale in set(paths.folder.entries()).difference(names):
        if pages.SHARD_NAME.fullmatch(stale):
            (paths.folder / stale).unlink()
    return notes


def _write(path: ArchivePath, content: bytes) -> None:
    """Write a file, unless it has these bytes already."""
    with suppress(OSError):
        if path.read_bytes(len(content)) == content:
            return
    atomic_replace(path, content)
