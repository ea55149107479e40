"""The standard descriptors 0, 1 and 2, which a caller may have closed (`2>&-`)."""

import os

__all__ = ["fill_closed_descriptors"]


def fill_closed_descriptors() -> None:
    """Open the null device in place of each standard descriptor that is closed.

    The system gives the lowest free number to the next file that is opened. Without this an archive's file
    could get the number 2, and what a library or a child process writes to standard error would go into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
