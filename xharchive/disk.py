"""Write small files that survive a power cut, and translate errors of the disk.

A write uses a temporary name in the same folder: write, fsync, rename, fsync of the folder. All access goes
through `ArchivePath`, so nothing leaves the archive.
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
from xharchive.errors import ArchiveError, PermissionDenied

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CHUNK_BYTES = 1024 * 1024
_EXPLANATIONS = {
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


_ACCESS_ERRNOS = frozenset((errno.EACCES, errno.EPERM))
_READING_VERBS = ("reading", "listing", "looking", "opening", "asking")


@contextmanager
def translate_os_errors(doing: str) -> Iterator[None]:
    """Translate an OSError of the block to an ArchiveError with a message for the user.

    Args:
        doing: what the block does, for the message: a verb in -ing and its object.

    Raises:
        PermissionDenied: this user may not read or write the file.
        ArchiveError: the block raised another OSError.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno in _ACCESS_ERRNOS:
            verb = "read it" if doing.startswith(_READING_VERBS) else "write there"
            raise PermissionDenied(
                f"{doing}: this user may not {verb}; look at its owner and mode"
            ) from problem
        reason = _EXPLANATIONS.get(problem.errno or 0) or problem.strerror or type(problem).__name__
        raise ArchiveError(f"{doing}: {reason}") from problem


async def atomic_write(path: ArchivePath, content: bytes) -> None:
    """Replace a private file atomically and durably: after a crash it has the old content or the new one.

    Raises:
        ArchiveError: the file cannot be written.
    """
    with translate_os_errors(f"writing {path}"):
        await asyncio.to_thread(_replace_durably, path, content)


def _replace_durably(path: ArchivePath, content: bytes) -> None:
    try:
        atomic_replace(path, content, mode=PRIVATE)
    except IsADirectoryError:  # a folder in the way must not cost a paid reply
        path.with_name(path.name + ".tmp").remove_tree()
        atomic_replace(path, content, mode=PRIVATE)
    path.parent.sync()


def atomic_replace(
    path: ArchivePath,
    content: bytes,
    mtime: float | None = None,
    *,
    mode: int = SHARED,
) -> None:
    """Replace a file atomically, with synced content. The caller syncs its folder. Blocks. Raises OSError.

    Args:
        mtime: modification time of the file, in Unix seconds.
        mode: mode of the file, less the umask.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        write_new(temporary, content, mode=mode, durable=True)
        if mtime is not None:
            temporary.set_times(mtime)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # frees space on a full disk; the first error is the one to report
            temporary.unlink(missing_ok=True)
        raise


async def read_if_exists(path: ArchivePath, most: int) -> bytes | None:
    """Return the content of a file, or None if it does not exist.

    Args:
        most: the largest size in bytes.

    Raises:
        ArchiveError: the file is larger than `most`, is not a regular file, or cannot be read.
    """
    with translate_os_errors(f"reading {path}"):
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
    """Write a new small file, see `ArchivePath.create`. This blocks, and raises OSError.

    Args:
        durable: sync the content; the folder is not synced.
    """
    descriptor = path.create(mode)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the content: one `os.write` to a nearly full disk may write only a part of it.

    This blocks, and raises OSError.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def append_line(path: ArchivePath, line: bytes, *, named: bool) -> None:
    """Append one line durably, after the end of a line that a power cut left incomplete. This blocks.

    Args:
        line: the line with its line feed.
        named: the file's name is already durable; otherwise its folder is synced too.

    Raises:
        ArchiveError: the line cannot be written.
    """
    with translate_os_errors(f"writing {path}"):
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
    """Open a private file for appending. Replace a file with a hard link by a copy first.

    The other name of such a file may belong to a snapshot, which must not change, or lie outside the
    archive. This blocks, and raises OSError.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    descriptor = path.open_descriptor(flags, PRIVATE)
    try:
        if os.fstat(descriptor).st_nlink <= 1:
            return descriptor
        copy = path.with_name(path.name + ".tmp")
        target = copy.create(PRIVATE)
        try:
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                write_all(target, chunk)
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


def bounded_lines(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """Yield the lines of a file. A line of more than `longest` bytes is replaced by an empty one.

    This blocks, and raises OSError.
    """
    while line := file.readline(longest):
        if line.endswith(b"\n") or len(line) < longest:
            yield line
            continue
        yield b"\n"
        while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
            pass


def makedirs(folder: ArchivePath) -> None:
    """Create a folder and its parents, and sync the new names. This blocks, and raises OSError."""
    _make_root(folder.root)
    _make_inside(folder, durable=False)


def makedirs_durable(folder: ArchivePath) -> None:
    """Create a folder and its parents durably. This blocks, and raises OSError.

    The innermost of the existing folders is synced too: another thread, or a killed run, may have created it
    without a sync of its name.
    """
    _make_root(folder.root)
    _make_inside(folder, durable=True)


def _make_inside(folder: ArchivePath, *, durable: bool) -> None:
    exists = folder.is_dir()
    if folder.names and not exists:
        _make_inside(folder.parent, durable=durable)
        folder.mkdir()
    if folder.names and (durable or not exists):
        folder.parent.sync()


def _make_root(root: Path) -> None:
    """Create the archive's own folder and its parents, and sync the new names."""
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
    """Return the free bytes for this user on the disk of an archive. This blocks, and raises OSError."""
    return shutil.disk_usage(path.root).free


def boot_id(source: Path = _BOOT_ID) -> str:
    """Return an identifier of the current boot of the machine, "" where the system has none (only Linux has).

    Data that a killed process wrote is still there in the same boot, but may be lost after a power cut.
    """
    try:
        return source.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
