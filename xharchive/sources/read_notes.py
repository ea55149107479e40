"""Read and check the notes that the user names, completely, before any paid call."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from xharchive.errors import UsageError
from xharchive.models import ShortLink
from xharchive.sources.links import NotANote
from xharchive.sources.note_table import InputRow, looks_like_table, parse_input
from xharchive.sources.requested_notes import NoteFilter, NoteList
from xharchive.sources.text_file import display_name, read_lines

_MAX_SHOWN_MISTAKES = 10
_SAMPLE_ROWS = 5


@dataclass(slots=True)
class InputReport:
    """What was skipped while reading the input.

    Attributes:
        bad_rows: how many rows name no note.
        mistakes: messages about the first of them.
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

    def add_loss(self, file: str, what: str) -> None:
        """Record content of a file that a list of the notes would lose; the first of each file counts."""
        self.losses.setdefault(file, what)

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
        into: the list.
        texts: arguments of the command line; "-" is standard input.
        files: paths of files; "-" is standard input.
        column: the column of tables with the notes: a heading, a JSON key, or a number from 1.
        strict: True makes all bad rows errors, False none. None: the default above.
        note_filter: the filter.

    Raises:
        UsageError: the input has errors (the message names ten of them), a file cannot be read, or the column
            of a table with the notes is unknown.
    """
    reader = _InputReader(into, note_filter or NoteFilter(), column, strict)
    for number, text in enumerate(texts, 1):
        if text == "-":
            reader.read_file("-")
        else:
            # A share text may have line breaks. Only its link counts, so it becomes one line.
            reader.read_row(InputRow(number, (" ".join(text.split()),)), "argument", is_table=False)
    for name in files:
        reader.read_file(name)
    if reader.fatal.bad_rows:
        mistakes = f"{reader.fatal}{reader.advice}"
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {mistakes}")
    return reader.report


class _InputReader:
    """Adds the notes of the input to a list.

    Attributes:
        report: what was skipped.
        fatal: the mistakes that are errors.
        advice: what the user can do about them.
    """

    def __init__(self, into: NoteList, note_filter: NoteFilter, column: str, strict: bool | None) -> None:
        self.report = InputReport()
        self.fatal = InputReport()
        self.advice = ""
        self._into = into
        self._filter = note_filter
        self._has_filter = note_filter != NoteFilter()
        self._column = column
        self._strict = strict

    def read_file(self, name: str) -> None:
        """Add the notes of all rows of a file."""
        shown = display_name(name)
        parsed = parse_input(read_lines(name), shown, self._column)
        if parsed.has_columns:
            self.report.add_loss(name, "it is a table")
        row, mistakes = None, self.fatal.bad_rows
        first: list[str] = []
        for row in parsed.rows:
            if len(first) < _SAMPLE_ROWS:
                first.append(row.cells[0] if row.cells else "")
            loss = self.read_row(row, f"{shown}, line", is_table=parsed.is_table)
            if loss:
                self.report.add_loss(name, f"line {row.line} {loss}")
        if row is None and parsed.has_columns:
            self.report.empty_sources += (f"{shown} has no rows but its headings",)
        elif parsed.is_empty:
            self.report.empty_sources += (f"{shown} is empty",)
        if self.fatal.bad_rows > mistakes and looks_like_table(first):
            self.advice = f"\n  if {shown} is a table, name its column with --column"

    def read_row(self, row: InputRow, place: str, *, is_table: bool) -> str:
        """Add the notes of a row.

        Args:
            row: the row.
            place: what the number of the row counts, for messages.
            is_table: a bad row does not make the others suspect.

        Returns:
            What a list of the notes would lose of the row; "" if nothing.
        """
        try:
            notes = row.notes()
        except NotANote as problem:
            is_skipped = is_table if self._strict is None else not self._strict
            (self.report if is_skipped else self.fatal).add_mistake(f"{place} {row.line}: {problem}")
            return "names no note"
        loss = "says more than a note and its type" if row.has_other_fields else ""
        for note in notes:
            if isinstance(note, ShortLink):
                self._into.add(note, row.type, f"{place} {row.line}")
                is_left_out = self._has_filter  # the filter may exclude its note later
            elif self._filter.accepts(note, row.type, row.published):
                self._into.add(note, row.type)
                continue
            else:
                self.report.filtered_out += 1
                is_left_out = True
            if is_left_out and not loss:
                loss = "is not for --after, --before or --type"
        return loss
