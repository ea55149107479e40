"""Limits that a process sets on itself (setrlimit)."""

import resource

__all__ = ["forbid_core_dumps", "limit", "limit_for_good"]

# Not 0: Linux ignores a limit of 0 where dumps go to a program (apport, systemd-coredump). At 1 byte it
# refuses every dump, those too (fs/coredump.c).
_NO_DUMP = 1


def limit(what: int, amount: int) -> None:
    """Set a soft limit, never above the hard one."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (_at_most(amount, hard), hard))


def limit_for_good(what: int, amount: int) -> None:
    """Set the soft limit and the hard one, so that this process cannot raise it again."""
    _, hard = resource.getrlimit(what)
    lowered = _at_most(amount, hard)
    resource.setrlimit(what, (lowered, lowered))


def forbid_core_dumps(*, for_good: bool = False) -> None:
    """Leave no image of this process's memory, nor of its children's, on the disk if it crashes."""
    (limit_for_good if for_good else limit)(resource.RLIMIT_CORE, _NO_DUMP)


def _at_most(amount: int, hard: int) -> int:
    return amount if hard == resource.RLIM_INFINITY else min(amount, hard)
