"""Write replies and append-only files that survive a power cut; all of it inside an archive."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from xharchive.archive_path import PRIVATE, ArchivePath, atomic_replace, translate_os_errors, write_all

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CHUNK_BYTES = 1024 * 1024


async def atomic_write(path: ArchivePath, content: bytes) -> None:
    """Replace a private file atomically and durably: after a crash it has the old content or the new one."""
    with translate_os_errors(f"writing {path}"):
        await asyncio.to_thread(_replace_durably, path, content)


def _replace_durably(path: ArchivePath, content: bytes) -> None:
    try:
        atomic_replace(path, content, mode=PRIVATE)
    except IsADirectoryError:  # a folder in the way must not cost a paid reply
        path.with_name(path.name + ".tmp").remove_tree()
        atomic_replace(path, content, mode=PRIVATE)
    path.parent.sync()


def append_line(path: ArchivePath, line: bytes, *, named: bool) -> None:
    """Append one line durably, after the end of a line that a power cut left incomplete. This blocks.

    Args:
        line: the line with its line feed.
        named: the file's name is already durable; otherwise its folder is synced too.
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
        with os.fdopen(copy.create(PRIVATE), "wb") as target:
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
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
