"""The story of the gallery: what changed is found by the manifests' stamps, and only that is written again.

Everything here can be made again from the folders, so nothing is synced: what a power cut leaves empty has
another size than is on record. Originals and manifests are read, never written.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from xharchive import __version__
from xharchive.convert import Converter
from xharchive.disk import make_folders, ours, replace_whole
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, Role, State, instant
from xharchive.media import AssetKind, of_type
from xharchive.models import NoteId
from xharchive.naming import note_id_in
from xharchive.stores import PosixStore, Published
from xharchive.views.gallery import pages
from xharchive.views.gallery.model import Card, Neighbour
from xharchive.views.gallery.reading import (
    Extras,
    card_of,
    folder_href,
    needs_screen,
    page_of,
    thumb_source,
)
from xharchive.views.gallery.state import GalleryState, Shown, open_state

__all__ = ["Refreshed", "is_stale", "made_folder", "mark_stale", "refresh_gallery"]

_Item = TypeVar("_Item")

_FOLDER = "gallery"
_STATE = "gallery.sqlite3"
_STALE = "gallery.stale"
_OURS = b'<meta name="generator" content="xharchive">'
_THUMB = (360, 640)
_SCREEN = (1600, 3200)
_CARDS_A_SHARD = 400
_PAGES_A_BATCH = 500
_AT_ONCE = 32  # notes that are read, and whose pictures wait for a worker, at one time
_LARGEST_TEXT = 2 * 1024 * 1024  # of a subtitle that is shown with its video


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: the notes that are shown, pages and small pictures that were written."""

    notes: int
    pages: int
    pictures: int


async def refresh_gallery(
    store: PosixStore,
    converter: Converter,
    *,
    rebuild: bool = False,
    tell: Callable[[int, int], None] = lambda _through, _of: None,
) -> Refreshed:
    """Bring the gallery of a store whose lock is held up to date; with `rebuild` as if there were none.

    `tell` hears how many of how many changed notes are through.

    Raises:
        ArchiveError: the disk would not.
    """
    _make_folders(store.root / _FOLDER)
    with ours("looking at the index"):
        _refuse_foreign(store.root / "index.html")
    with open_state(store.state / _STATE, anew=rebuild) as state:
        gallery = _Gallery(store, converter, state, rebuild=rebuild)
        await gallery.read_what_changed(tell)
        return await asyncio.to_thread(gallery.write)


def made_folder(store: PosixStore, kind: str, note_id: NoteId) -> Path:
    """Return where the gallery keeps what was made of a note's files; `kind` is "screens" or "previews".

    Raises:
        ArchiveError: a link stands in the place of one of the gallery's folders.
    """
    _make_folders(store.root / _FOLDER)
    return store.root / _FOLDER / kind / note_id.text


def mark_stale(store: PosixStore) -> None:
    """Remember that a note was committed since the last refresh, whatever becomes of this run.

    Raises:
        ArchiveError: the disk would not.
    """
    with ours("marking the gallery"):
        os.close(os.open(store.state / _STALE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))


def is_stale(store: PosixStore) -> bool:
    """Whether there is no gallery, or a note was committed since it was refreshed."""
    return (store.state / _STALE).exists() or not (store.root / "index.html").is_file()


def _refuse_foreign(index: Path) -> None:
    """Refuse to write over a page that is not the gallery's: the archive lies in a folder of other things."""
    if index.is_file() and not index.is_symlink():
        with index.open("rb") as file:
            if _OURS not in file.read(4096) and index.stat().st_size:
                raise ArchiveError(f"{index} is not the gallery's; move it, or keep the archive elsewhere")


def _make_folders(folder: Path) -> None:
    """Make the gallery's folder and those in it; one that is a link would lead its files elsewhere."""
    with ours("making the gallery's folders"):
        for place in (folder, folder / "thumbs", folder / "screens", folder / "previews"):
            if place.is_symlink():
                raise ArchiveError(f"{place} is a symbolic link; the gallery's folders must be real ones")
        make_folders(folder / "thumbs")


class _Gallery:
    """One refresh."""

    def __init__(
        self, store: PosixStore, converter: Converter, state: GalleryState, *, rebuild: bool
    ) -> None:
        self._store = store
        self._converter = converter
        self._state = state
        self._rebuild = rebuild
        self._folder = store.root / _FOLDER
        self._pictures = 0

    async def read_what_changed(self, tell: Callable[[int, int], None]) -> None:
        """Read manifests that are new or changed, make their small pictures, forget folders that are gone."""
        there = await asyncio.to_thread(self._stamps)
        known = self._state.stamps()
        changed = [folder for folder, stamp in there.items() if not self._is_known(known.get(folder), stamp)]
        for through, batch in enumerate(_chunks(sorted(changed), _AT_ONCE)):
            tell(through * _AT_ONCE, len(changed))
            found = await asyncio.to_thread(list, map(self._store.read, batch))
            published = [each for each in found if each is not None]
            thumbs = await asyncio.gather(*map(self._small_pictures, published))
            with self._state.batch():
                for each, thumb in zip(published, thumbs, strict=True):
                    self._state.put(_shown(each, thumb))
        for folder in known.keys() - there.keys():  # last: a folder that was renamed is known by its id now
            self._forget(folder)

    def _stamps(self) -> dict[str, str]:
        """The stamp of each note's folder; of two folders with one note, as copies are, the first by name."""
        stamps: dict[NoteId | None, tuple[str, str]] = {}
        for folder in sorted(self._store.folders()):
            if stamp := self._store.stamp(folder):
                stamps.setdefault(note_id_in(folder), (folder, stamp))
        return dict(stamps.values())

    def _is_known(self, known: tuple[str, str] | None, stamp: str) -> bool:
        """Whether a manifest was read as it is, and the thumbnail made of it, if any, is still there."""
        if known is None or known[0] != stamp:
            return False
        return not known[1] or _size(self._folder / "thumbs" / f"{known[1]}.webp") > 0

    def _forget(self, folder: str) -> None:
        """Forget a folder that is gone, and what was made of its note, unless that has another folder now."""
        note_id = self._state.forget(folder)
        if not note_id:
            return
        with ours("removing what the gallery had of a note that is gone"):
            (self._folder / "thumbs" / f"{note_id}.webp").unlink(missing_ok=True)
            for kind in ("screens", "previews"):
                _remove_folder(self._folder / kind / note_id)

    async def _small_pictures(self, published: Published) -> tuple[str, int, int]:
        """Make the thumbnail, and pictures that browsers can draw where there are none; return the former."""
        manifest, folder = published.manifest, self._store.root / published.folder
        screens = self._folder / "screens" / manifest.id.text
        for entry in needs_screen(manifest):
            with ours("making a folder for pictures that browsers can draw"):
                await asyncio.to_thread(make_folders, screens)
            target = screens / f"{entry.path}.webp"
            await self._shrink(folder / entry.path, entry.media_type, target, _SCREEN)
        source = thumb_source(manifest)
        if source is None:
            return "", 0, 0
        target = self._folder / "thumbs" / f"{manifest.id}.webp"
        size = await self._shrink(folder / source.path, source.media_type, target, _THUMB)
        return (f"{_FOLDER}/thumbs/{manifest.id}.webp", *size) if size else ("", 0, 0)

    async def _shrink(
        self, picture: Path, media_type: str, target: Path, box: tuple[int, int]
    ) -> tuple[int, int] | None:
        """Put a small version of the picture in the place of an older one; none is ever half there."""
        found = of_type(media_type)
        if found is None or not await asyncio.to_thread(_is_plain, picture):
            return None
        temporary = target.with_name(target.name + ".tmp")
        with ours("making room for a small picture"):
            temporary.unlink(missing_ok=True)
        size = await self._converter.shrink(picture, found, temporary, *box)
        if size is not None:
            with ours("naming a small picture"):
                temporary.replace(target)
            self._pictures += 1
        return size

    def write(self) -> Refreshed:
        """Write the pages and the index as far as they changed. Blocking.

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("writing the gallery"):
            for name, content in pages.static_files():
                _write(self._folder / name, content)
            written = self._write_pages()
            notes, shards = self._write_shards()
            index = pages.index_page(shards, notes, self._state.newest())
            _write(self._store.root / "index.html", index.encode())
            self._remove_stale(shards)
            (self._store.state / _STALE).unlink(missing_ok=True)
        return Refreshed(notes, written, self._pictures)

    def _write_pages(self) -> int:
        written = 0
        changed = (three for three in _with_neighbours(self._state.notes()) if self._is_stale(*three))
        for batch in _chunks(changed, _PAGES_A_BATCH):
            done = [
                (note.id, self._key(note, older, newer), self._write_page(note, older, newer))
                for older, note, newer in batch
            ]
            with self._state.batch():
                for note_id, key, size in done:
                    self._state.written(note_id, key, size)
            written += len(batch)
        return written

    def _is_stale(self, older: Shown | None, note: Shown, newer: Shown | None) -> bool:
        page = self._store.root / note.folder / "index.html"
        return self._key(note, older, newer) != note.page or _size(page) != note.size

    def _key(self, note: Shown, older: Shown | None, newer: Shown | None) -> str:
        """What a page is made of: if this is the same, so is the page."""
        beside = [(each.folder, each.title) if each else None for each in (older, newer)]
        made = [_names(self._folder / kind / note.id) for kind in ("screens", "previews")]
        parts = [__version__, pages.VERSION, note.folder, note.stamp, beside, made]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:20]

    def _write_page(self, note: Shown, older: Shown | None, newer: Shown | None) -> int:
        published = self._store.read(note.folder)
        if published is None:
            return 0
        extras = self._extras(published)
        page = page_of(published.manifest, extras, _neighbour(newer), _neighbour(older))
        content = pages.note_page(page).encode()
        folder = self._store.root / note.folder
        before = folder.stat()
        replace_whole(folder / "index.html", content, for_good=False)
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))  # it shows when the note was published
        return len(content)

    def _extras(self, published: Published) -> Extras:
        manifest, folder = published.manifest, self._store.root / published.folder
        texts = {
            entry.path: (folder / entry.path).read_text("utf-8", errors="replace")
            for entry in manifest.files
            if entry.slot.kind is AssetKind.SUBTITLE and entry.role is Role.ORIGINAL
            if entry.size <= _LARGEST_TEXT and self._store.is_file(published.folder, entry.path)
        }
        return Extras(
            texts, self._made("screens", manifest, ".webp"), self._made("previews", manifest, ".mp4")
        )

    def _made(self, kind: str, manifest: Manifest, suffix: str) -> dict[str, str]:
        """The hrefs of what was made beside a note, by the path of the file that it was made of."""
        made = self._folder / kind / manifest.id.text
        if not made.is_dir():
            return {}
        return {
            entry.path: f"../{_FOLDER}/{kind}/{manifest.id}/{entry.path}{suffix}"
            for entry in manifest.files
            if (made / f"{entry.path}{suffix}").is_file()
        }

    def _write_shards(self) -> tuple[int, list[str]]:
        notes, names = 0, []
        cards = (_card(note.card) for note in self._state.notes())
        for number, shard in enumerate(_chunks(cards, _CARDS_A_SHARD)):
            name = f"data-{number:05}.js"
            _write(self._folder / name, pages.shard(shard).encode())
            names.append(f"{_FOLDER}/{name}")
            notes += len(shard)
        return notes, names

    def _remove_stale(self, shards: Sequence[str]) -> None:
        """Remove data files that the index names no more; after a rebuild also what no note has any more."""
        for stale in self._folder.glob("data-[0-9][0-9][0-9][0-9][0-9].js"):
            if f"{_FOLDER}/{stale.name}" not in shards:
                stale.unlink()
        if self._rebuild:
            ids = {note_id for _, note_id in self._state.ids()}
            for thumb in (self._folder / "thumbs").glob("*.webp"):
                if thumb.stem not in ids:
                    thumb.unlink()
            for made in (*(self._folder / "screens").glob("*"), *(self._folder / "previews").glob("*")):
                if made.name not in ids:
                    _remove_folder(made)


def _shown(published: Published, thumb: tuple[str, int, int]) -> Shown:
    manifest = published.manifest
    card = card_of(manifest, published.folder, thumb)
    text = "" if manifest.state is State.EMPTY else json.dumps(asdict(card), ensure_ascii=True)
    archived = (instant(manifest.archived) or {}).get("china", "")
    return Shown(
        id=manifest.id.text,
        folder=published.folder,
        stamp=published.stamp,
        published=card.published,
        title=card.title,
        archived=archived,
        card=text,
    )


def _card(text: str) -> Card:
    values: dict[str, Any] = json.loads(text)
    lists = {name: tuple(values[name]) for name in ("tags", "counts", "thumb")}
    return Card(**values | lists)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _neighbour(note: Shown | None) -> Neighbour | None:
    return Neighbour(f"../{folder_href(note.folder)}index.html", note.title) if note else None


def _with_neighbours(notes: Iterator[Shown]) -> Iterator[tuple[Shown | None, Shown, Shown | None]]:
    """Yield each note between the one before it in time and the one after it."""
    older: Shown | None = None
    note = next(notes, None)
    while note is not None:
        newer = next(notes, None)
        yield older, note, newer
        older, note = note, newer


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _write(path: Path, content: bytes) -> None:
    """Write a file unless it is there with just these bytes."""
    with suppress(OSError):
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return
    replace_whole(path, content, for_good=False)


def _remove_folder(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
