"""UTF-8 mode: when the program is started again, and how words of the command line are read."""

import argparse
import io
import locale
import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from xharchive.cli import restart_in_utf8_mode, terminal_encoding
from xharchive.cli.options import text_of_argument


class Restarted(Exception):
    """Stands for the end of this process."""


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The command lines that replaced this process."""
    seen: list[Sequence[str]] = []

    def replaced(_program: str, command: Sequence[str]) -> None:
        seen.append(command)
        raise Restarted

    monkeypatch.setattr(os, "execv", replaced)
    return seen


def in_mode(monkeypatch: pytest.MonkeyPatch, mode: int, encoding: str) -> None:
    """Let this interpreter claim an encoding of file names."""
    monkeypatch.setattr(sys, "flags", SimpleNamespace(utf8_mode=mode))
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: encoding)


@pytest.mark.parametrize(("mode", "encoding"), [(1, "utf-8"), (0, "utf-8"), (1, "gbk")])
def test_nothing_is_started_again_where_names_are_utf_8(
    monkeypatch: pytest.MonkeyPatch, restarts: list[Sequence[str]], mode: int, encoding: str
) -> None:
    """Not where the mode is on either, so that a restart never leads to another one."""
    in_mode(monkeypatch, mode, encoding)
    restart_in_utf8_mode()
    assert not restarts


@pytest.mark.parametrize("encoding", ["gbk", "iso8859-1", "ascii"])
def test_the_same_command_is_started_again(
    monkeypatch: pytest.MonkeyPatch, restarts: list[Sequence[str]], encoding: str
) -> None:
    """With all options of the interpreter and of the command."""
    in_mode(monkeypatch, 0, encoding)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-P", "-m", "xharchive", "ls"])
    with pytest.raises(Restarted):
        restart_in_utf8_mode()
    assert restarts == [[sys.executable, "-X", "utf8", "-P", "-m", "xharchive", "ls"]]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("豫园".encode(), "豫园"),
        ("夜晚".encode("gbk"), "夜晚"),
        (b"-", "-"),
    ],
)
def test_words_are_utf_8_or_in_the_encoding_of_the_locale(
    monkeypatch: pytest.MonkeyPatch, raw: bytes, text: str
) -> None:
    """UTF-8 comes first."""
    monkeypatch.setattr(locale, "getencoding", lambda: "gbk")
    assert text_of_argument(os.fsdecode(raw)) == text


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "no-such-encoding"])
def test_words_that_are_no_text_are_refused(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """A search for something else would cost a call."""
    monkeypatch.setattr(locale, "getencoding", lambda: encoding)
    with pytest.raises(argparse.ArgumentTypeError, match="neither UTF-8 nor"):
        text_of_argument(os.fsdecode(b"\xff\xfe"))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "mode", "encoding", "expected"),
    [
        (Terminal(), 1, "GBK", "GBK"),
        (Terminal(), 1, "ANSI_X3.4-1968", None),
        (Terminal(), 0, "GBK", None),
        (io.StringIO(), 1, "GBK", None),
    ],
)
def test_only_a_terminal_gets_the_encoding_of_the_locale(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, mode: int, encoding: str, expected: str | None
) -> None:
    """Python has chosen already where it is not in UTF-8 mode; an ASCII locale is no choice at all."""
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    in_mode(monkeypatch, mode, "utf-8")
    monkeypatch.setattr(locale, "getencoding", lambda: encoding)
    assert terminal_encoding(stream) == expected


def test_an_encoding_that_the_user_named_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONIOENCODING is a choice for all streams."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    in_mode(monkeypatch, 1, "utf-8")
    assert terminal_encoding(Terminal()) is None
