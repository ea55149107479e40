"""Confine this process with Landlock, which Linux has since 5.13 (decision 0021).

The constants are those of `<linux/landlock.h>`. The system calls have the same numbers on all architectures.
"""

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GET_VERSION = 1
_NO_NEW_PRIVILEGES = (
    38  # prctl(2): the kernel asks for this before an unprivileged process may confine itself
)

_EXECUTE = 1 << 0
_TCP_BIND_AND_CONNECT = 1 << 0 | 1 << 1
_ABSTRACT_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1


def confine() -> bool:
    """Take rights from this process and its later threads that a decoder never needs. This is irreversible.

    The process can no longer start a program, use TCP, or trace, read or signal a process outside of its
    sandbox; older kernels enforce only some of this. Access to files does not change.

    Returns:
        Whether the kernel accepted the rules.
    """
    if sys.platform != "linux":
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        ruleset = _create_ruleset(libc)
    except (OSError, AttributeError):
        return False
    try:
        may_confine = libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        return may_confine and int(libc.syscall(_RESTRICT_SELF, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def _create_ruleset(libc: ctypes.CDLL) -> int:
    """Create a rule set that denies all listed rights, and return its file descriptor.

    Raises:
        OSError: the kernel has no Landlock, Landlock is off, or a container forbids it.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION)
    attributes = _ruleset_attributes(version)
    ruleset = (
        libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0) if version > 0 else -1
    )
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock is not available")
    return int(ruleset)


def _ruleset_attributes(version: int) -> bytes:
    """Return `struct landlock_ruleset_attr` for this Landlock version: files, then network, then scopes."""
    fields = [_EXECUTE]
    if version >= 4:
        fields.append(_TCP_BIND_AND_CONNECT)
    if version >= 6:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"{len(fields)}Q", *fields)
