"""A signal is never taken and forgotten, whenever it comes."""

import asyncio
import os
import signal
import threading

import pytest

from xharchive.cli.console import Console, run_until_signal
from xharchive.errors import Terminated

CONSOLE = Console("xharchive resume")


@pytest.mark.parametrize(
    ("number", "meaning"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_one_that_comes_while_the_loop_closes(number: int, meaning: type[BaseException]) -> None:
    """The work is through, and what would come next may be paid for: that is what the user stops."""
    through, sent = threading.Event(), threading.Event()

    def hold_the_closing_up() -> None:
        assert through.wait(20)
        os.kill(os.getpid(), number)
        sent.set()

    async def work() -> str:
        asyncio.get_running_loop().run_in_executor(None, hold_the_closing_up)
        asyncio.get_running_loop().call_soon(through.set)
        return "links"

    with pytest.raises(meaning):
        run_until_signal(work(), CONSOLE)
    assert sent.is_set()


def test_work_without_a_signal_gives_its_result() -> None:
    """And the handlers from before are back."""
    before = signal.getsignal(signal.SIGINT)

    async def work() -> str:
        return "links"

    assert run_until_signal(work(), CONSOLE) == "links"
    assert signal.getsignal(signal.SIGINT) is before
