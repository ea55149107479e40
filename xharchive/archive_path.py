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

from xharchive.errors import ArchiveError, PermissionDenied
from xharchive.sanitize import PLAIN_NAME

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
_ACCESS_ERRNOS = frozenset((errno.EACCES, errno.EPERM))
_READING_VERBS = ("reading", "listing", "looking", "opening", "asking")
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


class UnsafeName(ArchiveError):
    """A name in a file of the archive that could lead out of its folder."""


class ArchivePath:  # noqa: PLR0904 - the methods of pathlib.Path
    """The root of an archive, and plain names below it.

    The methods are those of `pathlib.Path` where the names agree. They block and raise OSError. They follow
    no symbolic link below the root; the root itself may be reached over links, since the user named it. The
    class is no `os.PathLike`, so that no other function can open such a path.

    Raises:
        UnsafeName: a name is not plain.
    """

    __slots__ = ("names", "root")

    def __init__(self, root: Path, *names: str) -> None:
        for name in names:
            if not PLAIN_NAME.fullmatch(name):
                raise UnsafeName(f"{name[:80]!r} in the archive {root} is no plain file name; it was refused")
        self.root = root
        self.names = names

    def __truediv__(self, name: str) -> "ArchivePath":
        child = ArchivePath(self.root, name)
        child.names = (*self.names, name)
        return child

    def joinpath(self, relative: str) -> "ArchivePath":
        """Return the path of a relative name from a manifest, such as "replies/v1.json"."""
        return ArchivePath(self.root, *self.names, *relative.split("/"))

    @property
    def name(self) -> str:
        """The last name, or the name of the root."""
        return self.names[-1] if self.names else self.root.name

    @property
    def parent(self) -> "ArchivePath":
        """The folder of this path; the root is its own parent."""
        return ArchivePath(self.root, *self.names[:-1])

    def with_name(self, name: str) -> "ArchivePath":
        """Return the path of another name in the same folder."""
        return ArchivePath(self.root, *self.names[:-1], name)

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
        return ArchivePath(Path(parts[0]), *parts[1:])

    def __str__(self) -> str:
        return str(self.unguarded)

    def __repr__(self) -> str:
        return f"ArchivePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArchivePath) and self.names == other.names and self.root == other.root

    def __hash__(self) -> int:
        return hash((self.root, self.names))

    def _open_folder(self, names: tuple[str, ...]) -> int:
        descriptor = os.open(self.root, _ROOT_FLAGS)
        for name in names:
            try:
                inner = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor

    @contextmanager
    def _open_parent(self) -> Iterator[int]:
        """Yield a descriptor of the folder of this path, for use as `dir_fd`."""
        descriptor = self._open_folder(self.names[:-1])
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _open_self(self) -> Iterator[int]:
        """Yield a descriptor of this folder, for listing and syncing."""
        folder = self._open_folder(self.names)
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
        """Open a regular file, and no other. The caller closes the descriptor."""
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
        """Return the content of a regular file; one of more than `most` bytes is an error."""
        with self.open() as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                reason = f"it is larger than the {most:,} bytes that such a file may have"
                raise OSError(errno.EOVERFLOW, reason)
            return file.read(size)

    def create(self, mode: int = SHARED) -> int:
        """Create a regular file for reading and writing. Remove any other file of this name first.

        The file is always a new one, so this never writes through a symbolic or hard link.
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
        with self.open() as file:
            os.fsync(file.fileno())

    def mkdir(self) -> None:
        """Create a folder, unless it exists."""
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
        """Raise NotADirectoryError if this path or a parent exists and is not a real folder."""
        with suppress(FileNotFoundError):
            os.close(self._open_folder(self.names))

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


@contextmanager
def translate_os_errors(doing: str) -> Iterator[None]:
    """Translate an OSError of the block to PermissionDenied, or another ArchiveError, for the user.

    Args:
        doing: what the block does, for the message: a verb in -ing and its object.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno in _ACCESS_ERRNOS:
            verb = "read it" if doing.startswith(_READING_VERBS) else "write there"
            reason = f"this user may not {verb}; look at its owner and mode"
            raise PermissionDenied(f"{doing}: {reason}") from problem
        reason = _EXPLANATIONS.get(problem.errno or 0) or problem.strerror or type(problem).__name__
        raise ArchiveError(f"{doing}: {reason}") from problem


def makedirs(folder: ArchivePath, *, durable: bool = False) -> None:
    """Create a folder and its parents, and sync the new names. This blocks, and raises OSError.

    Args:
        durable: sync the name of an existing folder too: a thread or a killed run may have just created it.
    """
    above = folder.parent if folder.names else ArchivePath(folder.root.parent)
    exists = folder.is_dir()
    if not exists:
        makedirs(above, durable=durable)
        folder.mkdir()
    if not exists or (durable and folder.names):
        above.sync()


def write_new(path: ArchivePath, content: bytes, *, mode: int = SHARED, durable: bool = False) -> None:
    """Write a new small file, see `ArchivePath.create`; sync its content if `durable`, not its folder."""
    descriptor = path.create(mode)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the content: one `os.write` to a nearly full disk may write only a part of it."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def atomic_replace(
    path: ArchivePath, content: bytes, mtime: float | None = None, *, mode: int = SHARED
) -> None:
    """Replace a file atomically, with synced content. The caller syncs its folder."""
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


def lstat_or_none(path: str) -> os.stat_result | None:
    """Return the status of a path without following a link, or None if it does not exist.

    One system call, which matters for each file of a large archive. It follows links among the folders of the
    path: compare the status with recorded values only, since `ArchivePath.open` may find another file.
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
    """Return whether an absolute folder has regular files of exactly these sizes; see `lstat_or_none`."""
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
