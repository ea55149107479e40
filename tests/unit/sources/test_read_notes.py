"""The user's list: every line is understood or named as a mistake, before anything is asked or paid."""

import bz2
import gzip
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from xharchive.errors import UsageError
from xharchive.models import NoteId
from xharchive.sources.requested_notes import NoteList, read_notes
from xharchive.sources.text_file import read_lines

A = "69aed4e2000000000e00c358"
B = "6a0139640000000036000463"
C = "64d9a2a3000000000c0379ab"


def read(texts: list[str], files: list[str]) -> list[str]:
    """Read a list of notes the way a run does."""
    with NoteList() as notes:
        read_notes(notes, texts, files)
        assert len(notes) == len(list(notes))
        return [str(note_id) for note_id in notes]


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def written(folder: Path, content: bytes, name: str = "list.txt") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_arguments_come_before_files_and_nothing_twice(tmp_path: Path) -> None:
    """The order is that of first mention."""
    one, two = written(tmp_path, f"{B}\n{C}\n".encode()), written(tmp_path, A.encode(), "two.txt")
    assert read([C, f"{A},{C}"], [one, two, one]) == [C, A, B]


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n",
        f"{A}\r\n{B}",
        f"{A}\r{B}\r",
        f"\ufeff{A}\n\n  {B}  \n",
        f"# first\r# second\r\n{A} # why\n\n{B}",
        f"{A}\nhttps://www.xiaohongshu.com/explore/{B}?x=1\n{A}\n",
    ],
)
def test_every_line_ending_comment_and_mark_is_fine(tmp_path: Path, content: str) -> None:
    """Lists from Windows, old editors and spreadsheets are read whole."""
    assert read([], [written(tmp_path, content.encode())]) == [A, B]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file and as an argument."""
    stdin(monkeypatch, f"{B}\n{A}".encode())
    assert read(["-"], []) == [B, A]
    stdin(monkeypatch, f"{B}\n{A}".encode())
    assert read([C], ["-"]) == [C, B, A]


def test_a_pasted_share_text_may_have_line_breaks() -> None:
    """An argument is one line, whatever the clipboard held."""
    assert read([f"笔记\nhttps://www.xiaohongshu.com/explore/{A}\n复制"], []) == [A]


def test_nothing_named_nothing_read(tmp_path: Path) -> None:
    """Empty input is an empty list; what that means is the command's affair."""
    assert read([], []) == []
    assert read([""], [written(tmp_path, b"\n\n# nothing\n")]) == []


def test_mistakes_name_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, file and line, standard input and line; and that nothing was paid."""
    stdin(monkeypatch, f"{A}\nnope\n".encode())
    path = written(tmp_path, f"{A}\n\n{B[:-1]}\n".encode())
    with pytest.raises(UsageError) as raised:
        read([A, "hello"], [path, "-"])
    message = str(raised.value)
    assert "nothing was asked or paid" in message
    assert "argument 2: 'hello'" in message
    assert f"{path}, line 3: '{B[:-1]}'" in message
    assert "standard input, line 2: 'nope'" in message


def test_one_mistake_refuses_the_whole_list(tmp_path: Path) -> None:
    """The good lines around it are not begun with."""
    with pytest.raises(UsageError, match="line 2"):
        read([], [written(tmp_path, f"{A}\nwrong\n{B}\n".encode())])


@pytest.mark.parametrize(("wrong", "more"), [(10, False), (11, True), (5000, True)])
def test_many_mistakes_are_shortened(tmp_path: Path, wrong: int, more: bool) -> None:
    """Ten are enough to see what happened."""
    with pytest.raises(UsageError) as raised:
        read([], [written(tmp_path, b"x\n" * wrong)])
    lines = str(raised.value).splitlines()
    assert len(lines) == 1 + 10 + more
    assert (f"and {wrong - 10} more" in lines[-1]) is more


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A usage error, not a bug."""
    with pytest.raises(UsageError, match=r"gone\.txt: No such file"):
        read([], [str(tmp_path / "gone.txt")])
    with pytest.raises(UsageError, match="Is a directory"):
        read([], [str(tmp_path)])


def test_junk_is_quoted_harmlessly(tmp_path: Path) -> None:
    """Bytes that are no text make a message that can be printed."""
    with pytest.raises(UsageError) as raised:
        read([], [written(tmp_path, b"\xff\xfe\x1b[31m\x00\n")])
    assert all(line.isprintable() for line in str(raised.value).splitlines())


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    """Cut in two it could name notes that nobody meant."""
    path = written(tmp_path, f"{A}\n".encode() + b"a" * 300_000 + b"\n")
    with pytest.raises(UsageError, match="line 2 is too long"):
        read([], [path])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "table",
    [
        f"标题,笔记ID\nLONG\nx,{A}\n",
        f'{{"id": "{A}"}}\nLONG\n',
        f'x,{A}\n"LONG\n',
        f"笔记ID\nLONG\nLONG\n{A}",
    ],
)
def test_an_endless_line_of_a_table_is_a_bad_row(tmp_path: Path, table: str, encoding: str) -> None:
    """Named by its number; the rest goes on, in memory that does not grow with the line."""
    path = written(tmp_path, table.replace("LONG", "x" * 2_000_000).encode(encoding))
    tracemalloc.start()
    with NoteList() as notes:
        reading = read_notes(notes, [], [path])
        assert list(notes) == [NoteId(A)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"{path}, line 2: the line is too long" in reading.mistakes
    assert reading.bad_rows == table.count("LONG")
    assert peak < 4_000_000


def test_a_table_whose_first_line_is_endless(tmp_path: Path) -> None:
    """Nobody knows its columns."""
    with pytest.raises(UsageError, match="line 1 is too long"):
        read([], [written(tmp_path, b"x" * 300_000 + b"\n" + A.encode(), "notes.csv")])


def test_a_stream_without_any_line_end_is_refused_at_once(tmp_path: Path) -> None:
    """Not after its end: it may have none."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["bash", "-c", f"yes | tr -d '\\n' > {fifo}"]) as process:
        with pytest.raises(UsageError, match="line 1 is too long"):
            read([], [str(fifo)])
        process.terminate()


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        gzip.compress(b"69aed4e2000000000e00c358", mtime=1_700_000_000),
        bz2.compress(b"69aed4e2000000000e00c358"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
        f"{A}\n".encode("utf-32"),
        f"{A}\n".encode("utf-32-be"),
        f"笔记ID\n{A}\n".encode("utf-16-le"),
        f"{A}\n{A}\n".encode("utf-16-be"),
        bytes(300_000),
    ],
)
@pytest.mark.parametrize("name", ["list.txt", "table.csv"])
def test_what_is_not_text_is_one_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    """Not ten lines of it."""
    path = written(tmp_path, content, name)
    with pytest.raises(UsageError) as raised:
        read([], [path])
    assert str(raised.value) == f"{path} is not text; give a list or a table as UTF-8 (of a workbook: as CSV)"


def test_a_list_that_may_be_a_table_says_so(tmp_path: Path) -> None:
    """Its columns have headings that nobody knows; for other mistakes it would be noise."""
    path = written(tmp_path, f"标题,内容码\nx,{A}\ny,{B}\n".encode())
    with pytest.raises(UsageError, match=f"if {path} is a table, name its column with --column"):
        read([], [path])
    with pytest.raises(UsageError) as raised:
        read([], [written(tmp_path, f"{A}\nslip, slip\n".encode())])
    assert "--column" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("{} is empty",)),
        (b"\n\n", ()),
        (b"# why\n", ()),
        ("笔记ID,标题\n".encode(), ("{} has no rows but its headings",)),
        ("笔记ID\nx\n".encode(), ()),
    ],
)
def test_a_source_that_has_nothing_is_told_of(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    """An empty file is likely an accident."""
    path = written(tmp_path, content)
    with NoteList() as notes:
        assert read_notes(notes, [], [path]).empty_sources == tuple(word.format(path) for word in words)


def test_a_table_with_line_ends_of_a_macintosh(tmp_path: Path) -> None:
    """Excel still writes them; it is no single endless line."""
    rows = "".join(f"豫园,{number:024x}\r" for number in range(20_000))
    path = written(tmp_path, f"标题,笔记ID\r{rows}".encode())
    assert len(read([], [path])) == 20_000
    assert [number for number, _ in read_lines(path)] == list(range(1, 20_002))


def test_a_line_just_below_the_limit_is_read(tmp_path: Path) -> None:
    """64 KiB hold some 2,600 ids."""
    ids = ",".join(f"{number:024x}" for number in range(2600))
    path = written(tmp_path, ids.encode() + b"\n" + A.encode())
    assert len(read([], [path])) == 2601
    assert [number for number, _ in read_lines(path)] == [1, 2]


@pytest.mark.slow
def test_200_000_notes_fit_into_little_memory(tmp_path: Path) -> None:
    """Memory does not grow with the list past its bound (SQLite's own cache is bounded at 2 MiB)."""
    ids = [b"%024x" % (number % 150_000) for number in range(200_000)]
    path = written(tmp_path, b"\n".join(b",".join(ids[at : at + 50]) for at in range(0, len(ids), 50)))
    del ids
    tracemalloc.start()
    with NoteList(in_memory=1000) as notes:
        read_notes(notes, [], [path])
        assert len(notes) == 150_000
        assert next(iter(notes)) == NoteId("0" * 24)
        assert sum(1 for _ in notes) == 150_000
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
