"""Puts things where the program expects something else: links, pipes, folders, sockets, huge files."""

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["GIB", "KINDS", "clear", "fifo", "folder", "line_of_zeros", "link", "socket", "sparse"]

GIB = 1024**3


def clear(path: Path) -> None:
    """Remove whatever is at `path`, and make its parent folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(path: Path, target: Path) -> None:
    """Replace `path` by a symbolic link."""
    clear(path)
    path.symlink_to(target)
    assert path.is_symlink()


def fifo(path: Path) -> None:
    """Replace `path` by a named pipe: opening it waits until somebody opens the other end."""
    clear(path)
    os.mkfifo(path)
    assert stat.S_ISFIFO(path.lstat().st_mode)


def socket(path: Path) -> None:
    """Replace `path` by a socket, which like a device cannot be opened as a file."""
    clear(path)
    os.mknod(path, stat.S_IFSOCK | 0o600)
    assert stat.S_ISSOCK(path.lstat().st_mode)


def folder(path: Path) -> None:
    """Replace `path` by a folder that is not empty, so that neither unlink nor rmdir removes it."""
    clear(path)
    path.mkdir()
    (path / "inside").write_bytes(b"inside")


def sparse(path: Path, size: int, begin: bytes = b"") -> None:
    """Replace `path` by a file of `size` bytes that takes no room: zeros behind `begin`."""
    clear(path)
    path.write_bytes(begin)
    os.truncate(path, size)
    assert path.stat().st_size == size


def line_of_zeros(path: Path, size: int = GIB) -> None:
    """Append one line of `size` bytes to a file of lines."""
    before = path.read_bytes() if path.is_file() else b""
    sparse(path, len(before) + size, before)


KINDS: Mapping[str, Callable[[Path], None]] = {"fifo": fifo, "folder": folder, "socket": socket}
"""What may stand in the place of a file, besides links."""
