"""Tables as people have them: which column names the notes, row by row, and what is wrong with a row."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.errors import UsageError
from xharchive.models import NoteType
from xharchive.sources.links import NotANote
from xharchive.sources.note_table import InputRow, ParsedInput, parse_input

A = "69aed4e2000000000e00c358"
B = "6a0139640000000036000463"
LINK = f"https://www.xiaohongshu.com/explore/{A}?xsec_token=x"


def sheet(text: str, name: str = "standard input", column: str = "") -> ParsedInput:
    """Open a text as a source of rows."""
    return parse_input(enumerate(text.splitlines(), 1), name, column)


def cells(text: str, name: str = "standard input", column: str = "") -> list[tuple[int, tuple[str, ...]]]:
    """The rows of a table: line and what names the note."""
    found = sheet(text, name, column)
    assert found.is_table
    return [(row.line, row.cells) for row in found.rows]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize(
    "heading",
    [
        *("noteId", "note_id", "Note ID", "NOTE-ID", "id", "ID", "笔记ID", "笔记id", "作品ID", "帖子id"),
        *("笔记ＩＤ", "笔记ID(必填)", "笔记 ID：", "url", "URL", "link", "Note URL", "笔记链接", "链接"),
        *("作品链接", "网址", "分享链接", "note_link"),
    ],
)
def test_headings_in_english_and_chinese(heading: str, delimiter: str) -> None:
    """In any width and case, with remarks; whatever stands around them."""
    rows = [["title", heading, "likes"], ["豫园", A, "12"], ["", B, ""]]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert cells(text) == [(2, (A,)), (3, (B,))]


def test_a_column_alone() -> None:
    """As it comes from the clipboard: heading, blank cells, quotes."""
    assert cells(f'笔记ID\n{A}\n\n"{B}"\n') == [(2, (A,)), (4, (B,))]


def test_an_id_counts_before_a_link_and_a_link_where_there_is_no_id() -> None:
    """A column named `id` may hold row numbers: all cells that may name the note are handed over."""
    text = f"id,链接,note_id\n1,{LINK},{A}\n2,{LINK},\n"
    assert cells(text) == [(2, (A, "1", LINK)), (3, ("2", LINK))]


def test_headings_that_come_twice() -> None:
    """Every column counts, in the order of preference; a named one as well."""
    text = f"url,URL,noteId,note_id\n{LINK},,,{A}\n,{LINK},,\n"
    assert cells(text) == [(2, (A, LINK)), (3, (LINK,))]
    assert cells(text, column="url") == [(2, (LINK,)), (3, (LINK,))]
    assert cells(f"noteId\twas\twas\n\t\t{A}\n", column="Was") == [(2, (A,))]
    assert cells(json.dumps({"note_id": A, "noteId": ""})) == [(1, (A,))]


def test_the_type_travels_along() -> None:
    """In both languages; another one is unknown."""
    text = f"笔记ID,类型\n{A},视频\n{B},图文\n{A},直播\n{A}\n"
    types = [NoteType.VIDEO, NoteType.IMAGE, NoteType.UNKNOWN, NoteType.UNKNOWN]
    assert [row.type for row in sheet(text).rows] == types


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (f"a,b\nx,{A}\n", "b"),
        (f"a,b\nx,{A}\n", "2"),
        (f"a;Das Feld\nx;{A}\n", "das feld"),
        (f"笔记ID,备用\n1,{A}\n", "备用"),
        (f"x,{A}\n", "2"),
        (f"# why\nx\t{A}\n", "2"),
        (f"b\n{A}", "b"),
    ],
)
def test_a_column_can_be_named(text: str, column: str) -> None:
    """By its heading or its number; the first row is no heading if the cell is a note."""
    assert [found for _, found in cells(text, column=column)] == [(A,)]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (f"小红书导出 2026-01-01\n作品地址X,标题\n{A},x\n", "作品地址X"),
        (f"小红书导出, 2026-01-01\n\n标题;作品地址X\nx;{A}\n", "作品地址x"),
        (f"笔记\n标题\t作品地址X\nx\t{A}\n", "作品地址X"),
        (f"导出,,\n标题,赞,其他\nx,1,{A}\n", "3"),
        (f"导出\nx,{A}\n", "2"),
        (f"小红书导出 2026-01-01\n标题,笔记ID\nx,{A}\n", ""),
        (f"小红书导出\n笔记ID\n{A}\n", ""),
        ("导出\n" * 9 + f"b,c\nx,{A}\n", "c"),
    ],
)
def test_a_title_above_the_headings(text: str, column: str) -> None:
    """The headings are the first of some ten lines that has the named column, or a known heading."""
    last = len(text.splitlines())
    assert cells(text, column=column) == [(last, (A,))]


def test_a_row_with_a_note_is_no_title() -> None:
    """It is read, whatever stands below it."""
    assert cells(f"x,{A}\nnoteId,b\n{B},y\n")[0] == (1, (A,))
    assert sheet(f"{A}\nnoteId\n").is_table is False


def test_invisible_characters_in_a_table() -> None:
    """In headings, around notes and types; the end mark of a DOS file is no row."""
    text = f"标题,\u200b笔记\u200bID,\u200e类型\nx,\u200e{A},视频\u200e\ny,\u200b,\n\x1a"
    first, second = sheet(text).rows
    assert (first.cells, first.type) == ((f"\u200e{A}",), NoteType.VIDEO)
    assert (second.line, second.problem) == (3, "the row names no note: its cell is empty")
    assert [row.cells for row in sheet(f"{A}\n\x1a").rows] == [(A,)]


@pytest.mark.parametrize(
    ("text", "name", "column", "words"),
    [
        (f"a,b\nx,{A}\n", "notes.csv", "", "which column has the notes"),
        (f"a,b\nx,{A}\n", "notes.csv", "c", "no column 'c'; there are 'a', 'b'"),
        (f"a,b\nx,{A}\n", "notes.csv", "3", "no column '3'"),
        (f"a,b\nx,{A}\n", "notes.csv", "0", "no column '0'"),
        (f"a,b\nx,{A}\n", "notes.csv", "9" * 5000, "no column '9999"),
        ('[{"id": 1}]', "notes.json", "", "one object a line"),
    ],
)
def test_what_nobody_can_know_is_asked(text: str, name: str, column: str, words: str) -> None:
    """With the headings there are."""
    with pytest.raises(UsageError, match=name) as raised:
        list(sheet(text, name, column).rows)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (f"sep=;\n标题;笔记ID\nx, y;{A}\n", 3, ""),
        (f'\ufeff"sep=,"\n标题;b,笔记ID\nx;y,{A}\n', 3, ""),
        (f"SEP=\t\n\n标题\two\n\t{A}\n", 4, "wo"),
    ],
)
def test_a_first_line_may_say_what_stands_between_the_cells(text: str, line: int, column: str) -> None:
    """As Excel wants it: it is a title above the headings."""
    assert cells(text, column=column) == [(line, (A,))]


@pytest.mark.parametrize("column", ["", "id"])
def test_a_blank_first_heading(column: str) -> None:
    """As a table with row numbers has it: the columns stay where they are."""
    assert cells(f"\tid\ttitle\n0\t{A}\tx\n", column=column) == [(2, (A,))]


def test_a_table_without_headings() -> None:
    """Told by its first row: some cells are notes, others are not."""
    assert cells(f"豫园,{A}\nx,{B}\n") == [(1, (A,)), (2, (B,))]
    assert cells(f"{LINK}\t豫园\n\t\nhttp://xhslink.com/a/b\tx\n") == [
        (1, (LINK,)),
        (3, ("http://xhslink.com/a/b",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}\n",
        f"{A},{B}\n",
        f"{A}, {B[:-1]}\n",
        f"look, it is great: {LINK}\n",
        f"{A}  # the garden, in spring\n",
        "hello, world\n",
        "",
        "\n# note\n\n",
        f"id of mine: {A}\n",
    ],
)
def test_a_list_is_no_table(text: str) -> None:
    """Several ids on a line, share texts, comments, slips: each line is taken as a whole."""
    found = sheet(text)
    assert not found.is_table
    rows = [row.cells for row in found.rows]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert rows == [(line,) for line in lines if lines[-1] != "# note"]


def test_quoted_cells_with_line_breaks() -> None:
    """A row is named by its first line."""
    text = f'标题,笔记ID\n"one\ntwo, three",{A}\n"say ""hi""",{B}\nx,\n'
    assert cells(text)[:2] == [(2, (A,)), (4, (B,))]
    (*_, last) = sheet(text).rows
    assert (last.line, last.problem) == (5, "the row names no note: its cell is empty")


MARKS = "its quotation marks do not match"


@pytest.mark.parametrize(
    ("rows", "bad", "good"),
    [
        ([f'"x,{A}', f"y,{B}"], {2}, [B]),
        ([f'"x"z,{A}', f"y,{B}"], {2}, [B]),
        ([f'"x,{A}', f"y,{B}", f'"ok",{A}'], {2}, [B, A]),
        ([f'"x,{A}', f"y,{B}", f'"ok, too",{A}', f'"x,{B}'], {2, 5}, [B, A]),
        (['"two', f'lines",{B}', f'"x,{A}', f"y,{B}"], {4}, [B, B]),
        ([f'27",{A}', f"y,{B}"], set(), [A, B]),
    ],
)
def test_a_stray_quotation_mark_costs_its_row_only(rows: list[str], bad: set[int], good: list[str]) -> None:
    """The row is named, and reading goes on at the next line: nothing vanishes with it."""
    found = list(sheet("\n".join(["标题,笔记ID", *rows])).rows)
    assert {row.line: row.problem for row in found if row.problem} == dict.fromkeys(bad, MARKS)
    assert [row.cells for row in found if not row.problem] == [(note,) for note in good]


@pytest.mark.parametrize(
    ("text", "line", "good"),
    [
        (f'标题,笔记ID\n"x,{A}\nscreen of 27",{B}\n', 2, [(3, (B,))]),
        (f'标题,笔记ID\n"x,{A}\ny,{B}\nz,"\n', 2, [(3, (B,))]),
        (f'笔记ID,标题\n{A},"x\n{B},27"\n', 2, [(3, (B,))]),
    ],
)
def test_a_mark_that_finds_a_partner_in_another_row(
    text: str, line: int, good: list[tuple[int, tuple[str, ...]]]
) -> None:
    """It looks like a cell with line breaks; notes of rows inside it give it away."""
    found = list(sheet(text).rows)
    assert (found[0].line, found[0].problem) == (line, MARKS)
    assert [(row.line, row.cells) for row in found[1:] if not row.problem] == good


@pytest.mark.parametrize(
    "row",
    [f'"one\ntwo","{A}"', f'"one\n{B}\ntwo",{A}', f'"see\n{B}",{A}\n', f'x,"{A}\n"'],
)
def test_a_cell_with_line_breaks_may_speak_of_notes(row: str) -> None:
    """As long as it does not look like rows."""
    assert cells(f"标题,笔记ID\n{row}\nx,{B}")[0][0] == 2
    assert [found.strip() for _, (found,) in cells(f"标题,笔记ID\n{row}\nx,{B}")] == [A, B]


def test_a_first_line_whose_quotation_marks_do_not_match() -> None:
    """What it is, is told by its pieces all the same; the row itself is told of."""
    found = sheet(f'"x,{A}\ny,{B}', "notes.txt")
    assert found.is_table
    assert [(row.line, row.problem) for row in found.rows] == [(1, MARKS), (2, "")]


def test_a_mark_without_a_partner_in_a_large_table() -> None:
    """What is read ahead of it, is read again; a look ahead has an end."""
    many = [f"y{number},{number:024x}" for number in range(20_000)]
    found = list(sheet("\n".join(["标题,笔记ID", f'"x,{A}', *many])).rows)
    assert [row.line for row in found if row.problem] == [2]
    assert len(found) == 20_001


@pytest.mark.slow
def test_cells_that_are_too_large() -> None:
    """Perhaps not the quotation marks are to blame; a row of endless cells ends too."""
    found = list(sheet(f"标题,笔记ID\n{'x' * 140_000},{A}\ny,{B}\n").rows)
    assert [(row.line, row.cells) for row in found] == [(2, ()), (3, (B,))]
    assert found[0].problem == "its quotation marks do not match, or its cells are too large"
    texts = ",".join(['"' + "x\n" * 60_000 + '"'] * 6)
    found = list(sheet(f"标题,笔记ID\n{texts},{A}\ny,{B}\n").rows)
    assert found[0].problem == "its quotation marks do not match, or its cells are too large"
    assert found[-1].cells == (B,)


def test_rows_that_are_short_or_blank() -> None:
    """A short row has empty cells; a blank one is none."""
    rows = list(sheet(f"a,笔记ID,b\nx\n,,\n\n1,{A}\n").rows)
    assert [(row.line, bool(row.problem)) for row in rows] == [(2, True), (5, False)]


def test_json_lines() -> None:
    """Any of the names, as text or number; what is none says so."""
    records: list[object] = [
        {"noteId": A, "type": "video", "published": "2026-03-09T12:00:00+08:00"},
        {"笔记链接": LINK},
        {"note_id": "", "url": LINK, "id": 7, "type": ["x"]},
        {"title": "x"},
    ]
    text = "\n".join([*(json.dumps(record) for record in records), '{"id": ', "{" * 5, A])
    found = sheet(text)
    assert found.is_table
    rows = list(found.rows)
    assert rows[0] == InputRow(1, (A,), NoteType.VIDEO, has_other_fields=True)
    assert [row.cells for row in rows[1:3]] == [(LINK,), ("7", LINK)]
    assert [bool(row.problem) for row in rows] == [False, False, False, True, True, True, False]
    assert rows[6].cells == (A,)


def test_json_lines_that_say_no_more_than_a_list_would() -> None:
    """A note and its type: what another run's list is made of."""
    records = [{"id": A}, {"url": LINK, "type": "video"}, {"id": A, "title": ""}]
    rows = sheet("\n".join(json.dumps(record) for record in records)).rows
    assert [row.has_other_fields for row in rows] == [False, False, True]


def test_a_key_of_json_lines_can_be_named() -> None:
    """Like a heading; where it is missing, the row is bad, whatever else it says."""
    records = [{"id": "7", "Der Link": LINK}, {"derlink": A, "type": "video"}, {"id": A}, {"der-link": " "}]
    text = "\n".join([*(json.dumps(record) for record in records), B])
    rows = list(sheet(text, column="der link").rows)
    assert [row.cells for row in rows] == [(LINK,), (A,), (), (), (B,)]
    assert rows[1].type is NoteType.VIDEO
    assert {row.problem for row in rows[2:4]} == {"the JSON object names no note: it has no 'der link'"}


_text = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(st.tuples(_text, st.sampled_from([A, B, LINK, "x", ""]), _text), max_size=8))
def test_what_a_spreadsheet_writes_is_read(rows: list[tuple[str, str, str]]) -> None:
    """Any cells around the column, quoted as CSV wants it: every row is a note or told of."""
    file = io.StringIO()
    csv.writer(file).writerows([("标题", "笔记ID", "正文"), *rows])
    lines = file.getvalue().split("\n")[:-1]
    found = list(parse_input(enumerate(lines, 1), "notes.csv").rows)
    expected = [(note,) if note else () for row in rows if any(map(str.strip, row)) for note in [row[1]]]
    assert [row.cells for row in found] == expected
    assert all(row.problem for row in found if not row.cells)


@given(st.text(), st.text(max_size=5))
def test_any_text_is_rows_or_a_refusal(text: str, column: str) -> None:
    """No text makes it fail in another way."""
    for name in ("notes.csv", "notes.txt"):
        try:
            rows = list(sheet(text, name, column).rows)
        except UsageError:
            continue
        assert all(row.cells or row.problem for row in rows)


def test_of_cells_without_a_note_the_first_is_named() -> None:
    """It is the column that the user means."""
    with pytest.raises(NotANote, match="'one' is"):
        InputRow(1, ("one", "two")).notes()
