"""What a command says to its user, and the signals that the user sends."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

from xharchive.errors import ExitCode, Terminated
from xharchive.redaction import Secret, redact
from xharchive.sanitize import one_line, printable

_Result = TypeVar("_Result")
_LONGEST_LOG_LINE = 400
_SIGNALS: dict[int, type[BaseException]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}
if hasattr(signal, "SIGHUP"):  # the terminal closed: an ordinary end of a long run over ssh
    _SIGNALS[signal.SIGHUP] = Terminated


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

    def print_interruption(self, code: ExitCode) -> int:
        """Print that the command was interrupted or terminated, and how to continue; return the code."""
        self.print_problem(self._interruption_text(code))
        return int(code)

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
        problem = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() + (f" ({type(problem).__name__}: {problem})" if problem else "")
        line = one_line(self._console.redacted(text))[:_LONGEST_LOG_LINE]
        self._console.print_problem(f"{record.name}: {line}")


def run_until_signal(work: Coroutine[Any, Any, _Result], console: Console) -> _Result:
    """Run a coroutine; cancel it at the first SIGINT, SIGTERM or SIGHUP.

    Cancelling may wait a few seconds for replies that are paid for. A second signal ends the process in its
    handler, which runs even while the event loop is stuck in a write.

    Raises:
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    received: list[type[BaseException]] = []
    main: asyncio.Task[Any] | None = None

    async def guarded() -> _Result:
        nonlocal main
        main = asyncio.current_task()
        if received:
            cancel()
        try:
            return await work
        except (KeyboardInterrupt, Terminated) as stopped:  # in a question
            received.append(type(stopped))
            raise asyncio.CancelledError from None

    def cancel() -> None:
        if main is not None and not main.done():
            from xharchive.progress import write_above_bars

            text = "xharchive: stopping; waiting for replies that are paid for (again: stops at once)"
            write_above_bars(text, sys.stderr)
            main.cancel()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            interrupted = _SIGNALS[number] is KeyboardInterrupt
            console.exit_now(ExitCode.INTERRUPTED if interrupted else ExitCode.TERMINATED)
        received.append(_SIGNALS[number])
        with suppress(RuntimeError):  # the loop has just closed; no task is left to cancel
            loop.call_soon_threadsafe(cancel)

    runner = asyncio.Runner(loop_factory=_fastest_loop())
    loop = runner.get_loop()
    try:
        # The runner waits while it closes, so the handlers stay until then.
        with _handling(on_signal), runner:
            result = runner.run(guarded())
    except asyncio.CancelledError:
        raise (received or [KeyboardInterrupt])[0] from None
    if received:  # the signal arrived while the loop was closing: start nothing further
        raise received[0]
    return result


def ask(question: str) -> bool:
    """Ask the user a question, and return whether the answer is yes.

    A signal ends it at once. It blocks the event loop: questions come before the first request.

    Raises:
        KeyboardInterrupt, Terminated: a signal arrived.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise _SIGNALS[number]

    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        with _handling(stop):
            answer = sys.stdin.readline()
    except UnicodeDecodeError:
        answer = ""
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes", "是")


def is_terminal() -> bool:
    """Return whether the user can be asked."""
    # A caller may have closed standard input.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's event loop if uvloop is installed; None means Python's own loop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Install a handler for these signals until the block ends, except for signals that are ignored."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
