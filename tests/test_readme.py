"""The English and the Chinese README say the same: headings, code blocks, commands and links agree."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGLISH = "README.md"
CHINESE = "README.zh-CN.md"
MOST_LINES = 170

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)]+)\)")
_HAN = re.compile(r"[\u4e00-\u9fff]")


def headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the title of each heading; a `#` comment in a code block is none."""
    return [(len(marks), title) for marks, title in _HEADING.findall(_FENCE.sub("", text))]


def commands(text: str) -> list[list[list[str]]]:
    """Return each block of shell code as the words of its lines, without comments."""
    return [
        [words for line in code.splitlines() if (words := shlex.split(line, comments=True))]
        for language, code in _FENCE.findall(text)
        if language == "sh"
    ]


def listings(text: str) -> list[list[str]]:
    """Return the first word of each line of each block that is no shell code: the names of files."""
    return [
        [line.split()[0] for line in code.splitlines()]
        for language, code in _FENCE.findall(text)
        if language != "sh"
    ]


def links(text: str) -> set[str]:
    """Return where the links and pictures lead, but for the link to the other language."""
    return set(_LINK.findall(_FENCE.sub("", text))) - {ENGLISH, CHINESE}


@pytest.fixture(scope="module")
def english() -> str:
    """The text of README.md."""
    return (ROOT / ENGLISH).read_text("utf-8")


@pytest.fixture(scope="module")
def chinese() -> str:
    """The text of README.zh-CN.md."""
    return (ROOT / CHINESE).read_text("utf-8")


def test_headings_have_the_same_levels_in_the_same_order(english: str, chinese: str) -> None:
    """A section in one language has its counterpart in the other, translated."""
    levels = [level for level, _ in headings(english)]
    assert levels == [level for level, _ in headings(chinese)]
    assert levels[0] == 1
    assert len(levels) >= 8
    untranslated = [title for level, title in headings(chinese) if level > 1 and not _HAN.search(title)]
    assert not untranslated


def test_commands_are_the_same(english: str, chinese: str) -> None:
    """Only the comments are translated."""
    assert commands(english) == commands(chinese)
    assert sum(map(len, commands(english))) >= 10


def test_listings_name_the_same_files(english: str, chinese: str) -> None:
    """The folder of an archive looks the same in both."""
    assert listings(english) == listings(chinese)
    assert listings(english)


def test_they_lead_to_the_same_places(english: str, chinese: str) -> None:
    """Every link and picture of one stands in the other."""
    assert links(english) == links(chinese)


def test_each_links_to_the_other(english: str, chinese: str) -> None:
    """The link stands above the first section."""
    assert f"]({CHINESE})" in english.partition("\n## ")[0]
    assert f"]({ENGLISH})" in chinese.partition("\n## ")[0]


def test_both_have_the_same_number_of_list_items(english: str, chinese: str) -> None:
    """No promise and no limit is left out in one language."""
    item = re.compile(r"^(?:- |\d+\. )", re.MULTILINE)
    assert item.findall(english) == item.findall(chinese)


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_it_stays_short(name: str) -> None:
    """What is longer belongs in docs/guide.md."""
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= MOST_LINES


def test_comments_in_code_are_no_headings_and_no_commands() -> None:
    """The functions above tell a comment from a heading, and a command from a comment."""
    shell = "```sh\n# a comment\nxharchive get 'a b'  # another\n```\n"
    text = f"# A\n\n{shell}\n```text\n01.jpg  what\n```\n\n## B\n"
    assert headings(text) == [(1, "A"), (2, "B")]
    assert commands(text) == [[["xharchive", "get", "a b"]]]
    assert listings(text) == [["01.jpg"]]


def test_a_difference_is_seen() -> None:
    """Another command, a missing block and another link are each a difference."""
    text = "[x](a.md)\n\n```sh\nxharchive ls\n```\n"
    assert commands(text) != commands(text.replace("ls", "ls --json"))
    assert commands(text) != commands(text + text)
    assert links(text) != links(text.replace("a.md", "b.md"))
