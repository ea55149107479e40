"""Runs a coroutine until it ends or a signal arrives, and closes everything in order."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

from xharchive.cli.console import Console
from xharchive.errors import ExitCode, Terminated
from xharchive.progress import write_above_bars

_Result = TypeVar("_Result")
_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
if hasattr(signal, "SIGHUP"):  # the terminal closed: an ordinary end of a long run over ssh
    _SIGNALS[signal.SIGHUP] = ExitCode.TERMINATED


def run_until_signal(work: Coroutine[Any, Any, _Result], console: Console) -> _Result:
    """Run a coroutine; cancel it at the first SIGINT, SIGTERM or SIGHUP.

    Cancelling may wait a few seconds for replies that are paid for. A second signal ends the process in its
    handler, which runs even while the event loop is stuck in a write.

    Args:
        work: the coroutine.
        console: prints the message of a second signal.

    Raises:
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    received: list[ExitCode] = []
    main: asyncio.Task[Any] | None = None

    async def guarded() -> _Result:
        nonlocal main
        main = asyncio.current_task()
        if received:
            cancel()
        try:
            return await work
        except (KeyboardInterrupt, Terminated) as stopped:  # in a question
            received.append(_code_of(stopped))
            raise asyncio.CancelledError from None

    def cancel() -> None:
        if main is not None and not main.done():
            text = "xharchive: stopping; waiting for replies that are paid for (again: stops at once)"
            write_above_bars(text, sys.stderr)
            main.cancel()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        code = _SIGNALS[signal.Signals(number)]
        if received:
            console.exit_now(code)
        received.append(code)
        with suppress(RuntimeError):  # the loop has just closed; no task is left to cancel
            loop.call_soon_threadsafe(cancel)

    runner = asyncio.Runner(loop_factory=_fastest_loop())
    loop = runner.get_loop()
    try:
        # The runner waits while it closes, so the handlers stay until then.
        with _handling(on_signal), runner:
            result = runner.run(guarded())
    except asyncio.CancelledError:
        raise _error_for(received) from None
    if received:  # the signal arrived while the loop was closing: start nothing further
        raise _error_for(received)
    return result


@contextmanager
def signals_end_the_question() -> Iterator[None]:
    """Raise an error at once where a signal arrives, because a question blocks the event loop.

    Nothing else runs meanwhile: questions come before the first request.

    Raises:
        KeyboardInterrupt, Terminated: a signal arrived.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise _error_for([_SIGNALS[signal.Signals(number)]])

    with _handling(stop):
        yield


def _code_of(stopped: BaseException) -> ExitCode:
    return ExitCode.TERMINATED if isinstance(stopped, Terminated) else ExitCode.INTERRUPTED


def _error_for(received: Sequence[ExitCode]) -> BaseException:
    return Terminated() if ExitCode.TERMINATED in received[:1] else KeyboardInterrupt()


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
