"""The table of notes that a terminal gets: columns by its width."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.archive import Excerpt, IndexEntry
from xharchive.cli.print_notes import NoteTable, width
from xharchive.manifest import State
from xharchive.models import Author, Counts, NoteId

NOTE = IndexEntry(
    id=NoteId("69aed4e2000000000e00c358"),
    folder="2026-03-09_x",
    state=State.COMPLETE,
    type="image",
    published="2026-03-09T20:15:00+08:00",
    title="被豫园的氛围感硬控了",
    author=Author("5f0e01", "路上的小满", ""),
    place="上海",
    tags=(),
    counts=Counts(),
    pictures=9,
    motions=1,
    videos=0,
    originals=10,
    bytes=1,
    gaps=0,
)
FOUND = Excerpt("…不想回家，", "下雨天", "的老弄堂里路灯一盏一盏亮起来" * 3)


def plain(line: str) -> str:
    """The line without its colours."""
    return re.sub(r"\x1b\[\d+m", "", line)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (30, "AUTHOR TITLE"),
        (50, "DATE AUTHOR TITLE"),
        (60, "DATE STATE AUTHOR TITLE"),
        (80, "DATE ID STATE AUTHOR TITLE"),
        (100, "DATE ID STATE TYPE AUTHOR TITLE"),
        (140, "DATE ID STATE TYPE FILES AUTHOR TITLE"),
    ],
)
def test_the_columns_are_those_that_fit(cells: int, names: str) -> None:
    """The wider the terminal, the more columns; author and title are always among them."""
    assert NoteTable(cells, colour=False).header().split() == names.split()


def test_eighty_columns_show_author_and_title_whole() -> None:
    """Names of five Chinese characters and titles of ten have room beside date, id and state."""
    row = NoteTable(80, colour=False).row(NOTE)
    assert row == "2026-03-09  69aed4e2000000000e00c358  complete  路上的小满  被豫园的氛围感硬控了"
    assert width(row) == 80


@pytest.mark.parametrize("cells", [40, 80, 100, 140])
def test_a_title_stands_below_its_header(cells: int) -> None:
    """Wide characters before it do not move it."""
    table = NoteTable(cells, colour=False)
    row = table.row(NOTE)
    assert width(row[: row.index("被豫园")]) == table.header().index("TITLE")


@given(
    title=st.text(max_size=60),
    name=st.text(max_size=30),
    kind=st.text(max_size=12),
    cells=st.integers(4, 200),
    colour=st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(
    title: str, name: str, kind: str, cells: int, colour: bool
) -> None:
    """Whatever stands in a note, and however narrow the terminal is."""
    table = NoteTable(cells, colour)
    odd = replace(NOTE, title=title, author=Author("", name, ""), type=kind, state=State.PARTIAL)
    for line in (table.header(), table.row(odd), table.excerpt(Excerpt(title, name, kind))):
        assert width(plain(line)) <= cells


def test_a_terminal_without_colours_gets_none() -> None:
    """Neither in the header nor in a state nor in what was found."""
    table = NoteTable(80, colour=False)
    lines = (table.header(), table.row(replace(NOTE, state=State.EMPTY)), table.excerpt(FOUND))
    assert not any("\x1b" in line for line in lines)


def test_colours_mark_what_needs_attention() -> None:
    """A note that is not complete, and the words that were found; a complete note has none."""
    table = NoteTable(80, colour=True)
    assert "\x1b" not in table.row(NOTE)
    assert "\x1b[33mpartial \x1b[39m" in table.row(replace(NOTE, state=State.PARTIAL))
    assert "\x1b[1m下雨天\x1b[22m" in table.excerpt(FOUND)
    assert table.header().startswith("\x1b[1mDATE")
    assert plain(table.excerpt(FOUND)).endswith("…")
