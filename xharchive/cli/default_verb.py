"""The first word of a command line: a command, a note for `get`, or a typing error."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from xharchive.errors import UsageError
from xharchive.sanitize import one_line

__all__ = ["SHORT_HELP", "with_command"]

SHORT_HELP = """\
usage: xharchive COMMAND ...      or: xharchive NOTE ..., which means get

  xharchive demo                      try it: no token, no network
  xharchive get NOTE                  archive a note: its id, link or share text
  xharchive get -i FILE -d DIR        archive a list into a folder
  xharchive resume                    continue what earlier runs did not finish
  xharchive find TEXT                 find archived notes
  xharchive open                      open the gallery in the browser
  xharchive status                    count notes, missing assets, paid calls
  xharchive verify                    check every file

  xharchive --help                    all commands
  xharchive get --help                one command; all its options: --help-all
"""

_OPTIONS_WITHOUT_COMMAND = ("-h", "--help", "--help-all", "-V", "--version")
_SITES = ("://", "xiaohongshu.com/", "rednote.com/", "xhslink.c")
_SYNONYMS = {
    **dict.fromkeys(("download", "fetch", "save", "archive"), "get"),
    **dict.fromkeys(("list", "notes"), "ls"),
    **dict.fromkeys(("user", "profile"), "author"),
    **dict.fromkeys(("check", "fsck"), "verify"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    "grep": "find",
    "info": "status",
    "browse": "open",
    "version": "--version",
}
"""Names that other programs have for these commands."""
_LONGEST_SHOWN = 60


def with_command(arguments: Sequence[str], commands: Collection[str]) -> list[str]:
    """Return the arguments with a command first: put `get` before a note, turn `help COMMAND` into --help.

    Args:
        arguments: the words after `xharchive`.
        commands: the names of all commands.

    Raises:
        UsageError: the first word is no command, note or option, or `help` is about no command.
    """
    words = list(arguments)
    if words[:1] == ["help"]:
        return _help_about(words[1:], commands)
    if not words or words[0] in commands or words[0] in _OPTIONS_WITHOUT_COMMAND:
        return words
    if words[0].startswith("-"):
        return ["get", *words] if any(map(_names_a_note, words)) else words
    if _names_a_note(words[0]):
        return ["get", *words]
    raise UsageError(
        f"'{_shown(words[0])}' is neither a command nor a note's id or link{_guess(words[0], commands)}"
        " (xharchive --help)"
    )


def _help_about(words: list[str], commands: Collection[str]) -> list[str]:
    if not words or words[0] in _OPTIONS_WITHOUT_COMMAND:
        return words or ["--help"]
    if words[0] in commands:
        return [*words, "--help"]
    raise UsageError(
        f"there is no command '{_shown(words[0])}'{_guess(words[0], commands)} (xharchive --help)"
    )


def _names_a_note(word: str) -> bool:
    """Return whether a word is an id or has a link; `get` explains a link that leads to no note."""
    from xharchive.sources.links import NotANote, notes_in

    if any(site in word for site in _SITES):
        return True
    try:
        return bool(notes_in(word))
    except NotANote:
        return False


def _shown(word: str) -> str:
    return one_line(word)[:_LONGEST_SHOWN]


def _guess(word: str, commands: Collection[str]) -> str:
    """Return a question that names the command with a similar name or meaning; "" if there is none."""
    lower = word.lower()
    similar = get_close_matches(lower[:_LONGEST_SHOWN], commands, n=1)
    meant = _SYNONYMS.get(lower) or next(iter(similar), "")
    return f"; did you mean 'xharchive {meant}'?" if meant else ""
