"""The one note that a command is about: named by an id or a link, looked up in the archive."""

import shlex

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes
from xharchive.errors import PermissionDenied, UsageError
from xharchive.inputs import spool
from xharchive.links import NotANote, ShortLink, notes_in
from xharchive.models import NoteId

__all__ = ["named_note"]


def named_note(text: str, store: ArchiveFolder, holdings: ArchivedNotes) -> tuple[NoteId, str]:
    """Return the note that a text names, and its folder in the archive.

    Raises:
        UsageError: it names none, several, or one that the archive does not have.
        ArchiveError: the archive cannot be read.
    """
    note_id = _note_id(text, store)
    holding = holdings.find(note_id)
    if holding is None:
        get = f"xharchive get {note_id} -d {shlex.quote(str(store.root))}"
        raise UsageError(f"there is no note {note_id} in {store.root}; to archive it: {get}")
    if holding.closed:
        raise PermissionDenied(holding.closed)
    return note_id, holding.folder


def _note_id(text: str, store: ArchiveFolder) -> NoteId:
    try:
        # A pasted share text may hold line breaks; only its link counts.
        named = notes_in(" ".join(text.split()))
    except NotANote as problem:
        raise UsageError(str(problem)) from None
    if len(set(named)) != 1:
        raise UsageError(f"name one note, not {len(set(named)) or 'none'}")
    return _followed(named[0], store) if isinstance(named[0], ShortLink) else named[0]


def _followed(link: ShortLink, store: ArchiveFolder) -> NoteId:
    from xharchive.cli.link_following import recall_links
    from xharchive.filters import NoteFilter

    with spool() as notes:
        notes.add_link(link, "argument")
        recall_links(store, notes, NoteFilter())
        followed = next(iter(notes), None)
    if followed is None:
        raise UsageError(f"{link} was not followed to a note yet, and nobody is asked here; name its id")
    return followed
