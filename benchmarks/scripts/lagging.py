"""Runs xharchive's command line and notes how late its event loop wakes up. TICKS ARGUMENTS…"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

_EVERY = 0.005


def _ticking(make: Callable[[], asyncio.AbstractEventLoop], late: list[float]) -> asyncio.AbstractEventLoop:
    """Return a loop that is asked for a wake-up every five milliseconds, for as long as it runs."""
    loop = make()

    def tick(due: float) -> None:
        now = loop.time()
        late.append(now - due)
        loop.call_at(now + _EVERY, tick, now + _EVERY)

    # The first tick comes when the loop runs, however long it took to get there.
    loop.call_soon(lambda: tick(loop.time()))
    return loop


def _main() -> int:
    from xharchive.cli import console, main

    late: list[float] = []
    make = console._fastest_loop() or asyncio.new_event_loop
    console._fastest_loop = lambda: lambda: _ticking(make, late)
    code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(late))
    return code


if __name__ == "__main__":
    sys.exit(_main())
