"""Set limits of this process (setrlimit)."""

import resource

# Not 0: Linux ignores 0 if a program receives the dumps (apport, systemd-coredump). With 1 byte it refuses
# all dumps (fs/coredump.c).
_NO_DUMP = 1


def limit(what: int, amount: int) -> None:
    """Set the soft limit of a resource, at most to its hard limit."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (_at_most(amount, hard), hard))


def limit_durably(what: int, amount: int) -> None:
    """Set the soft and the hard limit of a resource, so that this process cannot raise it again."""
    _, hard = resource.getrlimit(what)
    lowered = _at_most(amount, hard)
    resource.setrlimit(what, (lowered, lowered))


def forbid_core_dumps(*, permanent: bool = False) -> None:
    """Forbid core dumps of this process and its children. `permanent` also sets the hard limit."""
    (limit_durably if permanent else limit)(resource.RLIMIT_CORE, _NO_DUMP)


def _at_most(amount: int, hard: int) -> int:
    return amount if hard == resource.RLIM_INFINITY else min(amount, hard)
