"""Rows of the index as values, and checks of untrusted rows."""

from dataclasses import dataclass
from typing import NamedTuple

from xharchive.archive.queries import DamagedRow
from xharchive.manifest import State
from xharchive.models import NoteId
from xharchive.naming import may_be_folder_of

__all__ = ["IndexRow", "IndexSummary", "IndexTotals", "check_folder", "parse_note_id", "parse_summary"]

_STATES = {state.value: state for state in State}
_BAD_FOLDER = "the folder of a note cannot hold notes"


# NamedTuples, because there may be a million and a tuple takes half the time of a dataclass.
class IndexSummary(NamedTuple):
    """A row of the index without the note's files."""

    folder: str
    stamp: str
    state: State
    title: str


class IndexRow(NamedTuple):
    """A row of the index.

    Attributes:
        folder: path of the note's folder, relative to the archive.
        fingerprint: that of the manifest that the row was made from.
        files: path in the folder and size in bytes of each file.
    """

    folder: str
    stamp: str
    state: State
    title: str
    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class IndexTotals:
    """Totals of an archive: notes by state, original files and their bytes, missing assets."""

    notes: dict[str, int]
    originals: int
    bytes: int
    gaps: int


def parse_summary(row: tuple[str, str, str, str, str]) -> tuple[str, IndexSummary]:
    """Return the note id and the summary of a row.

    Raises:
        DamagedRow: the folder cannot hold a note, or a value has a wrong type or an unknown state.
    """
    note, folder, stamp, state, title = row
    try:
        if may_be_folder_of(note, folder):
            return note, IndexSummary(folder, stamp, _STATES[state], title)
    except (KeyError, TypeError, AttributeError):  # an unknown state, or a value of another type
        raise DamagedRow("the row of a note has wrong values") from None
    raise DamagedRow(_BAD_FOLDER)


def check_folder(note: object, folder: object) -> None:
    """Check that the folder of a row may hold a note. Only its manifest proves that it holds this one.

    Raises:
        DamagedRow: the folder leads out of the archive, or cannot hold a note.
    """
    if not (isinstance(note, str) and isinstance(folder, str)):
        raise DamagedRow("the row of a note has wrong values")
    if not may_be_folder_of(note, folder):
        raise DamagedRow(_BAD_FOLDER)


def parse_note_id(note: object, folder: object) -> NoteId:
    """Return the note id of a row, after a check of the id and the folder.

    Raises:
        DamagedRow: the id is not a note id, or `check_folder` refuses the folder.
    """
    check_folder(note, folder)
    try:
        return NoteId(str(note))
    except ValueError:
        raise DamagedRow("the row of a note has wrong values") from None
