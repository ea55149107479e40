"""What runs were asked for and have not finished: what `resume` goes on with.

One note or short link a line, a note's type behind its id where somebody said it; appended and fsynced before
a run begins, shortened when it ends. Streamed, never held. A line `options [...]` has the options of the run
that asked for the notes below it, up to the next such line; a bare `options` says that they are not known.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TextIO

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import open_to_append, ours, short_lines
from xharchive.links import ShortLink, Want
from xharchive.models import NoteId, NoteType

__all__ = ["Wanted"]

_LONGEST_LINE = 65_536
"""Bytes; the longest that is written has the options of a run."""
_OPTIONS = "options"


class Wanted:
    """The list at `path`. Its methods block."""

    def __init__(self, path: ArchivePath) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Want]:
        """Yield what is wanted, in the order in which it was asked for; a torn line is passed over.

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
                yield _want(word, rest, options)

    def options(self) -> Iterator[str]:
        """Yield the options of runs as they stand in the list, possibly twice, without reading the notes.

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
        with ours(f"reading {self._path}"):
            if self._path.exists():
                with self._path.open() as file:
                    yield from short_lines(file, _LONGEST_LINE)

    def add(self, wants: Iterable[Want]) -> None:
        """Append for good.

        Raises:
            ArchiveError: the list cannot be written.
        """
        rest = iter(wants)
        first = next(rest, None)
        if first is None:
            return
        with ours(f"writing {self._path}"):
            with os.fdopen(open_to_append(self._path), "a", encoding="ascii") as lines:
                # Ends a line that a power cut may have torn, and the part of an earlier run.
                lines.write(f"\n{_OPTIONS}\n")
                _write(lines, chain((first,), rest))
            self._path.parent.sync()

    def prune(self, keep: Callable[[Iterable[Want]], Iterable[Want]]) -> None:
        """Drop all but what `keep` lets through of the list.

        Raises:
            ArchiveError: the list cannot be written.
        """
        if not self._path.exists():
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with ours(f"writing {self._path}"):
            with os.fdopen(temporary.create(PRIVATE), "w", encoding="ascii") as lines:
                _write(lines, keep(self))
            temporary.replace(self._path)
            self._path.parent.sync()


def _want(word: str, hint: str, options: str | None) -> Want:
    """Read a line.

    Raises:
        ValueError: it is torn, or not ours.
    """
    if word.startswith("https://"):
        return Want(ShortLink(word), options=options)
    return Want(NoteId(word), NoteType(hint or NoteType.UNKNOWN), options)


def _write(file: TextIO, wants: Iterable[Want]) -> None:
    options: str | None = None
    for want in wants:
        if want.options != options:
            options = want.options
            file.write(f"{_OPTIONS} {options or ''}".rstrip() + "\n")
        known = want.hint is not NoteType.UNKNOWN
        file.write(f"{want.what} {want.hint.value}\n" if known else f"{want.what}\n")
    file.flush()
    os.fsync(file.fileno())
