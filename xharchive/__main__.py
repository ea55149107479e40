"""`python -m xharchive` and the console script."""

import gc
import sys

from xharchive.cli import main

__all__ = ["run"]

_ALLOCATIONS = 20_000
"""Between two collections; Python's own 700 (2,000 from 3.13) cost a run a twentieth of its CPU."""


def run() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(_ALLOCATIONS, 20, 100)
    sys.exit(main())


if __name__ == "__main__":
    run()
