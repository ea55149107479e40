"""Runs xharchive's command line and notes how late its event loop wakes up. TICKS ARGUMENTS…"""

import asyncio
import json
import sys
from pathlib import Path

_EVERY = 0.005


class _TickingPolicy(asyncio.DefaultEventLoopPolicy):
    """Gives out loops that are asked for a wake-up every five milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop that ticks for as long as it runs."""
        loop = super().new_event_loop()

        def tick(due: float) -> None:
            now = loop.time()
            self.late.append(now - due)
            loop.call_at(now + _EVERY, tick, now + _EVERY)

        # The first tick comes when the loop runs, however long it took to get there.
        loop.call_soon(lambda: tick(loop.time()))
        return loop


def _main() -> int:
    from xharchive.cli import main

    policy = _TickingPolicy()
    asyncio.set_event_loop_policy(policy)
    code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(policy.late))
    return code


if __name__ == "__main__":
    sys.exit(_main())
