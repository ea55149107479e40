"""Finds the archive that a command works on, opens it, and finds a note in it."""

import asyncio
import os
import shlex
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from xharchive.archive import Archive
from xharchive.cli.options import DEFAULT_DIRECTORY, user_path
from xharchive.errors import ExitCode, PermissionDenied, UsageError
from xharchive.models import NoteId, ShortLink
from xharchive.sanitize import counted, printable
from xharchive.sources.links import NotANote, note_of_url, notes_in

_VARIABLE = "XHARCHIVE_DIR"
_STATE = ".xharchive"
_MOST_SHOWN = 10


def find_directory(*, quiet: bool) -> str:
    """Return the folder of XHARCHIVE_DIR, else of the archive around the current folder, else the default.

    The default folder, if it is an archive, precedes an archive above the current folder. An archive of
    another user is not used, because the files in it steer a run. Standard error says so, and also names an
    archive above the current folder unless `quiet`.
    """
    if named := os.environ.get(_VARIABLE):
        return user_path(named)
    found = None
    try:
        here = Path.cwd()
        if _is_usable(here):
            return "."
        if not _is_usable(here / DEFAULT_DIRECTORY):
            found = _nearest_above(here)
    except OSError:  # the current folder was deleted, or cannot be read
        return DEFAULT_DIRECTORY
    if found is None:
        return DEFAULT_DIRECTORY
    if not quiet:
        sys.stderr.write(f"archive: {printable(str(found))} (above the current folder)\n")
    return str(found)


def _nearest_above(here: Path) -> Path | None:
    """Return the nearest parent that is an archive on the same file system."""
    device = here.stat().st_dev
    for folder in here.parents:
        if folder.stat().st_dev != device:
            return None
        if _is_usable(folder):
            return folder
    return None


def _is_usable(folder: Path) -> bool:
    try:
        state = (folder / _STATE).lstat()
        owners = {state.st_uid, folder.stat().st_uid}
    except OSError:
        return False
    if not stat.S_ISDIR(state.st_mode):
        return False
    if os.name == "posix" and owners != {os.geteuid()}:
        shown = printable(str(folder))
        sys.stderr.write(
            f"{shown} belongs to another user and is not used; to use it: -d {shlex.quote(shown)}\n"
        )
        return False
    return True


def existing_archive(directory: str) -> Archive:
    """Return the archive in a folder.

    Raises:
        UsageError: there is no archive.
    """
    store = Archive(Path(directory))
    if not store.exists:
        raise UsageError(
            f"there is no archive in {store.root}; name its folder with -d, or begin one with `get`"
        )
    return store


@contextmanager
def open_to_write(store: Archive, *, trust_index: bool = False) -> Iterator[None]:
    """Lock and open an archive for the block; afterwards tidy the list of pending notes."""
    with store.held(), store.opened(trust_index=trust_index):
        print_skipped_folders(store)
        yield
        store.clean_up()


@contextmanager
def open_to_read(store: Archive, *, trust_index: bool = False) -> Iterator[None]:
    """Open an archive for the block without changing it. If it does not exist, leave it closed."""
    if not store.exists:
        yield
        return
    with store.opened(read_only=True, trust_index=trust_index):
        print_skipped_folders(store)
        yield


def print_skipped_folders(store: Archive) -> None:
    """Print to standard error the folders of an archive that are not used as notes, with reasons."""
    for sentence in store.skipped.sentences():
        sys.stderr.write(f"{printable(sentence)}\n")


def find_note(text: str, store: Archive) -> tuple[NoteId, str]:
    """Return the note that a text names, and its folder in the archive.

    Raises:
        UsageError: the text names no note, several notes, or a note that is not archived.
        PermissionDenied: this user may not read the note.
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
    from xharchive.run.find_notes import target_in_archive

    try:
        return note_of_url(asyncio.run(target_in_archive(link, store)))
    except NotANote:
        raise UsageError(
            f"{link} was not followed to a note yet, and this command sends nothing; name the id"
        ) from None


def report_unreadable(store: Archive, closed: Collection[str]) -> ExitCode:
    """Print at most ten sentences to standard error; return 5 if there are any, else 0.

    Folders that the search of the archive could not read count too; `print_skipped_folders` names them.
    `closed` has a sentence for each file or folder, with its path and the reason.
    """
    lines = [f"xharchive: {sentence}" for sentence in list(closed)[:_MOST_SHOWN]]
    if len(closed) > _MOST_SHOWN:
        others = counted(len(closed) - _MOST_SHOWN, "more file or folder", "more files or folders")
        lines.append(f"xharchive: and {others} like these")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return ExitCode.ARCHIVE if closed or store.skipped.closed else ExitCode.OK
