"""Open the standard descriptors 0, 1 and 2 if the caller closed them (`2>&-`)."""

import os

__all__ = ["fill_closed_descriptors"]


def fill_closed_descriptors() -> None:
    """Open the null device for each closed standard descriptor.

    The next file that is opened gets the lowest free number. Otherwise a file of an archive could get the
    number 2, and libraries and child processes would write their standard error into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
