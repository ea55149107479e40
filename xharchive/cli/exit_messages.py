"""The last sentence of a command that ended early, safe to print whatever it is about."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from xharchive.cli.saved_options import resume_command
from xharchive.errors import ExitCode
from xharchive.redaction import Secret, redact
from xharchive.sanitize import one_line, printable

__all__ = ["ended_early", "leave_at_once", "log_redacted", "say", "without_secrets"]

_LONGEST_LOG_LINE = 400


def ended_early(args: argparse.Namespace, code: ExitCode) -> str:
    """Return what an interrupted or terminated command says: what stays, and how to go on."""
    how = "interrupted" if code is ExitCode.INTERRUPTED else "terminated"
    way_on = getattr(args, "go_on", "") or resume_command(args, os.environ, with_result=True)
    return f"xharchive: {how}; what is finished stays. Go on with: {way_on}"


def say(args: argparse.Namespace, text: str) -> None:
    """Print lines for people to standard error, without the token and without what a terminal might obey."""
    sys.stderr.write(_safe(args, text) + "\n")


def leave_at_once(args: argparse.Namespace, code: ExitCode) -> NoReturn:
    """Say how to go on, and end the process this moment: no thread, no connection and no child is waited for.

    Called from a signal's handler, in the middle of anything. The archive is made for worse.
    """
    try:
        with suppress(OSError):
            os.write(2, f"\n{_safe(args, ended_early(args, code))}\n".encode())
        with suppress(OSError, RuntimeError, ValueError):  # the stream may be at work, or gone
            sys.stdout.flush()
    finally:
        os._exit(code)


@contextmanager
def log_redacted(args: argparse.Namespace) -> Iterator[None]:
    """Until the block ends, show what libraries log as one redacted line each.

    asyncio logs exceptions that nobody looked at, with their texts; Python would print them as they are.
    """
    handler = _Redacting(args)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _Redacting(logging.Handler):
    """Prints warnings and worse, without tracebacks."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(logging.WARNING)
        self._args = args

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        problem = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() + (f" ({type(problem).__name__}: {problem})" if problem else "")
        say(self._args, f"{record.name}: {one_line(without_secrets(self._args, text))[:_LONGEST_LOG_LINE]}")


def without_secrets(args: argparse.Namespace, text: str) -> str:
    """Return the text without the token, from wherever it came, and without signatures and passwords."""
    secrets = [Secret(os.environ.get("XHARCHIVE_TOKEN", "").strip())]
    if isinstance(used := getattr(args, "secret", None), Secret):
        secrets.append(used)
    return redact(text, *secrets)


def _safe(args: argparse.Namespace, text: str) -> str:
    return "\n".join(printable(line) for line in without_secrets(args, text).split("\n"))
