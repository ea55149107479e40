"""Environments and limits of processes. No child gets the token or another setting of xharchive."""

import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_OWN_SETTINGS = "XHARCHIVE_"

# A Python interpreter and its libraries need these to start, and to decode file names as this process does.
# All others are omitted: a decoder under the control of a hostile file finds no password of another program,
# no proxy, and no variable that loads code (LD_PRELOAD, PYTHONSTARTUP, PYTHONINSPECT).
_WORKER_VARIABLES = frozenset(
    (
        "HOME",  # the folder of the user's own packages is in it
        "LANG",
        "PYTHONHOME",
        "PYTHONNOUSERSITE",
        "PYTHONUSERBASE",
        "PYTHONUTF8",
        "PYTHONCOERCECLOCALE",
        "PYTHONDONTWRITEBYTECODE",
        "GLIBC_TUNABLES",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
    )
)
_WORKER_PREFIXES = ("LC_", "MALLOC_")


def environment_of_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program of the user: this one without xharchive's settings.

    A browser needs many variables (DISPLAY, DBUS_*, XDG_*, proxies), and no list of them is complete.
    """
    return {name: value for name, value in environment.items() if not name.startswith(_OWN_SETTINGS)}


def environment_of_workers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a worker process of xharchive: only variables that an interpreter needs.

    PYTHONPATH names this package first, then its old entries. An empty entry means the current folder and is
    mostly a mistake. It is omitted, because no file of an archive may run as code.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name in _WORKER_VARIABLES or name.startswith(_WORKER_PREFIXES)
    }
    package_home = Path(__file__).parents[1]
    # Absolute, because a worker does not run in this process's folder.
    named = [Path(entry).absolute() for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kept["PYTHONPATH"] = os.pathsep.join(map(os.fspath, (package_home, *named)))
    return kept


@contextmanager
def without_own_settings() -> Iterator[None]:
    """Remove xharchive's settings from the environment of this process until the block ends.

    For libraries that start programs with `os.environ` and accept no other environment.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_OWN_SETTINGS)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


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
