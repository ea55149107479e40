"""Read and check the notes that the user names, completely, before any paid call."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xharchive.errors import UsageError
from xharchive.models import NoteId, ShortLink
from xharchive.sources.links import NotANote, notes_in
from xharchive.sources.note_table import InputRow, ParsedInput, looks_like_table, parse_input
from xharchive.sources.requested_notes import NoteFilter, NoteList
from xharchive.sources.text_lines import display_name, read_lines

__all__ = ["InputReport", "read_notes"]

_MAX_SHOWN_MISTAKES = 10
_SAMPLE_ROWS = 5


@dataclass(slots=True)
class InputReport:
    """What was skipped while reading the input.

    Attributes:
        bad_rows: how many rows name no note.
        mistakes: messages about the first of them.
        filtered_out: how many notes the filter excludes.
        nothing: messages about sources without rows.
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
        selection: the filter.

    Raises:
        UsageError: the input has errors (the message names ten of them), a file cannot be read, or the column
            of a table with the notes is unknown.
    """
    report, fatal = InputReport(), InputReport()
    hint = ""
    for source in _sources(texts, files, column):
        bad = report if (source.parsed.is_table if strict is None else not strict) else fatal
        before = fatal.bad_rows
        first = _read_source(source, into, note_filter or NoteFilter(), report, bad)
        if fatal.bad_rows > before and looks_like_table(first):
            hint = f"\n  if {source.name} is a table, name its column with --column"
    if fatal.bad_rows:
        raise UsageError(f"nothing was asked or paid, because the input has mistakes:\n  {fatal}{hint}")
    return report


def _read_source(
    source: "_Source", into: NoteList, note_filter: NoteFilter, report: InputReport, bad: InputReport
) -> list[str]:
    """Add the notes of all rows to the list. Return the first cells of the first rows."""
    first: list[str] = []
    row = None
    if source.parsed.has_columns:
        report.add_loss(source.file, "it is a table")
    for row in source.parsed.rows:
        if len(first) < _SAMPLE_ROWS:
            first += row.cells[:1]
        if row.has_other_fields:
            report.add_loss(source.file, f"line {row.line} says more than a note and its type")
        try:
            _add_row(row, source, into, note_filter, report)
        except NotANote as problem:
            bad.add_mistake(f"{source.place(row)}: {problem}")
            report.add_loss(source.file, f"line {row.line} names no note")
    if row is None and source.parsed.has_columns:
        report.empty_sources += (f"{source.name} has no rows but its headings",)
    elif source.parsed.is_empty:
        report.empty_sources += (f"{source.name} is empty",)
    return first


def _add_row(
    row: InputRow, source: "_Source", into: NoteList, note_filter: NoteFilter, report: InputReport
) -> None:
    """Add the notes of a row to the list.

    Raises:
        NotANote: the row names no note.
    """
    for named in _notes_of_row(row):
        if isinstance(named, ShortLink):
            into.add(named, row.type, source.place(row))
            filtered_out = note_filter != NoteFilter()  # the filter may exclude its note later
        else:
            filtered_out = not note_filter.accepts(named, row.type, row.published)
            report.filtered_out += filtered_out
            if not filtered_out:
                into.add(named, row.type)
        if filtered_out:
            report.add_loss(source.file, f"line {row.line} is not for --after, --before or --type")


def _notes_of_row(row: InputRow) -> tuple[NoteId | ShortLink, ...]:
    """Return the notes of the first cell that names any; if none does, raise the first problem."""
    if row.problem:
        raise NotANote(row.problem)
    problems: list[NotANote] = []
    for cell in row.cells:
        try:
            return notes_in(cell)
        except NotANote as problem:
            problems.append(problem)
    raise problems[0]


@dataclass(frozen=True, slots=True)
class _Source:
    """One source of rows: an argument (`file` is ""), a file, or standard input ("-")."""

    file: str
    parsed: ParsedInput

    @property
    def name(self) -> str:
        return display_name(self.file)

    def place(self, row: InputRow) -> str:
        """Return the position of a row, for messages."""
        return f"{self.name}, line {row.line}" if self.file else f"argument {row.line}"


def _sources(texts: Iterable[str], files: Iterable[str], column: str) -> Iterator[_Source]:
    for place, text in enumerate(texts, 1):
        if text == "-":
            yield _source("-", column)
        else:
            # A share text may have line breaks. Only its link counts, so it becomes one line.
            row = InputRow(place, (" ".join(text.split()),))
            yield _Source("", ParsedInput(is_table=False, rows=iter([row])))
    for name in files:
        yield _source(name, column)


def _source(name: str, column: str) -> _Source:
    return _Source(name, parse_input(read_lines(name), display_name(name), column))
