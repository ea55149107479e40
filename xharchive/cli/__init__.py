"""The command line. Each command is one small file that parses its options and calls the rest of xharchive.

Commands import what they need when they run, so that `--help` does not load aiohttp or Pillow.
"""

import argparse
import errno
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from xharchive.cli.command_line import SHORT_HELP, build_parser, with_command
from xharchive.cli.commands import SUMMARIES, load_command
from xharchive.cli.console import Console
from xharchive.cli.options import DEFAULT_DIRECTORY
from xharchive.errors import ExitCode, Terminated, UsageError, XharchiveError
from xharchive.utf8_mode import terminal_encoding

__all__ = ["build_parser", "main"]

_WRITE_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF))
_TOO_MANY_OPEN = frozenset((errno.EMFILE, errno.ENFILE))  # even an import may fail for it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; print no traceback."""
    _prepare_streams()
    verb, args = _parse(sys.argv[1:] if arguments is None else arguments)
    console = Console(f"xharchive resume -d {shlex.quote(args.directory)}")
    try:
        with console.redacting_logs():
            code = load_command(verb).run(args, console)
            sys.stdout.flush()
            return int(code)
    except XharchiveError as problem:
        console.print_problem(f"xharchive: {problem}")
        return int(problem.exit_code)
    except KeyboardInterrupt:
        console.print_interruption(ExitCode.INTERRUPTED)
        return int(ExitCode.INTERRUPTED)
    except Terminated:
        console.print_interruption(ExitCode.TERMINATED)
        return int(ExitCode.TERMINATED)
    except BrokenPipeError:
        _discard_output()  # the reader of our output closed it, as `| head` does
        return int(ExitCode.INTERRUPTED)
    except Exception as problem:  # noqa: BLE001 - a bug must not print a traceback or a secret
        return int(_report_unexpected(problem, console))


def _report_unexpected(problem: Exception, console: Console) -> ExitCode:
    """Print the message of an error that no code expected, and return the exit code."""
    if isinstance(problem, OSError) and problem.errno in _WRITE_ERRORS:
        _discard_output()
        console.print_problem(f"xharchive: the output cannot be written: {problem.strerror}")
        return ExitCode.ARCHIVE
    if isinstance(problem, OSError) and problem.errno in _TOO_MANY_OPEN:
        console.print_problem(
            "xharchive: too many open files; raise the limit (ulimit -n) or use fewer --jobs"
        )
        return ExitCode.ARCHIVE
    # Redact first and cut afterwards: half a token is a leak too.
    what = f"{type(problem).__name__}: {console.redacted(str(problem))[:200]}"
    console.print_problem(
        f"xharchive: a bug in xharchive ({what}). What is finished stays. Please report it."
    )
    return ExitCode.BUG


def _parse(words: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """Return the command and its arguments; find the archive's folder if the user names none."""
    if not words:
        sys.stderr.write(SHORT_HELP)
        raise SystemExit(int(ExitCode.USAGE))
    try:
        words = with_command(words)
    except UsageError as problem:
        sys.stderr.write(f"xharchive: {problem}\n")
        raise SystemExit(int(problem.exit_code)) from None
    # Whatever begins otherwise than with a command is help, the version, or an error.
    verb = next((word for word in words if word != "--"), "")
    verb = verb if verb in SUMMARIES else ""
    args = build_parser(verb).parse_args(words)
    if args.directory is None:
        from xharchive.cli.open_archive import find_directory

        args.directory = find_directory(os.environ, DEFAULT_DIRECTORY, quiet=vars(args).get("quiet", False))
    return verb, args


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
