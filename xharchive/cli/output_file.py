"""Writes a list for the user to standard output, a pipe, a device, or a file that is replaced atomically."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from xharchive.disk import translate_os_errors

__all__ = ["check_output_file", "write_output_file"]


def check_output_file(path: str) -> None:
    """Check that `write_output_file` can write to a path; leave no file behind.

    Raises:
        OSError: it cannot.
    """
    if path.endswith(os.sep) or Path(path).is_dir():
        raise _os_error(errno.EISDIR)
    if _stream(path) is not None:
        return
    file = _plain_file(path)
    if file is None or file.exists():
        mode = Path(path).stat().st_mode
        if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            raise _os_error(errno.ENXIO)
        if not os.access(path, os.W_OK):
            raise _os_error(errno.EACCES)
    if file is not None:  # permissions do not tell: the file system may be read-only or special (/proc)
        temporary, opened = _create_beside(file)
        opened.close()
        temporary.unlink()


def write_output_file(path: str, lines: Iterable[str]) -> None:
    """Write lines to a path; "-" is standard output.

    A plain file is replaced after all lines are written; its mode and the links to it stay. Lines go to a
    pipe or a device as they arrive.

    Raises:
        ArchiveError: the file cannot be written.
        OSError: standard output cannot be written.
    """
    stream = _stream(path)
    if stream is not None:
        stream.writelines(lines)
        stream.flush()
        return
    content = (line.encode() for line in lines)
    with translate_os_errors(f"writing {path}"):
        file = _plain_file(path)
        if file is not None:
            _replace(file, content)
            return
        with Path(path).open("wb") as opened:
            opened.writelines(content)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _stream(path: str) -> TextIO | None:
    """Return the standard stream that a path means: "-", or the file that a stream is redirected to.

    Writing to such a file past its stream would lose output or change its order.
    """
    if path == "-":
        return sys.stdout
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # no such file, or a stream without one
            if os.path.samestat(Path(path).stat(), os.fstat(stream.fileno())):
                return stream
    return None


def _plain_file(path: str) -> Path | None:
    """Return the path of the plain file after all links; None if the path leads to something else.

    A file without a name, which only a descriptor leads to, counts as something else.

    Raises:
        OSError: the path cannot be examined.
    """
    real = Path(os.path.realpath(path))
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return real
    if stat.S_ISREG(found.st_mode) and real.exists() and os.path.samestat(found, real.stat()):
        return real
    return None


def _create_beside(file: Path) -> tuple[Path, BinaryIO]:
    """Create a new file in the same folder, under a short unused name."""
    temporary = file.with_name(f".xharchive-{secrets.token_hex(8)}.tmp")
    return temporary, temporary.open("xb")


def _replace(file: Path, content: Iterable[bytes]) -> None:
    temporary, opened = _create_beside(file)
    try:
        with opened:
            _copy_mode(file, opened.fileno())
            opened.writelines(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except BaseException:  # also at Ctrl-C: keep the old file, remove the new one
        with suppress(OSError):
            temporary.unlink()
        raise


def _copy_mode(file: Path, descriptor: int) -> None:
    """Copy owner and mode of an old file to the opened new file that replaces it, as far as permitted."""
    with suppress(OSError):
        found = file.stat()
        with suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
