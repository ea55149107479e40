"""Finds the archive that a command works on if -d does not name it."""

import os
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from xharchive.sanitize import printable

__all__ = ["find_directory"]

_VARIABLE = "XHARCHIVE_DIR"
_STATE = ".xharchive"


def find_directory(environment: Mapping[str, str], default: str, *, quiet: bool) -> str:
    """Return the folder of XHARCHIVE_DIR, else of the archive around the current folder, else the default.

    The default folder, if it is an archive, precedes an archive above the current folder. An archive of
    another user is not used, because the files in it steer a run. Standard error says so, and also names an
    archive above the current folder.

    Args:
        environment: environment variables.
        default: folder relative to the current one.
        quiet: do not name an archive above the current folder.
    """
    if named := environment.get(_VARIABLE):
        return os.path.expanduser(named)  # noqa: PTH111 - keeps a `~name` of no user as it is
    try:
        here = Path.cwd()
        if _is_usable(here):
            return "."
        if _is_usable(here / default):
            return default
        found = _nearest_above(here)
    except OSError:  # the current folder was deleted, or cannot be read
        return default
    if found is None:
        return default
    if not quiet:
        sys.stderr.write(f"archive: {printable(str(found))} (above the current folder)\n")
    return str(found)


def _nearest_above(here: Path) -> Path | None:
    """Return the nearest parent that is an archive on the same file system."""
    device = here.stat().st_dev
    for folder in here.parents:
        if folder.stat().st_dev != device:
            return None
        if _is_usable(folder):
            return folder
    return None


def _is_usable(folder: Path) -> bool:
    try:
        state = (folder / _STATE).lstat()
        owners = {state.st_uid, folder.stat().st_uid}
    except OSError:
        return False
    if not stat.S_ISDIR(state.st_mode):
        return False
    if os.name == "posix" and owners != {os.geteuid()}:
        shown = printable(str(folder))
        sys.stderr.write(
            f"{shown} belongs to another user and is not used; to use it: -d {shlex.quote(shown)}\n"
        )
        return False
    return True
