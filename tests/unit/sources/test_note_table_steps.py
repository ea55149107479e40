"""Lists and tables made to be slow: the work to read them grows with their size, not with its square."""

import tracemalloc
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.step_counter import counted_work

from xharchive.errors import UsageError
from xharchive.sources.note_table import parse_input
from xharchive.sources.requested_notes import NoteList, read_notes

pytestmark = pytest.mark.slow

A = "69aed4e2000000000e00c358"
UNSORTED = "\u0301" * 15_000 + "\u0327" * 15_000  # all of the second belong before all of the first


def note(number: int) -> str:
    return f"69aed4e2{number:016x}"


def table(row: str, count: int, head: str = "title,noteId") -> str:
    """A table of equal rows; NOTE in a row is another note each time."""
    return "\n".join([head, *(row.replace("NOTE", note(number)) for number in range(count))])


def read_file(path: Path, text: str, encoding: str = "utf-8", end: str = "\n") -> int:
    """Write a list, read it as `get -i` does, and return the work."""
    path.write_bytes(text.replace("\n", end).encode(encoding))

    def read() -> None:
        with NoteList() as notes:
            try:
                read_notes(notes, [], [str(path)], strict=False)
            except UsageError:
                return

    return counted_work(read)


def read_rows(text: str, name: str = "notes.csv") -> int:
    """Read a list as rows, and return the work."""

    def read() -> None:
        try:
            for _ in parse_input(enumerate(text.split("\n"), 1), name).rows:
                pass
        except UsageError:
            return

    return counted_work(read)


HOSTILE: dict[str, Callable[[int], str]] = {
    "an opening mark in every line": lambda n: table('"x,NOTE', n),
    "an opening mark in every second line": lambda n: table('"x,NOTE\ny,NOTE', n),
    "a mark that closes and one that opens in every line": lambda n: table('a","b', n),
    "the same in every second line": lambda n: table('a","b\nc,d', n),
    "the same, beside notes": lambda n: table('NOTE","NOTE', n),
    "the same in a single column": lambda n: table('","\n', n, "noteId"),
    "an opening mark in the middle": lambda n: table('x,"NOTE\ny,NOTE', n),
    "escaped marks in cells that stay open": lambda n: table('x"",",""NOTE', n),
    "marks and all delimiters": lambda n: table('";,\t|"NOTE",",', n),
    "marks and tabs": lambda n: table('a"\t"NOTE', n, "title\tnoteId"),
    "rows that end, with other notes inside": lambda n: table('a",NOTE,"b', n) + '"\n',
    "such rows one behind another": lambda n: "\n".join([table('a",NOTE,"b', 50) + '"'] * (n // 50)),
    "a mark at the end of a row that was never closed": lambda n: table('"x,NOTE', n) + '"',
    "one mark before thousands of plain rows": lambda n: table("x,NOTE", n, 'title,noteId\n"x,'),
    "CR LF and lone CR": lambda n: table('a","b\r\nNOTE"\r"x', n),
    "a separator line": lambda n: table('a";"NOTE', n, "sep=;\ntitle;noteId"),
    "separator lines": lambda n: "sep=;\n" * n + table('a";"b', n, "title;noteId"),
    "no headings": lambda n: table('a","NOTE', n, f"x,{A}"),
    "a bare list": lambda n: table('"NOTE', n, A),
    "a bare list with several notes a line": lambda n: table("NOTE,NOTE;NOTE NOTE", n, A),
    "share texts": lambda n: table('"look http://xhslink.com/a/NOTE 复制', n, A),
    "comments only": lambda n: table('# a","NOTE', n, "#"),
    "blank lines": lambda n: table("", n, A),
    "JSON lines": lambda n: table('{"id": "NOTE", "title": "\\"x"}', n, "{}"),
    "JSON lines that never close": lambda n: table('{"id": "NOTE', n, '{"id": "'),
    "one JSON object of thousands of keys": lambda n: "{" + ",".join(f'"k{i}": {i}' for i in range(n)) + "}",
    "one JSON object nested deeply": lambda n: '{"a":' * n,
    "thousands of columns": lambda n: "\n".join(
        [",".join(["noteId", *("c" for _ in range(n))]), *(f"{note(i)}," for i in range(n))]
    ),
    "thousands of columns of notes": lambda n: "\n".join([",".join(["noteId"] * n), *(["x"] * n)]),
    "thousands of columns of notes, marks that stay open": lambda n: "\n".join(
        [",".join(["noteId"] * n), *(['a","b'] * n)]
    ),
    "thousands of columns in many groups": lambda n: "\n".join(
        [",".join(["noteId,note_id,url,链接"] * n), *(["x"] * n)]
    ),
    "thousands of columns that are all notes": lambda n: "\n".join(
        [",".join([*([A] * n), "x"]), *(["x"] * n)]
    ),
    "one row of headings that never close": lambda n: '"noteId' + ',"x' * n,
    "one heading that never closes": lambda n: '"noteId' + "x" * n,
    "one heading of open brackets": lambda n: "noteId" + "(" * n + ",noteId",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_as_long_a_list_is_twice_the_work(tmp_path: Path, kind: str) -> None:
    """Whatever its quotation marks do; below the bound of a row, where all of it could be one."""
    once, twice = (read_file(tmp_path / "notes.csv", HOSTILE[kind](size)) for size in (500, 1000))
    assert twice <= 2.2 * once


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_twice_the_work_in_every_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    """And with every line end."""
    texts = (table('豫园","NOTE', count, "标题,笔记ID") for count in (500, 1000))
    once, twice = (read_file(tmp_path / "notes.csv", text, encoding, end) for text in texts)
    assert twice <= 2.2 * once


@pytest.mark.parametrize(
    "row", ['a","{}', '"{}', "{}", '{}"', "x,{}", '"x",{},"', '{{"id": "{}"}}', '{{"id": "{}', "# {}"]
)
@pytest.mark.parametrize("length", [100_000, 250_000, 262_143, 300_000])
def test_long_lines_are_read_a_bounded_number_of_times(tmp_path: Path, row: str, length: int) -> None:
    """Just below the bounds of a cell and of a line, and above them."""
    line = row.format("x" * length)
    text = table(line, 6, "noteId,title" if "{" not in line else '{"id": 1}')
    assert read_file(tmp_path / "notes.csv", text) <= 40 * len(text)


@pytest.mark.parametrize("start", ["noteId", '"noteId', 'x,"noteId', "{", "#", "noteId,"])
def test_one_heading_of_half_a_mebibyte_is_read_a_bounded_number_of_times(start: str) -> None:
    """In quotation marks that never close, or in none."""
    text = start + "x" * 512 * 1024
    assert read_rows(text) <= 100 * len(text)


def test_a_row_that_exceeds_its_bound_is_read_a_bounded_number_of_times() -> None:
    """A row is given up at 512 KiB; the lines behind that are not read more often than those before."""
    text = table('a","' + "b" * 1000, 2000)
    assert read_rows(text) <= 40 * len(text)


@pytest.mark.parametrize(
    "text",
    [
        "noteId" + "(" * 2000,
        f"id,x{UNSORTED},y",
        f"title,noteId\nx,https://x{UNSORTED}/explore/{A}",
        f"https://user{UNSORTED}@www.xiaohongshu.com/explore/{A}",
        f"xhslink.com/{UNSORTED}",
        f'{{"id{UNSORTED}": "{A}", "note_id": "{A}"}}',
    ],
)
def test_no_long_text_is_normalized(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Unicode normalization sorts combining characters in time that grows with the square of their number."""
    lengths = [0]
    normalize = unicodedata.normalize

    def recorded(form: Literal["NFKC"], given_text: str) -> str:
        lengths.append(len(given_text))
        return normalize(form, given_text)

    monkeypatch.setattr(unicodedata, "normalize", recorded)
    read_file(tmp_path / "notes.csv", text)
    assert max(lengths) <= 1100


def test_comments_are_not_kept_in_memory() -> None:
    """Before the first row there may be as many as the file is long."""
    lines = ((number, f"# {number} {'x' * 1000}") for number in range(1, 3001))
    tracemalloc.start()
    found = parse_input(lines, "notes.txt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not found.is_empty
    assert not found.is_table
    assert peak < 1_000_000


_HEADS = st.sampled_from(
    [
        *(
            "title,noteId\n",
            "noteId\n",
            "sep=;\nnoteId;x\n",
            f"x,{A}\n",
            f"{A}\n",
            '{"id": 1}\n',
            "# x\n",
            "",
        ),
        "noteId," * 500 + "\n",
    ]
)
_PIECES = st.sampled_from(
    [
        *('"', '""', '","', ",", ";", "\t", "|", "\n", "\r\n", " "),
        *(A, "x", "#", "{", "}", '{"id": "', "sep=;", "("),
    ]
)
_UNITS = st.lists(_PIECES, min_size=1, max_size=8).map("".join)


@given(_HEADS, _UNITS, st.integers(1, 700), _UNITS)
def test_the_work_of_any_list_is_bounded_by_its_length(head: str, unit: str, count: int, tail: str) -> None:
    """A beginning, anything many times, an end: so many steps a character at most.

    The dearest list that a search found takes 370 steps a character (cells of one character). Reading the
    rest again for each cell would take thousands.
    """
    text = head + unit * count + tail
    assert read_rows(text) <= 600 * (len(text) + 10)
