"""Rows out of what people keep their notes in: CSV, TSV, JSON lines, a spreadsheet's column, a plain list.

Which it is, and which column names the notes, is told by the first line. Headings are known in English and
Chinese; others are named by the user.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import chain, islice
from types import MappingProxyType
from typing import NamedTuple

from xharchive.csv_rows import TOO_LONG, CellReader, Line
from xharchive.errors import UsageError
from xharchive.links import NotANote, ShortLink, named_in
from xharchive.models import NoteId, NoteType
from xharchive.sanitize import one_line, without_invisible

__all__ = ["Row", "Sheet", "looks_like_table", "open_sheet"]

_IDS = ("noteid", "笔记id", "作品id", "帖子id", "内容id", "itemid", "feedid", "id", "note", "笔记", "作品")
_LINKS = (
    *("url", "link", "href", "noteurl", "notelink", "shareurl", "sharelink"),
    *("笔记链接", "作品链接", "帖子链接", "内容链接", "分享链接", "短链接", "短链", "链接"),
    *("笔记地址", "网址", "地址", "笔记url", "作品url"),
)
_NOTE_AND_TYPE = frozenset(("id", "url", "type"))
_KINDS = ("type", "notetype", "类型", "笔记类型", "作品类型", "内容类型")
_TIMES = ("published", "publishedat", "publishtime", "发布时间", "发布日期")
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
_REMARK = re.compile(r"\([^)]*\)")
_LONGEST_HEADING = 1000
_NEARLY_AN_ID = re.compile(r"[0-9a-fA-F]{12,}")
_MANY_DIGITS = 10  # no table has that many columns, and int() refuses thousands of digits
_CHINA = timezone(timedelta(hours=8))
_LEADING_LINES = 10  # blank lines and comments before the first row: they name no note, so a few are enough
_TITLE_LINES = 9  # above the headings; spreadsheets that are made for print have one or two
_LONGEST_TITLE = 4096  # characters; a longer first line is headings or a note itself


class Row(NamedTuple):  # there may be a million, and this is made in half the time of a dataclass
    """One row: its first line's number, the cells that may name its note, and what else it says of it.

    `problem` says why it cannot be read at all; `says_more`: it is JSON with more than a note and its type.
    """

    line: int
    cells: tuple[str, ...] = ()
    type: NoteType = NoteType.UNKNOWN
    published: datetime | None = None
    problem: str = ""
    says_more: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one source.

    `is_table`: columns, or JSON lines; a bad row says nothing about the others then. `is_empty`: not a line.
    """

    is_table: bool
    rows: Iterator[Row]
    has_columns: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns, counted from 0, name the note, its type, its time; how many there are.

    `notes`: a group of columns for each heading, the preferred heading first, each group in ascending order.
    `headed`: the first row is headings.
    """

    notes: tuple[tuple[int, ...], ...]
    width: int
    headed: bool = True
    kind: int | None = None
    time: int | None = None

    def note_cells(self, cells: Sequence[str]) -> Iterator[str]:
        """Yield the cells of a row that may name its note; cells that a short row lacks cost no time."""
        width = len(cells)
        for group in self.notes:
            for place in group:
                if place >= width:
                    break
                yield cells[place]


def open_sheet(lines: Iterable[Line], name: str, column: str = "") -> Sheet:
    """Return the rows of numbered lines; `name` is the file's, `column` a heading, key or number from 1.

    Raises:
        UsageError: there is no such column, nothing tells which one has the notes, or a list has a line that
            is too long (a table has a bad row then).
    """
    rest = iter(lines)
    before: list[Line] = []
    said = None  # what stands between the cells, by a first line like "sep=;"
    for number, line in rest:
        if line is None:
            raise _too_long(name, number)
        is_first = not before
        if len(before) < _LEADING_LINES:
            before.append((number, line))
        if is_first:
            said = _SEPARATOR.fullmatch(line)
        text = without_invisible(line).strip()
        if not text or (said and is_first):
            continue
        delimiter = said[1] if said else _delimiter(text, name, column)
        if delimiter or not text.startswith("#"):
            top: list[Line] = [(number, line.strip(" \ufeff"))]
            above = 0
            if len(line) <= _LONGEST_TITLE:
                top += islice(rest, _TITLE_LINES)
            if len(top) > 1:
                above, delimiter = _headings(top, delimiter, name, column)
            return _sheet(text, chain(top[above:], rest), name, column, delimiter)
    return Sheet(
        is_table=False, rows=_list_rows(before[1:] if said else before, name, column), is_empty=not before
    )


def _headings(top: Sequence[Line], delimiter: str, name: str, column: str) -> tuple[int, str]:
    """Return how many lines stand above the headings, and what stands between the cells.

    What is above is a title: it has neither the wanted column (or a known heading) nor a note. Where there
    are no headings nothing is above, and `delimiter` is returned as it is.
    """
    for above, (_, line) in enumerate(top):
        if line is None or len(line) > _LONGEST_TITLE:
            break
        text = without_invisible(line).strip()
        between = delimiter if delimiter and not above else _delimiter(text, name, column)
        cells = _cells(text, between) if between else [text]
        if between and _has_headings(cells, column):
            return above, between
        if any(map(_notes, cells)):
            break
    return 0, delimiter


def _has_headings(cells: Sequence[str], column: str) -> bool:
    """Whether a row has the wanted column; of a number's there must be more than a title in the row."""
    if not column:
        return any(_is_heading(cell, "") for cell in cells)
    if _plain(column) in map(_plain, cells):
        return True
    return _column_number(column, cells) > 0 and sum(bool(cell.strip()) for cell in cells) > 1


def _column_number(column: str, cells: Sequence[str]) -> int:
    """Return the column's number from 1, 0 if it is none or there are fewer columns."""
    is_number = column.isdecimal() and len(column) < _MANY_DIGITS
    return int(column) if is_number and 1 <= int(column) <= len(cells) else 0


def _sheet(first: str, lines: Iterator[Line], name: str, column: str, delimiter: str) -> Sheet:
    if delimiter:
        return Sheet(is_table=True, rows=_table_rows(lines, name, column, delimiter), has_columns=True)
    if first.startswith("["):
        raise UsageError(f"{name}: JSON is read as one object a line; make it so with: jq -c '.[]' FILE")
    if first.startswith("{"):
        return Sheet(is_table=True, rows=_json_rows(lines, name, column))
    return Sheet(is_table=False, rows=_list_rows(lines, name, column))


def looks_like_table(lines: Sequence[str]) -> bool:
    """Whether the first lines of a list have as many columns each, so that it may be none."""
    counts = ({line.count(delimiter) for line in lines} for delimiter in _DELIMITERS)
    return len(lines) > 1 and any(len(count) == 1 and count != {0} for count in counts)


def _too_long(name: str, number: int) -> UsageError:
    return UsageError(f"{name}: line {number} is too long; put one note on a line")


def _delimiter(first: str, name: str, column: str) -> str:
    """Return what stands between the cells, "" if the lines are no table but a list or JSON."""
    if first.startswith(("{", "[")):
        return ""
    for delimiter in _DELIMITERS:
        cells = _cells(first, delimiter)
        if any(_is_heading(cell, column) for cell in cells) or _is_bare_row(cells):
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
    heading = _plain(cell)
    return heading in _IDS + _LINKS or bool(heading and heading == _plain(column))


def _plain(heading: str) -> str:
    """Return a heading without case, width, spaces, punctuation and remarks in brackets.

    One that is too long has no name (""): Unicode normalization takes time that grows with the square of the
    length.
    """
    if len(heading) > _LONGEST_HEADING:
        return ""
    text = unicodedata.normalize("NFKC", without_invisible(heading)).casefold()
    closed = text.rfind(")") + 1  # behind it no bracket closes: not to be searched for again at every "("
    return _PUNCTUATION.sub("", _REMARK.sub("", text[:closed]) + text[closed:])


def _is_bare_row(cells: Sequence[str]) -> bool:
    """Whether these are cells of a table without headings: some of them, not all, are notes."""
    others = [cell for cell in cells if cell.strip() and not _is_note(cell)]
    meant = any(_NEARLY_AN_ID.fullmatch(cell.strip()) for cell in others)  # a list with a slip, not a table
    return bool(others) and not meant and any(map(_is_note, cells))


def _is_note(cell: str) -> bool:
    return len(cell.split()) == 1 and bool(_notes(cell))


def _notes(cell: str) -> tuple[NoteId | ShortLink, ...]:
    try:
        return named_in(cell)
    except NotANote:
        return ()


def _list_rows(lines: Iterable[Line], name: str, column: str) -> Iterator[Row]:
    for number, line in lines:
        if line is None:
            raise _too_long(name, number)
        text = without_invisible(line).strip()
        if text.startswith("{"):
            yield _json_row(number, text, column)
        elif text:
            yield Row(number, (line.strip().removeprefix("\ufeff").strip(),))


def _json_rows(lines: Iterable[Line], name: str, column: str) -> Iterator[Row]:
    for number, line in lines:
        if line is None:
            yield Row(number, problem=TOO_LONG)
        else:
            yield from _list_rows([(number, line)], name, column)


def _json_row(number: int, line: str, column: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, problem="the line begins like a JSON object and is none")
    said: dict[str, list[str]] = {}  # `noteId` and `note_id` are one name, and may both be there
    for name, value in record.items():
        if isinstance(value, str | int) and str(value).strip():
            said.setdefault(_plain(name), []).append(str(value))
    names = (_plain(column),) if column else _IDS + _LINKS
    cells = tuple(cell for name in names for cell in said.get(name, ()))
    if not cells:
        wanted = f"'{one_line(column)[:40]}'" if column else "noteId, note_id, id or url"
        return Row(number, problem=f"the JSON object names no note: it has no {wanted}")
    kind, time = (next((said[name][0] for name in names if name in said), "") for names in (_KINDS, _TIMES))
    return Row(number, cells, _type(kind), _moment(time), says_more=not record.keys() <= _NOTE_AND_TYPE)


def _table_rows(lines: Iterator[Line], name: str, column: str, delimiter: str) -> Iterator[Row]:
    columns: _Columns | None = None
    reader = CellReader(lines, delimiter)
    for cut in reader:
        if cut.problem:
            yield Row(cut.line, problem=cut.problem)
            continue
        if columns is None:
            columns = _columns(cut.cells, name, column)
            if columns.headed:
                continue
        if _swallows(cut.cells, reader.pieces, columns):
            yield Row(cut.line, problem=reader.refuse().problem)
        elif not _is_blank(cut.cells):
            yield _table_row(cut.line, cut.cells, columns)


def _swallows(cells: Sequence[str], pieces: Sequence[Sequence[str]], columns: _Columns) -> bool:
    """Whether a row over several lines has rows with other notes inside: two stray marks were a pair."""
    if len(pieces) == 1:
        return False
    own = {note for cell in columns.note_cells(cells) for note in _notes(cell)}
    rows = [row for row in pieces if len(row) >= columns.width]
    return any(set(_notes(cell)) - own for row in rows for cell in columns.note_cells(row))


def _columns(first: Sequence[str], name: str, column: str) -> _Columns:
    plain = [_plain(cell) for cell in first]
    kind, time = _place(plain, _KINDS), _place(plain, _TIMES)
    if column:
        named = _named_columns(first, name, column)
        headed = not any(_is_note(_cell(first, place)) for place in named)
        return _Columns((named,), len(first), headed, kind, time)
    groups = tuple(filter(None, (_places(plain, heading) for heading in _IDS + _LINKS)))
    if groups:
        return _Columns(groups, len(first), headed=True, kind=kind, time=time)
    notes = tuple(place for place, cell in enumerate(first) if _is_note(cell))
    if notes:
        return _Columns((notes,), len(first), headed=False)
    raise UsageError(f"{name}: which column has the notes? Name it with --column; there are {_shown(first)}")


def _named_columns(first: Sequence[str], name: str, column: str) -> tuple[int, ...]:
    places = _places([_plain(cell) for cell in first], _plain(column))
    if not places and (number := _column_number(column, first)):
        places = (number - 1,)
    if not places:
        raise UsageError(f"{name}: there is no column '{one_line(column)[:40]}'; there are {_shown(first)}")
    return places


def _places(plain: Sequence[str], heading: str) -> tuple[int, ...]:
    return tuple(place for place, found in enumerate(plain) if found and found == heading)


def _shown(first: Sequence[str]) -> str:
    return ", ".join(f"'{one_line(cell)[:40]}'" for cell in first[:20])


def _place(plain: Sequence[str], names: Sequence[str]) -> int | None:
    return next((plain.index(name) for name in names if name in plain), None)


def _table_row(number: int, cells: Sequence[str], columns: _Columns) -> Row:
    notes = tuple(cell.strip() for cell in columns.note_cells(cells) if _says_something(cell))
    if not notes:
        return Row(number, problem="the row names no note: its cell is empty")
    kind = _cell(cells, columns.kind)
    return Row(number, notes, _type(kind), _moment(_cell(cells, columns.time)))


def _is_blank(cells: Sequence[str]) -> bool:
    """Whether a line is no row: all cells are blank, or it is the end mark (^Z) of a DOS file alone."""
    return not any(cell.strip() for cell in cells) or (len(cells) == 1 and not _says_something(cells[0]))


def _says_something(cell: str) -> bool:
    return bool(without_invisible(cell).strip())


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _type(text: str) -> NoteType:
    return _TYPES.get(without_invisible(text).strip().casefold(), NoteType.UNKNOWN)


def _moment(text: str) -> datetime | None:
    """Read a time; one without a zone is meant as the platform shows it, in China."""
    try:
        moment = datetime.fromisoformat(without_invisible(text).strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=_CHINA)
