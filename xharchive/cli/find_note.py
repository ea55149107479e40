"""Finds the archived note that the user names by an id or a link."""

import asyncio
import shlex

from xharchive.archive import Archive
from xharchive.errors import PermissionDenied, UsageError
from xharchive.models import NoteId, ShortLink
from xharchive.sources.links import NotANote, note_of_url, notes_in

__all__ = ["find_note"]


def find_note(text: str, store: Archive) -> tuple[NoteId, str]:
    """Return the note that a text names, and its folder in the archive.

    Raises:
        UsageError: the text names no note, several notes, or a note that is not archived.
        PermissionDenied: this user may not read the note.
        ArchiveError: the archive cannot be read.
    """
    note_id = _note_id(text, store)
    archived_note = store.find(note_id)
    if archived_note is None:
        get = f"xharchive get {note_id} -d {shlex.quote(str(store.root))}"
        raise UsageError(f"there is no note {note_id} in {store.root}; to archive it: {get}")
    if archived_note.closed:
        raise PermissionDenied(archived_note.closed)
    return note_id, archived_note.folder


def _note_id(text: str, store: Archive) -> NoteId:
    try:
        # A pasted share text may contain line breaks; only its link counts.
        named = notes_in(" ".join(text.split()))
    except NotANote as problem:
        raise UsageError(str(problem)) from None
    if len(set(named)) != 1:
        raise UsageError(f"name one note, not {len(set(named)) or 'none'}")
    return _known_note(named[0], store) if isinstance(named[0], ShortLink) else named[0]


def _known_note(link: ShortLink, store: Archive) -> NoteId:
    from xharchive.run.follow_links import target_in_archive

    try:
        return note_of_url(asyncio.run(target_in_archive(link, store)))
    except NotANote:
        raise UsageError(
            f"{link} was not followed to a note yet, and this command sends nothing; name the id"
        ) from None
