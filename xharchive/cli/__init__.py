"""The command line: its first word names a command, whose small module parses its options and does the work.

Commands import what they need when they run, so that `--help` does not load aiohttp or Pillow.
"""

import argparse
import errno
import importlib
import locale
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import TextIO

from xharchive import __version__
from xharchive.cli.commands import COMMANDS
from xharchive.cli.console import Console
from xharchive.cli.parser import CommandParser, option
from xharchive.errors import ExitCode, Terminated, UsageError, XharchiveError
from xharchive.sanitize import one_line

_DESCRIPTION = """\
Archive the media of Xiaohongshu (RedNote) notes: pictures, live photos, videos,
sound. Every file is checked, every paid reply saved; every run can be resumed.
"""

_SETTINGS = """\
archive: -d DIR, else XHARCHIVE_DIR, else the archive around the current folder,
else ./archive. API token: XHARCHIVE_TOKEN or --token-file, never an option.
"""

_BRIEF_EPILOG = f"""\
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

_SHORT_HELP = """\
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

_VERSION = option(
    "output: -V, --version", "print the version", action="version", version=f"xharchive {__version__}"
)
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
_ASCII = frozenset(("ANSI_X3.4-1968", "US-ASCII", "646"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; print no traceback."""
    _prepare_streams()
    args = _parse(sys.argv[1:] if arguments is None else arguments)
    console = Console(f"xharchive resume -d {shlex.quote(args.directory)}")
    try:
        with console.redacting_logs():
            code = _load(args.verb).run(args, console)
            sys.stdout.flush()
            return int(code)
    except XharchiveError as problem:
        console.print_problem(f"xharchive: {problem}")
        return int(problem.exit_code)
    except KeyboardInterrupt:
        return console.print_interruption(ExitCode.INTERRUPTED)
    except Terminated:
        return console.print_interruption(ExitCode.TERMINATED)
    except BrokenPipeError:
        _discard_output()  # the reader of our output closed it, as `| head` does
        return int(ExitCode.INTERRUPTED)
    except Exception as problem:  # noqa: BLE001 - a bug must not print a traceback or a secret
        return _report_unexpected(problem, console)


def _report_unexpected(problem: Exception, console: Console) -> int:
    """Print the message of an error that no code expected, and return the exit code."""
    match problem:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EIO | errno.EBADF):
            _discard_output()
            text = f"the output cannot be written: {problem.strerror}"
        case OSError(errno=errno.EMFILE | errno.ENFILE):  # even an import may fail for it
            text = "too many open files; raise the limit (ulimit -n) or use fewer --jobs"
        case _:
            # Redact first and cut afterwards: half a token is a leak too.
            what = f"{type(problem).__name__}: {console.redacted(str(problem))[:200]}"
            console.print_problem(
                f"xharchive: a bug in xharchive ({what}). What is finished stays. Please report it."
            )
            return int(ExitCode.BUG)
    console.print_problem(f"xharchive: {text}")
    return int(ExitCode.ARCHIVE)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the command and its arguments; find the archive's folder if the user names none."""
    if not words:
        sys.stderr.write(_SHORT_HELP)
        raise SystemExit(int(ExitCode.USAGE))
    try:
        words = _with_command(words)
    except UsageError as problem:
        sys.stderr.write(f"xharchive: {problem}\n")
        raise SystemExit(int(problem.exit_code)) from None
    # Whatever begins otherwise than with a command is help, the version, or an error.
    verb = next((word for word in words if word != "--"), "")
    args = build_parser(verb, full="--help-all" in words).parse_args(words)
    if args.directory is None:
        from xharchive.cli.open_archive import find_directory

        args.directory = find_directory(quiet=vars(args).get("quiet", False))
    return args


def build_parser(*verbs: str, full: bool = True) -> CommandParser:
    """Return the parser of the program.

    Args:
        verbs: the commands whose options it knows; all if there is none. It lists the others.
        full: print the full help of the program or command, not the brief one.
    """
    epilog = _EPILOG if full else _BRIEF_EPILOG
    parser = CommandParser(full=full, prog="xharchive", description=_DESCRIPTION, epilog=epilog)
    parser.add_options([_VERSION])
    parser.add_help_options()
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="verb", required=True, prog=parser.prog
    )
    parser.usage = f"{parser.prog} [OPTIONS] COMMAND ..."
    for verb, (_, summary) in COMMANDS.items():
        command = commands.add_parser(verb, help=summary, full=full)
        if verb in (verbs or COMMANDS):
            command.describe(_load(verb).VERBS[verb])
    return parser


def _load(verb: str) -> ModuleType:
    """Import the module of a command."""
    return importlib.import_module(f"{__name__}.commands.{COMMANDS[verb][0]}")


def _with_command(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a command first: put `get` before a note, turn `help COMMAND` into --help.

    Raises:
        UsageError: the first word is no command, note or option, or `help` is about no command.
    """
    words = list(arguments)
    if words[0] == "help":
        about = words[1:2] or ["--help"]
        if about[0] in _OPTIONS_WITHOUT_COMMAND:
            return words[1:] or about
        if about[0] in COMMANDS:
            return [*words[1:], "--help"]
        raise UsageError(f"there is no command '{_shown(about[0])}'{_guess(about[0])} (xharchive --help)")
    if words[0] in COMMANDS or words[0] in _OPTIONS_WITHOUT_COMMAND:
        return words
    if words[0].startswith("-"):
        return ["get", *words] if any(map(_names_a_note, words)) else words
    if _names_a_note(words[0]):
        return ["get", *words]
    raise UsageError(
        f"'{_shown(words[0])}' is neither a command nor a note's id or link{_guess(words[0])}"
        " (xharchive --help)"
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


def _guess(word: str) -> str:
    """Return a question that names the command with a similar name or meaning; "" if there is none."""
    lower = word.lower()
    similar = get_close_matches(lower[:_LONGEST_SHOWN], COMMANDS, n=1)
    meant = _SYNONYMS.get(lower) or next(iter(similar), "")
    return f"; did you mean 'xharchive {meant}'?" if meant else ""


def _prepare_streams() -> None:
    """Replace standard streams that the caller closed (`>&-`), and escape what their encoding lacks.

    Otherwise a character in a title could end a run that is paid for.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - stays open until the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=terminal_encoding(stream), errors="backslashreplace")


def restart_in_utf8_mode() -> None:
    """Start the same command again in Python's UTF-8 mode, in this process, unless file names are UTF-8.

    A cron job and a terminal must give the files of an archive the same names, and a title may have any
    character (decision 0027). Names are UTF-8 on Windows and macOS, and on Linux in a UTF-8 locale.

    Raises:
        OSError: Python cannot be started again.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    # `-X` works with `-I` and `-E`, and child processes do not inherit it, unlike PYTHONUTF8.
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - without a shell


def terminal_encoding(stream: TextIO) -> str | None:
    """Return the encoding of a terminal if it is not UTF-8. Return None for UTF-8, and for a file or pipe.

    A terminal uses the encoding of its locale, also in UTF-8 mode (decision 0027). An ASCII locale counts as
    UTF-8, because it mostly means that no locale is set, as in a container.
    """
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ or not stream.isatty():
        return None
    named = locale.getencoding()
    return None if named in _ASCII else named


def _discard_output() -> None:
    """Send standard output to the null device, because Python flushes it once more at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
