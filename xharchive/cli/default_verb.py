"""What the first word of a command line means: a verb, a note for `get`, or a slip of the pen."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from xharchive.errors import UsageError
from xharchive.sanitize import one_line

__all__ = ["SHORT_HELP", "with_verb"]

SHORT_HELP = """\
usage: xharchive COMMAND ...      or: xharchive NOTE ..., which means get

  xharchive demo                      try it: no token, no network
  xharchive get NOTE                  archive a note: its id, link or share text
  xharchive get -i FILE -d DIR        archive a list into a folder
  xharchive resume                    go on with what an earlier run left
  xharchive find TEXT                 find notes of the archive
  xharchive open                      look at the archive in the browser
  xharchive status                    what is there, missing, paid
  xharchive verify                    is every byte still there?

  xharchive --help                    all commands
  xharchive get --help                one of them
"""

_OPTIONS_WITHOUT_VERB = ("-h", "--help", "-V", "--version")
_SITES = ("://", "xiaohongshu.com/", "rednote.com/", "xhslink.c")
_OTHER_WORDS = {
    **dict.fromkeys(("download", "fetch", "save", "archive"), "get"),
    **dict.fromkeys(("list", "notes"), "ls"),
    **dict.fromkeys(("user", "profile"), "author"),
    **dict.fromkeys(("check", "fsck"), "verify"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    "grep": "find",
    "info": "status",
    "browse": "open",
    "help": "--help",
    "version": "--version",
}
"""What other programs call our verbs."""
_LONGEST_SHOWN = 60


def with_verb(arguments: Sequence[str], verbs: Collection[str]) -> list[str]:
    """Return the arguments with `get` in front, if they name a note and no verb.

    Raises:
        UsageError: the first word is neither a verb nor a note nor an option.
    """
    words = list(arguments)
    if not words or words[0] in verbs or words[0] in _OPTIONS_WITHOUT_VERB:
        return words
    if words[0].startswith("-"):
        return ["get", *words] if any(map(_names_a_note, words)) else words
    if _names_a_note(words[0]):
        return ["get", *words]
    shown = one_line(words[0])[:_LONGEST_SHOWN]
    meant = _meant(words[0].lower(), verbs)
    guess = f"; did you mean 'xharchive {meant}'?" if meant else ""
    raise UsageError(f"'{shown}' is neither a command nor a note's id or link{guess} (xharchive --help)")


def _names_a_note(word: str) -> bool:
    """Whether a word is an id or has a link; `get` says what is wrong with one that is not a note's."""
    from xharchive.links import NotANote, notes_in

    if any(site in word for site in _SITES):
        return True
    try:
        return bool(notes_in(word))
    except NotANote:
        return False


def _meant(word: str, verbs: Collection[str]) -> str:
    if word in _OTHER_WORDS:
        return _OTHER_WORDS[word]
    return next(iter(get_close_matches(word[:_LONGEST_SHOWN], verbs, n=1)), "")
