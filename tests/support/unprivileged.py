"""Has the rights of files and folders count, also where the tests run as root."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["ordinary_rights"]

_VERSION_3 = 0x20080522
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER of <linux/capability.h>
_ABOVE_RIGHTS = 1 << 1 | 1 << 2 | 1 << 3


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextmanager
def ordinary_rights() -> Iterator[None]:
    """Take from root, until the block ends, what lets it read and write anything.

    For this thread and those that it starts. Skips the test where that cannot be done.
    """
    if os.geteuid() != 0:
        yield
        return
    if not sys.platform.startswith("linux"):
        pytest.skip("runs as root, and only Linux can take root's rights on files away for a while")
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION_3, 0), (_Set * 2)()
    if libc.capget(ctypes.byref(header), sets) != 0:
        pytest.skip("the capabilities of root cannot be read")
    before = sets[0].effective
    sets[0].effective = before & ~_ABOVE_RIGHTS
    if libc.capset(ctypes.byref(header), sets) != 0:
        pytest.skip("the capabilities of root cannot be changed")
    try:
        yield
    finally:
        sets[0].effective = before
        assert libc.capset(ctypes.byref(header), sets) == 0
