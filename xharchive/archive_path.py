"""Paths inside an archive: the one place that opens, renames and removes files there.

An archive may come from somebody else, or lie where others can write. Its names are therefore foreign input:
each is checked to be a plain name, and every operation opens the folders one by one from the archive's root,
none of them through a symbolic link, and acts on the last name relative to the opened folder (openat(2)).
Whatever was planted, and whatever is swapped while a command runs, no operation leaves the archive.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from xharchive.errors import ArchiveError
from xharchive.naming import is_plain_name

__all__ = ["PRIVATE", "SHARED", "ArchivePath", "UnsafeName", "are_files_there", "status_by_path"]

PRIVATE = 0o600
"""Mode of files that may hold signed addresses or search words: state and replies."""
SHARED = 0o666
"""Mode of everything else, less the umask."""

_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC
_ROOT = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_FOLDER = _ROOT | os.O_NOFOLLOW
# A planted pipe must not make the open wait, nor a terminal become ours.
_FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


# The last one: a manifest may claim any name.
_NOT_THERE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


class UnsafeName(ArchiveError):
    """A name that could lead out of its folder, in a file that the archive holds."""


class ArchivePath:
    """The root of an archive and plain names below it.

    The methods are those of `pathlib.Path` where the names are. They block and raise OSError. Symbolic links
    below the root are never followed; the root itself may be reached through links, since the user named it.
    It is deliberately no `os.PathLike`, so that no other function can open it.
    """

    __slots__ = ("names", "root")

    def __init__(self, root: Path, *names: str) -> None:
        for name in names:
            if not is_plain_name(name):
                raise UnsafeName(f"{name[:80]!r} in the archive {root} is no plain file name; it was refused")
        self.root = root
        self.names = names

    def __truediv__(self, name: str) -> "ArchivePath":
        return ArchivePath(self.root, *self.names, name)

    def joined(self, relative: str) -> "ArchivePath":
        """Return the path below this one that a manifest names, such as "replies/v1.json".

        Raises:
            UnsafeName: a part of it is no plain name.
        """
        return ArchivePath(self.root, *self.names, *relative.split("/"))

    @property
    def name(self) -> str:
        """The last name, or that of the root."""
        return self.names[-1] if self.names else self.root.name

    @property
    def suffix(self) -> str:
        """What `pathlib.PurePath.suffix` is of the last name."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "ArchivePath":
        """The folder that holds it; the root's is the root."""
        return ArchivePath(self.root, *self.names[:-1])

    def with_name(self, name: str) -> "ArchivePath":
        """Return the path of another name in the same folder."""
        return self.parent / name

    @property
    def unguarded(self) -> Path:
        """The path for programs and libraries that open files themselves, such as SQLite or a browser.

        They follow links: whoever uses this says why that is harmless.
        """
        return self.root.joinpath(*self.names)

    def as_json(self) -> list[str]:
        """Return what `from_json` makes the path of, in another process too."""
        return [os.path.abspath(self.root), *self.names]  # noqa: PTH100 - resolve() would follow links

    @staticmethod
    def from_json(parts: list[str]) -> "ArchivePath":
        """Return the path that `as_json` was called on."""
        root, *names = parts
        return ArchivePath(Path(root), *names)

    def __str__(self) -> str:
        return str(self.unguarded)

    def __repr__(self) -> str:
        return f"ArchivePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArchivePath) and self.names == other.names and self.root == other.root

    def __hash__(self) -> int:
        return hash((self.root, self.names))

    @contextmanager
    def _opened_parent(self) -> Iterator[int]:
        """Yield a descriptor of the folder that holds this path, for use as `dir_fd`."""
        descriptor = _open_folder(self.root, self.names[:-1])
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield a descriptor of this folder that can be listed and synced."""
        folder = _open_folder(self.root, self.names)
        try:
            descriptor = os.open(".", _READ_ONLY | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def lstat(self) -> os.stat_result:
        """Return the status of what has this name, a link's own."""
        if not self.names:
            return self.root.stat()
        with self._opened_parent() as folder:
            return os.stat(self.name, dir_fd=folder, follow_symlinks=False)

    def status(self) -> os.stat_result | None:
        """Return what `lstat` does, or None if there is nothing of this name in real folders."""
        try:
            return self.lstat()
        except OSError as problem:
            if problem.errno in _NOT_THERE:
                return None
            raise

    def exists(self) -> bool:
        """Return whether anything has this name, a broken link included."""
        return self.status() is not None

    def is_file(self) -> bool:
        """Return whether a regular file has this name."""
        found = self.status()
        return found is not None and stat.S_ISREG(found.st_mode)

    def is_dir(self) -> bool:
        """Return whether a real folder has this name."""
        found = self.status()
        return found is not None and stat.S_ISDIR(found.st_mode)

    def open_descriptor(self, flags: int, mode: int = SHARED) -> int:
        """Open a regular file; the caller closes the descriptor.

        Raises:
            OSError: it is not there, is something else than a regular file, or cannot be opened.
        """
        with self._opened_parent() as folder:
            descriptor = os.open(self.name, flags | _FILE, mode, dir_fd=folder)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file; remove it")

    def open(self) -> BufferedReader:
        """Open a regular file for reading."""
        return os.fdopen(self.open_descriptor(os.O_RDONLY), "rb")

    def read_bytes(self, most: int) -> bytes:
        """Return the content of a regular file of at most `most` bytes.

        Raises:
            OSError: it cannot be read, or is larger.
        """
        with self.open() as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise OSError(
                    errno.EOVERFLOW, f"it is larger than the {most:,} bytes that such a file may have"
                )
            return file.read(size)

    def create(self, mode: int = SHARED) -> int:
        """Create a regular file for reading and writing; what has its name, unless a folder, is removed.

        The name is a fresh file afterwards: nothing is written through a link or a hard link.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE
        with self._opened_parent() as folder:
            try:
                return os.open(self.name, flags, mode, dir_fd=folder)
            except FileExistsError:
                os.unlink(self.name, dir_fd=folder)
                return os.open(self.name, flags, mode, dir_fd=folder)

    def replace(self, target: "ArchivePath") -> None:
        """Rename to `target`, replacing a file or link of that name."""
        with self._opened_parent() as source, target._opened_parent() as folder:
            os.replace(self.name, target.name, src_dir_fd=source, dst_dir_fd=folder)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove a file or a link."""
        try:
            with self._opened_parent() as folder:
                os.unlink(self.name, dir_fd=folder)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def set_times(self, modified: float) -> None:
        """Set access and modification time, in Unix seconds, of the file itself."""
        with self._opened_parent() as folder:
            os.utime(self.name, (modified, modified), dir_fd=folder, follow_symlinks=False)

    @contextmanager
    def times_kept(self) -> Iterator[None]:
        """Give the folder its access and modification time back after the block."""
        with self._opened() as descriptor:
            before = os.fstat(descriptor)
            yield
            os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))

    def sync(self) -> None:
        """Flush a file's content, or a folder's entries, to the disk."""
        if self.is_dir():
            with self._opened() as descriptor:
                os.fsync(descriptor)
            return
        descriptor = self.open_descriptor(os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def mkdir(self) -> None:
        """Make a folder, unless a real one of this name is there.

        Raises:
            OSError: something else has the name, or the folder cannot be made.
        """
        if not self.names:
            self.root.mkdir(exist_ok=True)
            return
        with self._opened_parent() as folder:
            try:
                os.mkdir(self.name, dir_fd=folder)
            except FileExistsError:
                found = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None

    def check_folders(self) -> None:
        """Check that this path and its parents are real folders, as far as they are there.

        Raises:
            NotADirectoryError: one is something else.
        """
        with suppress(FileNotFoundError):
            os.close(_open_folder(self.root, self.names))

    def rmdir(self) -> None:
        """Remove an empty folder."""
        with self._opened_parent() as folder:
            os.rmdir(self.name, dir_fd=folder)

    def remove_tree(self) -> None:
        """Remove a folder with all it holds, as far as that works; no link in it is followed."""
        with suppress(OSError), self._opened_parent() as folder:
            shutil.rmtree(self.name, ignore_errors=True, dir_fd=folder)

    def entries(self) -> list[str]:
        """Return the names in a folder, sorted; none if there is no such folder."""
        try:
            with self._opened() as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208 - of a descriptor
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folders(self) -> Iterator[str]:
        """Yield the names of the real folders in this one, in no order."""
        with self._opened() as descriptor, os.scandir(descriptor) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def walk(self) -> Iterator[str]:
        """Yield everything below this folder but real folders, relative to it; no link is entered."""
        with self._opened() as descriptor:
            for folder, subfolders, names, _ in os.fwalk(".", dir_fd=descriptor, onerror=_raise):
                inner = folder.removeprefix(".").removeprefix("/")
                within = f"{inner}/" if inner else ""
                yield from (within + name for name in names)
                yield from (within + name for name in subfolders if _is_link(within + name, descriptor))


def status_by_path(path: str) -> os.stat_result | None:
    """Return the status of what lies at a path, a link's own; None if nothing does.

    One system call, for looks at every file of a large archive. Links among the folders of the path are
    followed, so the status may only be compared with what is on record, and says nothing about what
    `ArchivePath.open` will find.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        return os.lstat(path)
    except OSError as problem:
        if problem.errno in _NOT_THERE:
            return None
        raise
    except ValueError:  # NUL in the name
        return None


def are_files_there(folder: str, files: Iterable[tuple[str, int]]) -> bool:
    """Whether plain files of just these sizes lie in a folder; what `status_by_path` says of links holds.

    Args:
        folder: its whole path.
        files: paths in the folder, and sizes in bytes.

    Raises:
        OSError: one of them cannot be looked at.
    """
    try:
        for path, size in files:
            found = os.lstat(f"{folder}/{path}")
            if found.st_size != size or not stat.S_ISREG(found.st_mode):
                return False
    except OSError as problem:
        if problem.errno in _NOT_THERE:
            return False
        raise
    except ValueError:  # NUL in a name
        return False
    return True


def _open_folder(root: Path, names: tuple[str, ...]) -> int:
    descriptor = os.open(root, _ROOT)
    for name in names:
        try:
            inner = os.open(name, _FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def _is_link(relative: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(relative, dir_fd=folder, follow_symlinks=False).st_mode)


def _raise(problem: OSError) -> None:
    raise problem
