"""Stop media bodies that arrive too slowly.

A time-out on silence is not enough: each byte from the network resets it, even one that adds nothing to the
body, such as a chunk extension or another digit of a chunk's size. So a timer checks the bytes of the body.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from xharchive.errors import BelowMinimumRate

_MAX_CHECKS_PER_WINDOW = 10  # while the reader is busy elsewhere


@dataclass(frozen=True, slots=True)
class MinRate:
    """The bytes (`size`) that a body must bring in each window of `window` seconds."""

    size: float
    window: float

    def __str__(self) -> str:
        return f"{self.size / self.window:,.0f} bytes a second over {self.window:g} s"


class RateWindow:
    """Measure a body against a least rate, in one window after another.

    Only the time in which the reader waits for bytes counts, so that a slow local disk is not held against
    the host. Times are in seconds of one clock, sizes in bytes since the body began.
    """

    def __init__(self, least: MinRate) -> None:
        self._least = least
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._size_before = 0

    def begin_wait(self, now: float) -> None:
        """Record that the reader waits for bytes from now on."""
        self._waiting_since = now

    def end_wait(self, now: float) -> None:
        """Record that the reader waits no longer."""
        self._waited += self._current_wait(now)
        self._waiting_since = None

    def seconds_left(self, now: float) -> float:
        """Return how long the reader must wait until the window ends; 0.0 if it has ended."""
        return max(0.0, self._least.window - self._waited - self._current_wait(now))

    def close(self, now: float, size: int) -> bool:
        """End the window, begin the next one, and return whether the body brought enough bytes."""
        received = size - self._size_before
        self._waited, self._size_before = 0.0, size
        if self._waiting_since is not None:
            self._waiting_since = now
        return received >= self._least.size

    def _current_wait(self, now: float) -> float:
        return 0.0 if self._waiting_since is None else now - self._waiting_since


class BodyReader(Protocol):
    """The reader of a body in aiohttp; `total_bytes` is the size so far, without the framing."""

    total_bytes: int

    def set_exception(self, exc: BaseException) -> None:
        """Make the current and all later reads raise `exc`."""


class RateTimer:
    """Make the reader of a body raise `BelowMinimumRate` after a window below the least rate.

    One timer is pending from the first wait until `stop`.
    """

    def __init__(self, content: BodyReader, least: MinRate, host: str) -> None:
        self._content = content
        self._least = least
        self._host = host
        self._window = RateWindow(least)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin_wait(self) -> None:
        """Record that the reader waits for bytes from now on."""
        now = self._loop.time()
        self._window.begin_wait(now)
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._least.window, self._check)

    def end_wait(self) -> None:
        """Record that the reader waits no longer."""
        self._window.end_wait(self._loop.time())

    def stop(self) -> None:
        """Stop the checks."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        now = self._loop.time()
        left = self._window.seconds_left(now)
        if not left:
            if not self._window.close(now, self._content.total_bytes):
                self._content.set_exception(
                    BelowMinimumRate(f"{self._host}: the body brought less than {self._least}")
                )
                return
            left = self._least.window
        self._timer = self._loop.call_at(
            now + max(left, self._least.window / _MAX_CHECKS_PER_WINDOW), self._check
        )
