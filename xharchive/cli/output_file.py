"""Where a list of the user's goes: standard output, a pipe or a device, or a file that is replaced whole."""

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

__all__ = ["check_outlet", "write_outlet"]


def check_outlet(path: str) -> None:
    """See whether `write_outlet` will be able to write there. Leaves nothing behind; raises OSError."""
    if path.endswith(os.sep) or Path(path).is_dir():
        raise _problem(errno.EISDIR)
    if _stream(path) is not None:
        return
    file = _plain_file(path)
    if file is None or file.exists():
        mode = Path(path).stat().st_mode
        if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            raise _problem(errno.ENXIO)
        if not os.access(path, os.W_OK):
            raise _problem(errno.EACCES)
    if file is not None:  # rights alone do not tell: a file system may be read-only, or none at all (/proc)
        temporary, opened = _beside(file)
        opened.close()
        temporary.unlink()


def write_outlet(path: str, lines: Iterable[str]) -> None:
    """Write lines as they come: to standard output for "-", to what stands there if that is no plain file.

    A plain file is replaced once all lines are written, and keeps its mode; links to it stay links.

    Raises:
        ArchiveError: it cannot be written.
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


def _problem(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _stream(path: str) -> TextIO | None:
    """Return the standard stream that a path names, be it as a file that the output was redirected to.

    What is written beside a stream, or in place of its file, would be lost or stand in the wrong order.
    """
    if path == "-":
        return sys.stdout
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # there is no such file, or a stream has none
            if os.path.samestat(Path(path).stat(), os.fstat(stream.fileno())):
                return stream
    return None


def _plain_file(path: str) -> Path | None:
    """Return the file that is there, or will be, behind all links; None: what is there is no plain file.

    Neither is one without a name, which only a descriptor leads to. Raises OSError.
    """
    real = Path(os.path.realpath(path))
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return real
    if stat.S_ISREG(found.st_mode) and real.exists() and os.path.samestat(found, real.stat()):
        return real
    return None


def _beside(file: Path) -> tuple[Path, BinaryIO]:
    """Make a new file in the same folder, under a name that nobody has, and that is never too long."""
    temporary = file.with_name(f".xharchive-{secrets.token_hex(8)}.tmp")
    return temporary, temporary.open("xb")


def _replace(file: Path, content: Iterable[bytes]) -> None:
    temporary, opened = _beside(file)
    try:
        with opened:
            _take_over_mode(file, opened.fileno())
            opened.writelines(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except BaseException:  # Ctrl-C too: the old file stays, and nothing beside it
        with suppress(OSError):
            temporary.unlink()
        raise


def _take_over_mode(file: Path, descriptor: int) -> None:
    """Give a new file the owner and the mode of the one it will replace, as far as the system lets us."""
    with suppress(OSError):
        found = file.stat()
        with suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
