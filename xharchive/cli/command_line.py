"""The command line as a whole: its first word, its parser, and the help of the program."""

from collections.abc import Sequence
from difflib import get_close_matches

from xharchive import __version__
from xharchive.cli.commands import SUMMARIES, load_command
from xharchive.cli.help import CommandParser
from xharchive.errors import UsageError
from xharchive.sanitize import one_line

_DESCRIPTION = """\
Archive the media of Xiaohongshu (RedNote) notes: pictures, live photos, videos,
sound. Every file is checked, every paid reply saved; every run can be resumed.
"""

_SETTINGS = """\
archive: -d DIR, else XHARCHIVE_DIR, else the archive around the current folder,
else ./archive. API token: XHARCHIVE_TOKEN or --token-file, never an option.
"""

_COMMON_EPILOG = f"""\
exit codes: 0 done, 1 bug, 2 wrong input, 3 incomplete, 4 refused (token,
quota, ...), 5 disk or archive, 130 interrupted, 143 terminated

{_SETTINGS}
options of a command: xharchive COMMAND --help; more: xharchive --help-all
"""

_EPILOG = f"""\
examples:
  xharchive demo                                      try it: no token, no network
  xharchive get 69aed4e2000000000e00c358              archive one note (`get` may be left out)
  xharchive get -i notes.txt -d ~/notes               archive a list
  xharchive resume -d ~/notes                         continue what earlier runs did not finish
  xharchive find 豫园 -d ~/notes                       find archived notes
  xharchive status -d ~/notes --json                  count what is archived, as JSON

exit codes:
  0    everything is archived or unchanged
  1    a bug in xharchive
  2    wrong input or settings; nothing was sent or paid
  3    finished, but some notes are partial, newly found empty, or failed
  4    refused: token, permission, quota, balance, budget
  5    local disk or archive: full, locked, damaged (verify)
  130  interrupted (Ctrl-C)
  143  terminated by a signal

{_SETTINGS}
help of a command: xharchive COMMAND --help (common options), --help-all (all options)
"""

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


def build_parser(*verbs: str) -> CommandParser:
    """Return the parser of the program.

    Args:
        verbs: the commands whose options it knows; all if there is none. It lists the others.
    """
    parser = CommandParser(prog="xharchive", description=_DESCRIPTION, epilog=_EPILOG)
    parser.common_epilog = _COMMON_EPILOG
    parser.group("output").add_argument(
        "-V", "--version", action="version", version=f"xharchive {__version__}", help="print the version"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb, summary in SUMMARIES.items():
        command = commands.add_parser(verb, help=summary)
        if verb in (verbs or SUMMARIES):
            load_command(verb).configure(command)
    return parser


def with_command(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a command first: put `get` before a note, turn `help COMMAND` into --help.

    Args:
        arguments: the words after `xharchive`.

    Raises:
        UsageError: the first word is no command, note or option, or `help` is about no command.
    """
    words = list(arguments)
    if words[:1] == ["help"]:
        return _help_about(words[1:])
    if not words or words[0] in SUMMARIES or words[0] in _OPTIONS_WITHOUT_COMMAND:
        return words
    if words[0].startswith("-"):
        return ["get", *words] if any(map(_names_a_note, words)) else words
    if _names_a_note(words[0]):
        return ["get", *words]
    raise UsageError(
        f"'{_shown(words[0])}' is neither a command nor a note's id or link{_guess(words[0])}"
        " (xharchive --help)"
    )


def _help_about(words: list[str]) -> list[str]:
    if not words or words[0] in _OPTIONS_WITHOUT_COMMAND:
        return words or ["--help"]
    if words[0] in SUMMARIES:
        return [*words, "--help"]
    raise UsageError(f"there is no command '{_shown(words[0])}'{_guess(words[0])} (xharchive --help)")


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


def _guess(word: str) -> str:
    """Return a question that names the command with a similar name or meaning; "" if there is none."""
    lower = word.lower()
    similar = get_close_matches(lower[:_LONGEST_SHOWN], SUMMARIES, n=1)
    meant = _SYNONYMS.get(lower) or next(iter(similar), "")
    return f"; did you mean 'xharchive {meant}'?" if meant else ""
