"""A file as numbered lines: any line end, what spreadsheets write, and nothing that is no text."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.errors import UsageError
from xharchive.sources.text_file import display_name, read_lines

TEXT = "笔记,69aed4e2000000000e00c358"


def read(path: Path, content: bytes) -> list[tuple[int, str | None]]:
    """Write a file, and read its lines."""
    path.write_bytes(content)
    return list(read_lines(str(path)))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        f"{TEXT}\r\n".encode(),
        f"{TEXT}\r".encode(),
        f"{TEXT}\n".encode("gb18030"),
        f"{TEXT}\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + f"{TEXT}\n".encode("utf-16-be"),
    ],
)
def test_whatever_it_is_written_in(tmp_path: Path, content: bytes) -> None:
    """One line of the same text."""
    assert read(tmp_path / "list", content) == [(1, TEXT)]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8", exclude_categories=["Cc"]))))
def test_lines_are_numbered_from_one(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """Blank ones count, and all of them are there."""
    path = tmp_path_factory.mktemp("lines") / "list"
    found = read(path, "".join(f"{line}\n" for line in lines).encode())
    assert found == list(enumerate(lines, 1))


def test_a_line_too_long_has_no_text(tmp_path: Path) -> None:
    """It is counted, and what follows is read."""
    found = read(tmp_path / "list", b"one\n" + b"x" * 300 * 1024 + b"\nthree\n")
    assert found == [(1, "one"), (2, None), (3, "three")]


@pytest.mark.parametrize("content", [b"PK\x03\x04 a workbook", b"\x1f\x8b packed", b"a\0b"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    """By name, and with what to do."""
    with pytest.raises(UsageError, match="list"):
        read(tmp_path / "list", content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Standard input is called so."""
    with pytest.raises(UsageError, match="nowhere: No such file"):
        list(read_lines(str(tmp_path / "nowhere")))
    assert (display_name("-"), display_name("list")) == ("standard input", "list")
