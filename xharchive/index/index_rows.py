"""What the catalog answers, and the check that a row's folder is one that may hold notes."""

from dataclasses import dataclass
from typing import NamedTuple

from xharchive.index.queries import DamagedRow
from xharchive.manifest import State
from xharchive.models import NoteId
from xharchive.naming import is_folder_of, is_note_place

__all__ = ["Head", "Row", "Tally", "check_folder", "head", "note_in"]

_STATES = {state.value: state for state in State}


# There may be a million of these two, and a tuple is made in half the time of a dataclass.
class Head(NamedTuple):
    """What the catalog knows of a note but for its files."""

    folder: str
    stamp: str
    state: State
    title: str


class Row(NamedTuple):
    """What the catalog knows of a note; `stamp` is that of the manifest it was read from."""

    folder: str
    stamp: str
    state: State
    title: str
    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Notes by state, original files and their bytes, gaps."""

    notes: dict[str, int]
    originals: int
    bytes: int
    gaps: int


def head(row: tuple[str, str, str, str, str]) -> tuple[str, Head]:
    """Return a note's id and head.

    Raises:
        DamagedRow: the row is not what this program writes.
    """
    note, folder, stamp, state, title = row
    try:
        # Nearly all folders are named after their note, and that is much quicker to see.
        if is_folder_of(note, folder) or is_note_place(folder):
            return note, Head(folder, stamp, _STATES[state], title)
    except (KeyError, TypeError, AttributeError):  # an unknown state, or a value of another type
        raise DamagedRow("a note's row makes no sense") from None
    raise DamagedRow("a note's folder cannot be a folder of notes")


def check_folder(note: object, folder: object) -> None:
    """Check that a row's folder may hold notes. Whether it holds this one, only its manifest tells.

    Raises:
        DamagedRow: the folder leads out of the archive, or is one that never holds notes.
    """
    if not (isinstance(note, str) and isinstance(folder, str)):
        raise DamagedRow("a note's row makes no sense")
    if not (is_folder_of(note, folder) or is_note_place(folder)):
        raise DamagedRow("a note's folder cannot be a folder of notes")


def note_in(note: object, folder: object) -> NoteId:
    """Return whose row it is, once its id and its folder are checked.

    Raises:
        DamagedRow: the id is none, or the folder as in `check_folder`.
    """
    check_folder(note, folder)
    try:
        return NoteId(str(note))
    except ValueError:
        raise DamagedRow("a note's row makes no sense") from None
