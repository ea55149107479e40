"""The least rate of a media body: decoded bytes, judged by a clock.

Every byte from the network resets a time-out on silence, even one that adds nothing to the body: a chunk
extension, one more digit of a chunk's size. So the decision here depends on a timer and not on arrivals.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from xharchive.errors import TooLittle

__all__ = ["LeastRate", "RateTimer", "Window"]

_LOOKS = 10  # timers a window at most, where the reader is busy elsewhere


@dataclass(frozen=True, slots=True)
class LeastRate:
    """The bytes that a body must bring in each window; a window is in seconds."""

    size: float
    window: float

    def __str__(self) -> str:
        return f"{self.size / self.window:,.0f} bytes a second over {self.window:g} s"


class Window:
    """Decide whether a body arrives at a least rate, over one window after another.

    Only time that the reader waits for bytes counts: a slow disk here is not the host's fault. Times are in
    seconds of one clock, sizes in bytes since the body began.
    """

    def __init__(self, least: LeastRate) -> None:
        self._least = least
        self._waited = 0.0
        self._waits_since: float | None = None
        self._size_before = 0

    def begin_wait(self, now: float) -> None:
        """Note that the reader waits for bytes from now on."""
        self._waits_since = now

    def end_wait(self, now: float) -> None:
        """Note that the reader waits no more."""
        self._waited += self._wait_under_way(now)
        self._waits_since = None

    def seconds_left(self, now: float) -> float:
        """Return how long the reader must wait until the window ends; 0.0 if it has ended."""
        return max(0.0, self._least.window - self._waited - self._wait_under_way(now))

    def close(self, now: float, size: int) -> bool:
        """End the window and begin the next one; return whether the body brought enough in it."""
        brought = size - self._size_before
        self._waited, self._size_before = 0.0, size
        if self._waits_since is not None:
            self._waits_since = now
        return brought >= self._least.size

    def _wait_under_way(self, now: float) -> float:
        return 0.0 if self._waits_since is None else now - self._waits_since


class Content(Protocol):
    """A body as it arrives, without its framing; `total_bytes` is its size so far."""

    total_bytes: int

    def set_exception(self, exc: BaseException) -> None:
        """Make the reader fail."""


class RateTimer:
    """Make the reader of a body fail with `TooLittle` as soon as a window brought less than the least rate.

    One timer is pending from the first wait to `stop`; a short body costs one that never fires.
    """

    def __init__(self, content: Content, least: LeastRate, host: str) -> None:
        self._content = content
        self._least = least
        self._host = host
        self._window = Window(least)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin_wait(self) -> None:
        """Note that the reader waits for bytes from now on."""
        now = self._loop.time()
        self._window.begin_wait(now)
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._least.window, self._look)

    def end_wait(self) -> None:
        """Note that the reader waits no more."""
        self._window.end_wait(self._loop.time())

    def stop(self) -> None:
        """Judge no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        left = self._window.seconds_left(now)
        if not left:
            if not self._window.close(now, self._content.total_bytes):
                self._content.set_exception(
                    TooLittle(f"{self._host}: the body brought less than {self._least}")
                )
                return
            left = self._least.window
        self._timer = self._loop.call_at(now + max(left, self._least.window / _LOOKS), self._look)
