"""`python -m xharchive` and the console script."""

import sys

from xharchive.cli import main

__all__ = ["run"]


def run() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(main())


if __name__ == "__main__":
    run()
