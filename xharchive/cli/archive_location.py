"""Which archive a command works on when -d does not say."""

import os
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from xharchive.sanitize import printable

__all__ = ["which_archive"]

_DIRECTORY = "XHARCHIVE_DIR"
_STATE = ".xharchive"


def which_archive(environment: Mapping[str, str], default: str, *, quiet: bool) -> str:
    """Return the folder of XHARCHIVE_DIR, else of the archive around the current folder, else the default.

    An archive at the default place comes before one above the current folder. One of another user is not
    used, because what lies in it steers a run; that is said on standard error, as is the use of one above.
    """
    if named := environment.get(_DIRECTORY):
        return os.path.expanduser(named)  # noqa: PTH111 - a name of no user stays as it is
    try:
        here = Path.cwd()
        if _is_usable(here):
            return "."
        if _is_usable(here / default):
            return default
        found = _above(here)
    except OSError:  # the current folder is gone, or may not be looked into
        return default
    if found is None:
        return default
    if not quiet:
        sys.stderr.write(f"archive: {printable(str(found))} (above the current folder)\n")
    return str(found)


def _above(here: Path) -> Path | None:
    """Return the nearest folder above that is an archive, on the same file system."""
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
