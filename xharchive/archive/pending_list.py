"""The list of pending notes: asked for in a run, and not finished. `resume` continues with them.

Each line has a note id or a short link, and the note's type if it is known. A run appends its notes and
syncs the file before it begins; at its end it removes the finished ones. The file is streamed, never loaded.
A line `options [...]` has the options of the run for the lines below it; a bare `options` means that they
are unknown.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TextIO

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import bounded_lines, open_to_append, translate_os_errors
from xharchive.models import NoteId, NoteType, PendingNote, ShortLink

__all__ = ["PendingList"]

_MAX_LINE_BYTES = 65_536
"""The longest line that is written has the options of a run."""
_OPTIONS = "options"


class PendingList:
    """The list in the file at `path`. Its methods block."""

    def __init__(self, path: ArchivePath) -> None:
        self._path = path

    def __iter__(self) -> Iterator[PendingNote]:
        """Yield the pending notes in their order. Incomplete lines are skipped.

        Raises:
            ArchiveError: the list cannot be read.
        """
        options: str | None = None
        for line in self._lines():
            word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            if word == _OPTIONS:
                options = rest or None
                continue
            with suppress(ValueError):
                yield _parse_line(word, rest, options)

    def options(self) -> Iterator[str]:
        """Yield the options of runs in the order of the list, possibly twice, without parsing the notes.

        Raises:
            ArchiveError: the list cannot be read.
        """
        prefix = f"{_OPTIONS} "
        for line in self._lines():
            if not line.startswith(prefix.encode()):
                continue
            if rest := line.decode("ascii", "replace").removeprefix(prefix).strip():
                yield rest

    def _lines(self) -> Iterator[bytes]:
        with translate_os_errors(f"reading {self._path}"):
            if self._path.exists():
                with self._path.open() as file:
                    yield from bounded_lines(file, _MAX_LINE_BYTES)

    def add(self, wants: Iterable[PendingNote]) -> None:
        """Append notes durably.

        Raises:
            ArchiveError: the list cannot be written.
        """
        rest = iter(wants)
        first = next(rest, None)
        if first is None:
            return
        with translate_os_errors(f"writing {self._path}"):
            with os.fdopen(open_to_append(self._path), "a", encoding="ascii") as lines:
                # Ends a line that a power cut left incomplete, and the options of the run before.
                lines.write(f"\n{_OPTIONS}\n")
                _write_lines(lines, chain((first,), rest))
            self._path.parent.sync()

    def prune(self, select: Callable[[Iterable[PendingNote]], Iterable[PendingNote]]) -> None:
        """Replace the list by the notes that `select` returns for it.

        Raises:
            ArchiveError: the list cannot be written.
        """
        if not self._path.exists():
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with translate_os_errors(f"writing {self._path}"):
            with os.fdopen(temporary.create(PRIVATE), "w", encoding="ascii") as lines:
                _write_lines(lines, select(self))
            temporary.replace(self._path)
            self._path.parent.sync()


def _parse_line(word: str, hint: str, options: str | None) -> PendingNote:
    """Parse a line of the list.

    Raises:
        ValueError: the line is incomplete, or not of this program.
    """
    if word.startswith("https://"):
        return PendingNote(ShortLink(word), options=options)
    return PendingNote(NoteId(word), NoteType(hint or NoteType.UNKNOWN), options)


def _write_lines(file: TextIO, wants: Iterable[PendingNote]) -> None:
    options: str | None = None
    for want in wants:
        if want.options != options:
            options = want.options
            file.write(f"{_OPTIONS} {options or ''}".rstrip() + "\n")
        known = want.hint is not NoteType.UNKNOWN
        file.write(f"{want.target} {want.hint.value}\n" if known else f"{want.target}\n")
    file.flush()
    os.fsync(file.fileno())
