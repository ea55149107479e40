"""`python -m xharchive` and the console script."""

import gc
import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks for modules in the current folder first, and that may be an archive from somebody else
    # with an `argparse.py` in it. Until here Python itself has imported from there: only `xharchive` and
    # `python -P -m xharchive` never do. A module that is imported here must be built in or loaded already.
    try:
        _here = os.getcwd()  # noqa: PTH109 - pathlib is not loaded yet
    except OSError:  # the folder is gone
        _here = ""
    _package_home = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - the same
    if sys.path[0] == _here != _package_home:
        del sys.path[0]

from xharchive.cli import main
from xharchive.process_limits import forbid_core_dumps
from xharchive.standard_streams import fill_closed_descriptors
from xharchive.utf8_mode import restart_in_utf8_mode

__all__ = ["run"]

_ALLOCATIONS = 20_000
"""Between two collections; Python's own 700 (2,000 from 3.13) cost a run a twentieth of its CPU."""


def run() -> None:
    """Run the command line and leave with its exit code."""
    fill_closed_descriptors()
    try:
        restart_in_utf8_mode()
    except OSError as problem:
        sys.exit(_no_restart(problem))
    # The token is in memory, and programs that collect core dumps keep and upload them.
    forbid_core_dumps()
    gc.set_threshold(_ALLOCATIONS, 20, 100)
    sys.exit(main())


def _no_restart(problem: OSError) -> int:
    sys.stderr.write(
        "xharchive: the locale's encoding is not UTF-8, and Python cannot be started again in UTF-8 mode "
        f"({problem.strerror}); set PYTHONUTF8=1 and run again\n"
    )
    return 2


if __name__ == "__main__":
    run()
