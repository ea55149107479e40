"""Confine this process with Landlock, where the Linux kernel has it (5.13 and newer): see decision 0021.

The numbers are those of `<linux/landlock.h>`; the system calls have the same ones on every architecture.
"""

import ctypes
import os
import struct
import sys

__all__ = ["confine"]

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_FOR_VERSION = 1
_NO_NEW_PRIVILEGES = (
    38  # prctl(2): the kernel asks for this before an unprivileged process may confine itself
)

_EXECUTE = 1 << 0
_TCP_BIND_AND_CONNECT = 1 << 0 | 1 << 1
_ABSTRACT_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1


def confine() -> bool:
    """Forbid this process, and its threads to come, what a decoder never needs; return whether that worked.

    It can then start no program, open or take no TCP connection, and neither trace, read the memory or
    environment of, nor signal a process outside: each as far as the kernel's version of Landlock goes. There
    is no way back. Files are as accessible as before.
    """
    if sys.platform != "linux":
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        rules = _ruleset(libc)
    except (OSError, AttributeError):
        return False
    try:
        may_confine = libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        return may_confine and int(libc.syscall(_RESTRICT_SELF, rules, 0)) == 0
    finally:
        os.close(rules)


def _ruleset(libc: ctypes.CDLL) -> int:
    """Return a descriptor of rules that forbid what is listed, without an exception.

    Raises:
        OSError: the kernel has no Landlock, it is switched off, or a container forbids it.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_FOR_VERSION)
    handled = _handled(version)
    rules = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0) if version > 0 else -1
    if rules < 0:
        raise OSError(ctypes.get_errno(), "Landlock is not available")
    return int(rules)


def _handled(version: int) -> bytes:
    """Return `struct landlock_ruleset_attr` as this version knows it: files, then network, then scopes."""
    fields = [_EXECUTE]
    if version >= 4:
        fields.append(_TCP_BIND_AND_CONNECT)
    if version >= 6:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"{len(fields)}Q", *fields)
