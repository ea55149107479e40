"""The command line: each verb is parse and call, one small file.

Verbs import what they need when they run, so that `--help` does not pay for aiohttp or Pillow.
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
from xharchive.cli.archive_location import which_archive
from xharchive.cli.default_verb import SHORT_HELP, with_verb
from xharchive.cli.exit_messages import ended_early, log_redacted, say, without_secrets
from xharchive.cli.options import DEFAULT_DIRECTORY
from xharchive.errors import ExitCode, Terminated, UsageError, XharchiveError
from xharchive.utf8_mode import terminal_encoding

__all__ = ["build_parser", "main"]

_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF))
_NO_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE))  # even an import may fail for it
_DESCRIPTION = """\
Archives the media of Xiaohongshu (RedNote) notes: original pictures, live photos, videos, sound.
Every file is verified before it gets its name, every paid reply is kept, every run can be resumed.
"""

_EPILOG = """\
examples:
  xharchive demo                                      try it: no token, no network
  xharchive get 69aed4e2000000000e00c358              archive one note (`get` may be left out)
  xharchive get -i notes.txt -d ~/notes               archive a list
  xharchive resume -d ~/notes                         go on with what an earlier run left
  xharchive find 豫园 -d ~/notes                       what is there of it
  xharchive status -d ~/notes --json                  what is there, as JSON

exit codes:
  0    all archived or unchanged
  1    a bug in xharchive
  2    wrong input or settings; nothing was asked or paid
  3    finished, some notes partial, newly found empty, or failed
  4    refused: token, permission, quota, balance, budget
  5    local disk or archive: full, locked, damaged (verify)
  130  interrupted (Ctrl-C), 143 terminated

The archive is -d DIR, else XHARCHIVE_DIR, else the one around the current folder, else ./archive.
The API token comes from XHARCHIVE_TOKEN or --token-file, never from an option's value.
"""


_VERB_FILES = (
    *(get, search, author, topic, feed, resume),
    *(ls, find, show, open_gallery, gallery, preview, status, verify, cost, reparse, reindex, demo),
)
_VERBS = frozenset(
    "open" if file is open_gallery else file.__name__.rpartition(".")[2] for file in _VERB_FILES
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all verbs."""
    parser = argparse.ArgumentParser(
        prog="xharchive",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"xharchive {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb in _VERB_FILES:
        verb.add(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no traceback reaches a user."""
    _have_streams()
    args = _parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        with log_redacted(args):
            code = int(args.run(args))
            sys.stdout.flush()
            return code
    except XharchiveError as problem:
        say(args, f"xharchive: {problem}")
        return int(problem.exit_code)
    except KeyboardInterrupt:
        say(args, ended_early(args, ExitCode.INTERRUPTED))
        return int(ExitCode.INTERRUPTED)
    except Terminated:
        say(args, ended_early(args, ExitCode.TERMINATED))
        return int(ExitCode.TERMINATED)
    except BrokenPipeError:
        _forget_output()  # the reader of our output went away, as `| head` does
        return int(ExitCode.INTERRUPTED)
    except Exception as problem:  # noqa: BLE001 - the last border: a bug must not show a traceback or a secret
        if isinstance(problem, OSError) and problem.errno in _NO_ROOM:
            _forget_output()
            say(args, f"xharchive: the output cannot be written: {problem.strerror}")
            return int(ExitCode.ARCHIVE)
        if isinstance(problem, OSError) and problem.errno in _NO_DESCRIPTORS:
            say(args, "xharchive: too many open files; raise the limit (ulimit -n) or use fewer --jobs")
            return int(ExitCode.ARCHIVE)
        # Redacted whole and cut then: half a token is a leak too.
        what = f"{type(problem).__name__}: {without_secrets(args, str(problem))[:200]}"
        say(args, f"xharchive: a bug in xharchive ({what}). What is finished stays. Please report it.")
        return int(ExitCode.BUG)


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with the archive's folder found if the user does not say.

    Raises:
        SystemExit: there is no command, it is not understood, or it was to print its help; that is printed.
    """
    if not words:
        sys.stderr.write(SHORT_HELP)
        raise SystemExit(int(ExitCode.USAGE))
    try:
        words = with_verb(words, _VERBS)
    except UsageError as problem:
        sys.stderr.write(f"xharchive: {problem}\n")
        raise SystemExit(int(problem.exit_code)) from None
    args = build_parser().parse_args(words)
    if getattr(args, "directory", "") is None:
        args.directory = which_archive(os.environ, DEFAULT_DIRECTORY, quiet=getattr(args, "quiet", False))
    return args


def _have_streams() -> None:
    """A caller may have closed the standard streams (`>&-`); what is meant for them is lost then.

    A character that a stream's encoding does not have is escaped: no title may end a run that was paid for.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=terminal_encoding(stream), errors="backslashreplace")


def _forget_output() -> None:
    """Python flushes stdout once more at exit: let that go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
