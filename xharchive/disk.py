"""Small files that survive power loss, and one border where the disk's errors become ours.

Writing: a temporary name in the same folder, flush, fsync, rename, fsync of the folder (restic's order).
All of it is done through `ArchivePath`, so none of it leaves the archive.
"""

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import aiofiles

from xharchive.archive_path import PRIVATE, SHARED, ArchivePath
from xharchive.errors import ArchiveError, NotPermitted

__all__ = [
    "append_line",
    "boot_id",
    "free_bytes",
    "make_folders",
    "make_folders_for_good",
    "open_to_append",
    "ours",
    "read_whole",
    "replace_whole",
    "short_lines",
    "write_all",
    "write_new",
    "write_whole",
]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_COPIED_AT_ONCE = 1024 * 1024
_WORDS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "it is larger than this file system or a limit (ulimit -f) allows",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the path is too long for this file system; use a shorter --directory",
    errno.EMFILE: "too many open files; use fewer --jobs",
    errno.ELOOP: "a symbolic link stands where a regular file is expected; remove it",
    errno.ENOTDIR: "a file or a symbolic link stands where a folder is expected; remove it",
    errno.EISDIR: "a folder stands where a regular file is expected; remove it",
    errno.ENXIO: "it is not a regular file; remove it",
}


_DENIED = frozenset((errno.EACCES, errno.EPERM))
_READING = ("reading", "listing", "looking", "opening", "asking")


@contextmanager
def ours(doing: str) -> Iterator[None]:
    """Turn an OSError of the single call inside into our sentence about what was being done.

    Raises:
        NotPermitted: this user may not read or write what the call names.
        ArchiveError: the call raised another OSError.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno in _DENIED:
            verb = "read it" if doing.startswith(_READING) else "write there"
            raise NotPermitted(f"{doing}: this user may not {verb}; look at its owner and mode") from problem
        words = _WORDS.get(problem.errno or 0) or problem.strerror or type(problem).__name__
        raise ArchiveError(f"{doing}: {words}") from problem


async def write_whole(path: ArchivePath, content: bytes) -> None:
    """Replace the private file at `path` by `content`; a crash leaves the old or the new one, never a mix.

    Raises:
        ArchiveError: the file cannot be written.
    """
    with ours(f"writing {path}"):
        await asyncio.to_thread(_replace_for_good, path, content)


def _replace_for_good(path: ArchivePath, content: bytes) -> None:
    try:
        replace_whole(path, content, mode=PRIVATE)
    except IsADirectoryError:  # a planted folder must not cost a reply that was paid for
        path.with_name(path.name + ".tmp").remove_tree()
        replace_whole(path, content, mode=PRIVATE)
    path.parent.sync()


def replace_whole(
    path: ArchivePath,
    content: bytes,
    mtime: float | None = None,
    *,
    for_good: bool = True,
    mode: int = SHARED,
) -> None:
    """Do what `write_whole` does but for the folder, which the caller syncs. Blocking; raises OSError.

    Args:
        mtime: Unix seconds that the file shows as its time.
        for_good: sync the content. Otherwise a power cut may leave an empty file, which can be made again.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        write_new(temporary, content, mode=mode, durable=for_good)
        if mtime is not None:
            temporary.set_times(mtime)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # a full disk gets its room back; the first problem is the one to tell
            temporary.unlink(missing_ok=True)
        raise


async def read_whole(path: ArchivePath, most: int) -> bytes | None:
    """Return the content of a file of at most `most` bytes, or None if there is nothing of that name.

    Raises:
        ArchiveError: it is there and cannot be read, is larger, or is no regular file.
    """
    with ours(f"reading {path}"):
        try:
            descriptor = path.open_descriptor(os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        async with aiofiles.open(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            if size > most:
                raise OSError(errno.EOVERFLOW, f"it is larger than {most:,} bytes; remove it")
            return bytes(await file.read(size))


def write_new(path: ArchivePath, content: bytes, *, mode: int = SHARED, durable: bool = False) -> None:
    """Write a new small file, synced if `durable`; see `ArchivePath.create`. Blocking; raises OSError."""
    descriptor = path.create(mode)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the content: a disk that is nearly full takes a part of it without an error.

    Blocking; raises OSError.
    """
    waiting = memoryview(content)
    while waiting:
        waiting = waiting[os.write(descriptor, waiting) :]


def append_line(path: ArchivePath, line: bytes, *, named: bool) -> None:
    """Append one line and fsync it; a line that a power cut tore before is ended first. Blocking.

    `named`: whether the file's name is known to be safe; otherwise its folder is synced too.

    Raises:
        ArchiveError: the line cannot be written.
    """
    with ours(f"writing {path}"):
        descriptor = open_to_append(path)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            write_all(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
            if not named:
                path.parent.sync()
        finally:
            os.close(descriptor)


def open_to_append(path: ArchivePath) -> int:
    """Open a private file to append to. One with another name elsewhere (a hard link) is copied first.

    The other name may be a snapshot's, which must not change, or a file outside the archive. Blocking; raises
    OSError.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    descriptor = path.open_descriptor(flags, PRIVATE)
    try:
        if os.fstat(descriptor).st_nlink <= 1:
            return descriptor
        copy = path.with_name(path.name + ".tmp")
        target = copy.create(PRIVATE)
        try:
            while piece := os.read(descriptor, _COPIED_AT_ONCE):
                write_all(target, piece)
            os.fsync(target)
        finally:
            os.close(target)
        copy.replace(path)
        path.parent.sync()
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return path.open_descriptor(flags, PRIVATE)


def short_lines(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """Yield the lines of a file, and an empty line in place of each that has more than `longest` bytes.

    Blocking; raises OSError.
    """
    while line := file.readline(longest):
        if line.endswith(b"\n") or len(line) < longest:
            yield line
            continue
        yield b"\n"
        while (rest := file.readline(_COPIED_AT_ONCE)) and not rest.endswith(b"\n"):
            pass


def make_folders(folder: ArchivePath) -> None:
    """Make a folder and its parents, and sync the names of those made; what was there may be the user's.

    Blocking; raises OSError.
    """
    _make_root(folder.root)
    _make_inside(folder, durable=False)


def make_folders_for_good(folder: ArchivePath) -> None:
    """Make a folder and its parents: a file in a folder that a power cut took is lost too.

    Of the folders that were there the innermost counts as new: another thread may have made it and not have
    synced its name yet, or a run that was killed. Blocking; raises OSError.
    """
    _make_root(folder.root)
    _make_inside(folder, durable=True)


def _make_inside(folder: ArchivePath, *, durable: bool) -> None:
    there = folder.is_dir()
    if folder.names and not there:
        _make_inside(folder.parent, durable=durable)
        folder.mkdir()
    if folder.names and (durable or not there):
        folder.parent.sync()


def _make_root(root: Path) -> None:
    """Make the archive's own folder where the user wants it, and sync the names of the folders made."""
    if root.is_dir():
        return
    _make_root(root.parent)
    root.mkdir(exist_ok=True)
    descriptor = os.open(root.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(path: ArchivePath) -> int:
    """Return how many bytes the disk of an archive has free for this user. Blocking; raises OSError."""
    return shutil.disk_usage(path.root).free


def boot_id(source: Path = _BOOT_ID) -> str:
    """Return the name of this boot of the machine, "" where the system has none (only Linux does).

    What a killed process wrote is still there in the same boot; after a power cut it may not be.
    """
    try:
        return source.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
