"""Read and check the notes that the user names, completely, before any paid call."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.sources.links import NotANote, notes_in
from xharchive.sources.requested_notes import NoteFilter, NoteList

if TYPE_CHECKING:
    from xharchive.sources.note_table import InputRow

_MAX_SHOWN_MISTAKES = 10
_NO_NOTE = "names no note"


@dataclass(slots=True)
class InputReport:
    """What was skipped while reading the input.

    Attributes:
        bad_rows: how many rows name no note; `mistakes` tells about the first of them.
        filtered_out: how many notes the filter excludes.
        empty_sources: messages about sources without rows.
        losses: by file, a message about content that a list of the notes would lose.
    """

    bad_rows: int = 0
    mistakes: tuple[str, ...] = ()
    filtered_out: int = 0
    empty_sources: tuple[str, ...] = ()
    losses: dict[str, str] = field(default_factory=dict)

    def add_mistake(self, text: str) -> None:
        """Count a bad row, and record the messages of the first ones."""
        self.bad_rows += 1
        if self.bad_rows <= _MAX_SHOWN_MISTAKES:
            self.mistakes += (text,)

    def __str__(self) -> str:
        more = self.bad_rows - len(self.mistakes)
        return "\n  ".join((*self.mistakes, f"and {more} more") if more else self.mistakes)


def read_notes(
    into: NoteList,
    texts: Iterable[str],
    files: Iterable[str],
    *,
    column: str = "",
    strict: bool | None = None,
    note_filter: NoteFilter | None = None,
) -> InputReport:
    """Read arguments, then files, and add the notes that pass the filter to a list.

    By default a bad row of a table is skipped and reported, because a table may have other rows. A bad line
    of a list is an error, because the user can correct it and would lose a note.

    Args:
        texts: arguments of the command line; "-" is standard input.
        files: paths of files; "-" is standard input.
        column: the column of tables with the notes: a heading, a JSON key, or a number from 1.
        strict: True makes all bad rows errors, False none. None: the default above.

    Raises:
        UsageError: the input has errors (the message names ten of them), a file cannot be read, or the column
            of a table with the notes is unknown.
    """
    reader = _InputReader(into, note_filter or NoteFilter(), strict)
    for number, text in enumerate(texts, 1):
        if text == "-":
            reader.read_file("-", column)
            continue
        try:  # a share text may have line breaks; only its link counts, so it becomes one line
            reader.add(notes_in(" ".join(text.split())), f"argument {number}")
        except NotANote as problem:
            reader.reject(f"argument {number}: {problem}", is_table=False)
    for name in files:
        reader.read_file(name, column)
    if reader.fatal.bad_rows:
        mistakes = f"{reader.fatal}{reader.advice}"
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {mistakes}")
    return reader.report


class _InputReader:
    """Adds the notes of the input to a list. `fatal` has the mistakes that are errors, `advice` a hint."""

    def __init__(self, into: NoteList, note_filter: NoteFilter, strict: bool | None) -> None:
        self.report = InputReport()
        self.fatal = InputReport()
        self.advice = ""
        self._into = into
        self._filter = note_filter
        self._has_filter = note_filter != NoteFilter()
        self._strict = strict

    def read_file(self, name: str, column: str) -> None:
        """Add the notes of all rows of a file."""
        # A plain `get ID` reads no file.
        from xharchive.sources.note_table import parse_input  # noqa: PLC0415
        from xharchive.sources.text_file import display_name, read_lines  # noqa: PLC0415

        shown = display_name(name)
        parsed = parse_input(read_lines(name), shown, column)
        if parsed.has_columns:
            self.report.losses.setdefault(name, "it is a table")
        row, has_notes, mistakes = None, False, self.fatal.bad_rows
        for row in parsed.rows:
            loss = self._read_row(row, f"{shown}, line {row.line}", is_table=parsed.is_table)
            has_notes |= loss != _NO_NOTE
            if loss:
                self.report.losses.setdefault(name, f"line {row.line} {loss}")
        if row is None and parsed.has_columns:
            self.report.empty_sources += (f"{shown} has no rows but its headings",)
        elif parsed.is_empty:
            self.report.empty_sources += (f"{shown} is empty",)
        may_be_table = row is not None and any(mark in "".join(row.cells) for mark in "\t,;|")
        if self.fatal.bad_rows > mistakes and not has_notes and may_be_table:
            self.advice = f"\n  if {shown} is a table, name its column with --column"

    def _read_row(self, row: "InputRow", place: str, *, is_table: bool) -> str:
        """Add the notes of a row; return what a list of the notes would lose of it, "" if nothing."""
        try:
            is_left_out = self.add(row.notes(), place, row.type)
        except NotANote as problem:
            self.reject(f"{place}: {problem}", is_table=is_table)
            return _NO_NOTE
        if row.has_other_fields:
            return "says more than a note and its type"
        return "is not for --after, --before or --type" if is_left_out else ""

    def add(self, notes: Iterable[NoteId | ShortLink], place: str, kind: NoteType = NoteType.UNKNOWN) -> bool:
        """Add the notes of a row that pass the filter; return whether it excludes one, or may do so later."""
        is_left_out = False
        for note in notes:
            if isinstance(note, ShortLink):
                self._into.add(note, kind, place)
                is_left_out |= self._has_filter
            elif self._filter.accepts(note, kind):
                self._into.add(note, kind)
            else:
                self.report.filtered_out += 1
                is_left_out = True
        return is_left_out

    def reject(self, mistake: str, *, is_table: bool) -> None:
        """Record a bad row. In a table it does not make the others suspect."""
        is_skipped = is_table if self._strict is None else not self._strict
        (self.report if is_skipped else self.fatal).add_mistake(mistake)
