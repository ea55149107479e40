"""The messages of a command, safe to print: without secrets, each on its line."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from xharchive.errors import ExitCode
from xharchive.redaction import Secret, redact
from xharchive.sanitize import one_line, printable

_LONGEST_LOG_LINE = 400


class Console:
    """Prints the problems of a command to standard error, without tokens and without control characters.

    Args:
        resume: the command that continues an interrupted run.

    Attributes:
        resume: the same, which a run replaces by one with its options.
        continue_with: what continues the run better than `resume`; "" if nothing is known.
    """

    def __init__(self, resume: str) -> None:
        self.resume = resume
        self.continue_with = ""
        self._secrets = [Secret(os.environ.get("XHARCHIVE_TOKEN", "").strip())]

    def hide(self, secret: Secret) -> None:
        """Redact a token, such as that of --token-file."""
        self._secrets.append(secret)

    def redacted(self, text: str) -> str:
        """Return the text without tokens, signatures and passwords."""
        return redact(text, *self._secrets)

    def print_problem(self, text: str) -> None:
        """Print lines to standard error."""
        sys.stderr.write(self._safe(text) + "\n")

    def print_interruption(self, code: ExitCode) -> None:
        """Print that the command was interrupted or terminated, and how to continue."""
        self.print_problem(self._interruption_text(code))

    def exit_now(self, code: ExitCode) -> NoReturn:
        """Print how to continue, and end the process without waiting for threads, connections or children.

        A signal handler calls this at any moment. An archive survives that, as it survives a power cut.
        """
        try:
            with suppress(OSError):
                os.write(2, f"\n{self._safe(self._interruption_text(code))}\n".encode())
            with suppress(OSError, RuntimeError, ValueError):  # the stream may be busy or closed
                sys.stdout.flush()
        finally:
            os._exit(code)

    @contextmanager
    def redacting_logs(self) -> Iterator[None]:
        """Print the log records of libraries as one redacted line each, until the block ends.

        asyncio logs exceptions that no code handled; Python would print their texts unredacted.
        """
        handler = _RedactingHandler(self)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)

    def _interruption_text(self, code: ExitCode) -> str:
        how = "interrupted" if code is ExitCode.INTERRUPTED else "terminated"
        command = self.continue_with or self.resume
        return f"xharchive: {how}; what is finished stays. Continue with: {command}"

    def _safe(self, text: str) -> str:
        return "\n".join(printable(line) for line in self.redacted(text).split("\n"))


class _RedactingHandler(logging.Handler):
    """Prints warnings and errors, without tracebacks."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        problem = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() + (f" ({type(problem).__name__}: {problem})" if problem else "")
        line = one_line(self._console.redacted(text))[:_LONGEST_LOG_LINE]
        self._console.print_problem(f"{record.name}: {line}")
