"""Lets a coroutine work until a signal comes, and have everything closed in order then."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

from xharchive.cli.exit_messages import leave_at_once
from xharchive.errors import ExitCode, Terminated
from xharchive.progress import write_above_bars

__all__ = ["until_signalled"]

_Result = TypeVar("_Result")
_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
if hasattr(signal, "SIGHUP"):  # the terminal went away: an ordinary end of a long run over ssh
    _SIGNALS[signal.SIGHUP] = ExitCode.TERMINATED


def until_signalled(work: Coroutine[Any, Any, _Result], args: argparse.Namespace) -> _Result:
    """Run a coroutine; the first SIGINT or SIGTERM cancels it, so that everything is closed in order.

    That may wait a few seconds for the answers of calls that are paid for. A second signal does not wait: the
    process ends in its handler, which runs even while the loop is stuck in a write.

    Raises:
        KeyboardInterrupt, Terminated: a signal came.
    """
    came: list[ExitCode] = []
    main: asyncio.Task[Any] | None = None

    async def guarded() -> _Result:
        nonlocal main
        main = asyncio.current_task()
        if came:
            cancel()
        return await work

    def cancel() -> None:
        if main is not None and not main.done():
            text = "xharchive: stopping; waits a moment for answers that are paid for (again: stops at once)"
            write_above_bars(text, sys.stderr)
            main.cancel()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        code = _SIGNALS[signal.Signals(number)]
        if came:
            leave_at_once(args, code)
        came.append(code)
        with suppress(RuntimeError):  # the loop has just closed: there is nothing left to stop
            loop.call_soon_threadsafe(cancel)

    runner = asyncio.Runner(loop_factory=_fastest_loop())
    loop = runner.get_loop()
    try:
        with _handled_by(on_signal), runner:  # its closing waits too, so the handlers outlive it
            result = runner.run(guarded())
    except asyncio.CancelledError:
        raise _parting(came) from None
    if came:  # while the loop was closing: what would come next, and may be paid for, is not wanted
        raise _parting(came)
    return result


def _parting(came: Sequence[ExitCode]) -> BaseException:
    return Terminated() if ExitCode.TERMINATED in came[:1] else KeyboardInterrupt()


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return how to make uvloop's event loop, if that is installed; None stands for Python's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have this handler for both signals until the block ends, but for one that is ignored on purpose."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
