"""`--failed-out`: a list of what needs another run, in the form that `get -i` takes."""

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from xharchive.archived_notes import ArchivedNotes
from xharchive.cli.output_file import check_outlet, write_outlet
from xharchive.errors import UsageError
from xharchive.inputs import NoteList
from xharchive.manifest import State
from xharchive.models import NoteType
from xharchive.sanitize import one_line

__all__ = ["check_inputs", "check_place", "write_failed"]

_SHOWN = 200  # characters of a path


def check_place(path: str | None, *, as_json: bool) -> None:
    """See before anything is paid that the list can be written; `as_json`: standard output has JSON lines.

    Raises:
        UsageError: it cannot.
    """
    if path is None:
        return
    if path == "-" and as_json:
        raise UsageError("--failed-out -: standard output has the JSON lines of --json; name a file")
    try:
        check_outlet(path)
    except OSError as problem:
        shown = one_line(path)[:_SHOWN]
        raise UsageError(f"--failed-out {shown}: no list can be written there ({problem.strerror})") from None


def check_inputs(path: str | None, files: Iterable[str], losses: Mapping[str, str]) -> None:
    """See that the list does not take the place of an input that says more than the list would.

    Raises:
        UsageError: it would.
    """
    for name in files:
        if path is not None and name in losses and _is_same(path, name):
            shown = one_line(path)[:_SHOWN]
            raise UsageError(
                f"--failed-out {shown} is an input, of which something would be lost ({losses[name]}); "
                "name another file"
            )


def _is_same(path: str, name: str) -> bool:
    """Whether two names, or standard input, are one plain file; pipes and devices lose nothing."""
    try:
        found = Path(path).stat()
        other = os.fstat(sys.stdin.fileno()) if name == "-" else Path(name).stat()
    except (OSError, ValueError, AttributeError):  # the last one: standard input was closed
        return False
    return path != "-" and stat.S_ISREG(found.st_mode) and os.path.samestat(found, other)


def write_failed(path: str | None, notes: NoteList, holdings: ArchivedNotes) -> None:
    """Write the notes of a list that the archive does not have whole, and short links nobody could follow.

    The file is there after every run; empty, if nothing is left to do.

    Raises:
        ArchiveError: it cannot be written, or the archive not be read.
        OSError: it goes to standard output, which cannot be written.
    """
    if path is not None:
        write_outlet(path, _lines(notes, holdings))


def _lines(notes: NoteList, holdings: ArchivedNotes) -> Iterator[str]:
    for note_id, holding in holdings.look_up_many(notes):
        if holding is not None and holding.settled:
            continue
        hint = notes.hint(note_id)
        if hint is not NoteType.UNKNOWN:
            yield _json("id", str(note_id), hint)
        elif holding is None:
            yield f"{note_id}  # not archived\n"
        else:
            yield f"{note_id}  # {'partial' if holding.state is State.PARTIAL else 'damaged'}\n"
    for link, _ in notes.unresolved():
        hint = notes.type_of_link(link)
        yield f"{link}\n" if hint is NoteType.UNKNOWN else _json("url", str(link), hint)


def _json(name: str, value: str, hint: NoteType) -> str:
    """A note whose type somebody said: taken back as a bare id it would cost a call more."""
    return json.dumps({name: value, "type": hint.value}) + "\n"
