"""Messages of a command that ends early or fails, safe to print."""

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

__all__ = ["exit_now", "interruption_text", "log_redacted", "print_problem", "redacted"]

_LONGEST_LOG_LINE = 400


def interruption_text(args: argparse.Namespace, code: ExitCode) -> str:
    """Return the message of an interrupted or terminated command, with the command that continues."""
    how = "interrupted" if code is ExitCode.INTERRUPTED else "terminated"
    command = getattr(args, "continue_with", "") or resume_command(args, os.environ, include_saved=True)
    return f"xharchive: {how}; what is finished stays. Continue with: {command}"


def print_problem(args: argparse.Namespace, text: str) -> None:
    """Print lines to standard error, without the token and without control characters."""
    sys.stderr.write(_safe(args, text) + "\n")


def exit_now(args: argparse.Namespace, code: ExitCode) -> NoReturn:
    """Print how to continue, and end the process without waiting for threads, connections or children.

    A signal handler calls this at any moment. An archive survives that, as it survives a power cut.
    """
    try:
        with suppress(OSError):
            os.write(2, f"\n{_safe(args, interruption_text(args, code))}\n".encode())
        with suppress(OSError, RuntimeError, ValueError):  # the stream may be busy or closed
            sys.stdout.flush()
    finally:
        os._exit(code)


@contextmanager
def log_redacted(args: argparse.Namespace) -> Iterator[None]:
    """Print the log records of libraries as one redacted line each, until the block ends.

    asyncio logs exceptions that no code handled; Python would print their texts unredacted.
    """
    handler = _Redacting(args)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _Redacting(logging.Handler):
    """Prints warnings and errors, without tracebacks."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(logging.WARNING)
        self._args = args

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        problem = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() + (f" ({type(problem).__name__}: {problem})" if problem else "")
        print_problem(
            self._args, f"{record.name}: {one_line(redacted(self._args, text))[:_LONGEST_LOG_LINE]}"
        )


def redacted(args: argparse.Namespace, text: str) -> str:
    """Return the text without tokens (of the environment and of --token-file), signatures and passwords."""
    secrets = [Secret(os.environ.get("XHARCHIVE_TOKEN", "").strip())]
    if isinstance(used := getattr(args, "secret", None), Secret):
        secrets.append(used)
    return redact(text, *secrets)


def _safe(args: argparse.Namespace, text: str) -> str:
    return "\n".join(printable(line) for line in redacted(args, text).split("\n"))
