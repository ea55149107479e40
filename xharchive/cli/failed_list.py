"""`--failed-out`: the list of notes that need another run, in a form that `get -i` reads.

It goes to standard output, a pipe, a device, or a file that is replaced atomically.
"""

import errno
import json
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from xharchive.archive import Archive
from xharchive.archive_path import translate_os_errors
from xharchive.errors import UsageError
from xharchive.manifest import State
from xharchive.models import NoteType
from xharchive.sanitize import one_line
from xharchive.sources.requested_notes import NoteList

_SHOWN = 200  # characters of a path


def check_failed_out(path: str, *, as_json: bool) -> None:
    """Check that the list can be written, before anything is paid.

    Raises:
        UsageError: it cannot, or would mix with the events on standard output (`as_json`).
    """
    if path == "-" and as_json:
        raise UsageError("--failed-out -: standard output has the JSON lines of --json; name a file")
    try:
        check_output_file(path)
    except OSError as problem:
        shown = one_line(path)[:_SHOWN]
        raise UsageError(
            f"--failed-out {shown}: the list cannot be written there ({problem.strerror})"
        ) from None


def check_not_input(path: str, losses: Mapping[str, str]) -> None:
    """Check that the list does not overwrite an input and lose data of it.

    Args:
        path: where the list goes.
        losses: by input of which data would be lost, which data; "-" is standard input.

    Raises:
        UsageError: the list would overwrite such an input.
    """
    for name, loss in losses.items():
        if _is_same(path, name):
            raise UsageError(
                f"--failed-out {one_line(path)[:_SHOWN]} is also an input, and writing it would lose data "
                f"({loss}); name another file"
            )


def _is_same(path: str, name: str) -> bool:
    """Return whether both names mean one plain file ("-" as input is standard input)."""
    try:
        found = Path(path).stat()
        other = os.fstat(sys.stdin.fileno()) if name == "-" else Path(name).stat()
    except (OSError, ValueError, AttributeError):  # AttributeError: standard input was closed
        return False
    return path != "-" and stat.S_ISREG(found.st_mode) and os.path.samestat(found, other)


def write_failed(path: str, notes: NoteList, archive: Archive) -> None:
    """Write the notes that are not archived completely, and the short links that could not be followed.

    Every run writes the file; it is empty if no note needs another run.

    Raises:
        ArchiveError: the file cannot be written, or the archive cannot be read.
        OSError: standard output cannot be written.
    """
    write_output_file(path, _lines(notes, archive))


def _lines(notes: NoteList, archive: Archive) -> Iterator[str]:
    """Yield a line for each note; one with a type lets a later run ask the right endpoint first."""
    for note_id, archived_note in archive.look_up(notes):
        if archived_note is not None and archived_note.is_done:
            continue
        hint = notes.hint(note_id)
        if hint is not NoteType.UNKNOWN:
            yield json.dumps({"id": str(note_id), "type": hint.value}) + "\n"
        elif archived_note is None:
            yield f"{note_id}  # not archived\n"
        else:
            yield f"{note_id}  # {'partial' if archived_note.state is State.PARTIAL else 'damaged'}\n"
    for link in notes.links:
        hint = notes.hint(link)
        known = hint is not NoteType.UNKNOWN
        yield (json.dumps({"url": str(link), "type": hint.value}) if known else str(link)) + "\n"


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
        with _temporary_beside(file):
            pass


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
    """
    real = Path(os.path.realpath(path))
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return real
    if stat.S_ISREG(found.st_mode) and real.exists() and os.path.samestat(found, real.stat()):
        return real
    return None


@contextmanager
def _temporary_beside(file: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Create a file in the same folder under a short unused name; remove it after the block if it is left."""
    temporary = file.with_name(f".xharchive-{secrets.token_hex(8)}.tmp")
    with temporary.open("xb") as opened:
        try:
            yield temporary, opened
        finally:  # also at Ctrl-C
            temporary.unlink(missing_ok=True)


def _replace(file: Path, content: Iterable[bytes]) -> None:
    with _temporary_beside(file) as (temporary, opened):
        with suppress(OSError):  # owner and mode of the old file, as far as permitted
            found = file.stat()
            with suppress(PermissionError):
                os.fchown(opened.fileno(), found.st_uid, found.st_gid)
            os.fchmod(opened.fileno(), stat.S_IMODE(found.st_mode))
        opened.writelines(content)
        opened.flush()
        os.fsync(opened.fileno())
        temporary.replace(file)
