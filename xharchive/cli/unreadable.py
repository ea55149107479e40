"""Reports the files of an archive that this user may not read or write; commands continue without them."""

import sys
from collections.abc import Collection

from xharchive.archive import Archive
from xharchive.errors import ExitCode
from xharchive.sanitize import counted, printable

__all__ = ["report_unreadable"]

_MOST_SHOWN = 10


def report_unreadable(store: Archive, closed: Collection[str]) -> ExitCode:
    """Print at most ten sentences to standard error; return 5 if there are any, else 0.

    Folders that the search of the archive could not read count too; `print_skipped_folders` names them.

    Args:
        store: the archive's folder.
        closed: a sentence for each file or folder, with its path and the reason.
    """
    lines = [f"xharchive: {sentence}" for sentence in list(closed)[:_MOST_SHOWN]]
    if len(closed) > _MOST_SHOWN:
        others = counted(len(closed) - _MOST_SHOWN, "more file or folder", "more files or folders")
        lines.append(f"xharchive: and {others} like these")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return ExitCode.ARCHIVE if closed or store.skipped.closed else ExitCode.OK
