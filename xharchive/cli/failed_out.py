"""`--failed-out`: a list of what needs another run, in the form that `get -i` takes."""

from collections.abc import Iterator
from pathlib import Path

from xharchive.disk import ours, replace_whole
from xharchive.errors import UsageError
from xharchive.holdings import Holdings
from xharchive.inputs import NoteList
from xharchive.manifest import State

__all__ = ["check_place", "write_failed"]


def check_place(path: str | None) -> None:
    """See before anything is paid that the list can be written.

    Raises:
        UsageError: there is no such folder, or a folder stands in its place.
    """
    if path is not None and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise UsageError(f"--failed-out {path}: there is no folder for it, or it is a folder itself")


def write_failed(path: str | None, notes: NoteList, holdings: Holdings) -> None:
    """Write the notes of a list that the archive does not have whole, and short links nobody could follow.

    The file is there after every run; empty, if nothing is left to do.

    Raises:
        ArchiveError: it cannot be written, or the archive not be read.
    """
    if path is None:
        return
    with ours(f"writing {path}"):
        replace_whole(Path(path), (line.encode() for line in _lines(notes, holdings)))


def _lines(notes: NoteList, holdings: Holdings) -> Iterator[str]:
    for note_id in notes:
        holding = holdings.find(note_id)
        if holding is None:
            yield f"{note_id}  # not archived\n"
        elif not holding.settled:
            state = "partial" if holding.state is State.PARTIAL else "damaged"
            yield f"{note_id}  # {state}\n"
    for link, _ in notes.unresolved():
        yield f"{link}\n"
