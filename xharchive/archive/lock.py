"""The archive's lock, and a file beside it that names the process that holds it.

Only the kernel's lock decides, which ends with its process. The file serves error messages: its content is
untrusted.
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

from xharchive.archive_path import PRIVATE, ArchivePath, atomic_replace, translate_os_errors
from xharchive.errors import ArchiveError
from xharchive.sanitize import one_line

_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))
_MAX_HOLDER_BYTES = 1024
_MAX_HOST_CHARS = 64


@contextmanager
def acquire_lock(state: ArchivePath, root: Path) -> Iterator[str]:
    """Hold the lock of the archive `root`, in its state folder, for the block.

    Yields:
        A warning for the user where the file system has no locks, else "".

    Raises:
        ArchiveError: another process holds the lock, or the lock file cannot be created.
    """
    path, holder_file, warning = state / "lock", state / "holder.json", ""
    with translate_os_errors(f"locking the archive {root}"):
        # FileLock opens the file by its path and truncates it, so first make sure that it is a regular file.
        found = path.status()
        if found is not None and (not stat.S_ISREG(found.st_mode) or found.st_nlink > 1):
            path.unlink()
        os.close(path.open_descriptor(os.O_RDWR | os.O_CREAT, PRIVATE))
        lock = FileLock(path.unguarded, timeout=0, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:  # before OSError, its base class
            raise ArchiveError(
                f"another xharchive is at work in {root}{_describe_holder(holder_file)}; "
                "wait for it or use another --directory"
            ) from None
        except OSError as problem:
            if problem.errno not in _NO_LOCKS:
                raise
            warning = (
                f"the file system of {root} has no locks: nothing keeps a second xharchive out, "
                f"so never run two here at once{_describe_holder(holder_file, 'perhaps still at work: ')}"
            )
    since = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with suppress(OSError):  # a later write will report a full disk
        atomic_replace(holder_file, json.dumps(record).encode() + b"\n", mode=PRIVATE)
    try:
        yield warning
    finally:
        with suppress(OSError):
            holder_file.unlink(missing_ok=True)
        lock.release()


def _describe_holder(holder_file: ArchivePath, prefix: str = "") -> str:
    """Return " (process 1234 on nas, since …)", or "" if the file is missing or not valid."""
    try:
        record = json.loads(holder_file.read_bytes(_MAX_HOLDER_BYTES))
        pid, host, since = int(record["pid"]), str(record["host"]), datetime.fromisoformat(record["since"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return ""
    shown = one_line(host)[:_MAX_HOST_CHARS].strip() or "an unknown host"
    if not 0 < pid < 1 << 32 or since.tzinfo is None:
        return ""
    moment = f"{since:%Y-%m-%d %H:%M:%S %Z}".strip()
    return f" ({prefix}process {pid} on {shown}, since {moment})"
