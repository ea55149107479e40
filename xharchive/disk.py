"""Small files that survive power loss, and one border where the disk's errors become ours.

Writing: a temporary name in the same folder, flush, fsync, rename, fsync of the folder (restic's order).
"""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiofiles

from xharchive.errors import ArchiveError

__all__ = ["append_line", "ours", "read_whole", "sync_file", "sync_folder", "write_whole"]

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_WORDS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "the folder may not be written by this user",
    errno.EPERM: "the folder may not be written by this user",
    errno.ENAMETOOLONG: "the path is too long for this file system; use a shorter --directory",
    errno.EMFILE: "too many open files; use fewer --jobs",
    errno.ELOOP: "a symbolic link stands where a plain file is expected",
}


@contextmanager
def ours(doing: str) -> Iterator[None]:
    """Turn an OSError of the single call inside into our sentence about what was being done.

    Raises:
        ArchiveError: the call raised OSError.
    """
    try:
        yield
    except OSError as problem:
        words = _WORDS.get(problem.errno or 0) or problem.strerror or type(problem).__name__
        raise ArchiveError(f"{doing}: {words}") from problem


def _create(path: str, flags: int) -> int:
    """Open a new file privately: a planted link is refused, never followed."""
    return os.open(path, flags | os.O_CREAT | _NO_FOLLOW, 0o644)


async def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, so that a crash leaves the old or the new one, never a mix.

    Raises:
        ArchiveError: the disk would not.
    """
    temporary = path.with_name(path.name + ".tmp")
    with ours(f"writing {path.name}"):
        temporary.unlink(missing_ok=True)
        async with aiofiles.open(temporary, "xb", opener=_create) as file:
            await file.write(content)
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(_publish, temporary, path)


def _publish(temporary: Path, path: Path) -> None:
    temporary.replace(path)
    sync_folder(path.parent)


async def read_whole(path: Path) -> bytes | None:
    """Return the file's content, or None if there is no plain file of that name.

    Raises:
        ArchiveError: it is there and cannot be read.
    """
    with ours(f"reading {path.name}"):
        try:
            async with aiofiles.open(path, "rb", opener=_open_plain) as file:
                return bytes(await file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None


def _open_plain(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_FOLLOW)


def append_line(path: Path, line: bytes) -> None:
    """Append one line and fsync it; a line that a power cut tore before is ended first. Blocking.

    Raises:
        ArchiveError: the disk would not.
    """
    with ours(f"writing {path.name}"):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_FOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_file(path: Path) -> None:
    """Have the file's content on the platter. Blocking; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on the platter. Blocking; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
