"""The archive's lock, and a note beside it that tells the next one who holds it.

The kernel's lock alone decides: it is gone when its holder is, however that ended. The note is a courtesy:
nobody is kept out or let in by it, and what a stranger wrote into it is shown with care or not at all.
"""

import errno
import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import ours, replace_whole
from xharchive.errors import ArchiveError
from xharchive.sanitize import one_line

__all__ = ["hold"]

_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))
_LONGEST_NOTE = 1024
_LONGEST_WORD = 64


@contextmanager
def hold(state: ArchivePath, root: Path) -> Iterator[str]:
    """Hold the lock of the archive at `root`, whose own folder is `state`.

    Yields what to warn the user of: "" where the lock holds, a sentence where the file system has no locks.

    Raises:
        ArchiveError: another process holds it, or the disk would not.
    """
    # FileLock truncates what it opens, and opens it by its path: what has the name must be our own file.
    lock = FileLock(_own_file(state / "lock").unguarded, timeout=0, fallback_to_soft=False)
    note = state / "holder.json"
    warning = ""
    with ours(f"locking the archive {root}"):
        try:
            lock.acquire()
        except Timeout:  # an OSError too, so it must be told apart first
            raise ArchiveError(
                f"another xharchive is at work in {root}{_holder(note)}; "
                "wait for it or use another --directory"
            ) from None
        except OSError as problem:
            if problem.errno not in _NO_LOCKS:
                raise
            warning = (
                f"the file system of {root} has no locks: nothing keeps a second xharchive out, "
                f"so never run two here at once{_last(note)}"
            )
    _sign(note)
    try:
        yield warning
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _own_file(path: ArchivePath) -> ArchivePath:
    """Return a path that is a regular file without a second name; anything else there is replaced.

    Raises:
        ArchiveError: it cannot be.
    """
    with ours(f"locking the archive {path.root}"):
        found = path.status()
        if found is not None and (not stat.S_ISREG(found.st_mode) or found.st_nlink > 1):
            path.unlink()
        os.close(path.open_descriptor(os.O_RDWR | os.O_CREAT, PRIVATE))
    return path


def _sign(note: ArchivePath) -> None:
    """Write down who is here. A disk that would not is no reason to stop: what matters more will say so."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):
        replace_whole(note, json.dumps(record).encode() + b"\n", mode=PRIVATE)


def _holder(note: ArchivePath) -> str:
    known = _read(note)
    return f" ({known})" if known else ""


def _last(note: ArchivePath) -> str:
    known = _read(note)
    return f" (perhaps still at work: {known})" if known else ""


def _read(note: ArchivePath) -> str:
    """Return "process 1234 on nas, since …", or "" for a note that is not there or makes no sense."""
    try:
        record = json.loads(note.read_bytes(_LONGEST_NOTE))
        pid, host, since = int(record["pid"]), str(record["host"]), datetime.fromisoformat(record["since"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return ""
    shown = one_line(host)[:_LONGEST_WORD].strip() or "an unknown host"
    if not 0 < pid < 1 << 32 or since.tzinfo is None:
        return ""
    return f"process {pid} on {shown}, since {since:%Y-%m-%d %H:%M:%S %Z}".strip()
