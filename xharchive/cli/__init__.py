"""The command line. Each command is one small file that parses its options and calls the rest of xharchive.

Commands import what they need when they run, so that `--help` does not load aiohttp or Pillow.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from xharchive import __version__
from xharchive.cli import (
    author,
    cost,
    demo,
    feed,
    find,
    gallery,
    get,
    ls,
    open_gallery,
    preview,
    reindex,
    reparse,
    resume,
    search,
    show,
    status,
    topic,
    verify,
)
from xharchive.cli.archive_location import find_directory
from xharchive.cli.default_verb import SHORT_HELP, with_command
from xharchive.cli.exit_messages import interruption_text, log_redacted, print_problem, redacted
from xharchive.cli.help import CommandParser
from xharchive.cli.options import DEFAULT_DIRECTORY
from xharchive.errors import ExitCode, Terminated, UsageError, XharchiveError
from xharchive.utf8_mode import terminal_encoding

__all__ = ["build_parser", "main"]

_WRITE_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF))
_TOO_MANY_OPEN = frozenset((errno.EMFILE, errno.ENFILE))  # even an import may fail for it
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


_COMMAND_MODULES = (
    *(get, search, author, topic, feed, resume),
    *(ls, find, show, open_gallery, gallery, preview, status, verify, cost, reparse, reindex, demo),
)
_COMMANDS = frozenset(
    "open" if file is open_gallery else file.__name__.rpartition(".")[2] for file in _COMMAND_MODULES
)


def build_parser() -> CommandParser:
    """Return the parser with all commands."""
    parser = CommandParser(prog="xharchive", description=_DESCRIPTION, epilog=_EPILOG)
    parser.common_epilog = _COMMON_EPILOG
    parser.group("output").add_argument(
        "-V", "--version", action="version", version=f"xharchive {__version__}", help="print the version"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMAND_MODULES:
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; print no traceback."""
    _prepare_streams()
    args = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with log_redacted(args):
            code = int(args.run(args))
            sys.stdout.flush()
            return code
    except XharchiveError as problem:
        print_problem(args, f"xharchive: {problem}")
        return int(problem.exit_code)
    except KeyboardInterrupt:
        print_problem(args, interruption_text(args, ExitCode.INTERRUPTED))
        return int(ExitCode.INTERRUPTED)
    except Terminated:
        print_problem(args, interruption_text(args, ExitCode.TERMINATED))
        return int(ExitCode.TERMINATED)
    except BrokenPipeError:
        _discard_output()  # the reader of our output closed it, as `| head` does
        return int(ExitCode.INTERRUPTED)
    except Exception as problem:  # noqa: BLE001 - a bug must not print a traceback or a secret
        if isinstance(problem, OSError) and problem.errno in _WRITE_ERRORS:
            _discard_output()
            print_problem(args, f"xharchive: the output cannot be written: {problem.strerror}")
            return int(ExitCode.ARCHIVE)
        if isinstance(problem, OSError) and problem.errno in _TOO_MANY_OPEN:
            print_problem(
                args, "xharchive: too many open files; raise the limit (ulimit -n) or use fewer --jobs"
            )
            return int(ExitCode.ARCHIVE)
        # Redact first and cut afterwards: half a token is a leak too.
        what = f"{type(problem).__name__}: {redacted(args, str(problem))[:200]}"
        print_problem(
            args, f"xharchive: a bug in xharchive ({what}). What is finished stays. Please report it."
        )
        return int(ExitCode.BUG)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line, and find the archive's folder if the user names none.

    Raises:
        SystemExit: there is no command, it is wrong, or it asks for help. The message or help is printed.
    """
    if not words:
        sys.stderr.write(SHORT_HELP)
        raise SystemExit(int(ExitCode.USAGE))
    try:
        words = with_command(words, _COMMANDS)
    except UsageError as problem:
        sys.stderr.write(f"xharchive: {problem}\n")
        raise SystemExit(int(problem.exit_code)) from None
    args = build_parser().parse_args(words)
    if getattr(args, "directory", "") is None:
        args.directory = find_directory(os.environ, DEFAULT_DIRECTORY, quiet=getattr(args, "quiet", False))
    return args


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


def _discard_output() -> None:
    """Send standard output to the null device, because Python flushes it once more at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
