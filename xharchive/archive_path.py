"""Paths inside an archive. Only this module opens, renames and removes files there.

An archive may come from somebody else, or be writable for others. So its names are untrusted input: each must
be a plain name. Every operation opens the folders one by one from the archive's root, without following a
symbolic link, and uses the last name relative to the opened folder (openat(2)). So no operation leaves the
archive, even if somebody swaps a folder for a link meanwhile.
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

PRIVATE = 0o600
"""Mode of state files and replies, which may hold signed URLs or search words."""
SHARED = 0o666
"""Mode of all other files, less the umask."""

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_ROOT_FLAGS = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_FOLDER_FLAGS = _ROOT_FLAGS | os.O_NOFOLLOW
# NONBLOCK: opening a pipe must not wait. NOCTTY: a terminal must not become the controlling one.
_FILE_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
# ENAMETOOLONG, because a manifest may have any name.
_ABSENT_ERRNOS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


class UnsafeName(ArchiveError):
    """A name in a file of the archive that could lead out of its folder."""


class ArchivePath:  # noqa: PLR0904 - the methods of pathlib.Path
    """The root of an archive, and plain names below it.

    The methods are those of `pathlib.Path` where the names agree. They block and raise OSError. They follow
    no symbolic link below the root; the root itself may be reached over links, since the user named it. The
    class is no `os.PathLike`, so that no other function can open such a path.
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

    def joinpath(self, relative: str) -> "ArchivePath":
        """Return the path of a relative name from a manifest, such as "replies/v1.json".

        Raises:
            UnsafeName: a part of it is not a plain name.
        """
        return ArchivePath(self.root, *self.names, *relative.split("/"))

    @property
    def name(self) -> str:
        """The last name, or the name of the root."""
        return self.names[-1] if self.names else self.root.name

    @property
    def suffix(self) -> str:
        """The suffix of the last name, as in `pathlib.PurePath.suffix`."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "ArchivePath":
        """The folder of this path; the root is its own parent."""
        return ArchivePath(self.root, *self.names[:-1])

    def with_name(self, name: str) -> "ArchivePath":
        """Return the path of another name in the same folder."""
        return self.parent / name

    @property
    def unguarded(self) -> Path:
        """The path for libraries and programs that open files themselves, such as SQLite or a browser.

        They follow symbolic links, so each use of it needs a reason why that is harmless.
        """
        return self.root.joinpath(*self.names)

    def as_json(self) -> list[str]:
        """Return the path for `from_json`, also in another process."""
        return [os.path.abspath(self.root), *self.names]  # noqa: PTH100 - resolve() would follow links

    @staticmethod
    def from_json(parts: list[str]) -> "ArchivePath":
        """Return the path that `as_json` made the list from."""
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
    def _open_parent(self) -> Iterator[int]:
        """Yield a descriptor of the folder of this path, for use as `dir_fd`."""
        descriptor = _open_folder(self.root, self.names[:-1])
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _open_self(self) -> Iterator[int]:
        """Yield a descriptor of this folder, for listing and syncing."""
        folder = _open_folder(self.root, self.names)
        try:
            descriptor = os.open(".", _READ_FLAGS | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def lstat(self) -> os.stat_result:
        """Return the status of this path, without following a link."""
        if not self.names:
            return self.root.stat()
        with self._open_parent() as folder:
            return os.stat(self.name, dir_fd=folder, follow_symlinks=False)

    def status(self) -> os.stat_result | None:
        """Return the status as `lstat` does, or None if the path does not exist."""
        try:
            return self.lstat()
        except OSError as problem:
            if problem.errno in _ABSENT_ERRNOS:
                return None
            raise

    def exists(self) -> bool:
        """Return whether the path exists; a broken link does."""
        return self.status() is not None

    def is_file(self) -> bool:
        """Return whether the path is a regular file."""
        found = self.status()
        return found is not None and stat.S_ISREG(found.st_mode)

    def is_dir(self) -> bool:
        """Return whether the path is a real folder."""
        found = self.status()
        return found is not None and stat.S_ISDIR(found.st_mode)

    def open_descriptor(self, flags: int, mode: int = SHARED) -> int:
        """Open a regular file. The caller closes the descriptor.

        Raises:
            OSError: the file does not exist, is not a regular file, or cannot be opened.
        """
        with self._open_parent() as folder:
            descriptor = os.open(self.name, flags | _FILE_FLAGS, mode, dir_fd=folder)
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
            OSError: the file is larger, or cannot be read.
        """
        with self.open() as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise OSError(
                    errno.EOVERFLOW, f"it is larger than the {most:,} bytes that such a file may have"
                )
            return file.read(size)

    def create(self, mode: int = SHARED) -> int:
        """Create a regular file for reading and writing. Remove any other file of this name first.

        The file is always a new one, so this never writes through a symbolic or hard link.

        Raises:
            OSError: a folder has the name, or the file cannot be created.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE_FLAGS
        with self._open_parent() as folder:
            try:
                return os.open(self.name, flags, mode, dir_fd=folder)
            except FileExistsError:
                os.unlink(self.name, dir_fd=folder)
                return os.open(self.name, flags, mode, dir_fd=folder)

    def replace(self, target: "ArchivePath") -> None:
        """Rename to `target`, which replaces a file or link of that name."""
        with self._open_parent() as source, target._open_parent() as folder:
            os.replace(self.name, target.name, src_dir_fd=source, dst_dir_fd=folder)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove a file or a link."""
        try:
            with self._open_parent() as folder:
                os.unlink(self.name, dir_fd=folder)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def set_times(self, modified: float) -> None:
        """Set access and modification time, in Unix seconds, without following a link."""
        with self._open_parent() as folder:
            os.utime(self.name, (modified, modified), dir_fd=folder, follow_symlinks=False)

    @contextmanager
    def preserve_times(self) -> Iterator[None]:
        """Restore the folder's access and modification time after the block."""
        with self._open_self() as descriptor:
            before = os.fstat(descriptor)
            yield
            os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))

    def sync(self) -> None:
        """Sync the content of a file, or the entries of a folder, to the disk."""
        if self.is_dir():
            with self._open_self() as descriptor:
                os.fsync(descriptor)
            return
        descriptor = self.open_descriptor(os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def mkdir(self) -> None:
        """Create a folder, unless it exists.

        Raises:
            OSError: something else has the name, or the folder cannot be created.
        """
        if not self.names:
            self.root.mkdir(exist_ok=True)
            return
        with self._open_parent() as folder:
            try:
                os.mkdir(self.name, dir_fd=folder)
            except FileExistsError:
                found = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None

    def check_folders(self) -> None:
        """Check that this path and its parents are real folders, as far as they exist.

        Raises:
            NotADirectoryError: one of them is something else.
        """
        with suppress(FileNotFoundError):
            os.close(_open_folder(self.root, self.names))

    def rmdir(self) -> None:
        """Remove an empty folder."""
        with self._open_parent() as folder:
            os.rmdir(self.name, dir_fd=folder)

    def remove_tree(self) -> None:
        """Remove a folder and its content as far as possible, without following links."""
        with suppress(OSError), self._open_parent() as folder:
            shutil.rmtree(self.name, ignore_errors=True, dir_fd=folder)

    def entries(self) -> list[str]:
        """Return the names in a folder, sorted; none if the folder does not exist."""
        try:
            with self._open_self() as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208 - of a descriptor
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folders(self) -> Iterator[str]:
        """Yield the names of the real folders in this folder, unsorted."""
        with self._open_self() as descriptor, os.scandir(descriptor) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name


def lstat_or_none(path: str) -> os.stat_result | None:
    """Return the status of a path without following a link, or None if it does not exist.

    This takes one system call, which matters for each file of a large archive. It follows links among the
    folders of the path. So compare the status with recorded values only; `ArchivePath.open` may find another
    file.

    Raises:
        OSError: the status cannot be read.
    """
    try:
        return os.lstat(path)
    except OSError as problem:
        if problem.errno in _ABSENT_ERRNOS:
            return None
        raise
    except ValueError:  # NUL in the name
        return None


def files_match(folder: str, files: Iterable[tuple[str, int]]) -> bool:
    """Return whether a folder has regular files of exactly these sizes.

    Like `lstat_or_none`, this follows links among the folders of a path.

    Args:
        folder: absolute path of the folder.
        files: paths in the folder, and sizes in bytes.

    Raises:
        OSError: the status of a file cannot be read.
    """
    try:
        for path, size in files:
            found = os.lstat(f"{folder}/{path}")
            if found.st_size != size or not stat.S_ISREG(found.st_mode):
                return False
    except OSError as problem:
        if problem.errno in _ABSENT_ERRNOS:
            return False
        raise
    except ValueError:  # NUL in a name
        return False
    return True


def _open_folder(root: Path, names: tuple[str, ...]) -> int:
    descriptor = os.open(root, _ROOT_FLAGS)
    for name in names:
        try:
            inner = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor
