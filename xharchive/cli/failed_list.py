"""`--failed-out`: the list of notes that need another run, in a form that `get -i` reads."""

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from xharchive.archive import Archive
from xharchive.cli.output_file import check_output_file, write_output_file
from xharchive.errors import UsageError
from xharchive.manifest import State
from xharchive.models import NoteType
from xharchive.sanitize import one_line
from xharchive.sources.requested_notes import NoteList

__all__ = ["check_failed_out", "check_not_input", "write_failed"]

_SHOWN = 200  # characters of a path


def check_failed_out(path: str | None, *, as_json: bool) -> None:
    """Check that the list can be written, before anything is paid.

    Args:
        path: value of --failed-out.
        as_json: whether events go to standard output.

    Raises:
        UsageError: the list cannot be written, or would mix with the events.
    """
    if path is None:
        return
    if path == "-" and as_json:
        raise UsageError("--failed-out -: standard output has the JSON lines of --json; name a file")
    try:
        check_output_file(path)
    except OSError as problem:
        shown = one_line(path)[:_SHOWN]
        raise UsageError(
            f"--failed-out {shown}: the list cannot be written there ({problem.strerror})"
        ) from None


def check_not_input(path: str | None, files: Iterable[str], losses: Mapping[str, str]) -> None:
    """Check that the list does not overwrite an input and lose data of it.

    Args:
        path: value of --failed-out.
        files: names of the input files; "-" is standard input.
        losses: for each input of which data would be lost, which data.

    Raises:
        UsageError: the list would overwrite such an input.
    """
    for name in files:
        if path is not None and name in losses and _is_same(path, name):
            shown = one_line(path)[:_SHOWN]
            raise UsageError(
                f"--failed-out {shown} is also an input, and writing it would lose data ({losses[name]}); "
                "name another file"
            )


def _is_same(path: str, name: str) -> bool:
    """Return whether both names mean one plain file ("-" as input is standard input)."""
    try:
        found = Path(path).stat()
        other = os.fstat(sys.stdin.fileno()) if name == "-" else Path(name).stat()
    except (OSError, ValueError, AttributeError):  # AttributeError: standard input was closed
        return False
    return path != "-" and stat.S_ISREG(found.st_mode) and os.path.samestat(found, other)


def write_failed(path: str | None, notes: NoteList, archive: Archive) -> None:
    """Write the notes that are not archived completely, and the short links that could not be followed.

    Every run writes the file; it is empty if no note needs another run.

    Raises:
        ArchiveError: the file cannot be written, or the archive cannot be read.
        OSError: standard output cannot be written.
    """
    if path is not None:
        write_output_file(path, _lines(notes, archive))


def _lines(notes: NoteList, archive: Archive) -> Iterator[str]:
    for note_id, archived_note in archive.look_up(notes):
        if archived_note is not None and archived_note.is_done:
            continue
        hint = notes.hint(note_id)
        if hint is not NoteType.UNKNOWN:
            yield _json("id", str(note_id), hint)
        elif archived_note is None:
            yield f"{note_id}  # not archived\n"
        else:
            yield f"{note_id}  # {'partial' if archived_note.state is State.PARTIAL else 'damaged'}\n"
    for link in notes.links:
        hint = notes.hint(link)
        yield f"{link}\n" if hint is NoteType.UNKNOWN else _json("url", str(link), hint)


def _json(name: str, value: str, hint: NoteType) -> str:
    """Return a line for the list of failed notes that also says whether a note is a video.

    A later run that reads it asks the right endpoint first, which saves a paid call."""
    return json.dumps({name: value, "type": hint.value}) + "\n"
