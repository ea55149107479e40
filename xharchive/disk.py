"""Small files that survive power loss, and one border where the disk's errors become ours.

Writing: a temporary name in the same folder, flush, fsync, rename, fsync of the folder (restic's order).
"""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiofiles

from xharchive.errors import ArchiveError

__all__ = [
    "append_line",
    "boot_id",
    "make_folders",
    "make_folders_for_good",
    "no_follow",
    "open_left",
    "open_new",
    "ours",
    "read_whole",
    "replace_whole",
    "sync_file",
    "sync_folder",
    "write_new",
    "write_whole",
]

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_WORDS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "it is larger than this file system or a limit (ulimit -f) allows",
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


def no_follow(path: str, flags: int) -> int:
    """An opener for `open()` that refuses a planted link instead of following it."""
    return os.open(path, flags | _NO_FOLLOW, 0o644)


async def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, so that a crash leaves the old or the new one, never a mix.

    Raises:
        ArchiveError: the disk would not.
    """
    with ours(f"writing {path.name}"):
        await asyncio.to_thread(_replace_for_good, path, content)


def _replace_for_good(path: Path, content: bytes) -> None:
    replace_whole(path, content)
    sync_folder(path.parent)


def replace_whole(path: Path, content: bytes, mtime: float | None = None, *, for_good: bool = True) -> None:
    """Do what `write_whole` does but for the folder, which the caller syncs. Blocking; raises OSError.

    `mtime` in Unix seconds is the time the file shall show. Without `for_good` it is not synced: a power cut
    may leave an empty file, which can be made again then.
    """
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            if for_good:
                os.fsync(file.fileno())
        if mtime is not None:
            os.utime(temporary, (mtime, mtime))
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # a full disk gets its room back; the first problem is the one to tell
            temporary.unlink(missing_ok=True)
        raise


async def read_whole(path: Path) -> bytes | None:
    """Return the file's content, or None if there is nothing of that name.

    Raises:
        ArchiveError: it is there and cannot be read, or is no plain file.
    """
    with ours(f"reading {path.name}"):
        try:
            async with aiofiles.open(path, "rb", opener=no_follow) as file:
                return bytes(await file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None


def open_left(path: Path, flags: int) -> int:
    """Open what an earlier run left: no planted link is followed, and no planted pipe holds the thread.

    Blocking; raises OSError.
    """
    return os.open(path, flags | _NO_FOLLOW | _WITHOUT_WAITING)


def open_new(path: Path) -> int:
    """Open a new file for reading and writing; a link, a pipe, a snapshot's file in its place is removed.

    Blocking; raises OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:
        path.unlink(missing_ok=True)
        return os.open(path, flags, 0o644)


def write_new(path: Path, content: bytes) -> None:
    """Write a new small file, which is not synced; see `open_new`. Blocking; raises OSError."""
    descriptor = open_new(path)
    try:
        waiting = memoryview(content)
        while waiting:
            waiting = waiting[os.write(descriptor, waiting) :]
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes, *, named: bool) -> None:
    """Append one line and fsync it; a line that a power cut tore before is ended first. Blocking.

    `named`: whether the file's name is known to be safe; otherwise its folder is synced too.

    Raises:
        ArchiveError: the disk would not.
    """
    with ours(f"writing {path.name}"):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_FOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            waiting = b"\n" + line if torn else line
            while waiting:  # a disk that is nearly full takes a part of a line without an error
                waiting = waiting[os.write(descriptor, waiting) :]
            os.fsync(descriptor)
            if not named:
                sync_folder(path.parent)
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


def make_folders(folder: Path) -> None:
    """Make a folder and its parents, and sync the names of those made; what was there may be the user's.

    Blocking; raises OSError.
    """
    if not folder.is_dir():
        make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def make_folders_for_good(folder: Path) -> None:
    """Make a folder and its parents: a file in a folder that a power cut took is lost too.

    Of the folders that were there the innermost counts as new: another thread may have made it and not have
    synced its name yet, or a run that was killed. Blocking; raises OSError.
    """
    if not folder.is_dir():
        make_folders_for_good(folder.parent)
        folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def boot_id(source: Path = _BOOT_ID) -> str:
    """Return the name of this boot of the machine, "" where the system has none (only Linux does).

    What a killed process wrote is still there in the same boot; after a power cut it may not be.
    """
    try:
        return source.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
