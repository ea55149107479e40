"""Parse the input of a user into rows: CSV, TSV, JSON lines, a spreadsheet's column, or a plain list.

The first lines decide the form, and which column has the notes. English and Chinese headings are known; the
user names others with `--column`.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.sanitize import one_line, without_invisible
from xharchive.sources.links import NotANote, notes_in
from xharchive.sources.text_file import TOO_LONG, CsvReader, Line

_NOTE_HEADINGS = (  # those of ids, then those of links
    *("noteid", "笔记id", "作品id", "帖子id", "内容id", "itemid", "feedid", "id", "note", "笔记", "作品"),
    *("url", "link", "href", "noteurl", "notelink", "shareurl", "sharelink"),
    *("笔记链接", "作品链接", "帖子链接", "内容链接", "分享链接", "短链接", "短链", "链接"),
    *("笔记地址", "网址", "地址", "笔记url", "作品url"),
)
_EXPORTED_FIELDS = frozenset(("id", "url", "type"))
_TYPE_HEADINGS = ("type", "notetype", "类型", "笔记类型", "作品类型", "内容类型")
_TYPES: Mapping[str, NoteType] = MappingProxyType(
    {
        **dict.fromkeys(("video", "视频", "视频笔记"), NoteType.VIDEO),
        **dict.fromkeys(("image", "normal", "图文", "图文笔记", "图片"), NoteType.IMAGE),
    }
)
_DELIMITERS = "\t,;|"
_SUFFIXES = (".csv", ".tsv", ".tab")
_PUNCTUATION = re.compile(r"[\s_\-.:*/]")
_IN_BRACKETS = re.compile(r"\([^)]*\)")
_MAX_HEADING = 1000
_NEARLY_AN_ID = re.compile(r"[0-9a-fA-F]{12,}")
_MAX_DIGITS = 10  # a limit, because int() refuses thousands of digits
_MAX_TITLE_LINES = 9  # above the headings; spreadsheets for print have one or two
_MAX_TITLE = 4096  # characters; a longer first line is headings or a note
_Value = TypeVar("_Value")


class InputRow(NamedTuple):  # a list may have a million, and a NamedTuple takes half the time of a dataclass
    """One row of the input, with the number of its first line.

    Attributes:
        cells: those that may name the note, the most likely one first.
        problem: why the row cannot be read; "" if it can.
        has_other_fields: a JSON row has fields besides the note and its type.
    """

    line: int
    cells: tuple[str, ...] = ()
    type: NoteType = NoteType.UNKNOWN
    problem: str = ""
    has_other_fields: bool = False

    def notes(self) -> tuple[NoteId | ShortLink, ...]:
        """Return the notes of the first cell that names any. If none does, raise its NotANote."""
        problems = [NotANote(self.problem)] if self.problem else []
        for cell in () if self.problem else self.cells:
            try:
                return notes_in(cell)
            except NotANote as problem:
                problems.append(problem)
        raise problems[0]


class ParsedInput(NamedTuple):
    """The rows of one source. In a table or JSON lines a bad row does not make the others suspect.

    `has_columns` is False for JSON lines; `is_empty` means that there is no line at all.
    """

    is_table: bool
    rows: Iterator[InputRow]
    has_columns: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a table, counted from 0.

    Those of `notes` name the note: a group for each heading, the preferred one first. `kind` has its type.
    """

    notes: Sequence[Sequence[int]]
    width: int
    has_headings: bool = True
    kind: int | None = None

    def note_cells(self, cells: Sequence[str]) -> Iterator[str]:
        """Yield the cells of a row that may name its note. Missing cells of a short row take no time."""
        return (cells[index] for group in self.notes for index in takewhile(len(cells).__gt__, group))


def parse_input(lines: Iterable[Line], name: str, column: str = "") -> ParsedInput:
    """Parse the numbered lines of a file into rows; `column` as in `read_notes`, "" to find it.

    Raises:
        UsageError: the table does not have the column, no column is known to have the notes, or a line of a
            list is too long (in a table it is a bad row).
    """
    rest = iter(lines)
    number = 0
    for number, line in rest:
        if line is None:
            raise _too_long(name, number)
        text = _plain(line)
        delimiter = _find_delimiter(text, name, column)
        if text and (delimiter or not text.startswith("#")):
            top: list[Line] = [(number, line.strip(" \ufeff"))]
            if len(line) <= _MAX_TITLE:
                top += islice(rest, _MAX_TITLE_LINES)
            above, delimiter = _find_headings(top, delimiter, name, column)
            return _parse_rows(text, chain(top[above:], rest), name, column, delimiter)
    return ParsedInput(is_table=False, rows=iter(()), is_empty=number == 0)


def _parse_rows(first: str, lines: Iterator[Line], name: str, column: str, delimiter: str) -> ParsedInput:
    if delimiter:
        return ParsedInput(is_table=True, rows=_table_rows(lines, name, column, delimiter), has_columns=True)
    if first.startswith("["):
        raise UsageError(f"{name}: JSON is read as one object a line; make it so with: jq -c '.[]' FILE")
    is_json = first.startswith("{")
    return ParsedInput(is_table=is_json, rows=_list_rows(lines, name, column, is_json=is_json))


def _find_headings(top: Sequence[Line], delimiter: str, name: str, column: str) -> tuple[int, str]:
    """Return the number of lines above the headings, and the delimiter.

    Lines above the headings are a title: they have neither the column of the user, nor a known heading, nor a
    note. Without headings, return 0 and the given delimiter.
    """
    for above, (_, line) in enumerate(top):
        if line is None or len(line) > _MAX_TITLE:
            break
        text = _plain(line)
        found = delimiter if delimiter and not above else _find_delimiter(text, name, column)
        cells = _cells(text, found) if found else [text]
        if found and _has_headings(cells, column):
            return above, found
        if any(map(_notes, cells)):
            break
    return 0, delimiter


def _has_headings(cells: Sequence[str], column: str) -> bool:
    """Whether a row has the column of the user. A number counts only in a row with two cells: no title."""
    if not column:
        return any(_normalized(cell) in _NOTE_HEADINGS for cell in cells)
    is_title = sum(bool(cell.strip()) for cell in cells) < 2
    return _normalized(column) in map(_normalized, cells) or (
        not is_title and _column_number(column, cells) > 0
    )


def _column_number(column: str, cells: Sequence[str]) -> int:
    """Return the number of a column, from 1. Return 0 if it is no number or there are fewer columns."""
    is_number = column.isdecimal() and len(column) < _MAX_DIGITS
    return int(column) if is_number and 1 <= int(column) <= len(cells) else 0


def _too_long(name: str, number: int) -> UsageError:
    return UsageError(f"{name}: line {number} is too long; put one note on a line")


def _find_delimiter(first: str, name: str, column: str) -> str:
    """Return the delimiter of a table by its first line, "" for a list or JSON."""
    if first.startswith(("{", "[")):
        return ""
    headings = {*_NOTE_HEADINGS, _normalized(column)} - {""}
    for delimiter in _DELIMITERS:
        cells = _cells(first, delimiter)
        if not headings.isdisjoint(map(_normalized, cells)) or _is_row_without_headings(cells):
            return delimiter
    if not first.startswith("#") and (column or name.lower().endswith(_SUFFIXES)):
        return max(_DELIMITERS, key=first.count)
    return ""


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return line.split(delimiter)


def _normalized(heading: str) -> str:
    """Return a heading without case, width, spaces, punctuation, and text in brackets.

    Return "" for a heading that is too long, because Unicode normalization takes quadratic time.
    """
    if len(heading) > _MAX_HEADING:
        return ""
    text = unicodedata.normalize("NFKC", without_invisible(heading)).casefold()
    # Only up to the last ")": a search from each "(" for a missing ")" would take quadratic time.
    closed = text.rfind(")") + 1
    return _PUNCTUATION.sub("", _IN_BRACKETS.sub("", text[:closed]) + text[closed:])


def _is_row_without_headings(cells: Sequence[str]) -> bool:
    """Whether a row belongs to a table that has no headings: some cells name notes, and some do not."""
    others = [cell for cell in cells if cell.strip() and not _is_note(cell)]
    # A list of ids with a typing error in one is no table.
    has_mistyped_id = any(_NEARLY_AN_ID.fullmatch(cell.strip()) for cell in others)
    return bool(others) and not has_mistyped_id and any(map(_is_note, cells))


def _is_note(cell: str) -> bool:
    return len(cell.split()) == 1 and bool(_notes(cell))


def _notes(cell: str) -> tuple[NoteId | ShortLink, ...]:
    try:
        return notes_in(cell)
    except NotANote:
        return ()


def _list_rows(lines: Iterable[Line], name: str, column: str, *, is_json: bool = False) -> Iterator[InputRow]:
    for number, line in lines:
        if line is None:
            if not is_json:
                raise _too_long(name, number)
            yield InputRow(number, problem=TOO_LONG)
            continue
        text = _plain(line)
        if text.startswith("{"):
            yield _json_row(number, text, column)
        elif text:
            yield InputRow(number, (line.strip(" \t\ufeff"),))


def _json_row(number: int, line: str, column: str) -> InputRow:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return InputRow(number, problem="the line begins like a JSON object and is none")
    values: dict[str, list[str]] = {}  # `noteId` and `note_id` are one name; an object may have both
    for name, value in record.items():
        if isinstance(value, str | int) and str(value).strip():
            values.setdefault(_normalized(name), []).append(str(value))
    names = (_normalized(column),) if column else _NOTE_HEADINGS
    cells = tuple(cell for name in names for cell in values.get(name, ()))
    if not cells:
        wanted = f"'{one_line(column)[:40]}'" if column else "noteId, note_id, id or url"
        return InputRow(number, problem=f"the JSON object names no note: it has no {wanted}")
    has_other_fields = not record.keys() <= _EXPORTED_FIELDS
    kind = _type_of(_first(values, _TYPE_HEADINGS) or "")
    return InputRow(number, cells, kind, has_other_fields=has_other_fields)


def _table_rows(lines: Iterator[Line], name: str, column: str, delimiter: str) -> Iterator[InputRow]:
    columns: _Columns | None = None
    reader = CsvReader(lines, delimiter)
    for number, cells in reader:
        if cells is None:
            yield InputRow(number, problem=reader.reject())
            continue
        if columns is None:
            columns = _find_columns(cells, name, column)
            if columns.has_headings:
                continue
        if len(reader.row) > 1 and _contains_rows(cells, reader.row, delimiter, columns):
            yield InputRow(number, problem=reader.reject())
        # A blank line is no row, nor is the end mark (^Z) of a DOS file.
        elif any(cell.strip() for cell in cells) and (len(cells) > 1 or _plain(cells[0])):
            yield _table_row(number, cells, columns)


def _contains_rows(cells: Sequence[str], lines: Sequence[Line], delimiter: str, columns: _Columns) -> bool:
    """Whether a row over several lines contains rows with other notes: two stray marks formed a pair."""
    own = {note for cell in columns.note_cells(cells) for note in _notes(cell)}
    rows = [row for _, line in lines if len(row := (line or "").split(delimiter)) >= columns.width]
    return any(set(_notes(cell)) - own for row in rows for cell in columns.note_cells(row))


def _find_columns(first: Sequence[str], name: str, column: str) -> _Columns:
    indexes: dict[str, list[int]] = {}
    for index, cell in enumerate(first):
        if heading := _normalized(cell):
            indexes.setdefault(heading, []).append(index)
    kind = _first(indexes, _TYPE_HEADINGS)
    shown = ", ".join(f"'{one_line(cell)[:40]}'" for cell in first[:20])
    if column:
        number = _column_number(column, first)
        named = indexes.get(_normalized(column)) or ([number - 1] if number else [])
        if not named:
            raise UsageError(f"{name}: there is no column '{one_line(column)[:40]}'; there are {shown}")
        has_headings = not any(_is_note(first[index]) for index in named)
        return _Columns((named,), len(first), has_headings, kind)
    if groups := [indexes[heading] for heading in _NOTE_HEADINGS if heading in indexes]:
        return _Columns(groups, len(first), kind=kind)
    if notes := [index for index, cell in enumerate(first) if _is_note(cell)]:
        return _Columns((notes,), len(first), has_headings=False)
    raise UsageError(f"{name}: which column has the notes? Name it with --column; there are {shown}")


def _first(values: Mapping[str, Sequence[_Value]], names: Iterable[str]) -> _Value | None:
    """Return the first value of the first name that has any."""
    return next((values[name][0] for name in names if name in values), None)


def _table_row(number: int, cells: Sequence[str], columns: _Columns) -> InputRow:
    notes = tuple(cell.strip() for cell in columns.note_cells(cells) if _plain(cell))
    if not notes:
        return InputRow(number, problem="the row names no note: its cell is empty")
    kind = cells[columns.kind] if columns.kind is not None and columns.kind < len(cells) else ""
    return InputRow(number, notes, _type_of(kind))


def _plain(cell: str) -> str:
    return without_invisible(cell).strip()


def _type_of(text: str) -> NoteType:
    return _TYPES.get(_plain(text).casefold(), NoteType.UNKNOWN)
