"""Reports what this user may not read or write in an archive. The rest of it is shown all the same."""

import sys
from collections.abc import Collection

from xharchive.archive import ArchiveFolder
from xharchive.errors import ExitCode
from xharchive.sanitize import counted, printable

__all__ = ["report_closed"]

_MOST_SHOWN = 10


def report_closed(store: ArchiveFolder, closed: Collection[str]) -> ExitCode:
    """Print each sentence to standard error, at most ten, and return the exit code that they mean.

    Folders that a search could not look into count too; `print_passed_over` names them.

    Args:
        closed: a sentence for each file or folder, with its path and the reason.
    """
    lines = [f"xharchive: {sentence}" for sentence in list(closed)[:_MOST_SHOWN]]
    if len(closed) > _MOST_SHOWN:
        others = counted(len(closed) - _MOST_SHOWN, "more file or folder", "more files or folders")
        lines.append(f"xharchive: and {others} like these")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return ExitCode.ARCHIVE if closed or store.skipped.closed else ExitCode.OK
