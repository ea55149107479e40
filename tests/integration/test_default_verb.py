"""The first word of a command: a verb, a note, a slip of the pen, or nothing."""

from pathlib import Path

import pytest
from support.command import manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE

from xharchive import __version__
from xharchive.demo.demo_listings import AUTHOR

LINK = f"https://www.xiaohongshu.com/explore/{LIVE_NOTE}?xsec_token=x"
PROFILE = f"https://www.xiaohongshu.com/user/profile/{AUTHOR}"


@pytest.mark.parametrize("named", [LIVE_NOTE, LIVE_NOTE.upper(), LINK, LINK[8:], f"看看这个 {LINK} 复制打开"])
def test_a_note_means_get(world: FakeWorld, tmp_path: Path, named: str) -> None:
    """An id, a link, a share text, with the options behind or before it."""
    options = ["-d", str(tmp_path), "--image-format", "keep", *world.options]
    assert run([named, *options]).code == 0
    assert run([*options, named]).code == 0
    assert list(manifests(tmp_path)) == [LIVE_NOTE]


def test_a_link_that_is_no_notes_is_explained_by_get(tmp_path: Path) -> None:
    """Not called an unknown command."""
    assert f"xharchive author {AUTHOR}" in run([PROFILE, "-d", tmp_path]).err
    assert "example.com" in run(["https://example.com/x", "-d", tmp_path]).err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gte", "get"),
        ("stauts", "status"),
        ("verfy", "verify"),
        ("Resume", "resume"),
        ("download", "get"),
        ("list", "ls"),
        ("user", "author"),
    ],
)
def test_a_slip_is_answered_by_what_was_meant(word: str, meant: str) -> None:
    """One sentence, exit 2."""
    ran = run([word, "-d", "x"])
    assert (ran.code, ran.out) == (2, "")
    assert f"did you mean 'xharchive {meant}'?" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("word", ["qqqqqq", LIVE_NOTE[:-1], "", "\x1b[2J", "x" * 500])
def test_a_word_that_is_nothing_is_named(word: str) -> None:
    """Without a guess, and without what a terminal obeys."""
    ran = run([word])
    assert ran.code == 2
    assert "neither a command nor a note" in ran.err
    assert "did you mean" not in ran.err
    assert "\x1b" not in ran.err
    assert len(ran.err) < 300


def test_no_word_at_all_shows_a_short_help() -> None:
    """It fits a screen of 80 columns and 24 lines."""
    ran = run([])
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    for word in ("demo", "get", "resume", "status", "--help"):
        assert f"xharchive {word}" in ran.err


def test_help_is_a_command_too() -> None:
    """`xharchive help` and `xharchive help COMMAND` print what --help prints."""
    assert run(["help"]) == run(["--help"])
    assert run(["help", "get"]) == run(["get", "--help"])
    assert run(["help", "get", "--help-all"]) == run(["get", "--help-all"])


@pytest.mark.parametrize("word", ["gte", LIVE_NOTE])
def test_help_about_no_command_is_an_error(word: str) -> None:
    ran = run(["help", word])
    assert (ran.code, ran.out) == (2, "")
    assert "neither a command" in ran.err or "no command" in ran.err


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(option: str) -> None:
    assert (run([option]).code, run([option]).out) == (0, f"xharchive {__version__}\n")
