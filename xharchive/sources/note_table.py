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
from datetime import datetime
from itertools import chain, islice, takewhile
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.naming import CHINA_TIME
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
_TIME_HEADINGS = ("published", "publishedat", "publishtime", "发布时间", "发布日期")
_TYPES: Mapping[str, NoteType] = MappingProxyType(
    {
        **dict.fromkeys(("video", "视频", "视频笔记"), NoteType.VIDEO),
        **dict.fromkeys(("image", "normal", "图文", "图文笔记", "图片"), NoteType.IMAGE),
    }
)
_DELIMITERS = "\t,;|"
_SEPARATOR = re.compile(r'\ufeff?"?sep=([\t,;|])"?\s*', re.IGNORECASE)
_SUFFIXES = (".csv", ".tsv", ".tab")
_PUNCTUATION = re.compile(r"[\s_\-.:*/]")
_IN_BRACKETS = re.compile(r"\([^)]*\)")
_MAX_HEADING = 1000
_NEARLY_AN_ID = re.compile(r"[0-9a-fA-F]{12,}")
_MAX_DIGITS = 10  # a limit, because int() refuses thousands of digits
_MAX_LEADING_LINES = 10  # blank lines and comments before the first row that become rows: they name no note
_MAX_TITLE_LINES = 9  # above the headings; spreadsheets for print have one or two
_MAX_TITLE = 4096  # characters; a longer first line is headings or a note
_Value = TypeVar("_Value")


class InputRow(NamedTuple):  # a list may have a million, and a NamedTuple takes half the time of a dataclass
    """One row of the input.

    Attributes:
        line: number of its first line.
        cells: the cells that may name the note, the most likely one first.
        problem: why the row cannot be read; "" if it can.
        has_other_fields: a JSON row has fields besides the note and its type (image or video).
    """

    line: int
    cells: tuple[str, ...] = ()
    type: NoteType = NoteType.UNKNOWN
    published: datetime | None = None
    problem: str = ""
    has_other_fields: bool = False

    def notes(self) -> tuple[NoteId | ShortLink, ...]:
        """Return the notes of the first cell that names any.

        Raises:
            NotANote: the row cannot be read, or none does; with the problem of the first cell.
        """
        first_problem = NotANote(self.problem)
        for cell in () if self.problem else self.cells:
            try:
                return notes_in(cell)
            except NotANote as problem:
                if cell is self.cells[0]:
                    first_problem = problem
        raise first_problem


@dataclass(frozen=True, slots=True)
class ParsedInput:
    """The parsed input of one source.

    Attributes:
        is_table: a table or JSON lines: a bad row does not make the others suspect, as in a plain list.
        is_empty: the source has no line with content.
    """

    is_table: bool
    rows: Iterator[InputRow]
    has_columns: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a table, counted from 0.

    `notes` name the note: a group for each heading, the preferred heading first, each group in ascending
    order. `kind` has the type of the note, `time` its publish time. `width` is the number of columns.
    """

    notes: Sequence[Sequence[int]]
    width: int
    has_headings: bool = True
    kind: int | None = None
    time: int | None = None

    def note_cells(self, cells: Sequence[str]) -> Iterator[str]:
        """Yield the cells of a row that may name its note. Missing cells of a short row take no time."""
        return (cells[index] for group in self.notes for index in takewhile(len(cells).__gt__, group))


def parse_input(lines: Iterable[Line], name: str, column: str = "") -> ParsedInput:
    """Parse numbered lines into rows.

    Args:
        lines: the numbered lines.
        name: the name of the file.
        column: the column with the notes: a heading, a JSON key, or a number from 1; "" to find it.

    Raises:
        UsageError: the table does not have the column, no column is known to have the notes, or a line of a
            list is too long (in a table it is a bad row).
    """
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        return ParsedInput(is_table=False, rows=iter(()), is_empty=True)
    separator = _SEPARATOR.fullmatch(first[1] or "")  # a first line like "sep=;" names the delimiter
    if not separator:
        rest = chain((first,), rest)
    skipped: list[Line] = []
    for number, line in rest:
        if line is None:
            raise _too_long(name, number)
        text = without_invisible(line).strip()
        delimiter = separator[1] if separator else _find_delimiter(text, name, column)
        if text and (delimiter or not text.startswith("#")):
            top: list[Line] = [(number, line.strip(" \ufeff"))]
            if len(line) <= _MAX_TITLE:
                top += islice(rest, _MAX_TITLE_LINES)
            above, delimiter = _find_headings(top, delimiter, name, column)
            return _parse_rows(text, chain(top[above:], rest), name, column, delimiter)
        if len(skipped) < _MAX_LEADING_LINES:
            skipped.append((number, line))
    return ParsedInput(is_table=False, rows=_list_rows(skipped, name, column))


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
        text = without_invisible(line).strip()
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
        return any(_is_heading(cell, "") for cell in cells)
    if _normalized(column) in map(_normalized, cells):
        return True
    return _column_number(column, cells) > 0 and sum(bool(cell.strip()) for cell in cells) > 1


def _column_number(column: str, cells: Sequence[str]) -> int:
    """Return the number of a column, from 1. Return 0 if it is no number or there are fewer columns."""
    is_number = column.isdecimal() and len(column) < _MAX_DIGITS
    return int(column) if is_number and 1 <= int(column) <= len(cells) else 0


def looks_like_table(lines: Sequence[str]) -> bool:
    """Whether the first lines of a list have the same number of columns, so that it may be a table."""
    counts = ({line.count(delimiter) for line in lines} for delimiter in _DELIMITERS)
    return len(lines) > 1 and any(len(count) == 1 and count != {0} for count in counts)


def _too_long(name: str, number: int) -> UsageError:
    return UsageError(f"{name}: line {number} is too long; put one note on a line")


def _find_delimiter(first: str, name: str, column: str) -> str:
    """Return the delimiter of a table by its first line, "" for a list or JSON."""
    if first.startswith(("{", "[")):
        return ""
    for delimiter in _DELIMITERS:
        cells = _cells(first, delimiter)
        if any(_is_heading(cell, column) for cell in cells) or _is_row_without_headings(cells):
            return delimiter
    if not first.startswith("#") and (column or name.lower().endswith(_SUFFIXES)):
        return max(_DELIMITERS, key=first.count)
    return ""


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return line.split(delimiter)


def _is_heading(cell: str, column: str) -> bool:
    heading = _normalized(cell)
    return heading in _NOTE_HEADINGS or bool(heading and heading == _normalized(column))


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
        text = without_invisible(line).strip()
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
    kind, time = _first(values, _TYPE_HEADINGS) or "", _first(values, _TIME_HEADINGS) or ""
    has_other_fields = not record.keys() <= _EXPORTED_FIELDS
    return InputRow(number, cells, _type_of(kind), _time_of(time), has_other_fields=has_other_fields)


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
        elif not _is_blank(cells):
            yield _table_row(number, cells, columns)


def _contains_rows(cells: Sequence[str], lines: Sequence[Line], delimiter: str, columns: _Columns) -> bool:
    """Whether a row over several lines contains rows with other notes: two stray marks formed a pair."""
    own = {note for cell in columns.note_cells(cells) for note in _notes(cell)}
    rows = [row for _, line in lines if len(row := (line or "").split(delimiter)) >= columns.width]
    return any(set(_notes(cell)) - own for row in rows for cell in columns.note_cells(row))


def _find_columns(first: Sequence[str], name: str, column: str) -> _Columns:
    """Return the columns of a table by its first row.

    Raises:
        UsageError: the table does not have the column, or no column is known to have the notes.
    """
    indexes: dict[str, list[int]] = {}
    for index, cell in enumerate(first):
        if heading := _normalized(cell):
            indexes.setdefault(heading, []).append(index)
    kind, time = _first(indexes, _TYPE_HEADINGS), _first(indexes, _TIME_HEADINGS)
    shown = ", ".join(f"'{one_line(cell)[:40]}'" for cell in first[:20])
    if column:
        number = _column_number(column, first)
        named = indexes.get(_normalized(column)) or ([number - 1] if number else [])
        if not named:
            raise UsageError(f"{name}: there is no column '{one_line(column)[:40]}'; there are {shown}")
        has_headings = not any(_is_note(first[index]) for index in named)
        return _Columns((named,), len(first), has_headings, kind, time)
    if groups := [indexes[heading] for heading in _NOTE_HEADINGS if heading in indexes]:
        return _Columns(groups, len(first), kind=kind, time=time)
    if notes := [index for index, cell in enumerate(first) if _is_note(cell)]:
        return _Columns((notes,), len(first), has_headings=False)
    raise UsageError(f"{name}: which column has the notes? Name it with --column; there are {shown}")


def _first(values: Mapping[str, Sequence[_Value]], names: Iterable[str]) -> _Value | None:
    """Return the first value of the first name that has any."""
    return next((values[name][0] for name in names if name in values), None)


def _table_row(number: int, cells: Sequence[str], columns: _Columns) -> InputRow:
    notes = tuple(cell.strip() for cell in columns.note_cells(cells) if _has_text(cell))
    if not notes:
        return InputRow(number, problem="the row names no note: its cell is empty")
    kind = _cell(cells, columns.kind)
    return InputRow(number, notes, _type_of(kind), _time_of(_cell(cells, columns.time)))


def _is_blank(cells: Sequence[str]) -> bool:
    """Whether a line is no row: all cells are blank, or it has only the end mark (^Z) of a DOS file."""
    return not any(cell.strip() for cell in cells) or (len(cells) == 1 and not _has_text(cells[0]))


def _has_text(cell: str) -> bool:
    return bool(without_invisible(cell).strip())


def _cell(cells: Sequence[str], index: int | None) -> str:
    return cells[index] if index is not None and index < len(cells) else ""


def _type_of(text: str) -> NoteType:
    return _TYPES.get(without_invisible(text).strip().casefold(), NoteType.UNKNOWN)


def _time_of(text: str) -> datetime | None:
    """Return the time in a text, or None. Without a zone it is China's time, as the platform shows it."""
    try:
        moment = datetime.fromisoformat(without_invisible(text).strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA_TIME)
