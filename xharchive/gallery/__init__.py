"""Notes in, pages out: what changed since the last refresh is found, and only that is written again.

`looking` finds the manifests that changed and reads them, `small_pictures` makes what browsers can draw,
`writing` puts pages and index on the disk, `places` says where. Everything here can be made again from the
note folders, so nothing is synced: what a power cut leaves empty is another file than the one on record, and
what else it may have spoilt finds `spoilt`.
Originals and manifests are read, never written.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from xharchive.archive import ArchiveFolder
from xharchive.archive.other_files import may_be_outdated
from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import boot_id, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.gallery.paths import PAGE, Places
from xharchive.gallery.recovery import Spoilt
from xharchive.gallery.scan import read_what_changed
from xharchive.gallery.thumbnails import THUMB, SmallPictures
from xharchive.gallery.write_pages import write_gallery
from xharchive.images import Converter, ThumbnailTarget
from xharchive.models import NoteId
from xharchive.note_md import write_if_outdated
from xharchive.shielded import finish_before_cancel
from xharchive.views.gallery.gallery_cache import GalleryState, open_state

__all__ = ["Refreshed", "StaleMark", "is_stale", "made_folder", "refresh_gallery", "small_of"]

_STATE = "gallery.sqlite3"
_STALE = "gallery.stale"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: the notes that are shown, pages and small pictures that were written.

    `closed` says which note folders this user may not read or write.
    """

    notes: int
    pages: int
    pictures: int
    closed: tuple[str, ...] = ()


async def refresh_gallery(
    store: ArchiveFolder,
    converter: Converter,
    *,
    rebuild: bool = False,
    after_a_run: bool = False,
    tell: Callable[[int, int], None] = lambda _through, _of: None,
) -> Refreshed:
    """Bring the gallery of a store whose lock is held up to date; with `rebuild` as if there were none.

    `after_a_run`: thumbnails that were put aside are of this very run, so they are taken. `tell` hears how
    many of how many changed notes are through.

    Raises:
        ArchiveError: the disk would not.
    """
    places = Places(store.folder, store.state)
    places.makedirs()
    places.refuse_foreign_index()
    closed: list[str] = []
    pictures = SmallPictures(converter, places, takes=after_a_run)
    boot = boot_id()
    with open_state(store.state / _STATE, anew=rebuild) as state:
        same = bool(boot) and state.boot == boot
        if not same:
            await finish_before_cancel(asyncio.to_thread(lambda: state.doubt(Spoilt(places))), state.stop)
        closed += await read_what_changed(store, state, pictures, tell, looks_into=not same)
        if not after_a_run:  # a run has written the texts of its own notes
            renewing = asyncio.to_thread(_renew_texts, store, state, whole=rebuild)
            closed += await finish_before_cancel(renewing, state.stop)
        writing = asyncio.to_thread(write_gallery, store, state, places, rebuild=rebuild)
        written = await finish_before_cancel(writing, state.stop)
        if not same:
            state.looked_into(boot)
    await finish_before_cancel(asyncio.to_thread(places.forget_what_was_put_aside))
    with translate_os_errors("unmarking the gallery"):
        (store.state / _STALE).unlink(missing_ok=True)
    each_once = tuple(dict.fromkeys((*closed, *written.closed)))
    return Refreshed(written.notes, written.pages, pictures.made, each_once)


def _renew_texts(store: ArchiveFolder, state: GalleryState, *, whole: bool) -> list[str]:
    """Write each `note.md` again that differs from its manifest. Blocking.

    With `whole` all are compared; otherwise those that are missing, empty or newer than their manifest.

    Returns a sentence for each that this user may not read or write.
    """
    unfinished = {note_id.text for note_id in store.unfinished()}
    closed: list[str] = []
    for folder, stamp in state.stamps():
        try:
            if not (whole or may_be_outdated(f"{store.root}/{folder}", stamp)):
                continue
            published = store.read(folder)
            if published is not None and published.manifest.id.text not in unfinished:
                write_if_outdated(store, published)
        except PermissionDenied as problem:
            closed.append(str(problem))
    return closed


def made_folder(store: ArchiveFolder, kind: str, note_id: NoteId) -> ArchivePath:
    """Return where the gallery keeps what was made of a note's files; `kind` is "screens" or "previews".

    Raises:
        ArchiveError: a link stands in the place of one of the gallery's folders.
    """
    places = Places(store.folder, store.state)
    places.makedirs()
    return places.made(kind, note_id.text)


async def small_of(store: ArchiveFolder) -> Callable[[str], ThumbnailTarget]:
    """Begin a run: return what says where to put the small version of what is made of an original.

    It is asked for with the original's SHA-256. What lies there at the run's end was made with the
    derivative, of pixels that were decoded anyway; the refresh takes what it needs, and makes what it does
    not find. What an earlier run left is removed: nobody knows how it was made, or if a power cut spared it.
    """
    places = Places(store.folder, store.state)
    await finish_before_cancel(asyncio.to_thread(places.forget_what_was_put_aside))
    return lambda sha256: ThumbnailTarget(places.put_aside(sha256), *THUMB)


class StaleMark:
    """Remembers that a note was committed since the last refresh, whatever becomes of that run."""

    def __init__(self, store: ArchiveFolder) -> None:
        self._file = store.state / _STALE
        self._is_safe = False

    def set(self) -> None:
        """Have it on the disk, before the run's first commit; a power cut must not spare the note alone.

        Several threads may come at once: none goes on before it is safe. Blocking.

        Raises:
            ArchiveError: the disk would not.
        """
        if self._is_safe:
            return
        with translate_os_errors("marking the gallery"):
            os.close(self._file.open_descriptor(os.O_WRONLY | os.O_CREAT, PRIVATE))
            self._file.parent.sync()
        self._is_safe = True


def is_stale(store: ArchiveFolder) -> bool:
    """Whether there is no gallery, or a note was committed since it was refreshed."""
    return (store.state / _STALE).exists() or not (store.folder / PAGE).is_file()
