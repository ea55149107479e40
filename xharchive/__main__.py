"""The entry point of `python -m xharchive` and of the console script."""

import gc
import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` searches the current folder first for modules. It may be an untrusted archive with an
    # `argparse.py` in it. Up to this line Python itself has searched there; `xharchive` and
    # `python -P -m xharchive` never do. Imports before the deletion must be built in or loaded already.
    try:
        _here = os.getcwd()  # noqa: PTH109 - pathlib is not loaded yet
    except OSError:  # the folder is gone
        _here = ""
    _package_home = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is not loaded yet
    if sys.path[0] == _here != _package_home:
        del sys.path[0]

import signal

from xharchive.child_process import forbid_core_dumps
from xharchive.cli import main, restart_in_utf8_mode

_GC_THRESHOLD = 20_000
"""Allocations between garbage collections. Python's 700 (2,000 from 3.13) took 5 % of the CPU of a run."""


def run() -> None:
    """Run the command line, and exit with its code."""
    fill_closed_descriptors()
    try:
        restart_in_utf8_mode()
    except OSError as error:
        sys.stderr.write(
            "xharchive: the locale's encoding is not UTF-8, and Python cannot be started again in UTF-8 mode "
            f"({error.strerror}); set PYTHONUTF8=1 and run again\n"
        )
        sys.exit(2)
    # The token is in memory, and programs that collect core dumps store and upload them.
    forbid_core_dumps()
    gc.set_threshold(_GC_THRESHOLD, 20, 100)
    try:
        sys.exit(main())
    finally:
        # Python's handler would print a traceback for a Ctrl-C while the process ends.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def fill_closed_descriptors() -> None:
    """Open the null device for each closed standard descriptor.

    The next file that is opened gets the lowest free number. Otherwise a file of an archive could get the
    number 2, and libraries and child processes would write their standard error into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


if __name__ == "__main__":
    run()
