"""The environments of the processes that xharchive starts: none of them gets the token or another setting."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["environment_of_programs", "environment_of_workers", "without_own_settings"]

_OWN_SETTINGS = "XHARCHIVE_"

# What a Python interpreter and its libraries need to start and to decode file names as this process does.
# Everything else stays behind: a decoder that a hostile file has taken over finds no other program's
# passwords, no proxy, and nothing that loads code (LD_PRELOAD, PYTHONSTARTUP, PYTHONINSPECT).
_WORKER_VARIABLES = frozenset(
    (
        "HOME",  # the user's own packages are found beneath it
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
    """Return the environment for a program of the user's: all of this one but xharchive's own settings.

    A browser needs many variables (DISPLAY, DBUS_*, XDG_*, proxies), and no list of them is complete.
    """
    return {name: value for name, value in environment.items() if not name.startswith(_OWN_SETTINGS)}


def environment_of_workers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a worker process of xharchive's own: only what an interpreter needs.

    The worker finds this package first, then what PYTHONPATH names. Empty entries of PYTHONPATH, which mean
    the current folder and are mostly slips, are left out: what lies in an archive is not to be run.
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
    """Take xharchive's settings out of this process's environment until the block ends.

    For libraries that start programs with `os.environ` and cannot be given another environment.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_OWN_SETTINGS)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
